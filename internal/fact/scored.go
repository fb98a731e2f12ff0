package fact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Scored is an evaluation run, which mlflow.genai.evaluate writes. Each row of its dataset is a trace, and the scorers
// attach their assessments to it.
type Scored struct {
	RunID      string
	Start, End time.Time
	LinkedBy   string // how the run names what it evaluated: LinkedByModel
	Model      string // the logged model, if LinkedBy is LinkedByModel
	Subjects   int    // how many models the run names
	Metrics    map[string]registry.Point
	Datasets   []DatasetRows
	Scorers    ScorersDigest
	Newer      []NewerRun // newer evaluation runs of the same model that do not count
	Rows       []Row
}

// LinkedByModel means that the inputs of the run list the logged model.
const LinkedByModel = "model"

// DatasetRows is a dataset of an evaluation run, with the number of rows that its profile states.
type DatasetRows struct {
	registry.DataRef
	Rows int // 0 if the profile does not say
}

// ScorersDigest is the digest of the definitions of all scorers of a run.
type ScorersDigest struct {
	Digest        string // "" if the run has none
	Hashed, Total int    // how many of the scorers are part of the digest
}

// NewerRun is an evaluation run that is newer than the one that counts, but does not count itself.
type NewerRun struct {
	RunID  string
	Status string // status of the run, or "deleted" or "in the future"
	Valued bool   // it has values, so its evaluation was complete
}

// Row is one row of an evaluation run.
type Row struct {
	TraceID string
	Input   string // digest of what the server shows of the inputs and the expectations
	Cut     bool   // the server shows only the beginning of the inputs
	Shown   string // beginning of the inputs, as sent by the server
	Failed  bool   // the model failed on the row
	Model   string // logged model that the trace names, or ""
	Latency time.Duration
	Tokens  float64 // NaN if the trace states no number
	Cost    float64 // in US dollars; NaN if the trace states no number
	Scores  []Score
}

// Score is one verdict of a scorer on a row.
type Score struct {
	Scorer string
	Source string // CODE, LLM_JUDGE or HUMAN
	Kind   ScoreKind
	Value  float64 // 1 for yes and 0 for no
	Text   string  // for ScoreText: beginning of the text
	Digest string  // digest of the scorer's definition; "" if it is not recorded
	// The score was replaced by another one, for example by a person who reviewed it.
	Replaced bool
	// A scorer's score was written or edited after the run ended.
	Late bool
}

// ScoreKind says what a scorer returned.
type ScoreKind string

const (
	ScoreNone   ScoreKind = ""       // the scorer failed, or gave no verdict
	ScoreYesNo  ScoreKind = "yes-no" // true, false, or yes and no in any case
	ScoreNumber ScoreKind = "number" // a finite number
	ScoreText   ScoreKind = "text"
)

// Sum returns a digest of everything in the rows that a verdict may depend on. It does not depend on the order of the
// rows or of the scores.
func (s Scored) Sum() string {
	lines := make([]string, 0, len(s.Rows))
	for _, row := range s.Rows {
		scores := make([]string, 0, len(row.Scores))
		for _, sc := range row.Scores {
			scores = append(scores, fmt.Sprintf("%q %s %s %s %q %s %t %t", sc.Scorer, sc.Source, sc.Kind,
				number(sc.Value), sc.Text, sc.Digest, sc.Replaced, sc.Late))
		}
		slices.Sort(scores)
		lines = append(lines, fmt.Sprintf("%q %q %t %q %d %s %s %q", row.TraceID, row.Input, row.Failed, row.Model,
			row.Latency, number(row.Tokens), number(row.Cost), scores))
	}
	slices.Sort(lines)
	sum := sha256.New()
	for _, line := range lines {
		_, _ = sum.Write([]byte(line + "\n"))
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// Inputs returns a digest of the inputs and expectations of all rows, or of the part that the server shows. It is ""
// if the server shows no inputs of some row. MLflow's own digest of a list of rows depends only on their number.
func (s Scored) Inputs() string {
	all := make([]string, len(s.Rows))
	for i, row := range s.Rows {
		if row.Input == "" {
			return ""
		}
		all[i] = row.Input
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// RecordedRows returns what the ledger recorded about the rows of a version's evaluation run when the version was
// promoted. ok is false if no entry contains it.
func (f Facts) RecordedRows(version int, run string) (recorded verdict.Used, ok bool) {
	for _, e := range slices.Backward(f.Ledger.Decisive().Entries) {
		if e.Outcome != ledger.EntryDone || e.Record.To != version || version == 0 {
			continue
		}
		for _, g := range e.Record.Gates {
			for _, u := range g.Values {
				if u.Kind == verdict.RowsValue && u.Metric == verdict.RowsSum && u.Of == "candidate" && u.RunID == run {
					return u, true
				}
			}
		}
	}
	return verdict.Used{}, false
}
