package evaluations

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The limits for reading rows.
const (
	rowsPage   = 500      // rows in one page, the most that MLflow allows
	pageLimit  = 16 << 20 // bytes of one page
	mostRows   = 100_000
	mostScores = 250_000
	mostBytes  = 4 << 30 // of all pages together
	shownInput = 200     // characters of a row's inputs, and of a text that a scorer returned
)

// The server shows this many characters of a trace's inputs, in request_preview and in the metadata.
const (
	previewCut  = 1000
	metadataCut = 250
)

const (
	keySourceRun   = "mlflow.sourceRun"
	keyModel       = "mlflow.modelId"
	keyInputs      = "mlflow.traceInputs"
	keyTokens      = "mlflow.trace.tokenUsage"
	keyCost        = "mlflow.trace.cost"
	keyScoredIn    = "mlflow.assessment.sourceRunId"
	keyDefinition  = "mlflow.assessment.scorerDigest"
	keyScorerTrace = "mlflow.assessment.scorerTraceId"
)

type traceJSON struct {
	ID       string `json:"trace_id"`
	Location struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"mlflow_experiment"`
	} `json:"trace_location"`
	Duration    string            `json:"execution_duration"`
	State       string            `json:"state"`
	Request     string            `json:"request_preview"`
	Metadata    map[string]string `json:"trace_metadata"`
	Assessments []assessmentJSON  `json:"assessments"`
}

type assessmentJSON struct {
	Name   string `json:"assessment_name"`
	Source struct {
		Type string `json:"source_type"`
	} `json:"source"`
	Created  string `json:"create_time"`
	Updated  string `json:"last_update_time"`
	Feedback *struct {
		Value json.RawMessage `json:"value"`
		Error json.RawMessage `json:"error"`
	} `json:"feedback"`
	Expectation json.RawMessage   `json:"expectation"`
	Metadata    map[string]string `json:"metadata"`
	Valid       *bool             `json:"valid"`
}

type page struct {
	Traces []traceJSON `json:"traces"`
	Next   string      `json:"next_page_token"`
	bytes  int64
}

// readRows reads the rows of a run in an experiment.
func readRows(ctx context.Context, c *mlflow.Client, experiment string, run fact.Scored) ([]fact.Row, error) {
	size := rowsPage
	ask := func(token string) (p page, err error) {
		for {
			body := map[string]any{
				"locations": []any{map[string]any{
					"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": map[string]string{"experiment_id": experiment},
				}},
				"filter": "run_id = '" + run.RunID + "'", "max_results": size,
			}
			if token != "" {
				body["page_token"] = token
			}
			p = page{}
			err = c.Tracking.JSON(ctx, rest.Request{
				Method: "POST", Path: "api/3.0/mlflow/traces/search", Body: body, Class: rest.Read, Limit: pageLimit,
				Read: &p.bytes, ExpectAny: []string{"traces", "next_page_token"},
			}, &p)
			e := (*rest.Error)(nil)
			if size == 1 || !errors.As(err, &e) || e.Kind != rest.TooLarge {
				return p, err
			}
			size = max(1, size/10) // the pages' tokens contain an offset, so the size may change between pages
		}
	}
	next := func(p page) (string, int64, error) { return p.Next, p.bytes, nil }
	r := &reader{run: run, words: map[string]string{}, traces: map[string]bool{}, byScorers: map[string]bool{}}
	for p, err := range mlflow.Pages(mlflow.Bounds{Pages: mostRows, Bytes: mostBytes}, ask, next) {
		if err != nil {
			return nil, err
		}
		for _, t := range p.Traces {
			if err := r.add(t, experiment); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(r.rows, func(row fact.Row) bool {
		return len(row.Scores) == 0 && r.byScorers[row.TraceID]
	}), nil
}

// reader collects the rows of one run.
type reader struct {
	run       fact.Scored
	rows      []fact.Row
	scores    int
	words     map[string]string // texts that many rows share
	traces    map[string]bool
	byScorers map[string]bool // traces of scorers, as the verdicts state them; they are no rows
}

// shared returns the same string for equal texts, so that each is stored only once.
func (r *reader) shared(text string) string {
	text = format.Truncate(text, 500)
	if same, ok := r.words[text]; ok {
		return same
	}
	text = strings.Clone(text)
	r.words[text] = text
	return text
}

// add adds one row.
func (r *reader) add(t traceJSON, experiment string) error {
	switch {
	case t.ID == "" || len(t.ID) > 200:
		return errors.New("a trace has no valid id")
	case t.Location.Experiment.ID != experiment:
		return fmt.Errorf("trace %s is not in experiment %s", t.ID, experiment)
	case r.traces[t.ID]:
		return errors.New("traces were added or deleted while they were read")
	case len(r.rows) >= mostRows:
		return fmt.Errorf("the run has more than %d rows", mostRows)
	}
	r.traces[t.ID] = true
	row := fact.Row{
		TraceID: t.ID, Failed: t.State != "OK", Model: r.shared(t.Metadata[keyModel]),
		Tokens: stated(t.Metadata[keyTokens], "total_tokens"), Cost: stated(t.Metadata[keyCost], "total_cost"),
		Latency: duration(t.Duration),
	}
	inputs, most := t.Request, previewCut
	if inputs == "" {
		inputs, most = t.Metadata[keyInputs], metadataCut
	}
	row.Cut = len([]rune(inputs)) >= most
	row.Shown = strings.Clone(format.Truncate(inputs, shownInput))
	expected := []string{inputs}
	for _, a := range t.Assessments {
		own := a.Metadata[keyScoredIn] == r.run.RunID
		switch {
		case a.Feedback == nil && len(a.Expectation) > 0:
			if own || a.Metadata[keyScoredIn] == "" {
				expected = append(expected, a.Name+"="+canonical(a.Expectation))
			}
			continue
		case a.Feedback == nil,
			!own && (a.Source.Type != "HUMAN" || a.Metadata[keyScoredIn] != "" ||
				t.Metadata[keySourceRun] != r.run.RunID):
			continue // of another run
		}
		if id := a.Metadata[keyScorerTrace]; id != "" {
			r.byScorers[strings.Clone(id)] = true
		}
		if r.scores++; r.scores > mostScores {
			return fmt.Errorf("the run has more than %d verdicts", mostScores)
		}
		row.Scores = append(row.Scores, r.score(a))
	}
	row.Scores = slices.Clip(row.Scores)
	if inputs != "" {
		slices.Sort(expected[1:])
		sum := sha256.Sum256([]byte(strings.Join(expected, "\x00")))
		row.Input = hex.EncodeToString(sum[:16])
	}
	r.rows = append(r.rows, row)
	return nil
}

// score reads one verdict.
func (r *reader) score(a assessmentJSON) fact.Score {
	s := fact.Score{
		Scorer: r.shared(a.Name), Source: r.shared(a.Source.Type), Digest: r.shared(a.Metadata[keyDefinition]),
		Replaced: a.Valid != nil && !*a.Valid, Late: r.late(a),
	}
	if e := bytes.TrimSpace(a.Feedback.Error); len(e) > 0 && !bytes.Equal(e, []byte("null")) {
		return s
	}
	var value any
	if json.Unmarshal(a.Feedback.Value, &value) != nil {
		return s
	}
	switch v := value.(type) {
	case bool:
		s.Kind = fact.ScoreYesNo
		if v {
			s.Value = 1
		}
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) && math.Abs(v) < math.MaxFloat64 {
			s.Kind, s.Value = fact.ScoreNumber, v
		}
	case string:
		switch strings.ToLower(v) {
		case "", "unknown": // what MLflow's judges return if they cannot tell
		case "yes":
			s.Kind, s.Value = fact.ScoreYesNo, 1
		case "no":
			s.Kind = fact.ScoreYesNo
		default:
			s.Kind, s.Text = fact.ScoreText, r.shared(format.Truncate(v, shownInput))
		}
	}
	return s
}

// lateAfter is how long after the end of the run a verdict may be written. The client sets both times. If a verdict was
// never edited, its last change is its creation.
const lateAfter = time.Minute

// late reports whether a verdict was written or edited after the run ended. A time that cannot be read counts as late.
func (r *reader) late(a assessmentJSON) bool {
	created, err := time.Parse(time.RFC3339, a.Created)
	updated, err2 := time.Parse(time.RFC3339, a.Updated)
	if err != nil || err2 != nil {
		return true
	}
	end := r.run.End
	return created.After(end.Add(lateAfter)) || updated.After(created) && updated.After(end)
}

// stated returns a number in a JSON object, or NaN.
func stated(text, key string) float64 {
	var all map[string]any
	if text == "" || json.Unmarshal([]byte(text), &all) != nil {
		return math.NaN()
	}
	if v, ok := all[key].(float64); ok && v >= 0 {
		return v
	}
	return math.NaN()
}

// duration parses a time such as 0.064s. It returns a negative time if none exists.
func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return -1
	}
	return d
}

// canonical returns JSON with sorted keys, or the text itself if it is not JSON.
func canonical(text json.RawMessage) string {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return string(text)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(text)
	}
	return string(out)
}

// Of returns the evaluation run of a subject from the results of Read.
func Of(s fact.Subject, read map[string]registry.Known[fact.Scored]) registry.Known[fact.Scored] {
	logged, ok := s.Logged.Get()
	_, readable := s.Run.Get()
	switch {
	case ok && !readable && !s.Run.IsAbsent(): // among other reasons, because the model does not belong to it
		return registry.Unreadable[fact.Scored]("the run of " + s.Ref + " is not readable: " + s.Run.Why())
	case ok:
		return read[logged.ID]
	case s.Logged.IsAbsent():
		return registry.Absent[fact.Scored](s.Ref + " is not a logged model, which exist since MLflow 3.0; " +
			"evaluation runs name logged models")
	}
	return registry.Unreadable[fact.Scored]("its logged model is not known: " + s.Logged.Why())
}
