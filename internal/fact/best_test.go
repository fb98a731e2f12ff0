package fact

import (
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// only returns a subject whose run has a single value for the metric `acc`.
func only(id string, value float64, started int64) Subject {
	point := registry.Point{Value: value, Raw: strconv.FormatFloat(value, 'g', -1, 64)}
	run := registry.Run{ID: id, Start: time.UnixMilli(started), Metrics: map[string]registry.Point{"acc": point}}
	return Subject{Ref: "run " + id, Run: registry.Is(run), Logged: registry.Absent[registry.LoggedModel]("none")}
}

func TestContest(t *testing.T) {
	none := only("none", 0, 0)
	none.Run = registry.Is(registry.Run{ID: "none"})
	gone := Subject{Ref: "run gone", Run: registry.Unreadable[registry.Run]("run gone is deleted")}
	two := only("two", 1, 0)
	logged := two.Run.OrZero()
	logged.Tags = map[string]string{registry.RunTagModels: `[{"artifact_path":"model"},{"artifact_path":"other"}]`}
	two.Run, two.Path = registry.Is(logged), "model"

	for name, c := range map[string]struct {
		goal    string
		enter   []Subject
		want    string // "" if no model wins
		ties    int
		skipped int
	}{
		"the highest wins": {
			registry.Maximize, []Subject{only("a", 0.1, 1), only("b", 0.3, 1), only("c", 0.2, 9)}, "b", 0, 0,
		},
		"the lowest wins": {
			registry.Minimize, []Subject{only("a", 0.2, 1), only("b", 0.1, 1)}, "b", 0, 0,
		},
		"of equal ones the newest": {
			registry.Maximize, []Subject{only("a", 1, 2), only("b", 1, 3), only("c", 1, 1)}, "b", 2, 0,
		},
		"of equally old ones always the same": {
			registry.Maximize, []Subject{only("b", 1, 1), only("a", 1, 1)}, "b", 1, 0,
		},
		"what is not finite does not count": {
			registry.Maximize,
			[]Subject{
				only("a", math.Inf(1), 1), only("b", math.NaN(), 1), only("c", math.MaxFloat64, 1), only("d", -1, 1),
			},
			"d", 0, 3,
		},
		"a model without the metric is no answer": {registry.Maximize, []Subject{none}, "", 0, 0},
		"a run that is not readable":              {registry.Maximize, []Subject{gone, only("a", 0, 1)}, "a", 0, 1},
		"a run whose value may be another's":      {registry.Maximize, []Subject{two, only("a", 0.5, 1)}, "a", 0, 1},
		"nobody enters":                           {registry.Maximize, nil, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			contest := Contest{Best: registry.Best{Metric: "acc", Goal: c.goal}}
			for _, s := range c.enter {
				contest.Enter(s)
			}
			found, ok := contest.Winner()
			if ok != (c.want != "") || found.RunID != c.want || len(found.Ties) != c.ties ||
				len(found.Skipped) != c.skipped {
				t.Errorf("found %+v", found)
			}
			if found.Looked != len(c.enter) {
				t.Errorf("looked at %d of %d", found.Looked, len(c.enter))
			}
		})
	}
}

// The order of the models makes no difference, and no skipped value would have won.
func TestContestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(
			rapid.SampledFrom([]float64{-2, -1, 0, 0.5, 0.9, math.NaN(), math.Inf(1)}), 1, 8,
		).Draw(t, "values")
		goal := rapid.SampledFrom([]string{registry.Maximize, registry.Minimize}).Draw(t, "goal")
		var subjects []Subject
		for i, v := range values {
			subjects = append(subjects, only(strconv.Itoa(i), v, int64(i%3)))
		}
		run := func(list []Subject) (BestRun, bool) {
			c := Contest{Best: registry.Best{Metric: "acc", Goal: goal}}
			for _, s := range list {
				c.Enter(s)
			}
			return c.Winner()
		}
		a, okA := run(subjects)
		b, okB := run(rapid.Permutation(subjects).Draw(t, "order"))
		if okA != okB || a.RunID != b.RunID || a.Value != b.Value {
			t.Fatalf("%+v and %+v", a, b)
		}
		for _, s := range subjects {
			p := s.Run.OrZero().Metrics["acc"]
			won, _ := strconv.ParseFloat(a.Value, 64)
			if p.Finite() && (!okA || registry.Best{Goal: goal}.Better(p, registry.Point{Value: won})) {
				t.Fatalf("%v is better than %v", p, a.Value)
			}
		}
	})
}
