package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// frontDoor is something that responds where a user expects MLflow.
type frontDoor struct {
	what string // description for people
	// at starts the server. It returns the server's address and, if there is a forward proxy, the proxy's address.
	at   func(t *testing.T) (address, proxy string)
	args []string
	// the expected result
	reason string
	says   string // a part of the first line or of the hint
}

// replies starts a server that responds to every request in the same way.
func replies(status int, kind, body string) func(*testing.T) (string, string) {
	return func(t *testing.T) (string, string) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL, ""
	}
}

func page(title string) string {
	return "<!doctype html><html><head><title>" + title + "</title></head></html>"
}

// redirects starts a server that responds with a redirect.
func redirects(to string) func(*testing.T) (string, string) {
	return func(t *testing.T) (string, string) {
		s := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
		t.Cleanup(s.Close)
		return s.URL, ""
	}
}

// talks accepts connections and passes each of them to f.
func talks(t *testing.T, f func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
	return l.Addr().String()
}

// throughProxy reaches an https server through a forward proxy that responds with the given text.
func throughProxy(answer string) func(*testing.T) (string, string) {
	return func(t *testing.T) (string, string) {
		return "https://mlflow.invalid", "http://" + talks(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			io.WriteString(c, answer)
		})
	}
}

// quietTLS starts an https server that does not log failed handshakes.
func quietTLS(t *testing.T) *httptest.Server {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func fixed(address, proxy string) func(*testing.T) (string, string) {
	return func(*testing.T) (string, string) { return address, proxy }
}

const html, text, data = "text/html", "text/plain", "application/json"

var (
	withPassword = []string{"--username", "ci", "--password", "wrong-password"}
	withToken    = []string{"--token", "some-token"}
)

var frontDoors = []frontDoor{
	{"MLflow with basic-auth, no credentials", replies(401, html, "You are not authenticated."), nil, "unauthorized",
		"no credentials were sent"},
	{"MLflow with basic-auth, wrong password", replies(401, html, "You are not authenticated."), withPassword,
		"unauthorized", "the login was refused"},
	{"MLflow with basic-auth, a token", replies(401, html, "You are not authenticated."), withToken, "unauthorized",
		"does not accept tokens"},
	{"MLflow, the login lacks a right", replies(403, html, "Permission denied"), withPassword, "forbidden",
		"lacks the permission"},
	{"MLflow 3.5 or later, a host name it does not know",
		replies(403, text, "Invalid Host header - possible DNS rebinding attack detected"), nil, "host-refused",
		"--allowed-hosts"},
	{"MLflow, the wrong path prefix", replies(404, html, page("404 Not Found")), nil, "not-mlflow", "--static-prefix"},
	{"MLflow's UI instead of its API", replies(200, html, page("MLflow")), nil, "not-mlflow", `titled "MLflow"`},
	{"MLflow, an error in the server", replies(500, html, page("500 Internal Server Error")), nil, "server-error",
		"500 Internal Server Error"},
	{"MLflow, a database that is down",
		replies(500, data, `{"error_code": "INTERNAL_ERROR", "message": "no database"}`),
		nil, "server-error", "no database"},
	{"Istio or another mesh", replies(403, text, "RBAC: access denied"), nil, "forbidden", "RBAC: access denied"},
	{"nginx with a deny rule", replies(403, html, page("403 Forbidden")), nil, "forbidden", `"403 Forbidden"`},
	{"AWS WAF", replies(403, html, page("ERROR: The request could not be satisfied")), withToken, "forbidden",
		"could not be satisfied"},
	{"a gateway that wants a key", replies(401, data, `{"message": "No API key found in request"}`),
		nil, "unauthorized",
		"no credentials were sent"},
	{"a gateway with a wrong key", replies(401, data, `{"message": "Invalid API key"}`), withToken, "unauthorized",
		"Invalid API key"},
	{"Google's Identity-Aware Proxy", replies(401, text, "Invalid IAP credentials: JWT is expired"), withToken,
		"unauthorized", "Invalid IAP credentials"},
	{"oauth2-proxy, a sign-in page", replies(403, html, page("Sign In")), withToken, "forbidden", `"Sign In"`},
	{"a single sign-on that redirects", redirects("https://login.example/authorize"), nil, "not-mlflow",
		"redirects to https://login.example"},
	{"a login page with status 200", replies(200, html, page("Log in - Acme")), nil, "not-mlflow", "Log in - Acme"},
	{"a gateway without a route", replies(404, data, `{"message": "no Route matched with those values"}`), nil,
		"not-mlflow", "no Route matched"},
	{"a firewall that blocks a method", replies(405, html, page("405 Not Allowed")), nil, "not-mlflow",
		"the method GET is refused"},
	{"nginx without MLflow behind it", replies(502, html, page("502 Bad Gateway")),
		nil, "server-error", "502 Bad Gateway"},
	{"Envoy without MLflow behind it", replies(503, text, "no healthy upstream"),
		nil, "server-error", "no healthy upstream"},
	{"a load balancer that gave up", replies(504, html, page("504 Gateway Time-out")),
		nil, "server-error", "504 Gateway"},
	{"a rate limit", replies(429, text, "Too many requests, slow down"), nil, "server-error", "slow down"},
	{"a proxy that wants a client certificate",
		replies(400, html, page("400 No required SSL certificate was sent")), nil, "not-mlflow", "client-cert"},
	{"another service", replies(200, data, `{"status": "ok"}`), nil, "not-mlflow", "does not use MLflow's API"},
	{"an empty response", replies(200, data, ""), nil, "not-mlflow", "does not use MLflow's API"},
	{"https on an http port", func(t *testing.T) (string, string) {
		address, _ := replies(200, data, "{}")(t)
		return strings.Replace(address, "http://", "https://", 1), ""
	}, nil, "unreachable", "does not speak TLS"},
	{"http on an https port", func(t *testing.T) (string, string) {
		s := quietTLS(t)
		return strings.Replace(s.URL, "https://", "http://", 1), ""
	}, nil, "not-mlflow", "https"},
	{"a private certificate authority", func(t *testing.T) (string, string) {
		return quietTLS(t).URL, ""
	}, nil, "unreachable", "not trusted here"},
	{"nothing on this port of this machine", fixed("http://127.0.0.1:9", ""), nil, "unreachable", "connection refused"},
	{"a host name without an address", fixed("http://mlflow.invalid", ""), nil, "unreachable", "has no address"},
	{"a connection that breaks", func(t *testing.T) (string, string) {
		return "http://" + talks(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }), ""
	}, nil, "unreachable", "the connection broke"},
	{"a server that never answers", func(t *testing.T) (string, string) {
		return "http://" + talks(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), ""
	}, nil, "unreachable", "no response in time"},
	{"a forward proxy that is down", fixed("http://mlflow.invalid", "http://127.0.0.1:9"), nil, "unreachable",
		"the forward proxy 127.0.0.1:9 does not accept connections"},
	{"a forward proxy whose name is unknown", fixed("http://mlflow.example", "http://proxy.invalid:3128"), nil,
		"unreachable", "the forward proxy proxy.invalid:3128 has no address"},
	{"a forward proxy that refuses", throughProxy("HTTP/1.1 403 Forbidden\r\n\r\n"), nil, "unreachable",
		"refused the connection to mlflow.invalid: 403 Forbidden"},
	{"a forward proxy that wants a login", throughProxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), nil,
		"unreachable", "407 Proxy Authentication Required"},
	{"Amazon SageMaker", fixed("arn:aws:sagemaker:eu-west-1:000000000000:mlflow-tracking-server/x", ""),
		nil, "unauthorized", "Amazon SageMaker"},
	{"Azure ML", fixed("azureml://eastus.api.azureml.ms/mlflow/v1.0/subscriptions/x", ""),
		nil, "bad-input", "Azure ML"},
	{"Databricks", fixed("databricks://prod", ""), nil, "bad-input", "Databricks"},
	{"Unity Catalog OSS", fixed("uc:http://127.0.0.1:8080", ""), nil, "bad-input", "Unity Catalog"},
	{"an address without a scheme", fixed("mlflow.example:5000", ""), nil, "bad-input", "https://mlflow.example:5000"},
	{"a database", fixed("postgresql://db.example/mlflow", ""), nil, "bad-input", "mlflow server"},
}

