package githubtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func world() Repository {
	return Repository{
		Name: "acme/churn",
		Commits: []*Commit{
			{SHA: "c1", Author: "ann"},
			{SHA: "c2", Parents: []string{"c1"}},
			{SHA: "c3", Parents: []string{"c1"}},
		},
		Runs:   []*Run{{ID: 7, Attempt: 2, Approvals: []Approval{{User: "eve", Environments: []string{"live"}}}}},
		Pulls:  []*Pull{{Number: 12, Author: "bob", Head: "c2", Reviews: []Review{{User: "eve"}}}},
		Issues: []*Issue{{Number: 13, Author: "ann", Title: "t", Labels: []string{"a", "b"}}},
		Deployments: []*Deployment{
			{ID: 1, SHA: "c1", Environment: "live", Statuses: []DeploymentStatus{{State: "success"}}},
			{ID: 2, SHA: "c1", Environment: "live", Production: true, Statuses: []DeploymentStatus{{State: "success"}}},
		},
		Access: map[string]string{"eve": "write"}, Workflows: []string{"deploy.yml"},
	}
}

// ask sends one request and returns the response's status, body and header.
func ask(t *testing.T, s *Server, method, path, body string) (int, map[string]any, http.Header) {
	t.Helper()
	return askAs(t, s, "x", method, path, body)
}

func askAs(t *testing.T, s *Server, token, method, path, body string) (int, map[string]any, http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, "https://api.github.com"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var list []any
	if json.Unmarshal(data, &list) == nil {
		return resp.StatusCode, map[string]any{"list": list}, resp.Header
	}
	return resp.StatusCode, object(data), resp.Header
}

func TestServer_GitHubsErrors(t *testing.T) {
	long := strings.Repeat("é", 65537)
	for sentence, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"a deployment merges by default": {
			"POST",
			"/repos/acme/churn/deployments",
			`{"ref": "c1", "required_contexts": []}`,
			202,
			"Auto-merged",
		},
		"a deployment waits for checks by default": {
			"POST",
			"/repos/acme/churn/deployments",
			`{"ref": "c1", "auto_merge": false}`,
			409,
			"status checks failed",
		},
		"a deployment of an unknown ref": {
			"POST",
			"/repos/acme/churn/deployments",
			`{"ref": "c9", "auto_merge": false, "required_contexts": []}`,
			422,
			"Validation Failed",
		},
		"a long description": {
			"POST",
			"/repos/acme/churn/deployments/1/statuses",
			`{"state": "success", "description": "` + long[:400] + `"}`,
			422,
			"Validation Failed",
		},
		"a long comment": {
			"POST",
			"/repos/acme/churn/issues/12/comments",
			`{"body": "` + long + `"}`,
			422,
			"Validation Failed",
		},
		"a long issue": {
			"POST",
			"/repos/acme/churn/issues",
			`{"title": "t", "body": "` + long + `"}`,
			422,
			"Validation Failed",
		},
		"a comment on an unknown issue": {
			"POST",
			"/repos/acme/churn/issues/99/comments",
			`{"body": "x"}`,
			404,
			"Not Found",
		},
		"an event with eleven keys": {
			"POST",
			"/repos/acme/churn/dispatches",
			`{"event_type": "x", "client_payload": ` +
				`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1}}`,
			422,
			"10 properties",
		},
		"an event without a type": {"POST", "/repos/acme/churn/dispatches", `{}`, 422, "event_type"},
		"an unknown workflow": {
			"POST",
			"/repos/acme/churn/actions/workflows/x.yml/dispatches",
			`{"ref": "main"}`,
			404,
			"Not Found",
		},
		"an unknown commit":                   {"GET", "/repos/acme/churn/commits/c9", "", 422, "No commit found"},
		"a comparison with an unknown commit": {"GET", "/repos/acme/churn/compare/c9...c1", "", 404, "Not Found"},
		"an unknown run":                      {"GET", "/repos/acme/churn/actions/runs/8", "", 404, "Not Found"},
		"a future attempt": {
			"GET",
			"/repos/acme/churn/actions/runs/7/attempts/3",
			"",
			404,
			"Not Found",
		},
		"another repository": {"GET", "/repos/acme/fraud/issues", "", 404, "Not Found"},
		"another path":       {"GET", "/repos/acme/churn", "", 404, "Not Found"},
		"an Enterprise path": {"GET", "/api/v3/repos/acme/churn/issues", "", 404, "Not Found"},
		"invalid JSON":       {"POST", "/repos/acme/churn/issues", `title`, 400, "Problems parsing JSON"},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := New()
			s.Add(world())
			before := string(s.Dump())
			status, body, _ := ask(t, s, c.method, c.path, c.body)
			if message, _ := body["message"].(string); status != c.status || !strings.Contains(message, c.says) {
				t.Errorf("got %d %v", status, body)
			}
			if diff := cmp.Diff(before, string(s.Dump())); diff != "" {
				t.Errorf("state changed: %s", diff)
			}
		})
	}
}

