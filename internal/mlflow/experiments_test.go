package mlflow

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestExperiment_Found(t *testing.T) {
	double := mlflowtest.New("3.17.2", mlflowtest.Store("mariadb"))
	train := double.AddExperiment(seed.Experiment{Name: "train"})               // 1
	named3 := double.AddExperiment(seed.Experiment{Name: "3"})                  // 2
	double.AddExperiment(seed.Experiment{Name: "sweep"})                        // 3
	double.AddExperiment(seed.Experiment{Name: "gone", Deleted: true})          // 4
	double.AddExperiment(seed.Experiment{Name: "4"})                            // 5
	double.AddExperiment(seed.Experiment{Name: "1", Deleted: true})             // 6
	year := double.AddExperiment(seed.Experiment{Name: "2026"})                 // 7
	long := double.AddExperiment(seed.Experiment{Name: "20261127201500000000"}) // 8
	cases := map[string]struct {
		text, id string
		reason   registry.Reason
		says     string
	}{
		"by its name":                         {text: "train", id: train},
		"by its id":                           {text: "2", id: named3},
		"a name of digits":                    {text: "2026", id: year},
		"a name of too many digits for an id": {text: "20261127201500000000", id: long},
		"the name of one and the id of another": {
			text:   "3",
			reason: registry.BadInput,
			says:   `"3" is ambiguous: it is the name of experiment 2 and the id of experiment "sweep"`,
		},
		"the name of one and the id of a deleted one": {
			text:   "4",
			reason: registry.BadInput,
			says:   `"4" is ambiguous: it is the name of experiment 5 and the id of experiment "gone"`,
		},
		"the id of one and the name of a deleted one": {text: "1", id: train},
		"a deleted one":        {text: "gone", reason: registry.CandidateGone, says: `experiment "gone" is deleted`},
		"a missing experiment": {text: "99", reason: registry.CandidateGone, says: `there is no experiment "99"`},
		"a slip": {
			text:   "trian",
			reason: registry.CandidateGone,
			says:   `there is no experiment "trian"`,
		},
		"another case that the database ignores": {
			text:   "Train",
			reason: registry.CandidateGone,
			says:   `there is no experiment "Train"`,
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			e, err := over(t, double.Transport()).Experiments.Find(t.Context(), c.text)
			if c.says == "" && (err != nil || e.ID != c.id) ||
				c.says != "" && (registry.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("found %+v, %v", e, err)
			}
		})
	}
}

func TestExperiment_DidYouMean(t *testing.T) {
	double := mlflowtest.New("3.17.2", mlflowtest.Store("mariadb"))
	double.AddExperiment(seed.Experiment{Name: "train"})
	for text, want := range map[string]string{
		"trian":     "names are case-sensitive; did you mean train?",
		"Train":     "names are case-sensitive; did you mean train?",
		"elsewhere": "names are case-sensitive; check the experiment input, and whether this login is allowed to read it",
	} {
		_, err := over(t, double.Transport()).Experiments.Find(t.Context(), text)
		if e, ok := err.(*registry.Error); !ok || e.Hint != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
