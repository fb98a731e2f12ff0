package rest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{cert: template}
	a.cert, a.key = a.sign(t, template)
	return a
}

// sign signs a certificate with the authority's key. The first certificate is self-signed.
func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) issue(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	cert, key := a.sign(t, template)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (a *authority) pem() []byte { return pemOf("CERTIFICATE", a.cert.Raw) }

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func serveTLS(t *testing.T, cfg *tls.Config) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(s.counting(jsonAnswer(200, `{}`)))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = s.connState
	s.TLS = cfg
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestTLS_BadCertificate(t *testing.T) {
	good, stranger := newAuthority(t, "Example Root"), newAuthority(t, "Some Proxy")
	now := time.Now()
	cases := map[string]struct {
		cert tls.Certificate
		says []string
	}{
		"expired": {
			good.issue(t, func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
			}),
			[]string{
				"is valid from " + day(now.Add(-48*time.Hour)) + " to " + day(now.Add(-24*time.Hour)),
				"Example Root",
			},
		},
		"not valid yet": {
			good.issue(t, func(c *x509.Certificate) {
				c.NotBefore = now.Add(24 * time.Hour)
				c.NotAfter = now.Add(48 * time.Hour)
			}),
			[]string{"is valid from " + day(now.Add(24*time.Hour))},
		},
		"for another host": {
			good.issue(t, func(c *x509.Certificate) {
				c.IPAddresses, c.DNSNames = nil, []string{"mlflow.example", "*.example"}
			}),
			[]string{`for "mlflow.example", "*.example"`, `not for "127.0.0.1"`, "Example Root"},
		},
		"from an unknown authority": {
			stranger.issue(t, func(*x509.Certificate) {}),
			[]string{`"127.0.0.1" is signed by "CN=Some Proxy,O=Example"`, "not trusted"},
		},
		"for another purpose": {
			good.issue(t, func(c *x509.Certificate) {
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
			}),
			[]string{"not accepted"},
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			s := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{c.cert}})
			err := client(t, Config{Base: s.URL, CAs: good.pem()}).JSON(background(t), Request{Path: "x"}, nil)
			e := failure(t, err, TLS)
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v\ndoes not contain %q", err, text)
				}
			}
			if s.conns.Load() != 1 || s.hits.Load() != 0 || e.Sent {
				t.Errorf("%d connections, %d requests, sent %v; want one attempt and nothing sent", s.conns.Load(),
					s.hits.Load(), e.Sent)
			}
		})
	}
}

func TestTLS_SelfSigned(t *testing.T) {
	s := serveTLS(t, nil)
	e := failure(t, client(t, Config{Base: s.URL}).JSON(background(t), Request{Path: "x"}, nil), TLS)
	if s.conns.Load() != 1 || e.Attempts != 1 {
		t.Errorf("got %d connections, want 1", s.conns.Load())
	}
	if err := client(t, Config{
		Base:        s.URL,
		InsecureTLS: true,
	}).JSON(background(t), Request{Path: "x"}, nil); err != nil {
		t.Errorf("with InsecureTLS: %v", err)
	}
	if err := client(t, Config{
		Base: s.URL,
		CAs:  pemOf("CERTIFICATE", s.Certificate().Raw),
	}).JSON(background(t), Request{Path: "x"}, nil); err != nil {
		t.Errorf("with the certificate as an authority: %v", err)
	}
}

func TestTLS_OldVersion(t *testing.T) {
	s := serveTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	e := failure(t, client(t, Config{Base: s.URL, InsecureTLS: true}).JSON(background(t), Request{Path: "x"}, nil), TLS)
	if s.conns.Load() != 1 || e.Sent || !strings.Contains(e.Error(), "version") {
		t.Errorf("got %d connections, want 1: %v", s.conns.Load(), e)
	}
}

func TestTLS_PlainServer(t *testing.T) {
	s := serve(t, jsonAnswer(200, `{}`))
	e := failure(t, client(t, Config{
		Base: strings.Replace(s.URL, "http:", "https:", 1),
	}).JSON(background(t), Request{Path: "x"}, nil), TLS)
	if e.Attempts != 1 || !strings.Contains(e.Error(), "does not speak TLS") {
		t.Errorf("got %v", e)
	}
}

func TestCreate_BrokenHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.ReadFull(conn, make([]byte, 64))
			conn.Close()
		}
	}()
	err = client(t, Config{
		Base:     "https://" + l.Addr().String(),
		Attempts: 3,
	}).JSON(background(t), Request{Method: "POST", Path: "x", Class: Create}, nil)
	if e := failure(t, err, Reset); e.Attempts != 3 || e.Sent {
		t.Errorf("got %+v", e)
	}
}

func TestTLS_ClientCertificate(t *testing.T) {
	ca := newAuthority(t, "Example Root")
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	s := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, func(*x509.Certificate) {})},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
	})
	own := ca.issue(t, func(*x509.Certificate) {})
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	both := slices.Concat(pemOf("CERTIFICATE", own.Certificate[0]), pemOf("PRIVATE KEY", key))
	if err := client(t, Config{
		Base:       s.URL,
		CAs:        ca.pem(),
		ClientCert: both,
	}).JSON(background(t), Request{Path: "x"}, nil); err != nil {
		t.Error(err)
	}
	if err := client(t, Config{
		Base:     s.URL,
		CAs:      ca.pem(),
		Attempts: 1,
	}).JSON(background(t), Request{Path: "x"}, nil); err == nil {
		t.Error("the server accepted a client without a certificate")
	}
}

func TestQuickAck_TLS(t *testing.T) {
	for _, without := range []bool{false, true} {
		s := serveTLS(t, nil)
		c := client(t, Config{Base: s.URL, InsecureTLS: true, NoQuickAck: without})
		for range 3 {
			if err := c.JSON(background(t), Request{Path: "x"}, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestNew_InvalidConfig(t *testing.T) {
	canary := "pass-canary"
	for name, cfg := range map[string]Config{
		"no url":                       {},
		"no scheme":                    {Base: "mlflow:5000"},
		"another scheme":               {Base: "databricks://profile"},
		"a file":                       {Base: "file:///tmp/mlruns"},
		"no host":                      {Base: "http:///x"},
		"a password":                   {Base: "https://user:" + canary + "@mlflow.example"},
		"a password in an invalid url": {Base: "https://user:" + canary + "@mlflow.example:port"},
		"a query":                      {Base: "https://mlflow.example/?token=" + canary},
		"a fragment":                   {Base: "https://mlflow.example/#/models"},
		"invalid authorities":          {Base: "https://mlflow.example", CAs: []byte(canary)},
		"a certificate without a key":  {Base: "https://mlflow.example", ClientCert: []byte(canary)},
		"a token with a newline": {
			Base:   "https://mlflow.example",
			Header: http.Header{"Authorization": {"Bearer " + canary + "\n"}},
		},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, want an error without the value", name, err)
		}
	}
}
