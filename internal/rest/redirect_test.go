package rest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedirect_NotFollowed(t *testing.T) {
	elsewhere := serve(t, jsonAnswer(200, `{"ok": true}`))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for target, location := range map[string]string{
			"the same host":    "/login?token=abc",
			"another host":     elsewhere.URL + "/login?token=abc",
			"another scheme":   "https://" + strings.TrimPrefix(elsewhere.URL, "http://") + "/login",
			"another protocol": "ftp://mlflow.example/x",
			"nothing":          "",
			"garbage":          "http://[::1",
		} {
			for _, method := range []string{"GET", "POST"} {
				t.Run(fmt.Sprintf("%d to %s after %s", status, target, method), func(t *testing.T) {
					s := serve(t, func(w http.ResponseWriter, r *http.Request) {
						if location != "" {
							w.Header().Set("Location", location)
						}
						w.WriteHeader(status)
					})
					req := Request{Method: method, Path: "x", Class: Write}
					if method == "POST" {
						req.Body = map[string]string{"alias": "champion"}
					}
					c := client(t, Config{Base: s.URL, Header: http.Header{"Authorization": {"Bearer secret"}}})
					e := failure(t, c.JSON(background(t), req, nil), Redirect)
					if s.hits.Load() != 1 || elsewhere.hits.Load() != 0 {
						t.Errorf("%d requests to the server, %d to the other one; want 1 and 0", s.hits.Load(),
							elsewhere.hits.Load())
					}
					if e.Status != status || strings.Contains(e.Error()+e.Location, "abc") {
						t.Errorf("got %v (location %q)", e, e.Location)
					}
				})
			}
		}
	}
}

func TestRedirect_NamesOrigin(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://login.example:8443/realms/x?client_id=1", http.StatusFound)
	})
	e := failure(t, client(t, Config{Base: s.URL}).JSON(background(t), Request{Path: "x"}, nil), Redirect)
	if e.Location != "https://login.example:8443" ||
		!strings.Contains(e.Error(), "302: redirect to https://login.example:8443, not followed") {
		t.Errorf("got location %q: %v", e.Location, e)
	}
}

// A library may use the transport in a client of its own. go-github does this to add a token to every request.
func TestRedirect_WrappedTransport(t *testing.T) {
	elsewhere := serve(t, jsonAnswer(200, `{}`))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	c := client(t, Config{Base: s.URL})
	for name, hc := range map[string]*http.Client{
		"ours":                          c.HTTPClient(),
		"a client around the transport": {Transport: c.HTTPClient().Transport},
	} {
		resp, err := hc.Post(s.URL, "text/plain", strings.NewReader("x"))
		if err == nil {
			io.Copy(io.Discard, resp.Body)
		}
		e := failure(t, err, Redirect)
		if elsewhere.hits.Load() != 0 || e.Location != elsewhere.URL {
			t.Errorf("%s: %d requests to the other server, error %v", name, elsewhere.hits.Load(), err)
		}
	}
}

func TestWithSecretURL(t *testing.T) {
	s := serve(t, answered(503, "text/plain", "no"))
	var notes []string
	c := client(t, Config{
		Base:     s.URL,
		Attempts: 2,
		Notify:   func(r Retry) { notes = append(notes, r.URL, r.Cause.URL) },
	})
	req, err := http.NewRequestWithContext(WithClass(WithSecretURL(background(t)), Write), "POST",
		s.URL+"/services/secret?sig=secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if diff := cmp.Diff([]string{s.URL, s.URL}, notes); diff != "" {
		t.Error(diff)
	}
}
