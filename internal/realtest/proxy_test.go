package realtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProxy_CountsRequests(t *testing.T) {
	both := make(chan struct{}, 2)
	release := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/together" {
			both <- struct{}{}
			<-release
		}
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	defer upstream.Close()
	proxy, err := CountingProxy(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	get := func(path string) {
		resp, err := http.Get(proxy.URL + path)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}

	get("/forgotten")
	proxy.Reset()
	get("/one?a=b")
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { get("/together") })
	}
	<-both
	<-both
	close(release)
	group.Wait()
	get("/missing")

	var seen []Request
	for _, r := range proxy.Requests() {
		seen = append(seen, Request{Method: r.Method, Path: r.Path, Query: r.Query, Status: r.Status})
	}
	want := []Request{
		{Method: "GET", Path: "/one", Query: "a=b", Status: 200},
		{Method: "GET", Path: "/together", Status: 200},
		{Method: "GET", Path: "/together", Status: 200},
		{Method: "GET", Path: "/missing", Status: 404},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got := proxy.Rounds(); got != 3 {
		t.Errorf("got %d rounds, want 3: two requests were on their way together", got)
	}
}