func TestServer_AutoInactive(t *testing.T) {
	for body, want := range map[string][]string{
		`{"state": "success"}`:                         {"inactive", "success", "success"},
		`{"state": "success", "auto_inactive": false}`: {"success", "success", "success"},
		`{"state": "failure"}`:                         {"success", "success", "failure"},
	} {
		s := New()
		r := world()
		r.Deployments = append(r.Deployments, &Deployment{ID: 3, SHA: "c1", Environment: "live"})
		s.Add(r)
		if status, answer, _ := ask(t, s, "POST", "/repos/acme/churn/deployments/3/statuses", body); status != 201 {
			t.Fatal(status, answer)
		}
		var got []string
		s.Change("acme/churn", func(r *Repository) {
			for _, d := range r.Deployments {
				got = append(got, d.Statuses[len(d.Statuses)-1].State)
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

func TestServer_Pages(t *testing.T) {
	s := New()
	r := world()
	for range 70 {
		r.Pulls[0].Comments = append(r.Pulls[0].Comments, &Comment{Author: "ann", Body: "x"})
	}
	s.Add(r)
	for query, want := range map[string]struct {
		n    int
		link string
	}{
		"": {
			30,
			`<https://api.github.com/repos/acme/churn/issues/12/comments?page=2>; rel="next", ` +
				`<https://api.github.com/repos/acme/churn/issues/12/comments?page=3>; rel="last"`,
		},
		"?page=3":       {10, ""},
		"?page=4":       {0, ""},
		"?per_page=100": {70, ""},
		"?per_page=999": {
			30,
			`<https://api.github.com/repos/acme/churn/issues/12/comments?page=2&per_page=999>; rel="next", ` +
				`<https://api.github.com/repos/acme/churn/issues/12/comments?page=3&per_page=999>; rel="last"`,
		},
		"?per_page=20&page=2": {
			20,
			`<https://api.github.com/repos/acme/churn/issues/12/comments?page=3&per_page=20>; rel="next", ` +
				`<https://api.github.com/repos/acme/churn/issues/12/comments?page=4&per_page=20>; rel="last"`,
		},
	} {
		_, body, header := ask(t, s, "GET", "/repos/acme/churn/issues/12/comments"+query, "")
		if n := len(body["list"].([]any)); n != want.n || header.Get("Link") != want.link {
			t.Errorf("%q: got %d with link %s", query, n, header.Get("Link"))
		}
	}
}

func TestServer_Tokens(t *testing.T) {
	ask := func(permissions map[string]string, repository, method, path, body string) int {
		s := New(Tokens(map[string]Token{"x": {Login: "ann", Permissions: permissions, Repository: repository}}))
		s.Add(world())
		status, _, _ := ask(t, s, method, path, body)
		return status
	}
	for _, c := range []struct {
		permissions        map[string]string
		repository         string
		method, path, body string
		want               int
	}{
		{nil, "", "POST", "/repos/acme/churn/issues/12/comments", `{"body": "x"}`, 201},
		{
			map[string]string{"pull-requests": "write"},
			"",
			"POST",
			"/repos/acme/churn/issues/12/comments",
			`{"body": "x"}`,
			201,
		},
		{
			map[string]string{"pull-requests": "read"},
			"",
			"POST",
			"/repos/acme/churn/issues/12/comments",
			`{"body": "x"}`,
			403,
		},
		{map[string]string{"pull-requests": "read"}, "", "GET", "/repos/acme/churn/issues/12/comments", "", 200},
		{map[string]string{}, "", "GET", "/repos/acme/churn/issues/12/comments", "", 403},
		{map[string]string{}, "", "GET", "/repos/acme/churn/collaborators/eve/permission", "", 200},
		{nil, "acme/other", "GET", "/repos/acme/churn/issues", "", 404},
		{nil, "acme/churn", "GET", "/repos/acme/churn/issues", "", 200},
	} {
		if got := ask(c.permissions, c.repository, c.method, c.path, c.body); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
	s := New(Tokens(map[string]Token{"y": {}}))
	s.Add(world())
	if status, _, _ := askAs(t, s, "x", "GET", "/repos/acme/churn/issues", ""); status != 401 {
		t.Errorf("an unknown token: got %d", status)
	}
}

func TestServer_Faults(t *testing.T) {
	for line, want := range map[string]struct {
		statuses []int // the statuses of three posts; 0 for a broken connection
		comments int   // number of comments afterwards
	}{
		"POST comments reset":                {[]int{0, 0, 0}, 0},
		"POST comments reset after nth=2":    {[]int{201, 0, 201}, 3},
		"POST comments late nth=1":           {[]int{0, 201, 201}, 3},
		"* comments 503 nth=3 retry-after=2": {[]int{201, 201, 503}, 2},
		"* /repos/*/*/issues/12/* forbidden": {[]int{403, 403, 403}, 0},
		"* comments secondary nth=1":         {[]int{403, 201, 201}, 2},
		"* comments redirect after":          {[]int{301, 301, 301}, 3},
		"* comments login":                   {[]int{200, 200, 200}, 0},
		"GET comments reset":                 {[]int{201, 201, 201}, 3},
	} {
		t.Run(line, func(t *testing.T) {
			s := New()
			s.Add(world())
			f, err := ParseFault(line)
			if err != nil {
				t.Fatal(err)
			}
			s.Fault(f)
			var got []int
			for range 3 {
				r := httptest.NewRequest("POST", "https://api.github.com/repos/acme/churn/issues/12/comments",
					strings.NewReader(`{"body": "x"}`))
				resp, err := s.Transport().RoundTrip(r)
				if err != nil {
					got = append(got, 0)
					continue
				}
				got = append(got, resp.StatusCode)
			}
			s.Land()
			s.ClearFaults()
			n := 0
			s.Change("acme/churn", func(r *Repository) { n = len(r.Pulls[0].Comments) })
			if diff := cmp.Diff(want.statuses, got); diff != "" || n != want.comments {
				t.Errorf("got %d comments, want %d; %s", n, want.comments, diff)
			}
		})
	}
	for _, bad := range []string{
		"", "POST", "POST comments", "POST comments sideways", "POST comments reset often",
		"POST comments reset nth=x",
	} {
		if _, err := ParseFault(bad); err == nil {
			t.Errorf("%q was accepted as a fault", bad)
		}
	}
}

func TestServer_ResetOverASocket(t *testing.T) {
	s := New(Enterprise())
	s.Add(world())
	s.Fault(Fault{Path: "issues", Kind: Reset, Nth: 1})
	server := httptest.NewServer(s)
	defer server.Close()
	if resp, err := http.Get(server.URL + "/api/v3/repos/acme/churn/issues"); err == nil {
		t.Errorf("got status %d, want a broken connection", resp.StatusCode)
	}
	resp, err := http.Get(server.URL + "/api/v3/repos/acme/churn/issues")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// Tests can read the server's state, the requests with their outcomes, the writes and the events.
func TestServer_Journal(t *testing.T) {
	day := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	s := New(Clock(func() time.Time { return day }))
	seed := `{"repositories": [{"name": "acme/churn", "workflows": ["deploy.yml"], ` +
		`"pulls": [{"number": 12, "author": "bob", "head": "c1"}]}]}`
	if err := s.Seed(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	_, _, header := ask(t, s, "POST", "/repos/acme/churn/issues/12/comments", `{ "body": "<b>" }`)
	ask(t, s, "POST", "/repos/acme/churn/issues/99/comments", `{"body": "x"}`)
	ask(t, s, "POST", "/repos/acme/churn/dispatches", `{"event_type": "promoted", "client_payload": {"b": 1, "a": 2}}`)
	ask(t, s, "POST", "/repos/acme/churn/actions/workflows/deploy.yml/dispatches",
		`{"ref": "main", "inputs": {"model": "churn"}}`)
	if header.Get("Date") != "Sun, 03 May 2026 10:00:00 GMT" {
		t.Errorf("got Date %s", header.Get("Date"))
	}
	want := `[
  {
    "name": "acme/churn",
    "pulls": [
      {
        "number": 12,
        "author": "bob",
        "head": "c1",
        "branch": "topic",
        "comments": [
          {
            "id": 1002,
            "author": "github-actions[bot]",
            "body": "<b>"
          }
        ]
      }
    ],
    "workflows": [
      "deploy.yml"
    ]
  }
]
`
	if diff := cmp.Diff(want, string(s.Dump())); diff != "" {
		t.Error(diff)
	}
	var statuses []int
	for _, r := range s.Requests() {
		statuses = append(statuses, r.Status)
	}
	if diff := cmp.Diff([]int{201, 404, 204, 204}, statuses); diff != "" {
		t.Error(diff)
	}
	events := []Event{
		{Repository: "acme/churn", Type: "promoted", Payload: json.RawMessage(`{"a":2,"b":1}`)},
		{Repository: "acme/churn", Workflow: "deploy.yml", Ref: "main", Payload: json.RawMessage(`{"model":"churn"}`)},
	}
	if diff := cmp.Diff(events, s.Events()); diff != "" {
		t.Error(diff)
	}
	if w := s.Writes(); len(w) != 4 || w[0].Body != `{"body":"<b>"}` {
		t.Errorf("got writes %+v", w)
	}
	s.Forget()
	if len(s.Requests())+len(s.Writes())+len(s.Events()) > 0 {
		t.Error("Forget did not remove everything")
	}
	if err := s.Seed(strings.NewReader(`{"repositories": [{"name": "a/b", "colour": "red"}]}`)); err == nil {
		t.Error("a seed with an unknown key was accepted")
	}
}

func TestServer_UnknownKey(t *testing.T) {
	d := load("api.github.com")
	defer func() {
		if recover() == nil {
			t.Error("a key that GitHub does not have was accepted")
		}
	}()
	d.fill(&schema{Ref: "#/components/schemas/issue-comment"}, map[string]any{"colour": "red"})
}
