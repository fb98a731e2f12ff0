package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
)

var apis = []string{"api.github.com", "ghes-3.17"}

func load(t *testing.T, api string) *Checker {
	t.Helper()
	c, err := New(api)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOperations(t *testing.T) {
	for _, api := range apis {
		got := slices.Sorted(slices.Values(githubtest.Operations()))
		if diff := cmp.Diff(load(t, api).Operations(), got); diff != "" {
			t.Errorf("%s: %s", api, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	comment := string(mustFill(t))
	cases := map[string]struct {
		method, path, body string
		status             int
		answer             string
		finds              string // "" means no error
	}{
		"a valid comment": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{"body": "x"}`,
			201,
			comment,
			"",
		},
		"a valid comment, request only": {"POST", "/repos/a/b/issues/1/comments", `{"body": "x"}`, 0, "", ""},
		"a body without a required key": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{}`,
			0,
			"",
			`"body" is missing`,
		},
		"a body with an unknown key": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{"body": "x", "text": "y"}`,
			0,
			"",
			`"text" is unsupported`,
		},
		"a body of another type": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{"body": 7}`,
			0,
			"",
			"must be a string",
		},
		"no body": {"POST", "/repos/a/b/issues/1/comments", ``, 0, "", "request"},
		"an unknown parameter": {
			"GET",
			"/repos/a/b/issues/1/comments?sort=asc",
			``,
			0,
			"",
			`no parameter "sort"`,
		},
		"a parameter of another type": {
			"GET",
			"/repos/a/b/issues/1/comments?page=first",
			``,
			0,
			"",
			"page",
		},
		"an invalid number": {"GET", "/repos/a/b/issues/one/comments", ``, 0, "", "issue_number"},
		"an unknown path":   {"GET", "/repos/a/b/stargazers", ``, 0, "", "no matching operation"},
		"an unknown method": {"PUT", "/repos/a/b/issues/1/comments", `{}`, 0, "", "method"},
		"an unknown state": {
			"POST",
			"/repos/a/b/deployments/1/statuses",
			`{"state": "done"}`,
			0,
			"",
			"allowed values",
		},
		"an event with eleven keys": {
			"POST",
			"/repos/a/b/dispatches",
			`{"event_type": "x", "client_payload": ` +
				`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1}}`,
			0,
			"",
			"properties",
		},
		"a response without a required key": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{"body": "x"}`,
			201,
			`{"id": 1}`,
			"response 201",
		},
		"a response of another type": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{"body": "x"}`,
			201,
			strings.Replace(comment, `"id":1,`, `"id":"1",`, 1),
			"response 201",
		},
		"a success that is not described": {
			"POST",
			"/repos/a/b/issues/1/comments",
			`{"body": "x"}`,
			200,
			comment,
			"response 200",
		},
		"an error that is not described": {
			"GET",
			"/repos/a/b/actions/runs/1/approvals",
			``,
			403,
			`{"message": "no", "documentation_url": "https://docs.github.com"}`,
			"",
		},
		"an error of another structure": {
			"GET",
			"/repos/a/b/actions/runs/1/approvals",
			``,
			403,
			`{"message": 7}`,
			"error",
		},
		"an error that is a page": {
			"GET",
			"/repos/a/b/actions/runs/1/approvals",
			``,
			403,
			`<html>`,
			"error",
		},
		"the path prefix of an Enterprise Server": {"GET", "/api/v3/repos/a/b/actions/runs/1/approvals", ``, 0, "", ""},
	}
	for _, api := range apis {
		checker := load(t, api)
		for sentence, c := range cases {
			t.Run(sentence+" at "+api, func(t *testing.T) {
				r := httptest.NewRequest(c.method, "https://api.github.com"+c.path, strings.NewReader(c.body))
				if c.body != "" {
					r.Header.Set("Content-Type", "application/json")
				}
				header := map[string][]string{"Content-Type": {"application/json; charset=utf-8"}}
				err := checker.Check(r, []byte(c.body), c.status, header, []byte(c.answer))
				switch {
				case c.finds == "" && err != nil:
					t.Error(err)
				case c.finds != "" && (err == nil || !strings.Contains(err.Error(), c.finds)):
					t.Errorf("got %v, want %q", err, c.finds)
				}
			})
		}
	}
}

// mustFill returns a comment with the id 1, as the double sends it.
func mustFill(t *testing.T) []byte {
	t.Helper()
	s := githubtest.New()
	s.Add(githubtest.Repository{Name: "a/b", Pulls: []*githubtest.Pull{{Number: 1}}})
	r := httptest.NewRequest("POST", "https://api.github.com/repos/a/b/issues/1/comments",
		strings.NewReader(`{"body": "x"}`))
	resp, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.Change("a/b", func(repo *githubtest.Repository) {
		id := repo.Pulls[0].Comments[0].ID
		data = bytes.ReplaceAll(data, []byte(`"id":`+fmt.Sprint(id)+`,`), []byte(`"id":1,`))
	})
	return bytes.TrimSpace(data)
}
