package gates

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// runWith returns a run with datasets. Each word in text is either context=digest or just a digest.
func runWith(id, text string) registry.Run {
	run := registry.Run{ID: id, Status: "FINISHED"}
	for _, word := range strings.Fields(text) {
		context, digest, ok := strings.Cut(word, "=")
		if !ok {
			context, digest = "", word
		}
		run.Datasets = append(run.Datasets, registry.Dataset{Name: "d", Digest: digest, Context: context})
	}
	return run
}

func TestLineage_Contexts(t *testing.T) {
	cases := map[string]struct {
		gate, mine, theirs string
		want               verdict.Outcome
		why                string
	}{
		"autologging's word for MLflow's": {gate: "lineage: [training]", mine: "train=a", want: verdict.Pass},
		"MLflow's word for autologging's": {gate: "lineage: [train]", mine: "training=a", want: verdict.Pass},
		"each word for held-out data": {
			gate: "lineage: [val, eval, evaluation, validation]", mine: "eval=a", want: verdict.Pass,
		},
		"testing for test": {gate: "lineage: [test]", mine: "testing=a", want: verdict.Pass},
		"test is no validation": {
			gate: "lineage: [test]", mine: "validation=a", want: verdict.Inconclusive,
			why: "run mine has no dataset in the context test; it has datasets in the context validation",
		},
		"a word of the team's own has no synonyms": {
			gate: "lineage: [holdout]", mine: "train=a eval=b c", want: verdict.Inconclusive,
			why: "it has datasets in the contexts eval, train",
		},
		"another case is another context": {
			gate: "lineage: [train]", mine: "Train=a", want: verdict.Inconclusive, why: "in the context Train",
		},
		"many contexts": {
			gate: "lineage: [train]", mine: "a=1 b=1 c=1 d=1 e=1 f=1 g=1", want: verdict.Inconclusive,
			why: "a, b, c, d, e and 2 more",
		},
		"no context at all": {
			gate: "lineage: [train]", mine: "a b", want: verdict.Inconclusive,
			why: "it has 2 datasets without a context",
		},
		"no dataset at all": {
			gate: "lineage: [train]", want: verdict.Inconclusive, why: "it has no datasets",
		},
		"the exact context wins": {
			gate: "lineage: [validation], digests: [a]", mine: "validation=a eval=b", want: verdict.Pass,
		},
		"without it all synonyms count": {
			gate: "lineage: [val], digests: [a]", mine: "validation=a eval=b", want: verdict.Fail,
			why: "has the digest b",
		},
		"a synonym without a digest": {
			gate: "lineage: [train]", mine: "training=", want: verdict.Inconclusive, why: "has no digest",
		},
		"candidate and incumbent with two words": {
			gate: "lineage: [train], same-as-incumbent: [test]", mine: "training=a testing=b", theirs: "train=z test=b",
			want: verdict.Pass,
		},
		"other data under another word": {
			gate: "lineage: [train], same-as-incumbent: [test]", mine: "training=a testing=c", theirs: "train=z test=b",
			want: verdict.Fail,
			why:  "has the digest c, but the incumbent's has b",
		},
		"an incumbent without that context": {
			gate: "lineage: [train], same-as-incumbent: [test]", mine: "train=a test=b", theirs: "train=z",
			want: verdict.Inconclusive,
			why:  "run theirs has no dataset in the context test; it has datasets in the context train",
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			f := fact.Facts{Candidate: fact.Subject{Run: registry.Is(runWith("mine", c.mine))}}
			f.Holders = map[registry.Ref]registry.Known[fact.Subject]{
				fact.Incumbent: registry.Is(fact.Subject{Run: registry.Is(runWith("theirs", c.theirs))}),
			}
			got := mustParse(t, c.gate).Check(f)
			if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
				t.Errorf("got %s: %s", got.Outcome, got.Why)
			}
		})
	}
}

func TestLineage_Hint(t *testing.T) {
	for text, want := range map[string]string{
		"": `log the data with mlflow.log_input(dataset, context="training")`,
		"eval=a": `log the data with mlflow.log_input(dataset, context="training"), or use one of the run's contexts ` +
			`in the gate`,
	} {
		candidate := fact.Subject{Run: registry.Is(runWith("mine", text))}
		got := mustParse(t, "lineage: [training]").Check(fact.Facts{Candidate: candidate})
		if got.Fix != want {
			t.Errorf("%q: hint %q, want %q", text, got.Fix, want)
		}
	}
}
