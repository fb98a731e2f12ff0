package github

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

func TestNew_Invalid(t *testing.T) {
	good := Config{API: "https://api.github.com", Token: token, Repository: repo}
	for sentence, change := range map[string]func(*Config){
		"no token":                          func(c *Config) { c.Token = "" },
		"no repository":                     func(c *Config) { c.Repository = "" },
		"a repository that leaves the path": func(c *Config) { c.Repository = "acme/.." },
		"a repository with a path":          func(c *Config) { c.Repository = "acme/churn/x" },
		"no address":                        func(c *Config) { c.API = "" },
		"an address without a host":         func(c *Config) { c.API = "https:///api/v3" },
		"an address with a password": func(c *Config) {
			c.API = "https://ann:secret@github.acme.example/api/v3"
		},
		"an address with a query":        func(c *Config) { c.API = "https://github.acme.example/api/v3?x=1" },
		"an address with another scheme": func(c *Config) { c.API = "ftp://github.acme.example/api/v3" },
		"the cloud's metadata address":   func(c *Config) { c.API = "https://169.254.169.254/" },
		"a token with a line break":      func(c *Config) { c.Token = "abc\ndef" },
	} {
		t.Run(sentence, func(t *testing.T) {
			c := good
			change(&c)
			_, err := New(c, rest.Config{})
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "abc") {
				t.Errorf("error shows a secret: %v", err)
			}
		})
	}
}

