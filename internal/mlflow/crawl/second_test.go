package crawl

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
)

// A second look reads only what is in doubt, unless the model's targets have changed.
func TestAgain_ReadsDoubtsOnly(t *testing.T) {
	needs := audit.Needs{Runs: true, Files: true, MLmodels: true}
	for name, c := range map[string]struct {
		models   int // all of them are in doubt
		scope    string
		needs    audit.Needs
		between  func(w *world) // what happens between the two looks
		whole    int            // the number of models that are read as a whole
		gone     int
		requests int
	}{
		"one model":                {1, audit.ScopeLive, audit.Needs{Files: true}, nil, 0, 0, 2 + 2 + 1},
		"only the model":           {1, audit.ScopeLive, audit.Needs{}, nil, 0, 0, 2},
		"a ledger":                 {1, audit.ScopeLive, audit.Needs{Ledger: true}, nil, 0, 0, 2},
		"many models":              {200, audit.ScopeLive, audit.Needs{Files: true}, nil, 0, 0, 1 + 1 + 2 + 3 + 200},
		"many models, all of them": {200, audit.ScopeAll, audit.Needs{}, nil, 0, 0, 2 * 200},
		"the alias moved": {1, audit.ScopeLive, audit.Needs{}, func(w *world) {
			w.send("POST", "registered-models/alias", map[string]any{"name": "m000", "alias": "champion", "version": "2"})
		}, 1, 0, 2 + 2 + 2},
		"a version became live": {1, audit.ScopeLive, audit.Needs{}, func(w *world) {
			w.send("POST", "registered-models/alias", map[string]any{"name": "m000", "alias": "next", "version": "2"})
		}, 1, 0, 2 + 2 + 4},
		"the model was deleted": {1, audit.ScopeLive, audit.Needs{Files: true}, func(w *world) {
			w.send("DELETE", "registered-models/delete", map[string]any{"name": "m000"})
		}, 0, 1, 2},
		"one of many was deleted": {200, audit.ScopeLive, audit.Needs{}, func(w *world) {
			w.send("DELETE", "registered-models/delete", map[string]any{"name": "m000"})
		}, 0, 1, 1 + 1 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Server: mlflowtest.New("3.17.2")}
			for i := range c.models {
				m := seed.Model{Name: fmt.Sprintf("m%03d", i), Aliases: map[string]int64{"champion": 1}}
				for n := range 2 {
					run := fmt.Sprintf("r%03d%d", i, n)
					w.AddRun(seed.Run{ID: run, Artifacts: map[string]seed.Content{"model/MLmodel": seed.Content("flavors: {sklearn: {}}\n")}})
					m.Versions = append(m.Versions, seed.Version{Run: run, Path: "model"})
				}
				w.AddModel(m)
			}
			client, q := auditor(t, w.Transport()), audit.Query{Scope: c.scope, Needs: needs}
			var doubts []Doubt
			first := map[string]string{}
			for a, err := range Audit(t.Context(), client, q) {
				if err != nil {
					t.Fatal(err)
				}
				first[a.Model.Name] = brief(a)
				doubts = append(doubts, Doubt{First: a, Needs: c.needs, Versions: map[int]bool{1: true}})
			}
			if c.between != nil {
				c.between(w)
			}
			w.Forget()
			whole := 0
			second := map[string]string{}
			for s, err := range Again(t.Context(), client, q, doubts) {
				if err != nil {
					t.Fatal(err)
				}
				if s.Whole {
					whole++
				}
				second[s.Model.Name] = brief(s.Snapshot)
			}
			if got := len(w.Requests()); got != c.requests || whole != c.whole || len(first)-len(second) != c.gone {
				t.Errorf("%d requests, %d whole, %d of %d models", got, whole, len(second), len(first))
			}
			if whole > 0 || c.gone > 0 {
				return
			}
			if diff := gocmp.Diff(first, second); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the second look finds takes the place of what the first found, and the rest stays.
func TestAgain_TakesNewFacts(t *testing.T) {
	s := mlflowtest.New("3.17.2")
	m := seed.Model{Name: "churn", Aliases: map[string]int64{"champion": 1, "next": 2}}
	for _, run := range []string{"r1", "r2"} {
		s.AddRun(seed.Run{ID: run})
		m.Versions = append(m.Versions, seed.Version{Run: run, Path: "model"})
	}
	s.AddModel(m)
	client := auditor(t, s.Transport())
	q := audit.Query{Scope: audit.ScopeLive, Needs: audit.Needs{Files: true, MLmodels: true}}
	var doubts []Doubt
	for a, err := range Audit(t.Context(), client, q) {
		if err != nil {
			t.Fatal(err)
		}
		doubts = append(doubts, Doubt{First: a, Needs: q.Needs, Versions: map[int]bool{2: true}})
	}
	for _, run := range []string{"r1", "r2"} {
		s.PutArtifact("runs:/"+run+"/model/MLmodel", []byte("flavors: {sklearn: {}}\n"))
	}
	for again, err := range Again(t.Context(), client, q, doubts) {
		if err != nil {
			t.Fatal(err)
		}
		found := slices.Sorted(maps.Keys(again.Files))
		_, one := again.Files[1].Get()
		_, two := again.MLmodels[2].Get()
		if len(found) != 2 || one || !two {
			t.Errorf("%v %v", again.Files, again.MLmodels)
		}
	}
}

// If a second look fails, the audit fails. If the server refuses only one model, the snapshot says so.
func TestAgain_Fails(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		status int
		fails  bool
	}{
		"refused":     {"registered-models/get", 403, false},
		"not allowed": {"registered-models/get", 401, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := smallServer(t, "3.17.2")
			client := auditor(t, refusing{s.Transport(), c.path, c.status})
			doubts := []Doubt{{First: audit.Snapshot{}}}
			doubts[0].First.Model.Name = "churn"
			for again, err := range Again(t.Context(), client, audit.Query{Scope: audit.ScopeLive}, doubts) {
				if (err != nil) != c.fails || !c.fails && (again.Unreadable == "" || !again.Whole) {
					t.Errorf("%v %+v", err, again)
				}
			}
		})
	}
}

// refusing refuses the requests for a path.
type refusing struct {
	http.RoundTripper
	path   string
	status int
}

func (r refusing) RoundTrip(q *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(q.URL.Path, r.path) {
		return r.RoundTripper.RoundTrip(q)
	}
	return &http.Response{
		StatusCode: r.status, Request: q, Body: http.NoBody, Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}
