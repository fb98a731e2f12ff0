package proxyenv

import (
	"net/url"
	"slices"
	"testing"
)

func TestDescribe(t *testing.T) {
	through := func(*url.URL) (*url.URL, error) { return url.Parse("http://u:p@proxy.example:3128") }
	never := func(*url.URL) (*url.URL, error) { return nil, nil }
	for name, c := range map[string]struct {
		env      map[string]string
		proxy    func(*url.URL) (*url.URL, error)
		tracking string // "" for https://mlflow.example
		registry string
		want     []string
	}{
		"nothing is set": {proxy: never},
		"a proxy with a password": {
			env: map[string]string{"HTTPS_PROXY": "http://u:p@proxy.example:3128"}, proxy: through,
			want: []string{"HTTPS_PROXY=http://***@proxy.example:3128", "requests to the server go through proxy.example:3128"},
		},
		"lower case": {
			env: map[string]string{"https_proxy": "proxy.example:3128", "no_proxy": ".svc,10.0.0.0/8"}, proxy: never,
			want: []string{
				"https_proxy=proxy.example:3128", "no_proxy=.svc,10.0.0.0/8",
				"requests to the server are sent directly (for https, only HTTPS_PROXY and NO_PROXY count)",
			},
		},
		"both cases": {
			env:   map[string]string{"HTTP_PROXY": "http://a", "http_proxy": "http://x:y@b"},
			proxy: through, tracking: "http://mlflow", registry: "https://other",
			want: []string{
				"HTTP_PROXY=http://a", "http_proxy=http://***@b is not used, because HTTP_PROXY is set",
				"requests to the server go through proxy.example:3128",
				"requests to the registry go through proxy.example:3128",
			},
		},
		"both cases with one value": {
			env: map[string]string{"HTTPS_PROXY": "http://a", "https_proxy": "http://a"}, proxy: through,
			want: []string{"HTTPS_PROXY=http://a", "requests to the server go through proxy.example:3128"},
		},
		"ALL_PROXY": {
			env: map[string]string{"ALL_PROXY": "socks5://u:p@a:1080"}, proxy: never,
			tracking: "http://mlflow",
			want: []string{
				"ALL_PROXY=socks5://***@a:1080 is not used; set HTTPS_PROXY instead",
				"requests to the server are sent directly (for http, only HTTP_PROXY and NO_PROXY count)",
			},
		},
		"a value that is no URL": {
			env: map[string]string{"HTTPS_PROXY": "http://[u:p@"}, proxy: func(*url.URL) (*url.URL, error) {
				return nil, &url.Error{Op: "parse", URL: "http://[u:p@"}
			},
			want: []string{"HTTPS_PROXY=http://***@", "requests to the server fail: the address of the proxy is not a URL"},
		},
	} {
		if c.tracking == "" {
			c.tracking = "https://mlflow.example"
		}
		got := Describe(func(name string) string { return c.env[name] }, c.proxy, c.tracking, c.registry)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
	}
}

func TestMasked(t *testing.T) {
	for value, want := range map[string]string{
		"":                          "",
		"http://proxy:3128":         "http://proxy:3128",
		"http://u:p@proxy:3128":     "http://***@proxy:3128",
		"u:p@proxy:3128":            "***@proxy:3128",
		"http://u:p@ss,w/d@proxy:1": "http://***@proxy:1",
		"http://token@proxy":        "http://***@proxy",
		" http://u:p@proxy":         " http://***@proxy",
		"//u:p@proxy":               "***@proxy",
		"http:/u:p\n@proxy":         "***@proxy",
		"a, u:p@b":                  "***@b",
	} {
		if got := Masked(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
