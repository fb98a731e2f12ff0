package rest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestBlocked(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true, "fe80::1": true,
		"fe80::1%eth0":  true,
		"fd00:ec2::254": true, "fd20:ce::254": true, "168.63.129.16": true, "100.100.100.200": true,
		"192.0.0.192": true,
		"0.0.0.0":     true, "::": true, "::ffff:0.0.0.0": true, "ff02::1": true, "224.0.0.1": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.17.0.1": false, "192.168.1.1": false,
		"100.64.0.1": false,
		"8.8.8.8":    false, "fd00:ec2::255": false, "2001:db8::1": false,
		// IPv6 addresses that lead to an IPv4 address
		"::169.254.169.254": true, "::ffff:0:169.254.169.254": true, "::100.100.100.200": true, "::10.0.0.1": false,
		"::ffff:0:10.0.0.1":        false,
		"64:ff9b::169.254.169.254": true, "64:ff9b::168.63.129.16": true, "64:ff9b::8.8.8.8": false,
		"64:ff9b::192.168.1.1":     false,
		"64:ff9b:1:a9fe:a9:fe00::": true, "64:ff9b:1:a9:fe:a9fe::": true, "64:ff9b:1:0:a9:fea9:fe00:0": true,
		"64:ff9b:1::169.254.169.254": true, "64:ff9b:1::10.0.0.1": false, "64:ff9b:1:a00:0:100::": false,
		"2002:a9fe:a9fe::1": true, "2002:a83f:8110::": true, "2002:808:808::1": false,
		"2001:0:a9fe:a9fe::1": true, "2001:0:808:808:0:0:5601:5601": true, "2001:0:808:808:0:0:f7f7:f7f7": false,
		"2001:db8::5efe:169.254.169.254": true, "fd00::200:5efe:169.254.169.254": true,
		"2001:db8::5efe:10.0.0.1": false,
		"2001:db8::a9fe:a9fe":     false,
	} {
		if got := blocked(netip.MustParseAddr(address)) != ""; got != want {
			t.Errorf("%s: blocked %v, want %v", address, got, want)
		}
	}
}

func TestNew_BlockedAddress(t *testing.T) {
	for base, says := range map[string]string{
		"http://169.254.169.254/latest": "169.254.169.254 is a link-local or metadata address",
		"http://0.0.0.0:5000": "0.0.0.0 is an address to listen on, not to connect to; use the host name " +
			"of the server",
		"http://[::]:5000":         ":: is an address to listen on",
		"https://[fe80::1%25eth0]": "link-local",
		"https://[64:ff9b::a9fe:a9fe]": "64:ff9b::a9fe:a9fe leads to 169.254.169.254, which is a link-local or " +
			"metadata address",
		"http://2852039166":          `"2852039166" is an unusual form of an IP address`,
		"http://0xa9fea9fe":          "unusual",
		"http://0XA9.0XFE.43518":     "unusual",
		"http://0251.0376.0251.0376": "unusual",
		"http://169.254.169.254.":    "unusual",
		"http://169.254.43518:80":    "unusual",
		"http://127.1:5000":          "unusual",
	} {
		_, err := New(Config{Base: base})
		if e := failure(t, err, Blocked); e.Sent || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", base, err)
		}
	}
	req, _ := http.NewRequest("GET", "http://169.254.169.254/latest", nil)
	_, err := client(t, Config{Base: "http://localhost"}).HTTPClient().Do(req)
	failure(t, err, Blocked)
}

func TestNumeric_HostNames(t *testing.T) {
	for _, host := range []string{
		"mlflow-1", "mlflow.example", "m1.example", "10.0.0.1.nip.io", "0xcafe.example", "a0x1f", "1a", "0x.example",
		"127.0.0.1", "::1",
	} {
		if _, err := netip.ParseAddr(host); err != nil && numeric(host) {
			t.Errorf("%s is treated as an IP address", host)
		}
	}
}

// Credentials may be sent unencrypted to a name for this machine, so the name must resolve to this machine.
func TestLocalhost(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.9.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"10.0.0.1:80": false, "8.8.8.8:80": false, "[2001:db8::1]:80": false, "169.254.169.254:80": false,
		"0.0.0.0:80": false, "[::]:80": false,
	} {
		if err := controlLocal("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: got error %v, want dialing to be allowed: %v", address, err, want)
		}
	}
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "mlflow.localhost": true, "a.b.LocalHost.": true,
		"notlocalhost": false, "localhost.example": false, "127.0.0.1": false, "": false,
	} {
		if got := isLocalhost(host); got != want {
			t.Errorf("isLocalhost(%q) = %v", host, got)
		}
	}
}

