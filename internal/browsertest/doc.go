// Package browsertest opens pages in a real Chromium through chromedp. It keeps console errors, failed requests, and
// every address that the page requests. Only tests import it.
//
// chromedp controls the browser through pipes, so no port is open. The browser reaches no host but this machine.
package browsertest
