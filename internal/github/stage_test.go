package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/github/openapitest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

const (
	repo  = "acme/churn"
	token = "canary-token"
	bot   = "github-actions[bot]"

	base = "1111111111111111111111111111111111111111"
	head = "2222222222222222222222222222222222222222"
	side = "3333333333333333333333333333333333333333"
	gone = "4444444444444444444444444444444444444444"
)

// stage is a GitHub and a client of it, in a bubble in which waiting costs nothing.
type stage struct {
	*testing.T
	double *githubtest.Server
	client *Client
	sent   []time.Time // of each write
}

// RoundTrip notes when writes are sent.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/graphql") {
		s.sent = append(s.sent, time.Now())
	}
	return s.double.Transport().RoundTrip(r)
}

// apis are the ones whose descriptions every exchange of these tests is held to.
var apis = map[string]struct {
	address string
	checker *openapitest.Checker
	options []githubtest.Option
}{
	"github.com":     {"https://api.github.com", checker("api.github.com"), nil},
	"data residency": {"https://api.acme.ghe.com", checker("api.github.com"), nil},
	"Enterprise":     {"https://github.acme.example/api/v3", checker("ghes-3.17"), []githubtest.Option{githubtest.Enterprise()}},
}

func checker(api string) *openapitest.Checker {
	c, err := openapitest.New(api)
	if err != nil {
		panic(err)
	}
	return c
}

// onEach plays a test on every kind of GitHub. World may be nil; the tokens are those of a job that may do everything.
func onEach(t *testing.T, world func() githubtest.Repository, play func(*stage)) {
	t.Helper()
	for name := range apis {
		t.Run(name, func(t *testing.T) { on(t, name, world, nil, play) })
	}
}

func on(t *testing.T, api string, world func() githubtest.Repository, tokens map[string]githubtest.Token, play func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := apis[api]
		options := append([]githubtest.Option{githubtest.Checked(a.checker.Check)}, a.options...)
		if tokens != nil {
			options = append(options, githubtest.Tokens(tokens))
		}
		s := &stage{T: t, double: githubtest.New(options...)}
		if world != nil {
			s.double.Add(world())
		} else {
			s.double.Add(githubtest.Repository{Name: repo})
		}
		client, err := New(Config{API: a.address, Token: token, Repository: repo}, rest.Config{Transport: s})
		if err != nil {
			t.Fatal(err)
		}
		s.client = client
		play(s)
		for _, v := range s.double.Violations() {
			t.Error(v)
		}
	})
}

// fault arms what goes wrong.
func (s *stage) fault(line string) {
	s.Helper()
	f, err := githubtest.ParseFault(line)
	if err != nil {
		s.Fatal(err)
	}
	s.double.Fault(f)
}

// state reads the repository as it is now.
func (s *stage) state(look func(*githubtest.Repository)) {
	s.double.Change(repo, look)
}

// wrote lists the writes as METHOD and the end of the path.
func (s *stage) wrote() string {
	var out []string
	for _, w := range s.double.Writes() {
		_, path, _ := strings.Cut(w.Path, "/repos/")
		out = append(out, w.Method+" "+path)
	}
	return strings.Join(out, "\n")
}

func (s *stage) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(told(err))
	}
}

// told is everything of an error that anybody may see.
func told(err error) string {
	var e *registry.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%s\n%s\n%s\n%s\n%v", e.Reason, e.Msg, e.Detail, e.Hint, e.Cause)
}

// reason insists on an error of the kind and returns it.
func (s *stage) reason(err error, want registry.Reason) *registry.Error {
	s.Helper()
	var e *registry.Error
	if !errors.As(err, &e) || e.Reason != want {
		s.Fatalf("got %v, want reason %s", told(err), want)
	}
	return e
}