func TestProxy_NotForLocalhost(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
	for base, want := range map[string]bool{
		"http://mlflow.localhost:5000": false, "http://localhost:5000": false, "http://mlflow.example": true,
	} {
		req, _ := http.NewRequest("GET", base, nil)
		got, err := direct(http.ProxyURL(proxy))(req)
		if err != nil || (got != nil) != want {
			t.Errorf("%s: got proxy %v, error %v", base, got, err)
		}
	}
}

// Other forms of an address, and names that resolve to a blocked address, are recognised only when the program dials
// them.
func TestBlocked_WhenDialed(t *testing.T) {
	for _, address := range []string{"169.254.169.254:80", "[::]:80", "0.0.0.0:80", "[fd00:ec2::254]:80"} {
		if err := control("tcp", address, nil); err == nil {
			t.Errorf("%s may be dialed, want an error", address)
		}
	}
	if err := control("tcp", "127.0.0.1:80", nil); err != nil {
		t.Error(err)
	}
	dialed := &url.URL{Scheme: "http", Host: "0.0.0.0:3128"} // the address of a proxy is seen only by the dialer
	c := client(t, Config{Base: "http://mlflow.invalid", Proxy: http.ProxyURL(dialed)})
	e := failure(t, c.JSON(background(t), Request{Path: "x"}, nil), Blocked)
	if e.Attempts != 1 || e.Sent || !strings.Contains(e.Error(), "0.0.0.0 is an address to listen on") {
		t.Errorf("got %+v", e)
	}
}

func TestNew_InsecureCredentials(t *testing.T) {
	header := func(name string) http.Header { return http.Header{name: {"x"}} }
	cases := map[string]struct {
		cfg  Config
		want Kind
	}{
		"a token over http": {
			Config{Base: "http://mlflow.example", Header: header("Authorization")},
			InsecureCredentials,
		},
		"a token over http, in lower case": {
			Config{Base: "http://mlflow.example", Header: header("authorization")},
			InsecureCredentials,
		},
		"a single sign-on header over http": {
			Config{Base: "http://mlflow.example", Header: header("CF-Access-Client-Secret")},
			InsecureCredentials,
		},
		"a cookie over http": {
			Config{Base: "http://10.0.0.1", Header: header("Cookie")},
			InsecureCredentials,
		},
		"a host that only starts like loopback": {
			Config{Base: "http://127.0.0.1.example", Header: header("Authorization")},
			InsecureCredentials,
		},
		"a host that only ends like loopback": {
			Config{Base: "http://notlocalhost", Header: header("Authorization")},
			InsecureCredentials,
		},
		"a token over http if allowed": {
			Config{Base: "http://mlflow.example", Header: header("Authorization"), AllowInsecureHTTP: true},
			"",
		},
		"a token over https": {
			Config{Base: "https://mlflow.example", Header: header("Authorization")},
			"",
		},
		"a token to this machine by name": {
			Config{Base: "http://localhost:5000", Header: header("Authorization")},
			"",
		},
		"a token to this machine by address": {
			Config{Base: "http://127.8.9.1:5000", Header: header("Authorization")},
			"",
		},
		"a token to this machine by IPv6": {Config{Base: "http://[::1]:5000", Header: header("Authorization")}, ""},
		"a workspace over http": {
			Config{Base: "http://mlflow.example", Header: header("X-MLFLOW-WORKSPACE")},
			"",
		},
		"no header over http": {Config{Base: "http://mlflow.example"}, ""},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			_, err := New(c.cfg)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := failure(t, err, c.want); strings.HasPrefix(e.Error(), " ") {
				t.Errorf("%q", e)
			}
		})
	}
}

func TestHTTPClient_InsecureCredentials(t *testing.T) {
	req, _ := http.NewRequest("GET", "http://github.example/api", nil)
	req.Header.Set("Authorization", "Bearer x")
	_, err := client(t, Config{Base: "https://github.example"}).HTTPClient().Do(req)
	if e := failure(t, err, InsecureCredentials); e.Sent {
		t.Error("sent")
	}
}

