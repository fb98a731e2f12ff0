package rest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// refusal is the error for a connection that this package refuses to make.
type refusal struct {
	kind Kind
	text string
}

func (r *refusal) Error() string { return r.text }

// refuse checks a request before anything is sent. It checks an IP address in the URL, because the connection to that
// address may be made by a proxy. The addresses that names resolve to are checked by the dialer.
func (t *repeater) refuse(req *http.Request) *Error {
	host := req.URL.Hostname()
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && blocked(ip) != "":
		return refused(req, Blocked, blocked(ip))
	case err != nil && numeric(host):
		return refused(req, Blocked,
			fmt.Sprintf("%q is an unusual form of an IP address; write it like 192.0.2.1", host))
	}
	name := credential(req.Header)
	if name != "" && !secret(t.cfg, req.URL) {
		const text = "header %s may be a credential, and http to %q would send it unencrypted; use https"
		return refused(req, InsecureCredentials, fmt.Sprintf(text, name, host))
	}
	return nil
}

// secret reports whether credentials may be sent to the address: either the connection is encrypted or local, or the
// user accepts that it is neither.
func secret(cfg Config, u *url.URL) bool {
	return u.Scheme == "https" || isLoopback(u.Hostname()) || cfg.AllowInsecureHTTP
}

func refused(req *http.Request, k Kind, text string) *Error {
	e := newError(req, k)
	e.Message = text
	return e
}

// harmless lists the headers that may be sent unencrypted. Any other header may be a credential, because single
// sign-on systems use many different names.
var harmless = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Connection": true, "Content-Type": true,
	"Expect": true, "User-Agent": true, "X-Github-Api-Version": true, "X-Mlflow-Workspace": true,
}

func credential(h http.Header) string {
	for name := range h {
		if name = textproto.CanonicalMIMEHeaderKey(name); !harmless[name] {
			return name
		}
	}
	return ""
}

// numeric reports whether a resolver could parse host as an IP address even though it is not in the usual form. For
// example, 2852039166, 0xa9fea9fe, 0251.0376.0251.0376 and "169.254.169.254." mean the same address. No host name
// ends in a number.
func numeric(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndex(host, ".")+1:]
	digits := "0123456789"
	if hex, isHex := strings.CutPrefix(last, "0x"); isHex {
		last, digits = "0"+hex, "0123456789abcdef"
	}
	return last != "" && strings.Trim(last, digits) == ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || isLocalhost(host)
}

// isLocalhost reports whether a name refers to this machine (RFC 6761). A resolver may return a different address, so
// the dialer checks the address, and no proxy is used.
func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// dialer checks every address after its name has been resolved, so that no name can lead to a blocked address.
func dialer(cfg Config) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: cfg.Connect, KeepAlive: 15 * time.Second, Control: control}
	local := *d
	local.Control = controlLocal
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		to := d
		if host, _, err := net.SplitHostPort(address); err == nil && isLocalhost(host) {
			to = &local
		}
		conn, err := to.DialContext(ctx, network, address)
		if err != nil || cfg.NoQuickAck {
			return conn, err
		}
		return quickAck(conn), nil
	}
}

// ProxyFor returns the forward proxy for an address, or nil if requests are sent directly.
func (c Config) ProxyFor(address *url.URL) (*url.URL, error) {
	proxy := c.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return direct(proxy)(&http.Request{URL: address})
}

// direct bypasses the proxy for requests to this machine.
func direct(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		if isLocalhost(req.URL.Hostname()) {
			return nil, nil
		}
		return proxy(req)
	}
}

func control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return &refusal{Blocked, fmt.Sprintf("address %q is not an IP address", address)}
	}
	if reason := blocked(target.Addr()); reason != "" {
		return &refusal{Blocked, reason}
	}
	return nil
}

// controlLocal checks that a name for this machine has really resolved to this machine, because credentials may be sent
// there unencrypted.
func controlLocal(network, address string, conn syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err == nil && !target.Addr().Unmap().IsLoopback() {
		why := fmt.Sprintf("a name for this machine (localhost) resolves to %s, which is a different machine",
			target.Addr())
		return &refusal{Blocked, why}
	}
	return control(network, address, conn)
}

// clouds lists the addresses, other than link-local ones, at which cloud providers hand out credentials to their
// machines.
var clouds = map[netip.Addr]bool{
	netip.MustParseAddr("fd00:ec2::254"):   true, // AWS
	netip.MustParseAddr("fd20:ce::254"):    true, // Google
	netip.MustParseAddr("168.63.129.16"):   true, // Azure
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba
	netip.MustParseAddr("192.0.0.192"):     true, // Oracle
}

// blocked returns the reason why the program must not connect to an address, or "" if it may.
func blocked(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.IsUnspecified() {
		return fmt.Sprintf("%s is an address to listen on, not to connect to; use the host name of the server", ip)
	}
	if isMetadata(ip) {
		return fmt.Sprintf("%s is a link-local or metadata address", ip)
	}
	for _, inner := range embedded(ip) {
		if isMetadata(inner) {
			return fmt.Sprintf("%s leads to %s, which is a link-local or metadata address", ip, inner)
		}
	}
	return ""
}

func isMetadata(ip netip.Addr) bool {
	return ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || clouds[ip]
}

// forms lists the IPv6 prefixes whose addresses contain an IPv4 address, and the positions of its four bytes.
var forms = []struct {
	prefix netip.Prefix
	at     [][4]int
}{
	{netip.MustParsePrefix("::/96"), [][4]int{lastFour}},           // IPv4-compatible (RFC 4291)
	{netip.MustParsePrefix("::ffff:0:0:0/96"), [][4]int{lastFour}}, // IPv4-translated (RFC 2765)
	{netip.MustParsePrefix("64:ff9b::/96"), [][4]int{lastFour}},    // NAT64 (RFC 6052)
	{netip.MustParsePrefix("2002::/16"), [][4]int{{2, 3, 4, 5}}},   // 6to4 (RFC 3056)
	{teredo, [][4]int{{4, 5, 6, 7}}},                               // address of the Teredo server
	// a network's own NAT64 prefixes (RFC 8215) may have any of the lengths in RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), [][4]int{{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, lastFour}},
}

var (
	lastFour = [4]int{12, 13, 14, 15}
	teredo   = netip.MustParsePrefix("2001::/32") // RFC 4380
)

// embedded returns the IPv4 addresses to which an IPv6 address may be forwarded. It cannot know the prefixes that a
// network chooses for itself.
func embedded(ip netip.Addr) (found []netip.Addr) {
	if ip.Is4() {
		return nil
	}
	b := ip.As16()
	take := func(at [4]int) {
		found = append(found, netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]}))
	}
	for _, form := range forms {
		if form.prefix.Contains(ip) {
			for _, at := range form.at {
				take(at)
			}
		}
	}
	if (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP (RFC 5214)
		take(lastFour)
	}
	if teredo.Contains(ip) { // address of the Teredo client, inverted
		for _, at := range lastFour {
			b[at] = ^b[at]
		}
		take(lastFour)
	}
	return found
}