func TestNew_PlainHTTP(t *testing.T) {
	c, err := New(Config{
		API:        "http://github.acme.example/api/v3",
		Token:      token,
		Repository: repo,
	}, rest.Config{Transport: noRequests(t)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.RunCompleted(t.Context(), 1, 0)
	if registry.ReasonOf(err) != registry.BadInput {
		t.Errorf("got %v", errorText(err))
	}
}

func noRequests(t *testing.T) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		return nil, net.ErrClosed
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClient_Addresses(t *testing.T) {
	want := map[string][]string{
		"github.com":     {"/repos/acme/churn/actions/runs/7", "/repos/acme/churn/issues/12/comments", "/graphql"},
		"data residency": {"/repos/acme/churn/actions/runs/7", "/repos/acme/churn/issues/12/comments", "/graphql"},
		"Enterprise": {
			"/api/v3/repos/acme/churn/actions/runs/7",
			"/api/v3/repos/acme/churn/issues/12/comments",
			"/api/graphql",
		},
	}
	onEach(t, func() githubtest.Repository {
		return githubtest.Repository{
			Name: repo, Runs: []*githubtest.Run{{ID: 7}},
			Pulls: []*githubtest.Pull{
				{Number: 12, Comments: []*githubtest.Comment{{Author: bot, Body: marker("k") + "\nhi"}}},
			},
		}
	}, func(s *testEnv) {
		_, err := s.client.RunCompleted(s.Context(), 7, 0)
		s.ok(err)
		_, ok, err := s.client.Commented(s.Context(), 12, "k")
		s.ok(err)
		if !ok {
			s.Error("our comment was not found")
		}
		var got []string
		for _, r := range s.double.Requests() {
			got = append(got, r.Path)
			if r.Header.Get("X-Github-Api-Version") != "2022-11-28" ||
				r.Header.Get("Authorization") != "Bearer "+token {
				s.Errorf("%s: got headers %v", r.Path, r.Header)
			}
		}
		name := s.Name()[strings.LastIndex(s.Name(), "/")+1:]
		if diff := cmp.Diff(want[strings.ReplaceAll(name, "_", " ")], got); diff != "" {
			s.Error(diff)
		}
	})
}

// This test and the next one use real sockets, because a redirect cannot be followed without them.
func TestClient_NoRedirect(t *testing.T) {
	var elsewhere atomic.Int64
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	go func() {
		for {
			conn, err := foreign.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, conn)
			elsewhere.Add(n + 1)
		}
	}()
	for _, status := range []int{301, 302, 303, 307, 308} {
		double := githubtest.New(githubtest.Enterprise())
		double.Add(githubtest.Repository{Name: repo, Pulls: []*githubtest.Pull{{Number: 12}}})
		double.Fault(githubtest.Fault{
			Path:   "*",
			Kind:   githubtest.Redirect,
			Status: status,
			Header: http.Header{"Location": {"http://" + foreign.Addr().String() + "/"}},
		})
		double.Fault(githubtest.Fault{
			Path:   "comments",
			Kind:   githubtest.Redirect,
			Status: status,
			Header: http.Header{"Location": {"http://" + foreign.Addr().String() + "/"}},
		})
		server := httptest.NewServer(double)
		defer server.Close()
		c, err := New(Config{
			API:        server.URL + "/api/v3",
			Token:      token,
			Repository: repo,
			Pause:      time.Nanosecond,
		}, rest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Comment(t.Context(), 12, "k", "hello", "")
		if err == nil || !strings.Contains(err.Error(), "redirects to http://"+foreign.Addr().String()) {
			t.Errorf("%d: got error %v", status, err)
		}
		if len(double.Requests()) != 1 {
			t.Errorf("%d: got %d requests, want 1", status, len(double.Requests()))
		}
	}
	if elsewhere.Load() != 0 {
		t.Errorf("%d bytes and connections reached another host", elsewhere.Load())
	}
}

func TestBearer_OtherHost(t *testing.T) {
	b := &bearer{host: "api.github.com", token: token, next: noRequests(t)}
	for _, address := range []string{
		"https://github.com/x", "https://api.github.com.evil.example/x", "https://api.github.com:444/x",
		"https://evil.example/",
	} {
		r := httptest.NewRequest("GET", address, nil)
		if _, err := b.RoundTrip(r); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: got error %v", address, err)
		}
	}
}

// everything calls each method once and returns the errors, keyed by method.
func everything(ctx context.Context, c *Client) map[string]error {
	out := map[string]error{}
	unknown := func(why string) error {
		if why == "" {
			return nil
		}
		return fmt.Errorf("%s", why)
	}
	_, out["run"] = c.RunCompleted(ctx, 7, 1)
	_, out["newest attempt"] = c.RunCompleted(ctx, 7, 0)
	out["review"] = unknown(whyUnreadable(c.Review(ctx, ReviewQuery{
		RunID:       7,
		PullRequest: 12,
		Head:        head,
		Commit:      base,
		Starter:     "ann",
	})))
	out["contains"] = unknown(c.Contains(ctx, base, head).Why())
	_, _, out["pull request of"] = c.PullRequestOf(ctx, head)
	_, _, out["pull request at"] = c.PullRequestAt(ctx, repo, "topic", head)
	_, out["comment"] = c.Comment(ctx, 12, "k", "hello", "")
	_, out["comment again"] = c.Comment(ctx, 12, "k", "hello again", "")
	_, _, out["commented"] = c.Commented(ctx, 12, "k")
	made, err := c.Deploy(ctx, Deployment{Ref: head, Environment: "live", Key: "churn@champion", Record: "r1"})
	out["deploy"] = err
	out["deployment status"] = c.DeploymentStatus(ctx, max(made.ID, 1), Status{
		State:  InProgress,
		LogURL: "https://github.com/acme/churn/actions/runs/7",
	})
	out["deactivate"] = c.Deactivate(ctx, "live", "churn@champion", 0, "replaced")
	out["dispatch"] = c.Dispatch(ctx, "", "promoted", map[string]string{"model": "churn"})
	out["dispatch workflow"] = c.DispatchWorkflow(ctx, "", "deploy.yml", "main", map[string]string{"model": "churn"})
	_, out["issue"] = c.Issue(ctx, Issue{
		Key:    "audit",
		Title:  "t",
		Body:   "b",
		Labels: []string{"mlflow-audit"},
		Open:   true,
	})
	_, out["issue closed"] = c.Issue(ctx, Issue{Key: "audit", Title: "t", Body: "b", Labels: []string{"mlflow-audit"}})
	return out
}

func fullRepository() githubtest.Repository {
	return githubtest.Repository{
		Name: repo, Workflows: []string{"deploy.yml"},
		Commits: []*githubtest.Commit{
			{SHA: base, Author: "ann", CoAuthors: []string{"dan"}},
			{SHA: head, Author: "bob", Parents: []string{base}},
		},
		Runs: []*githubtest.Run{
			{ID: 7, Attempt: 2, Approvals: []githubtest.Approval{{User: "eve", Environments: []string{"live"}}}},
		},
		Pulls: []*githubtest.Pull{{
			Number: 12, Author: "bob", Head: head, Merge: head, Merged: true,
			Reviews: []githubtest.Review{{User: "joe"}},
			Comments: []*githubtest.Comment{
				{Author: bot, Body: marker("k") + "\nfirst"}, {Author: bot, Body: marker("k") + "\nsecond"},
			},
		}},
		Access: map[string]string{"joe": "write"},
	}
}

func TestClient_AllOperations(t *testing.T) {
	onEach(t, fullRepository, func(s *testEnv) {
		for what, err := range everything(s.Context(), s.client) {
			if err != nil {
				s.Errorf("%s: %v", what, errorText(err))
			}
		}
		s.state(func(r *githubtest.Repository) { r.Pulls[0].Comments = nil }) // so that posting a comment is tested too
		_, err := s.client.Comment(s.Context(), 12, "k", "hello", "")
		s.ok(err)
		used := map[string]bool{}
		for _, r := range s.double.Requests() {
			if op, ok := githubtest.OperationOf(r.Method, strings.TrimPrefix(r.Path, "/api/v3")); ok {
				used[op] = true
			}
		}
		for _, op := range githubtest.Operations() {
			if !used[op] {
				s.Errorf("%s is never used", op)
			}
		}
	})
}

func TestExplain(t *testing.T) {
	cases := map[string]struct {
		fault  string
		reason registry.Reason
		msg    string // the error's text after "read workflow run 7: "
		hint   string // part of the hint
	}{
		"an expired token": {
			"* runs/7 401 body={\"message\": \"Bad credentials\"}",
			registry.Unauthorized,
			"github rejected the token (401): Bad credentials",
			"github-token",
		},
		"a missing permission": {
			"* runs/7 forbidden",
			registry.Forbidden,
			"the token is not allowed to do this (403): Resource not accessible by integration; the token needs " +
				"`actions: read`",
			"permissions:\n  contents: read\n  actions: read",
		},
		"not found": {
			"* runs/7 404 body={\"message\": \"Not Found\"}",
			registry.Forbidden,
			"this does not exist on github, or the token is not allowed to see it (404); the token needs `actions: read`",
			"actions: read",
		},
		"a disabled feature": {
			"* runs/7 410 body={\"message\": \"Issues are disabled for this repo\"}",
			registry.Unsupported,
			"this is disabled in the repository (410): Issues are disabled for this repo",
			"",
		},
		"an invalid request": {
			"* runs/7 422 body={\"message\": \"Validation Failed\", \"errors\": [{\"field\": \"body\", \"code\": " +
				"\"missing\"}, {\"message\": \"too long\"}]}",
			registry.ServerError,
			"github responded with 422: Validation Failed; body missing; too long",
			"",
		},
		"a failing server": {
			"* runs/7 500 body=oops",
			registry.ServerError,
			"github responded with 500: internal server error",
			"",
		},
		"a login page": {
			"* runs/7 login",
			registry.ServerError,
			"the response is not from github's api: invalid character '<' looking for beginning of value",
			"proxy",
		},
		"an empty response": {
			"* runs/7 200",
			registry.ServerError,
			"the response is not from github's api: EOF",
			"proxy",
		},
		"null": {
			"* runs/7 200 body=null",
			registry.ServerError,
			"the response is not from github's api: null",
			"proxy",
		},
		"two values": {
			"* runs/7 200 body={}{}",
			registry.ServerError,
			"the response is not from github's api: more than one value",
			"proxy",
		},
		"a broken connection": {
			"* runs/7 reset",
			registry.Unreachable,
			"the connection to github failed",
			"run it again",
		},
		"a redirect": {
			"* runs/7 redirect",
			registry.ServerError,
			"github redirects to https://elsewhere.example; redirects are not followed",
			"renamed or moved",
		},
		"hostile text": {
			"* runs/7 422 body={\"message\": \"a\\n::error::b\\u001b[31m\\u202e\"}",
			registry.ServerError,
			"github responded with 422: a ::error::b [31m",
			"",
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
				s.fault(c.fault)
				done, err := s.client.RunCompleted(s.Context(), 7, 0)
				e := s.reason(err, c.reason)
				if done {
					s.Error("the run counts as completed")
				}
				if diff := cmp.Diff("read workflow run 7: "+c.msg, e.Msg); diff != "" {
					s.Error(diff)
				}
				if !strings.Contains(e.Hint, c.hint) || e.Hint == "" && c.hint != "" {
					s.Errorf("hint %q does not contain %q", e.Hint, c.hint)
				}
				if !strings.HasPrefix(e.Detail, "GET https://api.github.com/repos/acme/churn/actions/runs/7") {
					s.Errorf("got detail %q", e.Detail)
				}
			})
		})
	}
}

