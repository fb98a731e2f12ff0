package mlflowtest

import (
	"net"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// checkHost refuses Host headers that the operator has not allowed, and writes from other origins. Health checks
// always pass, so a server can look healthy while it refuses all other requests.
func checkHost(s *Server, c *call.Call) (wire.Response, bool) {
	if !c.Dialect.HostChecked {
		return wire.Response{}, false
	}
	at := strings.TrimPrefix(c.Request.URL.Path, s.staticPrefix)
	if at != "/health" && at != "/version" && !hostAllowed(s, c.Request.Host) {
		return wire.Text(
			http.StatusForbidden, wire.PlainTextType, "Invalid Host header - possible DNS rebinding attack detected",
		), true
	}
	origin, writes := c.Request.Header.Get(
		"Origin",
	), c.Request.Method != http.MethodGet &&
		c.Request.Method != http.MethodHead
	if origin != "" && writes && !loopback(hostOf(origin)) {
		return wire.Text(http.StatusForbidden, wire.PlainTextType, "Cross-origin request blocked"), true
	}
	return wire.Response{}, false
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

func hostAllowed(s *Server, host string) bool {
	if len(s.allowedHosts) == 0 {
		return loopback(host) || private(bare(host))
	}
	return slices.ContainsFunc(s.allowedHosts, func(allowed string) bool {
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

// private checks only the text, as the server does, and does not resolve names.
func private(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsPrivate()
}
