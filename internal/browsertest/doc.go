// Package browsertest opens pages in a real Chromium through chromedp. It records console errors, failed requests, and
// every address that a page requests. Only tests import it.
//
// chromedp controls the browser through pipes, so it does not open a port. The browser cannot reach any other host.
package browsertest