func TestErrors_HideToken(t *testing.T) {
	for _, fault := range []string{
		"* * reset", "* * forbidden", "* * secondary", "* * redirect", "* * login", "* * 401 body={}", "* * 404",
		"* * 422 body=[]", "* * 429 retry-after=1",
		"* * 500", "* * 502", "* * 503 retry-after=90", "* * 202 body={}", "* * 200", "* * 200 body=[]",
		"* * 200 body={\"id\": \"x\"}",
	} {
		t.Run(fault, func(t *testing.T) {
			withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
				for _, end := range []string{
					"/7",
					"/1",
					"approvals",
					base,
					"compare/" + base + "..." + head,
					"pulls",
					"comments",
					"deployments",
					"statuses",
					"dispatches",
					"issues",
					"graphql",
					"/12",
				} {
					s.fault(strings.Replace(fault, "* *", "* "+end, 1))
				}
				failed := 0
				for what, err := range everything(s.Context(), s.client) {
					if err == nil {
						continue
					}
					failed++
					if text := errorText(err) + fmt.Sprintf("%+v", err); strings.Contains(text, "canary") {
						s.Errorf("%s: the token is in %s", what, text)
					}
					if strings.Contains(what, "review") || strings.Contains(what, "contains") {
						continue // an unreadable fact contains a sentence, not a reason
					}
					if registry.ReasonOf(err) == registry.OK {
						s.Errorf("%s: error without a reason: %v", what, err)
					}
				}
				if failed < 5 {
					s.Errorf("only %d calls failed", failed)
				}
			})
		})
	}
}

