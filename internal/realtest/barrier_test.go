package realtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBarrier(t *testing.T) {
	var mu sync.Mutex
	var order []string
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, r.Method)
	}))
	defer upstream.Close()
	b, err := NewBarrier(upstream.URL, 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ask := func(process int, method, path, body string) {
		req, _ := http.NewRequest(method, b.URL(process)+path, strings.NewReader(body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s %s: %s", method, path, resp.Status)
		}
	}
	read := func(process int) { ask(process, "GET", "/api/2.0/mlflow/model-versions/search?filter=x", "") }
	claims := func(process int) {
		ask(process, "POST", "/api/2.0/mlflow/runs/log-batch", `{"params":[{"key":"e000007","value":"x"}]}`)
	}
	moves := func(process int) { ask(process, "POST", "/api/2.0/mlflow/model-versions/transition-stage", "{}") }
	for name, c := range map[string]struct {
		one, other func()
		want       string
		met        bool
	}{
		"both are held until both have read": {
			func() {
				read(0)
				claims(0)
				b.Left(0)
			}, func() { read(1); claims(1); b.Left(1) }, "GET GET POST POST", true,
		},
		"the read may come beside the claim": {
			func() {
				var wg sync.WaitGroup
				wg.Go(func() { claims(0) })
				read(0)
				wg.Wait()
				b.Left(0)
			}, func() { read(1); moves(1); b.Left(1) }, "GET GET POST POST", true,
		},
		"nobody waits for one that has ended": {
			func() { read(0); claims(0); b.Left(0) }, func() { b.Left(1) }, "GET POST", false,
		},
		"later writes pass": {
			func() { read(0); claims(0); b.Left(0) }, func() { b.Left(1); moves(1) }, "", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			order = nil
			b.Begin(2)
			var wg sync.WaitGroup
			wg.Go(c.one)
			wg.Go(c.other)
			wg.Wait()
			if got := strings.Join(order, " "); c.want != "" && got != c.want || b.Met() != c.met {
				t.Errorf("the server saw %s, met %v", got, b.Met())
			}
		})
	}
}
