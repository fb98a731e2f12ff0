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

// testEnv contains a GitHub double and a client for it. Tests run in a synctest bubble, where waiting takes no time.
type testEnv struct {
	*testing.T
	double *githubtest.Server
	client *Client
	sent   []time.Time // the time of each write
}

// RoundTrip records the time of each write.
func (s *testEnv) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/graphql") {
		s.sent = append(s.sent, time.Now())
	}
	return s.double.Transport().RoundTrip(r)
}

// apis lists the kinds of GitHub servers. In these tests, every request and response is checked against the server's
// OpenAPI description.
var apis = map[string]struct {
	address string
	checker *openapitest.Checker
	options []githubtest.Option
}{
	"github.com":     {"https://api.github.com", checker("api.github.com"), nil},
	"data residency": {"https://api.acme.ghe.com", checker("api.github.com"), nil},
	"Enterprise": {
		"https://github.acme.example/api/v3",
		checker("ghes-3.17"),
		[]githubtest.Option{githubtest.Enterprise()},
	},
}

func checker(api string) *openapitest.Checker {
	c, err := openapitest.New(api)
	if err != nil {
		panic(err)
	}
	return c
}

// onEach runs a test against every kind of GitHub server. repository may be nil. The token has every permission.
func onEach(t *testing.T, repository func() githubtest.Repository, play func(*testEnv)) {
	t.Helper()
	for name := range apis {
		t.Run(name, func(t *testing.T) { withAPI(t, name, repository, nil, play) })
	}
}

func withAPI(
	t *testing.T, api string, repository func() githubtest.Repository, tokens map[string]githubtest.Token,
	play func(*testEnv),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := apis[api]
		options := append([]githubtest.Option{githubtest.Checked(a.checker.Check)}, a.options...)
		if tokens != nil {
			options = append(options, githubtest.Tokens(tokens))
		}
		s := &testEnv{T: t, double: githubtest.New(options...)}
		if repository != nil {
			s.double.Add(repository())
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

// fault adds a fault to the double.
func (s *testEnv) fault(line string) {
	s.Helper()
	f, err := githubtest.ParseFault(line)
	if err != nil {
		s.Fatal(err)
	}
	s.double.Fault(f)
}

// state calls look with the repository's current state.
func (s *testEnv) state(look func(*githubtest.Repository)) {
	s.double.Change(repo, look)
}

// wrote lists the writes, each as METHOD and the end of its path.
func (s *testEnv) wrote() string {
	var out []string
	for _, w := range s.double.Writes() {
		_, path, _ := strings.Cut(w.Path, "/repos/")
		out = append(out, w.Method+" "+path)
	}
	return strings.Join(out, "\n")
}

func (s *testEnv) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(errorText(err))
	}
}

// errorText returns all parts of an error that may be shown.
func errorText(err error) string {
	var e *registry.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%s\n%s\n%s\n%s\n%v", e.Reason, e.Msg, e.Detail, e.Hint, e.Cause)
}

// reason checks that err has the wanted reason, and returns it as a *registry.Error.
func (s *testEnv) reason(err error, want registry.Reason) *registry.Error {
	s.Helper()
	var e *registry.Error
	if !errors.As(err, &e) || e.Reason != want {
		s.Fatalf("got %v, want reason %s", errorText(err), want)
	}
	return e
}