// limited makes the first requests fail with GitHub's response to a client that has reached a rate limit.
func limited(s *testEnv, times int, f githubtest.Fault) {
	for n := 1; n <= times; n++ {
		f.Nth = n
		s.double.Fault(f)
	}
}

func TestLimits(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // the time at which every bubble starts
	unix := func(d time.Duration) string { return fmt.Sprint(start.Add(d).Unix()) }
	header := func(kv ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	cases := map[string]struct {
		times  int
		fault  githubtest.Fault
		waited time.Duration // the minimum wait; the maximum is one minute more
		gives  bool          // whether the client gives up
	}{
		"429 with Retry-After": {
			1,
			githubtest.Fault{Kind: githubtest.Status, Status: 429, Header: header("Retry-After", "20")},
			20 * time.Second,
			false,
		},
		"429 until a time": {1, githubtest.Fault{
			Kind:   githubtest.Status,
			Status: 429,
			Header: header("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", unix(30*time.Second)),
		}, 30 * time.Second, false},
		"429 without a header": {
			1,
			githubtest.Fault{Kind: githubtest.Status, Status: 429},
			time.Minute,
			false,
		},
		"403 with Retry-After": {
			1,
			githubtest.Fault{Kind: githubtest.Secondary, Header: header("Retry-After", "5")},
			5 * time.Second,
			false,
		},
		"403 without a known message": {1, githubtest.Fault{
			Kind:   githubtest.Status,
			Status: 403,
			Header: header("Retry-After", "7"),
			Body:   `{"message": "slow down"}`,
		}, 7 * time.Second, false},
		"403 secondary without a header": {1, githubtest.Fault{Kind: githubtest.Secondary}, time.Minute, false},
		"403 primary until a time": {1, githubtest.Fault{
			Kind:   githubtest.Status,
			Status: 403,
			Header: header("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", unix(40*time.Second)),
			Body:   `{"message": "API rate limit exceeded"}`,
		}, 40 * time.Second, false},
		"twice": {
			2,
			githubtest.Fault{Kind: githubtest.Status, Status: 429, Header: header("Retry-After", "10")},
			20 * time.Second,
			false,
		},
		"every time": {
			9,
			githubtest.Fault{Kind: githubtest.Status, Status: 429, Header: header("Retry-After", "10")},
			20 * time.Second,
			true,
		},
		"a limit that ends in an hour": {1, githubtest.Fault{
			Kind:   githubtest.Status,
			Status: 403,
			Header: header("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", unix(time.Hour)),
			Body:   `{"message": "API rate limit exceeded"}`,
		}, 0, true},
		"a secondary limit of five minutes": {
			1,
			githubtest.Fault{Kind: githubtest.Secondary, Header: header("Retry-After", "300")},
			0,
			true,
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
				c.fault.Path = "dispatches"
				limited(s, c.times, c.fault)
				before := time.Now()
				err := s.client.Dispatch(s.Context(), "", "promoted", map[string]string{})
				waited := time.Since(before)
				if waited < c.waited || waited > c.waited+time.Minute {
					s.Errorf("waited %s, want %s", waited, c.waited)
				}
				switch {
				case !c.gives:
					s.ok(err)
					if n := len(s.double.Events()); n != 1 {
						s.Errorf("got %d events, want 1", n)
					}
				default:
					e := s.reason(err, registry.ServerError)
					if !strings.Contains(e.Msg, "github's rate limit has been reached") || e.Hint == "" {
						s.Errorf("got %s\n%s", e.Msg, e.Hint)
					}
				}
			})
		})
	}
}

