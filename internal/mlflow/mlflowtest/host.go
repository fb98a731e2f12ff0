package mlflowtest

import (
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
)

const plainTextType = "text/plain"

// checkHost refuses Host headers that the operator did not allow, and writes from other origins. Health checks always
// pass, so a server can look healthy and refuse everything else.
func (c *call) checkHost() (response, bool) {
	if !c.sw.hostChecked {
		return response{}, false
	}
	at := strings.TrimPrefix(c.request.URL.Path, c.cfg.staticPrefix)
	if at != "/health" && at != "/version" && !c.hostAllowed(c.request.Host) {
		return text(
			http.StatusForbidden, plainTextType, "Invalid Host header - possible DNS rebinding attack detected",
		), true
	}
	origin, writes := c.request.Header.Get(
		"Origin",
	), c.request.Method != http.MethodGet &&
		c.request.Method != http.MethodHead
	if origin != "" && writes && !loopback(hostOf(origin)) {
		return text(http.StatusForbidden, plainTextType, "Cross-origin request blocked"), true
	}
	return response{}, false
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

func (c *call) hostAllowed(host string) bool {
	if len(c.cfg.allowedHosts) == 0 {
		return loopback(host) || private(bare(host))
	}
	return slices.ContainsFunc(c.cfg.allowedHosts, func(allowed string) bool {
		ok, err := path.Match(allowed, host)
		return ok && err == nil
	})
}

func bare(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		return host
	}
	return strings.Trim(hostPort, "[]")
}

func loopback(hostPort string) bool {
	return slices.Contains([]string{"localhost", "127.0.0.1", "::1", "0.0.0.0"}, bare(hostPort))
}

// private reads only the text, like the server. It does not resolve names.
func private(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsPrivate()
}
