package crawl

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Rows can be missing between two pages only if there is a gap between the number in the last row of one page and that
// in the first row of the next.
func TestStream_MarksMissedAtSeam(t *testing.T) {
	row := func(name string, number int) mlflow.VersionJSON {
		return mlflow.VersionJSON{Name: name, Version: mlflow.Int(number), Tags: []mlflow.Pair{{Key: "k", Value: "v"}}}
	}
	end := row("", 0)
	cases := map[string]struct {
		lowest, highest int
		before, behind  mlflow.VersionJSON
		want            string
	}{
		"the next number of the same model":              {0, math.MaxInt, row("b", 2), row("b", 3), ""},
		"a number left out":                              {0, math.MaxInt, row("b", 2), row("b", 4), "b"},
		"the same number again":                          {0, math.MaxInt, row("b", 2), row("b", 1), ""},
		"an earlier model again":                         {0, math.MaxInt, row("b", 2), row("a", 9), ""},
		"from the newest to the first of the next":       {0, math.MaxInt, row("b", 9), row("c", 1), ""},
		"the newest is missing":                          {0, math.MaxInt, row("b", 8), row("c", 1), "b"},
		"the first of the next is missing":               {0, math.MaxInt, row("b", 9), row("c", 2), "c"},
		"a model is skipped":                             {0, math.MaxInt, row("a", 9), row("c", 1), "b"},
		"a model without versions is skipped":            {0, math.MaxInt, row("c", 9), row("e", 1), ""},
		"several are skipped, and both ends are unclear": {0, math.MaxInt, row("a", 3), row("e", 3), "a b c e"},
		"to the end of the list":                         {0, math.MaxInt, row("c", 9), end, "e"},
		"the end, after the last":                        {0, math.MaxInt, row("e", 9), end, ""},
		"the lower half ends at its highest":             {0, 5, row("b", 5), row("c", 1), ""},
		"the lower half, before its highest":             {0, 5, row("b", 4), row("c", 1), "b"},
		"the upper half begins above its lowest":         {5, math.MaxInt, row("b", 9), row("c", 6), ""},
		"the upper half, not above its lowest":           {5, math.MaxInt, row("b", 9), row("c", 7), "c"},
		"the upper half skips a model that ends below":   {9, math.MaxInt, row("a", 12), row("c", 10), ""},
		"after a model that is not in the list":          {0, math.MaxInt, row("aa", 1), row("c", 1), "a b"},
		"at the start":                                   {0, math.MaxInt, end, row("a", 1), ""},
		"at the start, without the first version":        {0, math.MaxInt, end, row("a", 2), "a"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := &crawler{index: map[string]int{}, suspect: map[int]bool{}}
			for i, name := range []string{"a", "b", "c", "d", "e"} {
				newest := 9
				if name == "d" {
					newest = 0
				}
				r.models = append(r.models, entry{model: registry.Model{Name: name, Newest: newest}})
				r.index[name] = i
			}
			s := &stream{crawler: r, lowest: c.lowest, highest: c.highest, seam: &c.before, row: c.behind}
			if place, ok := r.indexOf(c.behind.Name); ok {
				s.markMissed(place, int(c.behind.Version))
			} else {
				s.markMissed(len(r.models), math.MaxInt)
			}
			var got []string
			for _, place := range slices.Sorted(maps.Keys(r.suspect)) {
				got = append(got, r.models[place].model.Name)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func TestPageSize(t *testing.T) {
	cases := map[string]struct {
		rows, most int
		bytes      int64
		took       time.Duration
		want       int
	}{
		"ten times more":                 {1000, 100000, 1 << 20, time.Second, 10000},
		"no more than the server allows": {1000, 5000, 1 << 10, time.Millisecond, 5000},
		"large rows":                     {1000, 10000, 20 << 20, time.Second, 500},
		"slow rows":                      {1000, 10000, 1 << 20, 30 * time.Second, 500},
		"huge rows":                      {1, 10000, 30 << 20, time.Second, 1},
		"an empty page, no clock":        {1000, 10000, 0, 0, 10000},
		"the size stays if it fits":      {8000, 10000, 8 << 20, 8 * time.Second, 10000},
	}
	for name, c := range cases {
		if got := pageSize(c.rows, c.most, cost{c.bytes, c.took}); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestSplitNumber(t *testing.T) {
	cases := map[string]struct {
		newest []int
		want   int
	}{
		"no models":                  {nil, 1},
		"no versions":                {[]int{0, 0}, 1},
		"one version each":           {[]int{1, 1, 1}, 1},
		"all alike":                  {[]int{100, 100, 100}, 50},
		"one model":                  {[]int{9}, 4},
		"one large among small ones": {[]int{1, 1, 1, 1, 100}, 48},
		"many small, some large":     {[]int{2, 2, 2, 2, 2, 2, 2, 2, 10, 10}, 2},
	}
	for name, c := range cases {
		r := &crawler{}
		for _, n := range c.newest {
			r.models = append(r.models, entry{model: registry.Model{Newest: n}})
		}
		if got := r.splitNumber(); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// The token is recognised at the end of a page, and no row can be mistaken for it.
func TestRowReader_EarlyToken(t *testing.T) {
	cases := map[string]struct{ page, want string }{
		"as MLflow writes it": {
			"{\n  \"model_versions\": [{\"name\": \"a\"}],\n  \"next_page_token\": \"eyJ9\"\n}",
			"eyJ9",
		},
		"without spaces":            {`{"model_versions":[],"next_page_token":"x"}`, "x"},
		"not at the end":            {`{"next_page_token": "x", "model_versions": []}`, ""},
		"none":                      {`{"model_versions": []}`, ""},
		"in a row":                  {`{"model_versions": [{"next_page_token": "x"}]}`, ""},
		"in a string of a row":      {`{"model_versions": [{"name": ",\"next_page_token\": \"x\"}"}]}`, ""},
		"in a string at the end":    {`{"a": ",\"next_page_token\": \"x\"}"}`, ""},
		"with an escaped character": {`{"model_versions": [], "next_page_token": "a\u0041"}`, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			body, err := auditor(
				t,
				transport(func(*http.Request) string { return c.page }),
			).Registry.Open(t.Context(), rest.Request{Path: "x"})
			if err != nil {
				t.Fatal(err)
			}
			rows := newRowReader(body, "model_versions")
			if got := rows.earlyToken(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