func TestLimits_BeyondDeadline(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		s.fault("POST dispatches 429 retry-after=30")
		ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
		defer cancel()
		before := time.Now()
		e := s.reason(s.client.Dispatch(ctx, "", "promoted", map[string]string{}), registry.ServerError)
		if time.Since(before) > 0 || !strings.Contains(e.Msg, "resets in 31s") {
			s.Errorf("after %s: got %s", time.Since(before), e.Msg)
		}
	})
}

// The transport already sends a read up to five times. The client must not retry it on top of that.
func TestLimits_Reading(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		s.fault("GET runs/7 429 retry-after=1")
		_, err := s.client.RunCompleted(s.Context(), 7, 0)
		s.reason(err, registry.ServerError)
		if n := len(s.double.Requests()); n != 5 {
			s.Errorf("got %d requests, want 5", n)
		}
	})
}

// If the request cannot have been sent, the write has certainly not happened. Otherwise, its outcome is unknown.
func TestWrite_UnknownOutcome(t *testing.T) {
	refuse := roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	})
	hang := roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for sentence, c := range map[string]struct {
		transport http.RoundTripper
		want      registry.Reason
	}{"no connection": {refuse, registry.Unreachable}, "no response before the deadline": {hang, registry.Unknown}} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := New(Config{
					API:        "https://api.github.com",
					Token:      token,
					Repository: repo,
				}, rest.Config{Transport: c.transport})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := client.Dispatch(ctx, "", "promoted", map[string]string{}); registry.ReasonOf(err) != c.want {
					t.Errorf("got %v, want %s", errorText(err), c.want)
				}
			})
		})
	}
}

