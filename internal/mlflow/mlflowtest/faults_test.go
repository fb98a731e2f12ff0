package mlflowtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// seen is what a caller observes when it sends a request.
type seen struct {
	status int
	body   string
	err    error
}

func send(client *http.Client, method, url, body string) seen {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return seen{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return seen{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return seen{resp.StatusCode, string(b), err}
}

func post(client *http.Client, base, path, body string) seen {
	return send(client, http.MethodPost, base+wire.API+path, body)
}

func status(code int) func(seen) bool {
	return func(s seen) bool { return s.err == nil && s.status == code }
}

func says(code int, words string) func(seen) bool {
	return func(s seen) bool { return s.err == nil && s.status == code && strings.Contains(s.body, words) }
}

func fails(with error) func(seen) bool {
	return func(s seen) bool { return errors.Is(s.err, with) }
}

// faultCases lists, for each fault, what the caller sees when it creates a version, and how many versions exist
// afterwards.
var faultCases = []struct {
	fault    faults.Fault
	sees     func(seen) bool
	versions int
}{
	{faults.Fault{Kind: faults.Reset}, fails(syscall.ECONNRESET), 0},
	{faults.Fault{Kind: faults.Reset, After: true}, fails(syscall.ECONNRESET), 1},
	{faults.Fault{Kind: faults.Hold}, fails(context.DeadlineExceeded), 0},
	{faults.Fault{Kind: faults.Hold, After: true}, fails(context.DeadlineExceeded), 1},
	{faults.Fault{Kind: faults.Hold, Delay: 20 * time.Millisecond}, fails(syscall.ECONNRESET), 0},
	{faults.Fault{Kind: faults.Late, Delay: time.Hour}, fails(syscall.ECONNRESET), 0},
	{faults.Fault{Kind: faults.Twice}, says(200, `"version": "2"`), 2},
	{faults.Fault{Kind: faults.Status, Status: 503, Header: http.Header{"Retry-After": {"3"}}}, status(503), 0},
	{
		faults.Fault{Kind: faults.Status, Status: 502, After: true, Body: "<html><title>Bad gateway</title></html>"},
		says(502, "Bad gateway"),
		1,
	},
	{
		faults.Fault{Kind: faults.Status, Status: 500, Body: `{"error_code":"INTERNAL_ERROR","message":"no"}`},
		says(500, "INTERNAL_ERROR"),
		0,
	},
	{faults.Fault{Kind: faults.Truncate}, fails(io.ErrUnexpectedEOF), 1},
	{faults.Fault{Kind: faults.Garble}, func(s seen) bool {
		return s.status == 200 && strings.HasPrefix(s.body, "{") && !strings.HasSuffix(s.body, "}")
	}, 1},
	{
		faults.Fault{Kind: faults.Bomb},
		func(s seen) bool { return s.status == 200 && len(s.body) == 1<<20 && strings.TrimSpace(s.body) == "" },
		0,
	},
	{faults.Fault{Kind: faults.Redirect}, status(302), 0},
	{
		faults.Fault{Kind: faults.Redirect, Status: 307, After: true, Header: http.Header{"Location": {"http://elsewhere.example/"}}},
		status(307),
		1,
	},
	{faults.Fault{Kind: faults.SlowHeader, Delay: 20 * time.Millisecond}, says(200, `"version": "1"`), 1},
	{faults.Fault{Kind: faults.SlowHeader, Delay: time.Minute}, fails(context.DeadlineExceeded), 1},
	{faults.Fault{Kind: faults.SlowBody, Delay: 20 * time.Millisecond}, says(200, `"version": "1"`), 1},
	{faults.Fault{Kind: faults.SlowBody, Delay: time.Hour}, fails(context.DeadlineExceeded), 1},
	{faults.Fault{Kind: faults.LoginPage}, says(200, "<title>Sign in</title>"), 0},
	{faults.Fault{Kind: faults.InvalidHost}, says(403, "Invalid Host header"), 0},
}

// noRedirects stops the client from following redirects, so that a test can see them.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func versionsOf(s *Server, name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.state.Spaces[state.DefaultWorkspace].Models[name].Versions)
}

func TestFaults(t *testing.T) {
	for _, c := range faultCases {
		name := fmt.Sprintf(
			"%s after=%t delay=%s status=%d", c.fault.Kind, c.fault.After, c.fault.Delay, c.fault.Status,
		)
		check := func(t *testing.T, s *Server, base string, client *http.Client) {
			s.AddModel(seed.Model{Name: "churn"})
			c.fault.Method, c.fault.Path = http.MethodPost, "model-versions/create"
			s.Fault(c.fault)
			got := post(client, base, "model-versions/create", `{"name":"churn","source":"s3://bucket/key"}`)
			if !c.sees(got) {
				t.Errorf("the caller sees %d %.300q, error %v", got.status, got.body, got.err)
			}
			if n := versionsOf(s, "churn"); n != c.versions {
				t.Errorf("%d versions, want %d", n, c.versions)
			}
			if n := len(s.Writes()); n != c.versions {
				t.Errorf("%d writes recorded, want %d", n, c.versions)
			}
		}
		t.Run("in process/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New("3.17.2")
				check(t, s, "http://localhost", &http.Client{Transport: s.Transport(), CheckRedirect: noRedirects})
			})
		})
		t.Run("over a socket/"+name, func(t *testing.T) {
			t.Parallel()
			s := New("3.17.2")
			srv := httptest.NewServer(s)
			defer srv.Close()
			client := srv.Client()
			client.CheckRedirect = noRedirects
			check(t, s, srv.URL, client)
		})
	}
}

