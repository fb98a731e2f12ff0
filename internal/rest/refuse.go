package rest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
	"syscall"
	"time"
)

// refusal is a connection this package will not make.
type refusal struct {
	kind Kind
	text string
}

func (r *refusal) Error() string { return r.text }

// refuse looks at a request before anything is sent. A proxy resolves names itself, so an address written out in the URL
// is judged here; all others when they are dialed.
func (t *repeater) refuse(req *http.Request) *Error {
	host := req.URL.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil && blocked(ip) != "" {
		return refused(req, Blocked, blocked(ip))
	}
	name := credential(req.Header)
	if req.URL.Scheme != "https" && name != "" && !isLoopback(host) && !t.cfg.AllowInsecureHTTP {
		return refused(req, InsecureCredentials,
			fmt.Sprintf("header %s is a credential and http to %q would show it to the network", name, host))
	}
	return nil
}

func refused(req *http.Request, k Kind, text string) *Error {
	e := newError(req, k)
	e.Message = text
	return e
}

// harmless are the headers that may travel in the clear. Every other one may be a credential: single sign-on has many
// names for them.
var harmless = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Connection": true, "Content-Type": true,
	"User-Agent": true, "X-Github-Api-Version": true, "X-Mlflow-Workspace": true,
}

func credential(h http.Header) string {
	for name := range h {
		if name = textproto.CanonicalMIMEHeaderKey(name); !harmless[name] {
			return name
		}
	}
	return ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// dialer connects to an address after its name was resolved and judged, so that no name leads to a blocked one.
func dialer(cfg Config) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: cfg.Connect, KeepAlive: 15 * time.Second, Control: control}
	if cfg.NoQuickAck {
		return d.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return quickAck(conn), nil
	}
}

func control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &refusal{Blocked, fmt.Sprintf("address %q is not an ip address", address)}
	}
	if reason := blocked(target.Addr()); reason != "" {
		return &refusal{Blocked, reason}
	}
	return nil
}

// clouds are the addresses at which clouds hand out credentials to their machines, beyond the link-local ones.
var clouds = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true, // AWS
	netip.MustParseAddr("fd20:ce::254"):    true, // Google
	netip.MustParseAddr("168.63.129.16"):   true, // Azure
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba
	netip.MustParseAddr("192.0.0.192"):     true, // Oracle
}

// blocked gives the reason why an address is not connected to, or "".
func blocked(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsUnspecified():
		return fmt.Sprintf("%s is an address to listen on, not one to connect to; name the server's host", ip)
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast(), clouds[ip]:
		return fmt.Sprintf("%s is a link-local or metadata address", ip)
	}
	return ""
}
