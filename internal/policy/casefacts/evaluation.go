package casefacts

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// failedScore is how a test writes that a scorer failed on a row.
const failedScore = "failed"

var evaluationShape = tree.Object("newest finished evaluation run of the version",
	tree.Required("experiment", tree.Text("experiment of the run, as the gate spells it")),
	tree.Optional("dataset", tree.Text("name of the dataset")),
	tree.Optional("digest", anyText),
	tree.Optional("scorers", tree.Text("digest of all scorers")),
	tree.Optional("ended", timeShape),
	tree.Required("scores", tree.MapOf("verdicts by scorer, one for each row", tree.Text("a scorer"),
		tree.List("yes, no, a number, a text, or failed", tree.Shape{
			Kind: tree.KindText, About: "a verdict", Or: &tree.Shape{Kind: tree.KindNumber},
		}))),
)

// readEvaluation returns an evaluation run whose aggregations follow from its rows.
func readEvaluation(n *tree.Node) fact.Scored {
	run := fact.Scored{RunID: "evaluation", LinkedBy: fact.LinkedByModel, Subjects: 1,
		Metrics: map[string]registry.Point{}, Scorers: fact.ScorersDigest{Digest: n.Str("scorers")}}
	run.End, _ = time.Parse(time.RFC3339, n.Str("ended"))
	for _, e := range n.Get("scores").Entries {
		sum, count := 0.0, 0.0
		for i, item := range e.Value.Items {
			for len(run.Rows) <= i {
				id := fmt.Sprintf("row-%d", len(run.Rows)+1)
				run.Rows = append(run.Rows,
					fact.Row{TraceID: id, Input: id, Shown: id, Tokens: math.NaN(), Cost: math.NaN()})
			}
			score := readScore(e.Key, item)
			if score.Kind == fact.ScoreYesNo || score.Kind == fact.ScoreNumber {
				sum, count = sum+score.Value, count+1
			}
			run.Rows[i].Scores = append(run.Rows[i].Scores, score)
		}
		if count > 0 {
			run.Metrics[e.Key+"/mean"] = registry.Point{Value: sum / count, Raw: fmt.Sprint(sum / count)}
		}
		run.Scorers.Total++
		run.Scorers.Hashed++
	}
	data := registry.DataRef{Name: cmp.Or(n.Str("dataset"), "dataset"), Digest: cmp.Or(n.Str("digest"), "digest")}
	run.Datasets = []fact.DatasetRows{{DataRef: data, Rows: len(run.Rows)}}
	return run
}

func readScore(scorer string, item *tree.Node) fact.Score {
	out := fact.Score{Scorer: scorer, Source: "CODE", Kind: fact.ScoreText, Text: item.Text}
	switch word := strings.ToLower(item.Text); {
	case item.Kind == tree.KindNumber:
		out.Kind, out.Value, out.Text = fact.ScoreNumber, item.Number(), ""
	case word == "yes", word == "true":
		out.Kind, out.Value, out.Text = fact.ScoreYesNo, 1, ""
	case word == "no", word == "false":
		out.Kind, out.Text = fact.ScoreYesNo, ""
	case word == failedScore:
		out.Kind, out.Text = fact.ScoreNone, ""
	}
	return out
}