func TestProxy(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"host": "`+r.URL.Host+`"}`) })
	at, _ := url.Parse(proxy.URL)
	c := client(t, Config{Base: "http://mlflow.invalid:5000", Proxy: http.ProxyURL(at)})
	var out struct{ Host string }
	if err := c.JSON(background(t), Request{Path: "x"}, &out); err != nil || out.Host != "mlflow.invalid:5000" {
		t.Errorf("got %q, %v", out.Host, err)
	}
	req, _ := http.NewRequest("GET", "http://169.254.169.254/latest", nil)
	_, err := c.HTTPClient().Do(req)
	failure(t, err, Blocked)
	if proxy.hits.Load() != 1 {
		t.Errorf("the proxy got %d requests, want 1", proxy.hits.Load())
	}
}

func TestProxy_Rejects(t *testing.T) {
	proxy := serve(t, raw("HTTP/1.1 407 Log\x1b[31m in\u202e first\r\n\r\n"))
	at, _ := url.Parse(proxy.URL)
	c := client(t, Config{Base: "https://mlflow.invalid", Proxy: http.ProxyURL(at), Attempts: 1})
	e := failure(t, c.JSON(background(t), Request{Method: "POST", Path: "x", Class: Create}, nil), Refused)
	if e.Sent || e.Message != "the proxy refused the tunnel: 407 Log [31m in first" {
		t.Errorf("got %+v", e)
	}
}

// net/http looks up the proxy in the environment only once per process, so this test starts a second process.
func TestProxy_FromEnvironment(t *testing.T) {
	if os.Getenv("PROXY_TEST") == "child" {
		c := client(t, Config{Base: "http://mlflow.invalid", Attempts: 1})
		if err := c.JSON(background(t), Request{Path: "x"}, nil); err != nil {
			t.Error(err)
		}
		return
	}
	proxy := serve(t, jsonAnswer(200, `{}`))
	child := exec.Command(os.Args[0], "-test.run=^TestProxy_FromEnvironment$")
	child.Env = append(os.Environ(), "PROXY_TEST=child", "HTTP_PROXY="+proxy.URL, "http_proxy=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if proxy.hits.Load() != 1 {
		t.Errorf("the proxy got %d requests, want 1", proxy.hits.Load())
	}
}

func TestError_NoServer(t *testing.T) {
	e := failure(t, client(t, Config{
		Base:     "http://127.0.0.1:1",
		Attempts: 1,
	}).JSON(background(t), Request{Path: "x"}, nil), Refused)
	if e.Sent || !strings.Contains(e.Error(), "no connection") || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("got %v", e)
	}
	e = failure(t, client(t, Config{
		Base:     "http://mlflow.invalid",
		Attempts: 1,
	}).JSON(background(t), Request{Path: "x"}, nil), DNS)
	if e.Sent || !strings.Contains(e.Error(), `resolve host "mlflow.invalid"`) {
		t.Errorf("got %v", e)
	}
}

// fakeDNS makes every name resolve to a single IPv4 address during the test.
func fakeDNS(t *testing.T, to [4]byte) {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		for message := make([]byte, 512); ; {
			n, from, err := socket.ReadFrom(message)
			if err != nil {
				return
			}
			end := 12 // the end of the question, which follows the header
			for end < n && message[end] != 0 {
				end += int(message[end]) + 1
			}
			end += 5
			answer := append([]byte{message[0], message[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, message[12:end]...)
			if message[end-3] == 1 { // the query asks for IPv4
				answer[7] = 1
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, to[0], to[1], to[2], to[3])
			}
			socket.WriteTo(answer, from)
		}
	}()
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func TestLocalhost_WrongResolver(t *testing.T) {
	fakeDNS(t, [4]byte{192, 0, 2, 7})
	c := client(t, Config{Base: "http://mlflow.localhost:5000", Header: http.Header{"Authorization": {"Bearer x"}}})
	e := failure(t, c.JSON(background(t), Request{Path: "x"}, nil), Blocked)
	if e.Sent || !strings.Contains(e.Error(), "resolves to 192.0.2.7, which is a different machine") {
		t.Errorf("got %+v", e)
	}
	fakeDNS(t, [4]byte{169, 254, 169, 254})
	e = failure(t, client(t, Config{
		Base: "http://mlflow.invalid",
	}).JSON(background(t), Request{Path: "x"}, nil), Blocked)
	if e.Sent || !strings.Contains(e.Error(), "169.254.169.254 is a link-local or metadata address") {
		t.Errorf("got %+v", e)
	}
}