func TestComment_Cancelled(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		s.state(func(r *githubtest.Repository) { r.Pulls[0].Comments = nil })
		s.fault("POST comments reset")
		ctx, cancel := context.WithTimeout(s.Context(), time.Millisecond)
		defer cancel()
		_, err := s.client.Comment(ctx, 12, "k", "hello", "")
		s.reason(err, registry.Unknown)
		if n := len(s.double.Requests()); n != 2 {
			s.Errorf("got %d requests, want one read and one post", n)
		}
	})
}

func TestWrites_Pause(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		done := make(chan error)
		for i := range 5 {
			go func() { done <- s.client.Dispatch(s.Context(), "", fmt.Sprint("event", i), map[string]string{}) }()
		}
		for range 5 {
			s.ok(<-done)
		}
		for i := 1; i < len(s.sent); i++ {
			if gap := s.sent[i].Sub(s.sent[i-1]); gap < time.Second {
				s.Errorf("write %d came %s after the previous one", i+1, gap)
			}
		}
		if len(s.sent) != 5 {
			s.Errorf("got %d writes, want 5", len(s.sent))
		}
	})
}

func TestWrites_CancelledWhileWaiting(t *testing.T) {
	withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
		s.ok(s.client.Dispatch(s.Context(), "", "one", map[string]string{}))
		ctx, cancel := context.WithTimeout(s.Context(), time.Millisecond)
		defer cancel()
		err := s.client.Dispatch(ctx, "", "two", map[string]string{})
		s.reason(err, registry.Unreachable) // the outcome is known: the request was never sent
		if n := len(s.double.Events()); n != 1 {
			s.Errorf("got %d events, want 1", n)
		}
	})
}

func TestList_BadLinks(t *testing.T) {
	for sentence, link := range map[string]string{
		"to itself":              `<https://api.github.com/x?page=1>; rel="next"`,
		"to a distant page":      `<https://api.github.com/x?page=900>; rel="next"`,
		"to a page and a cursor": `<https://api.github.com/x?page=1&after=abc>; rel="next"`,
		"to a cursor":            `<https://api.github.com/x?after=abc>; rel="next"`,
		"nowhere":                `<https://api.github.com/x>; rel="next"`,
	} {
		t.Run(sentence, func(t *testing.T) {
			withAPI(t, "github.com", fullRepository, nil, func(s *testEnv) {
				s.double.Fault(githubtest.Fault{
					Path:   "comments",
					Kind:   githubtest.Status,
					Status: 200,
					Body:   "[]",
					Header: http.Header{"Link": {link}},
				})
				_, _, err := s.client.Commented(s.Context(), 12, "k")
				s.reason(err, registry.ServerError)
				if n := len(s.double.Requests()); n != 1 {
					s.Errorf("got %d requests", n)
				}
			})
		})
	}
}

