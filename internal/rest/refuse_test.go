package rest

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestAddressesOfNoServerAreBlocked(t *testing.T) {
	for address, want := range map[string]bool{
		"169.254.169.254": true, "169.254.0.1": true, "::ffff:169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true,
		"fd00:ec2::254": true, "fd20:ce::254": true, "168.63.129.16": true, "100.100.100.200": true, "192.0.0.192": true,
		"0.0.0.0": true, "::": true, "::ffff:0.0.0.0": true, "ff02::1": true, "224.0.0.1": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.17.0.1": false, "192.168.1.1": false, "100.64.0.1": false,
		"8.8.8.8": false, "fd00:ec2::255": false, "2001:db8::1": false,
	} {
		if got := blocked(netip.MustParseAddr(address)) != ""; got != want {
			t.Errorf("%s: blocked %v, want %v", address, got, want)
		}
	}
}

func TestABlockedAddressInTheURLIsRefusedBeforeAnyTraffic(t *testing.T) {
	for base, says := range map[string]string{
		"http://169.254.169.254/latest": "169.254.169.254 is a link-local or metadata address",
		"http://0.0.0.0:5000":           "0.0.0.0 is an address to listen on, not one to connect to; name the server's host",
		"http://[::]:5000":              ":: is an address to listen on",
		"https://[fe80::1%25eth0]":      "link-local",
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

// Other ways to write an address, and names that lead to one, are known only when they are dialed.
func TestABlockedAddressBehindANameIsRefusedOnceWhenDialed(t *testing.T) {
	for _, address := range []string{"169.254.169.254:80", "[::]:80", "0.0.0.0:80", "[fd00:ec2::254]:80"} {
		if err := control("tcp", address, nil); err == nil {
			t.Errorf("%s may be dialed", address)
		}
	}
	if err := control("tcp", "127.0.0.1:80", nil); err != nil {
		t.Error(err)
	}
	dialed := &url.URL{Scheme: "http", Host: "0.0.0.0:3128"} // a proxy's address is seen by the dialer alone
	c := client(t, Config{Base: "http://mlflow.invalid", Proxy: http.ProxyURL(dialed)})
	e := failure(t, c.JSON(background(t), Request{Path: "x"}, nil), Blocked)
	if e.Attempts != 1 || e.Sent || !strings.Contains(e.Error(), "0.0.0.0 is an address to listen on") {
		t.Errorf("got %+v", e)
	}
}

func TestCredentialsDoNotTravelInTheClear(t *testing.T) {
	header := func(name string) http.Header { return http.Header{name: {"x"}} }
	cases := map[string]struct {
		cfg  Config
		want Kind
	}{
		"a token over http":                     {Config{Base: "http://mlflow.example", Header: header("Authorization")}, InsecureCredentials},
		"a token over http in lower case":       {Config{Base: "http://mlflow.example", Header: header("authorization")}, InsecureCredentials},
		"a header of single sign-on over http":  {Config{Base: "http://mlflow.example", Header: header("CF-Access-Client-Secret")}, InsecureCredentials},
		"a cookie over http":                    {Config{Base: "http://10.0.0.1", Header: header("Cookie")}, InsecureCredentials},
		"a host that only begins like loopback": {Config{Base: "http://127.0.0.1.example", Header: header("Authorization")}, InsecureCredentials},
		"a host that only ends like loopback":   {Config{Base: "http://notlocalhost", Header: header("Authorization")}, InsecureCredentials},
		"a token over http when allowed":        {Config{Base: "http://mlflow.example", Header: header("Authorization"), AllowInsecureHTTP: true}, ""},
		"a token over https":                    {Config{Base: "https://mlflow.example", Header: header("Authorization")}, ""},
		"a token to this machine by name":       {Config{Base: "http://localhost:5000", Header: header("Authorization")}, ""},
		"a token to this machine by address":    {Config{Base: "http://127.8.9.1:5000", Header: header("Authorization")}, ""},
		"a token to this machine by IPv6":       {Config{Base: "http://[::1]:5000", Header: header("Authorization")}, ""},
		"a workspace over http":                 {Config{Base: "http://mlflow.example", Header: header("X-MLFLOW-WORKSPACE")}, ""},
		"nothing over http":                     {Config{Base: "http://mlflow.example"}, ""},
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

func TestATokenThatAnotherLibrarySetsDoesNotTravelInTheClearEither(t *testing.T) {
	req, _ := http.NewRequest("GET", "http://github.example/api", nil)
	req.Header.Set("Authorization", "Bearer x")
	_, err := client(t, Config{Base: "https://github.example"}).HTTPClient().Do(req)
	if e := failure(t, err, InsecureCredentials); e.Sent {
		t.Error("sent")
	}
}

func TestAProxyIsUsedAndIsNotAskedForABlockedAddress(t *testing.T) {
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
		t.Errorf("the proxy saw %d requests, want 1", proxy.hits.Load())
	}
}

func TestAProxyThatTurnsAwayIsRefusedAndNothingWasSent(t *testing.T) {
	proxy := serve(t, raw("HTTP/1.1 407 Log\x1b[31m in\u202e first\r\n\r\n"))
	at, _ := url.Parse(proxy.URL)
	c := client(t, Config{Base: "https://mlflow.invalid", Proxy: http.ProxyURL(at), Attempts: 1})
	e := failure(t, c.JSON(background(t), Request{Method: "POST", Path: "x", Class: Create}, nil), Refused)
	if e.Sent || e.Message != "no connection: Log [31m in first" {
		t.Errorf("got %+v", e)
	}
}

// The proxy of the environment is looked up once per process, so another process looks it up.
func TestTheProxyOfTheEnvironmentIsHonoured(t *testing.T) {
	if os.Getenv("PROXY_TEST") == "child" {
		c := client(t, Config{Base: "http://mlflow.invalid", Attempts: 1})
		if err := c.JSON(background(t), Request{Path: "x"}, nil); err != nil {
			t.Error(err)
		}
		return
	}
	proxy := serve(t, jsonAnswer(200, `{}`))
	child := exec.Command(os.Args[0], "-test.run=^TestTheProxyOfTheEnvironmentIsHonoured$")
	child.Env = append(os.Environ(), "PROXY_TEST=child", "HTTP_PROXY="+proxy.URL, "http_proxy=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if proxy.hits.Load() != 1 {
		t.Errorf("the proxy saw %d requests, want 1", proxy.hits.Load())
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	e := failure(t, client(t, Config{Base: "http://127.0.0.1:1", Attempts: 1}).JSON(background(t), Request{Path: "x"}, nil), Refused)
	if e.Sent || !strings.Contains(e.Error(), "no connection") || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("got %v", e)
	}
	e = failure(t, client(t, Config{Base: "http://mlflow.invalid", Attempts: 1}).JSON(background(t), Request{Path: "x"}, nil), DNS)
	if e.Sent || !strings.Contains(e.Error(), `resolve host "mlflow.invalid"`) {
		t.Errorf("got %v", e)
	}
}
