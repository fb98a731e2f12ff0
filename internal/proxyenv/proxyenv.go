// Package proxyenv describes the environment variables that configure a forward proxy.
package proxyenv

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// pairs contains the variables, in upper and lower case. If both are set, the first one counts.
var pairs = [][2]string{{"HTTPS_PROXY", "https_proxy"}, {"HTTP_PROXY", "http_proxy"}, {"NO_PROXY", "no_proxy"}}

// Describe returns a line for each proxy variable that is set, without credentials, followed by a line for each address
// that states how requests to that address are sent. It returns nothing if no variable is set. proxy returns the proxy
// for an address, or nil.
func Describe(env func(string) string, proxy func(*url.URL) (*url.URL, error), addresses map[string]string) []string {
	var out []string
	for _, pair := range pairs {
		upper, lower := env(pair[0]), env(pair[1])
		if upper != "" {
			out = append(out, pair[0]+"="+Masked(upper))
		}
		switch {
		case lower == "" || lower == upper:
		case upper != "":
			out = append(out, fmt.Sprintf("%s=%s is not used, because %s is set", pair[1], Masked(lower), pair[0]))
		default:
			out = append(out, pair[1]+"="+Masked(lower))
		}
	}
	for _, name := range []string{"ALL_PROXY", "all_proxy"} {
		if v := env(name); v != "" {
			out = append(out, fmt.Sprintf("%s=%s is not used; set HTTPS_PROXY instead", name, Masked(v)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	for _, what := range []string{"server", "registry"} {
		if address := addresses[what]; address != "" {
			out = append(out, "requests to the "+what+" "+way(proxy, address))
		}
	}
	return out
}

func way(proxy func(*url.URL) (*url.URL, error), address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "cannot be sent: its address is not a URL"
	}
	through, err := proxy(u)
	switch {
	case err != nil:
		return "fail: the address of the proxy is not a URL"
	case through == nil && strings.EqualFold(u.Scheme, "http"):
		return "are sent directly (for http, only HTTP_PROXY and NO_PROXY count)"
	case through == nil:
		return "are sent directly (for https, only HTTPS_PROXY and NO_PROXY count)"
	}
	return "go through " + through.Host
}

// userinfo matches a scheme, and credentials up to the last @. A password may contain any character.
var userinfo = regexp.MustCompile(`(?s)^(\s*[A-Za-z][A-Za-z0-9+.-]*://)?.*@`)

// Masked returns the value of a variable with the user and password replaced by ***.
func Masked(value string) string { return userinfo.ReplaceAllString(value, "${1}***@") }