func TestList_TooLong(t *testing.T) {
	page := 0
	huge := roundTrip(func(r *http.Request) (*http.Response, error) {
		page++
		body := `[{"body": "` + strings.Repeat("x", 8<<20-100) + `"}]`
		link := fmt.Sprintf(`<https://api.github.com/x?page=%d>; rel="next"`, page+1)
		return &http.Response{
			StatusCode: 200,
			Header:     http.Header{"Content-Type": {"application/json"}, "Link": {link}},
			Body:       io.NopCloser(strings.NewReader(body)),
			Request:    r,
		}, nil
	})
	c, err := New(Config{API: "https://api.github.com", Token: token, Repository: repo}, rest.Config{Transport: huge})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Commented(t.Context(), 12, "k")
	if registry.ReasonOf(err) != registry.ServerError || !strings.Contains(err.Error(), "larger than 64 MiB") ||
		page > 10 {
		t.Errorf("after %d pages: got error %v", page, err)
	}
}

func TestClient_CachesLogin(t *testing.T) {
	tokens := map[string]githubtest.Token{token: {Login: "release-bot[bot]"}}
	withAPI(t, "github.com", fullRepository, tokens, func(s *testEnv) {
		s.state(func(r *githubtest.Repository) {
			r.Pulls[0].Comments = []*githubtest.Comment{{Author: "ann", Body: "no marker"}}
		})
		for range 3 {
			_, err := s.client.Comment(s.Context(), 12, "k", "hello", "")
			s.ok(err)
		}
		asked := slices.DeleteFunc(s.double.Requests(), func(r githubtest.Request) bool { return r.Path != "/graphql" })
		if len(asked) != 1 {
			s.Errorf("asked for the login %d times, want 1", len(asked))
		}
		s.state(func(r *githubtest.Repository) {
			if n := len(r.Pulls[0].Comments); n != 2 {
				s.Errorf("got %d comments, want 2", n)
			}
		})
	})
}

func TestClient_DefaultLogin(t *testing.T) {
	for _, fault := range []string{
		"POST graphql 404", "POST graphql forbidden",
		"POST graphql 200 body={\"errors\": [{\"message\": \"no\"}], \"data\": null}",
	} {
		withAPI(t, "Enterprise", fullRepository, nil, func(s *testEnv) {
			s.fault(fault)
			body, ok, err := s.client.Commented(s.Context(), 12, "k")
			s.ok(err)
			if !ok || body != "second" {
				s.Errorf("%s: got %q, %v", fault, body, ok)
			}
		})
	}
}

// docs/github.md states the number of requests. GitHub allows each job 1,000 requests an hour.
func TestClient_RequestsOfAPromotion(t *testing.T) {
	repository := func() githubtest.Repository {
		r := fullRepository()
		earlier := ours("churn@champion", "r7", "success")
		r.Deployments = []*githubtest.Deployment{&earlier}
		return r
	}
	withAPI(t, "github.com", repository, nil, func(s *testEnv) {
		pr, ok, err := s.client.PullRequestOf(s.Context(), head)
		s.ok(err)
		if !ok {
			s.Fatal("no pull request")
		}
		if why := s.client.Contains(s.Context(), base, head).Why(); why != "" {
			s.Fatal(why)
		}
		if why := whyUnreadable(s.client.Review(s.Context(), ReviewQuery{
			RunID:       7,
			PullRequest: pr.Number,
			Head:        pr.Head,
			Commit:      base,
			Starter:     "ann",
		})); why != "" {
			s.Fatal(why)
		}
		_, _, err = s.client.Commented(s.Context(), pr.Number, "k")
		s.ok(err)
		made, err := s.client.Deploy(s.Context(), champion)
		s.ok(err)
		s.ok(s.client.DeploymentStatus(s.Context(), made.ID, Status{State: InProgress}))
		s.ok(s.client.DeploymentStatus(s.Context(), made.ID, Status{State: Success}))
		s.ok(s.client.Deactivate(s.Context(), champion.Environment, champion.Key, made.ID, "replaced"))
		s.ok(s.client.Dispatch(s.Context(), "", "promoted", map[string]string{}))
		n := len(s.double.Requests())
		t.Logf("%d requests", n)
		if n < 15 || n > 22 {
			s.Errorf("got %d requests, want 15 to 22", n)
		}
	})
}
