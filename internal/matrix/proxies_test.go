//go:build real

package matrix

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// The program works behind the kinds of proxies that users put in front of MLflow: with TLS from a private certificate
// authority, client certificates, a path prefix, or a login of their own. A proxy that fails responds with an HTML
// page.
func TestProxies(t *testing.T) {
	onlyWhole(t)
	s, err := realtest.MLflow(t.Context(), realtest.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	p := behindNginx(t, s)
	b := &bench{T: t, server: s, env: environment(s)}
	b.train()
	promote := []string{
		"promote", "--model", "churn", "--candidate", "runs:/" + b.better.RunID + "/model", "--alias", "champion",
		"--thresholds", "test_accuracy >= 0.5",
	}
	fresh := []string{"register", "--model", "fresh", "--candidate", "runs:/" + b.better.RunID + "/model"}
	doctor := []string{"doctor", "--timeout", "4s"}
	for _, c := range []struct {
		name, port, path string
		args             []string
		more             []string
		want             string
		says             []string
	}{
		{
			"an authority nobody knows", p.tls, "", doctor, nil, "refused(unreachable)",
			[]string{"Matrix Test CA", "ca-file"},
		},
		{"an authority of its own", p.tls, "", promote, []string{"--ca-file", "ca.pem"}, "ok", nil},
		{"any certificate, on request", p.tls, "", doctor, []string{"--insecure-tls"}, "ok", nil},
		{
			"a client certificate is missing", p.mutual, "", doctor, []string{"--ca-file", "ca.pem"},
			"refused(not-mlflow)", []string{"No required SSL certificate was sent", "client-cert"},
		},
		{
			"a client certificate", p.mutual, "", doctor,
			[]string{"--ca-file", "ca.pem", "--client-cert", "client.pem"}, "ok", nil,
		},
		{"a path below a host", p.tls, "/ml", promote, []string{"--ca-file", "ca.pem"}, "ok", nil},
		{
			"a path that leads nowhere", p.tls, "/nowhere", doctor, []string{"--ca-file", "ca.pem"},
			"refused(not-mlflow)", []string{"--static-prefix"},
		},
		{
			"the proxy wants a login", p.login, "", doctor, []string{"--ca-file", "ca.pem"}, "refused(unauthorized)",
			[]string{"no credentials were sent (401)"},
		},
		{
			"the proxy's login", p.login, "", doctor,
			[]string{"--ca-file", "ca.pem", "--username", "ann", "--password", "throw-away"}, "ok", nil,
		},
		{
			"the proxy's login in the address", p.login, "ann:throw-away", doctor, []string{"--ca-file", "ca.pem"},
			"ok", nil,
		},
		{
			"nothing behind the proxy", p.dead, "", doctor, []string{"--ca-file", "ca.pem"}, "refused(server-error)",
			[]string{"502", "502 Bad Gateway"},
		},
		{
			"a redirect to a login", p.redirect, "", doctor, []string{"--ca-file", "ca.pem"}, "refused(not-mlflow)",
			[]string{"redirects to https://login.example", "login proxy"},
		},
		{
			"a login page", p.page, "", doctor, []string{"--ca-file", "ca.pem"}, "refused(not-mlflow)",
			[]string{`titled "Sign in to Example"`, "login proxy"},
		},
		{"artifacts cannot be read", p.files, "", fresh, []string{"--ca-file", "ca.pem"}, "ok", nil},
		{
			"nothing listens", "1", "", doctor, []string{"--ca-file", "ca.pem"}, "refused(unreachable)",
			[]string{"connection refused", "localhost is the container itself"},
		},
		{
			"a host name the server does not know", p.host, "", doctor, []string{"--ca-file", "ca.pem"},
			"refused(host-refused)", []string{"--allowed-hosts"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{T: t, server: s, env: environment(s), dir: p.dir}
			user, path := "", c.path
			if strings.Contains(path, ":") {
				user, path = path+"@", ""
			}
			b.env["MLFLOW_TRACKING_URI"] = "https://" + user + "localhost:" + c.port + path
			a := b.run(append(c.args, c.more...)...)
			if a.cell() != c.want {
				t.Errorf("%s, want %s\n%s", a.cell(), c.want, a.stderr)
			}
			for _, text := range c.says {
				if !strings.Contains(a.stderr, text) {
					t.Errorf("nothing says %q:\n%s", text, a.stderr)
				}
			}
			if c.port == p.files && !strings.Contains(strings.Join(a.result.Notes, " "), "could not be read: GET ") {
				t.Errorf("nothing says what could not be read: %s", a.stdout)
			}
			if strings.Contains(a.stderr+a.stdout, "throw-away") {
				t.Errorf("the password is shown:\n%s%s", a.stderr, a.stdout)
			}
		})
	}
}

// proxies contains the port of each server that nginx provides.
type proxies struct {
	dir                                                   string
	tls, mutual, login, dead, redirect, page, files, host string
}

func behindNginx(t *testing.T, s *realtest.Server) proxies {
	t.Helper()
	p := proxies{dir: t.TempDir()}
	certificates(t, p.dir)
	var ports []string
	for _, port := range []*string{&p.tls, &p.mutual, &p.login, &p.dead, &p.redirect, &p.page, &p.files, &p.host} {
		var err error
		if *port, err = realtest.FreePort(); err != nil {
			t.Fatal(err)
		}
		ports = append(ports, *port)
	}
	write(t, p.dir, "users", "ann:{PLAIN}throw-away\n")
	write(
		t, p.dir, "page.html",
		"<!doctype html><html><head><title>Sign in to Example</title></head><body>please</body></html>",
	)
	var conf strings.Builder
	block := func(port, body string) {
		fmt.Fprintf(
			&conf,
			"server {\nlisten 127.0.0.1:%s ssl;\nssl_certificate %[2]s/server.pem;\nssl_certificate_key "+
				"%[2]s/server.key;\n%[3]s\n}\n",
			port, p.dir, body,
		)
	}
	pass := func(host string) string { return "proxy_set_header Host " + host + "; proxy_pass " + s.URL }
	block(
		p.tls,
		"location / { "+pass("127.0.0.1")+"; }\nlocation /ml/ { "+pass("127.0.0.1")+"/; }\nlocation /nowhere/ { return 404; }",
	)
	block(
		p.mutual,
		fmt.Sprintf(
			"ssl_client_certificate %s/ca.pem;\nssl_verify_client on;\nlocation / { %s; }", p.dir, pass("127.0.0.1"),
		),
	)
	// MLflow must not receive the login that is meant for the proxy
	block(
		p.login,
		fmt.Sprintf(
			"auth_basic matrix;\nauth_basic_user_file %s/users;\nlocation / { proxy_set_header Authorization "+
				"\"\"; %s; }",
			p.dir, pass("127.0.0.1"),
		),
	)
	block(p.dead, "location / { proxy_pass http://127.0.0.1:1; }")
	block(p.redirect, "location / { return 302 https://login.example/start?to=$request_uri; }")
	block(
		p.page,
		fmt.Sprintf(
			"default_type text/html;\nroot %s;\nlocation / { rewrite ^ /page.html break; error_page 405 =200 "+
				"/page.html; }",
			p.dir,
		),
	)
	block(p.files, "location / { "+pass("127.0.0.1")+"; }\nlocation ~ get-artifact|artifacts/files|mlflow-artifacts|artifacts/presigned { return 403; }")
	block(p.host, "location / { "+pass("mlflow.example:5000")+"; }")
	n, err := realtest.StartNginx(t.Context(), p.dir, conf.String(), ports...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return p
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// certificates creates a certificate authority, and signs one certificate for the server and one for a client.
func certificates(t *testing.T, dir string) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{
			CommonName: "Matrix Test CA",
		},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(24 * time.Hour),
	}
	key := newKey(t)
	write(t, dir, "ca.pem", signed(t, authority, authority, key, key))
	for i, name := range []string{"server", "client"} {
		own := newKey(t)
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i +
				2)), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{
				x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth,
			},
			NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		}
		text := signed(t, cert, authority, own, key)
		der, err := x509.MarshalPKCS8PrivateKey(own)
		if err != nil {
			t.Fatal(err)
		}
		private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		write(t, dir, name+".pem", text+private)
		write(t, dir, name+".key", private)
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t *testing.T, cert, parent *x509.Certificate, own, by *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &own.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