func TestFaults_AllKindsTried(t *testing.T) {
	for _, k := range faults.Kinds() {
		if k == faults.Overlap {
			continue // tested in TestOverlap
		}
		if !slices.ContainsFunc(faultCases, func(c struct {
			fault    faults.Fault
			sees     func(seen) bool
			versions int
		}) bool {
			return c.fault.Kind == k
		}) {
			t.Errorf("no case for %q", k)
		}
	}
}

func TestFaults_CountMatches(t *testing.T) {
	s := New("3.17.2")
	client := &http.Client{Transport: s.Transport()}
	s.Fault(faults.Fault{Method: "GET", Path: "/api/*/mlflow/experiments/get", Nth: 2, Kind: faults.Status, Status: 503})
	s.Fault(faults.Fault{Path: "experiments/get", Nth: 3, Kind: faults.Status, Status: 502})
	var got []int
	for range 4 {
		got = append(got, send(client, "GET", "http://localhost"+wire.API+"experiments/get?experiment_id=0", "").status)
	}
	if diff := cmp.Diff([]int{200, 503, 502, 200}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.Fault(faults.Fault{Path: "experiments/get", Kind: faults.Status, Status: 500})
	s.ClearFaults()
	if got := send(client, "GET", "http://localhost"+wire.API+"experiments/get?experiment_id=0", "").status; got != 200 {
		t.Errorf("%d after the faults were cleared", got)
	}
}

func TestFault_Late(t *testing.T) {
	create := `{"name":"churn","source":"s3://bucket/key"}`
	for name, c := range map[string]struct {
		fault faults.Fault
		then  func(*Server, func())
	}{
		"after a time":           {faults.Fault{Delay: time.Minute}, func(_ *Server, read func()) { time.Sleep(time.Minute); read() }},
		"after the next request": {faults.Fault{Skip: 1}, func(_ *Server, read func()) { read(); read() }},
		"when Land is called":    {faults.Fault{Delay: time.Hour}, func(s *Server, _ func()) { s.Land() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New("3.17.2")
				s.AddModel(seed.Model{Name: "churn"})
				client := &http.Client{Transport: s.Transport()}
				c.fault.Path, c.fault.Kind, c.fault.Nth = "model-versions/create", faults.Late, 1
				s.Fault(c.fault)
				if got := post(client, "http://localhost", "model-versions/create", create); !errors.Is(
					got.err, syscall.ECONNRESET,
				) {
					t.Fatalf("the caller sees %v", got)
				}
				if n := versionsOf(s, "churn"); n != 0 {
					t.Fatalf("%d versions at once", n)
				}
				c.then(s, func() { send(client, "GET", "http://localhost"+wire.API+"registered-models/get?name=churn", "") })
				if n := versionsOf(s, "churn"); n != 1 {
					t.Errorf("%d versions at the end, want 1", n)
				}
				if n := s.Land(); n != 0 {
					t.Errorf("%d still in flight", n)
				}
			})
		})
	}
}

// Two moves to Production with archiving leave two versions there, as on real servers.
func TestOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("3.17.2")
		s.AddModel(seed.Model{Name: "churn", Versions: []seed.Version{
			{Source: "s3://bucket/1", Stage: "Production"}, {Source: "s3://bucket/2"}, {Source: "s3://bucket/3"},
		}})
		s.Fault(faults.Fault{Path: "transition-stage", Kind: faults.Overlap, Nth: 1})
		client := &http.Client{Transport: s.Transport()}
		var both sync.WaitGroup
		for i, version := range []string{"2", "3"} {
			both.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				body := `{"name":"churn","version":"` + version + `","stage":"Production","archive_existing_versions":true}`
				if got := post(client, "http://localhost", "model-versions/transition-stage", body); got.status != 200 {
					t.Errorf("version %s: %v", version, got)
				}
			})
		}
		both.Wait()
		var stages []string
		for _, v := range s.state.Spaces[state.DefaultWorkspace].Models["churn"].Versions {
			stages = append(stages, v.Stage)
		}
		if diff := cmp.Diff([]string{"Archived", "Production", "Production"}, stages); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// An overlapping move continues on its own if no other move arrives within a minute.
func TestOverlap_Alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("3.17.2")
		s.AddModel(
			seed.Model{
				Name:     "churn",
				Versions: []seed.Version{{Source: "s3://bucket/1", Stage: "Production"}, {Source: "s3://bucket/2"}},
			},
		)
		s.Fault(faults.Fault{Path: "transition-stage", Kind: faults.Overlap, Delay: time.Second})
		client := &http.Client{Transport: s.Transport()}
		post(
			client,
			"http://localhost",
			"model-versions/transition-stage",
			`{"name":"churn","version":"2","stage":"Production","archive_existing_versions":true}`,
		)
		if got := s.state.Spaces[state.DefaultWorkspace].Models["churn"].Versions[0].Stage; got != "Archived" {
			t.Errorf("the earlier version is in %s", got)
		}
	})
}
