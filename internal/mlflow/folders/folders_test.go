package folders

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

func client(t *testing.T, transport http.RoundTripper, about mlflow.About) *mlflow.Client {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: "http://localhost:5000", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	about.Address = "http://localhost:5000"
	return mlflow.New(wire, wire, about, func() float64 { return 0 })
}

func direct(_ context.Context, _ int, request func() error) error { return request() }

// served returns a server with several runs, and the locations of their models. Every model has files in folders.
func served(version string, runs int) (*mlflowtest.Server, []mlflow.Location) {
	s := mlflowtest.New(version)
	var places []mlflow.Location
	for i := range runs {
		id := fmt.Sprintf("r%03d", i)
		s.AddRun(seed.Run{ID: id, Artifacts: map[string]seed.Content{
			"model/MLmodel": seed.Content("flavors: {}"), "model/data/deep/model.pkl": seed.Content(id),
			"other/note": seed.Content("n"), "empty.txt": {},
		}})
		places = append(places, mlflow.Location{Run: id, Path: "model"})
	}
	return s, places
}

// A tree gives the same list as the API, with a tenth of the requests.
func TestLister_SameAsAPI(t *testing.T) {
	for _, version := range []string{"3.17.2", "2.22.5"} {
		s, places := served(version, 25)
		places = append(places, mlflow.Location{Run: "r000"}, mlflow.Location{Run: "r001", Path: "none"}, places[3])
		c := client(t, s.Transport(), mlflow.About{})
		trees := New(c, version, direct).Trees(t.Context(), places)
		if got, want := len(s.Requests()), 3+3+3+1; got != want {
			t.Errorf("%s: %d requests, want %d", version, got, want)
		}
		for _, where := range places {
			tree, listed := trees[where]
			if !listed {
				t.Fatalf("%v was not listed", where)
			}
			want, err := c.Artifacts.Tree(t.Context(), where)
			if err != nil {
				t.Fatal(err)
			}
			s.Forget()
			got, err := c.Artifacts.TreeFrom(t.Context(), where, tree)
			if err != nil || !slices.Equal(got, want) || len(s.Requests()) > 0 {
				t.Errorf("%s %v: %v %v, want %v", version, where, got, err, want)
			}
		}
	}
}

// What cannot be listed this way is left out, so that the caller lists it through the API.
func TestLister_LeavesOut(t *testing.T) {
	gone := mlflow.Location{Run: "none", Path: "model"}
	for name, c := range map[string]struct {
		server   string // its version
		version  string // the version that the lister knows
		about    mlflow.About
		fault    *faults.Fault
		models   int
		want     int // trees
		requests int
	}{
		"a missing run":                  {"3.17.2", "3.17.2", mlflow.About{}, nil, 9, 9, 3},
		"few models":                     {"3.17.2", "3.17.2", mlflow.About{}, nil, 3, 0, 0},
		"an old server":                  {"2.9.2", "2.9.2", mlflow.About{}, nil, 9, 0, 1},
		"a hosted server":                {"3.17.2", "", mlflow.About{Dialect: dialect.Dialect{Hosted: true}}, nil, 9, 0, 0},
		"logins, and rights are checked": {"3.17.2", "3.17.2", mlflow.About{LoggedIn: true}, nil, 9, 9, 3},
		"logins without checks":          {"3.17.2", "3.4.0", mlflow.About{LoggedIn: true}, nil, 9, 0, 0},
		"logins, the version not known":  {"3.17.2", "", mlflow.About{LoggedIn: true}, nil, 9, 0, 0},
		"a proxy refuses": {
			"3.17.2", "", mlflow.About{}, &faults.Fault{Path: "/graphql", Kind: faults.Status, Status: 403}, 9, 0, 1,
		},
		"another response": {
			"3.17.2", "", mlflow.About{},
			&faults.Fault{Path: "/graphql", Kind: faults.Status, Status: 200, Body: `{"data": null, "errors": ["no"]}`},
			9, 0, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, places := served(c.server, c.models)
			if c.fault != nil {
				s.Fault(*c.fault)
			}
			l := New(client(t, s.Transport(), c.about), c.version, direct)
			trees := l.Trees(t.Context(), append(places, gone))
			if _, listed := trees[gone]; listed || len(trees) != c.want || len(s.Requests()) != c.requests {
				t.Errorf("%d trees with %d requests: %v", len(trees), len(s.Requests()), trees)
			}
			before := len(s.Requests())
			if again := l.Trees(t.Context(), places); c.want == 0 && (len(again) > 0 || len(s.Requests()) > before) {
				t.Errorf("asked again: %v", again)
			}
		})
	}
}

// A tree with too many folders is left out, and a list that is not complete too.
func TestLister_Limits(t *testing.T) {
	s, places := served("3.17.2", 8)
	for i := range maxFolders + 1 {
		s.PutArtifact(fmt.Sprintf("runs:/r000/model/%02d/a", i), []byte("x"))
	}
	s.PutArtifact("runs:/r001/model/1/2/3/4/5/a", []byte("x"))
	trees := New(client(t, s.Transport(), mlflow.About{}), "", direct).Trees(t.Context(), places)
	for i, where := range places {
		if _, listed := trees[where]; listed != (i > 1) {
			t.Errorf("%v: listed %t", where, listed)
		}
	}
	paged := answering(`{"data": {"f0": {"files": [], "nextPageToken": "more"}, "f1": {"files": [], "nextPageToken": ""},
		"f2": {"nextPageToken": ""}, "f3": null}}`)
	trees = New(client(t, paged, mlflow.About{}), "", direct).Trees(t.Context(), places)
	if _, listed := trees[places[1]]; !listed || len(trees) != 1 {
		t.Errorf("%v", trees)
	}
}

// A folder with a path that leads elsewhere is not listed, and the list is refused when it is used.
func TestLister_RefusesForeignPaths(t *testing.T) {
	_, places := served("3.17.2", 5)
	for _, dir := range []string{"model/../other", "/etc", "run/other", "model"} {
		one := fmt.Sprintf(`{"files": [{"path": %q, "isDir": true, "fileSize": "0"}], "nextPageToken": ""}`, dir)
		transport := &counting{RoundTripper: answering(fmt.Sprintf(
			`{"data": {"f0": %s, "f1": %[1]s, "f2": %[1]s, "f3": %[1]s, "f4": %[1]s}}`, one,
		))}
		c := client(t, transport, mlflow.About{})
		trees := New(c, "", direct).Trees(t.Context(), places)
		if transport.sent != 1 || len(trees) != 5 {
			t.Errorf("%s: %d requests, %v", dir, transport.sent, trees)
		}
		files, err := c.Artifacts.TreeFrom(t.Context(), places[0], trees[places[0]])
		if dir != "model" && err == nil {
			t.Errorf("%s: %v", dir, files)
		}
	}
}

var _ map[string][]registry.File = Tree{} // what TreeFrom accepts

type answering string

func (a answering) RoundTrip(q *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Request: q, Body: io.NopCloser(strings.NewReader(string(a))),
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

type counting struct {
	http.RoundTripper
	sent int
}

func (c *counting) RoundTrip(q *http.Request) (*http.Response, error) {
	c.sent++
	return c.RoundTripper.RoundTrip(q)
}
