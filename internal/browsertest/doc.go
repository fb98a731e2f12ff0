// Package browsertest drives a real Chromium, so that tests see a page as a reader does: what it asks the network for,
// what it writes to the console, how wide it is, what it looks like. It is imported by tests only.
//
// The browser is spoken to through two pipes, by the DevTools protocol. So there is no port that another process could
// hold, and it ends with the process that started it. It reaches no host but this machine.
package browsertest