// Whatever responds in place of MLflow, the first line says what it is, and the hint is one that users can follow.
func TestFrontDoors(t *testing.T) {
	rows := make([]string, len(frontDoors))
	t.Run("doors", func(t *testing.T) {
		for i, d := range frontDoors {
			t.Run(d.what, func(t *testing.T) {
				t.Parallel()
				server, proxy := d.at(t)
				var out, trouble bytes.Buffer
				Run(context.Background(), Process{
					Args: append([]string{"doctor", "--tracking-uri", server}, d.args...),
					Env:  func(string) string { return "" }, Stdout: &out, Stderr: &trouble, Dir: t.TempDir(),
					Now: time.Now, Jitter: func() float64 { return 0 },
					Wire: rest.Config{
						MinWait: time.Millisecond, MaxWait: time.Millisecond,
						Attempts: 2, Answer: 300 * time.Millisecond,
						AllowInsecureHTTP: true,
						Proxy: func(*http.Request) (*url.URL, error) {
							if proxy == "" {
								return nil, nil
							}
							return url.Parse(proxy)
						},
					},
				})
				said := trouble.String()
				if !strings.Contains(said, d.says) {
					t.Errorf("does not say %q:\n%s", d.says, said)
				}
				if !strings.Contains(out.String()+said, d.reason) {
					t.Errorf("the reason is not %s:\n%s%s", d.reason, out.String(), said)
				}
				fromMLflow := d.reason != "forbidden" || strings.HasPrefix(d.what, "MLflow")
				if strings.Contains(said, "lacks the permission") && !fromMLflow {
					t.Errorf("sends the reader to rights of MLflow:\n%s", said)
				}
				rows[i] = fmt.Sprintf("| %s | `%s` | %s |", d.what, d.reason, firstMessage(said, server, proxy))
			})
		}
	})
	const file, begin, end = "../../docs/troubleshooting.md", "<!-- begin front doors -->\n", "<!-- end front doors -->"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no table of front doors", file)
	}
	table := "\n| what answers | reason | message |\n|---|---|---|\n" + strings.Join(rows, "\n") + "\n\n"
	if now := before + begin + table + end + after; now != string(old) {
		if !*update {
			t.Fatalf("%s differs from the messages; run: go test ./internal/cli -run TestFrontDoors -update", file)
		}
		if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// firstMessage returns the cause in the first message, in a form that fits into a table and is the same in every run.
func firstMessage(said, server, proxy string) string {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if cause, ok := strings.CutPrefix(line, "error: "); ok && !strings.Contains(cause, "nothing was tried") {
			line = cause
		} else if cause, ok := strings.CutPrefix(line, "tracking-uri: "); ok {
			line = cause
		} else {
			continue
		}
		line = strings.TrimPrefix(line, "list registered models: ")
		if proxy != "" {
			line = strings.ReplaceAll(line, strings.TrimPrefix(proxy, "http://"), "PROXY")
		}
		if u, err := url.Parse(server); err == nil && strings.HasPrefix(u.Host, "127.") {
			line = strings.NewReplacer(u.Host, "HOST", u.Hostname(), "HOST").Replace(line)
		}
		return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(line)
	}
	return ""
}
