package lineage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Traced contains what was read about a version while its origin was being traced. Only Version is always known.
type Traced struct {
	Version    registry.Version
	ModelTags  map[string]string // the registered model's tags
	Aliases    []string          // the aliases that point to the version, sorted
	Copies     []CopyLink        // the versions that it was copied from, nearest first
	RunID      string            // the id of the version's own run, or of the run of the nearest copy that has one
	Run        registry.Known[registry.Run]
	RunProblem string // why the version does not belong to the run; "" if it does
	Path       string // the model's path within the run's artifacts
	Experiment registry.Known[registry.Experiment]
	Logged     registry.Known[registry.LoggedModel]

	Siblings    registry.Known[[]registry.LoggedModel]     // as in Subject
	Evaluations registry.Known[map[string]fact.Evaluation] // as in Subject
	OtherPaths  registry.Known[[]string]                   // as in Subject

	MLmodel   registry.Known[registry.MLmodel]
	SizeBytes int64                          // total size of the model's files; 0 if unknown
	Entries   registry.Known[[]ledger.Entry] // entries in the model's promotion ledger
}

// Origin returns the version at the end of the chain of copies: the version itself, or the last one that could be read.
func (t *Traced) Origin() registry.Version {
	v := t.Version
	for _, c := range t.Copies {
		if c.Problem != "" {
			break
		}
		number, _ := strconv.Atoi(c.Version)
		v = registry.Version{Model: c.Model, Number: number, Source: c.Source, RunID: c.RunID}
	}
	return v
}

// Detached says why the chain of copies does not lead to the run, or returns "" if it does.
func (t *Traced) Detached() string {
	for _, c := range t.Copies {
		switch {
		case c.Problem != "":
			return c.Problem
		case c.RunID != "" && c.RunID != t.RunID:
			return fmt.Sprintf("version %s has run %s, but it is a copy of models:/%s/%s, which has run %s",
				strconv.Itoa(t.Version.Number), t.RunID, c.Model, c.Version, c.RunID)
		}
	}
	return ""
}

// Subject returns the version and its run as a fact.Subject, which decides which metric values count.
func (t *Traced) Subject() fact.Subject {
	s := fact.Subject{
		Ref: fmt.Sprintf("models:/%s/%d", t.Version.Model, t.Version.Number), Version: registry.Is(t.Version),
		Run: t.Run, Path: t.Path, Logged: t.Logged, Siblings: t.Siblings, Evaluations: t.Evaluations,
		OtherPaths: t.OtherPaths,
	}
	if !s.Logged.Gathered() {
		s.Logged = registry.Absent[registry.LoggedModel]("it is not a logged model")
	}
	return s
}

// New composes a version's lineage. It removes user names and passwords from addresses.
func New(t Traced) Lineage {
	v := t.Version
	l := Lineage{
		Model: v.Model, Version: strconv.Itoa(v.Number), Stage: cmp.Or(
			v.Stage, "None",
		),
		Aliases: t.Aliases, RunID: t.RunID, Tags: withoutUserInfo(v.Tags),
		Description: v.Description, Source: format.WithoutUserInfo(v.Source), Status: v.Status, Created: instant(
			v.Created,
		),
		Updated:  instant(v.Updated),
		Datasets: []Dataset{}, Promotions: []Promotion{}, Lost: []Lost{},
	}
	if l.Aliases == nil {
		l.Aliases = []string{}
	}
	l.copies(t)
	l.servers(t)
	l.training(t)
	l.code(t)
	l.datasets(t)
	l.artifact(t)
	l.promotions(t)
	if to, at := v.Tags[registry.TagDeployedTo], v.Tags[registry.TagDeployedAt]; to != "" || at != "" {
		l.Deployment = &Deployment{To: to, At: at}
	}
	return l
}

func (l *Lineage) addLost(what, why string) { l.Lost = append(l.Lost, Lost{what, why}) }

func (l *Lineage) copies(t Traced) {
	for _, c := range t.Copies {
		c.Source = format.WithoutUserInfo(c.Source)
		l.Copies = append(l.Copies, c)
		if c.Problem != "" {
			l.addLost("copy", c.Problem)
		}
	}
}

func (l *Lineage) training(t Traced) {
	r, ok := t.Run.Get()
	switch {
	case t.RunID == "":
		l.addLost(
			"run", fmt.Sprintf("version %s has no run, so its parameters, metrics and user are unknown", l.Version),
		)
		return
	case !ok:
		l.addLost("run", t.Run.Why()+", so its parameters, metrics and user are unknown")
		return
	case t.RunProblem != "":
		why := format.WithoutUserInfo(t.RunProblem)
		l.RunProblem = fmt.Sprintf("version %s does not belong to run %s: %s", l.Version, r.ID, why)
		l.addLost(
			"run",
			fmt.Sprintf("the data from run %s is left out, because version %s does not belong to it", r.ID, l.Version),
		)
		return
	case r.Deleted:
		l.addLost("run", fmt.Sprintf("run %s is deleted and can be read only until MLflow purges deleted runs", r.ID))
	}
	l.Training = &Training{
		ExperimentID: r.ExperimentID, ExperimentName: t.Experiment.OrZero().Name, RunName: r.Name, User: r.User,
		Status: r.Status, Deleted: r.Deleted,
		Started: instant(r.Start), Ended: instant(r.End), Parameters: withoutUserInfo(
			r.Params,
		),
		Metrics: map[string]Number{}, Tags: withoutUserInfo(r.Tags),
	}
	l.metrics(t.Subject())
	if e, ok := t.Experiment.Get(); !ok {
		l.addLost("experiment", t.Experiment.Why())
	} else if e.Deleted {
		l.addLost(
			"experiment",
			fmt.Sprintf(
				"experiment %s is deleted and can be read only until MLflow purges deleted experiments", e.Name,
			),
		)
	}
}

// metrics adds the model's own metrics. Values that may belong to a different model are listed separately.
func (l *Lineage) metrics(s fact.Subject) {
	for _, key := range s.MetricNames() {
		switch c := s.Choose(key, fact.Selector{}); {
		case c.Why == "":
			l.Training.Metrics[key] = Number(c.Value.Value)
		case !c.Absent:
			if l.Training.Unclear == nil {
				l.Training.Unclear = map[string]string{}
			}
			l.Training.Unclear[key] = c.Why
		}
	}
}

// newestRecord returns the newest ledger record that promotes this version, and the ID of its entry.
func (t Traced) newestRecord() (ledger.Record, string) {
	for _, e := range slices.Backward(t.Entries.OrZero()) {
		if e.Record.To == t.Version.Number {
			return e.Record, e.ID()
		}
	}
	return ledger.Record{}, ""
}

// ownRun returns the run if the version belongs to it, and otherwise the zero value.
func (t Traced) ownRun() registry.Run {
	if t.RunProblem != "" {
		return registry.Run{}
	}
	return t.Run.OrZero()
}

// code adds the commit recorded on the run. If none exists, it uses the commit in the version's tags, provided that
// this program registered the version, or else the commit in the ledger.
func (l *Lineage) code(t Traced) {
	tags, own := t.ownRun().Tags, t.Version.Tags
	c := Code{
		Commit: tags[registry.RunTagCommit], Branch: tags["mlflow.source.git.branch"],
		Repository: format.WithoutUserInfo(tags[registry.RunTagRepository]),
		Script:     tags["mlflow.source.name"], From: "run",
	}
	if c.Commit == "" && own[registry.TagGitCommit] != "" {
		c = Code{
			Commit: own[registry.TagGitCommit], Repository: format.WithoutUserInfo(own[registry.TagGitRepository]),
			From: "tags",
		}
	}
	if r, _ := t.newestRecord(); c.Commit == "" && r.Commit != "" {
		c = Code{Commit: r.Commit, Repository: format.WithoutUserInfo(r.Repository), From: "ledger"}
	}
	if c.Commit == "" && l.Training != nil {
		l.addLost("code", fmt.Sprintf("run %s has no commit (tag %s)", t.RunID, registry.RunTagCommit))
	}
	if c != (Code{From: "run"}) {
		l.Code = &c
	}
}

// datasets adds the run's datasets. If there are none, it uses the version's tags or the ledger.
func (l *Lineage) datasets(t Traced) {
	for _, d := range t.ownRun().Datasets {
		l.Datasets = append(l.Datasets, Dataset{
			Name: d.Name, Digest: d.Digest, SourceType: d.SourceType, Source: format.WithoutUserInfo(
				d.Source,
			),
			URI: registry.DatasetSource(d), Context: d.Context, From: "run",
		})
	}
	if len(l.Datasets) > 0 {
		return
	}
	tags := t.Version.Tags
	var kept []Dataset
	if json.Unmarshal([]byte(registry.JoinTag(tags, registry.TagDatasets)), &kept) == nil {
		l.Datasets = append(l.Datasets, kept...)
	}
	uri, digest := format.WithoutUserInfo(tags[registry.TagDataSourceURI]), tags[registry.TagDataVersion]
	if (uri != "" || digest != "") && !withSource(l.Datasets, uri, digest) {
		l.Datasets = append(l.Datasets, Dataset{URI: uri, Digest: digest})
	}
	for i := range l.Datasets {
		l.Datasets[i].From = "tags"
	}
	if r, _ := t.newestRecord(); len(l.Datasets) == 0 {
		for _, d := range r.Datasets {
			l.Datasets = append(l.Datasets, Dataset{Name: d.Name, Digest: d.Digest, Context: d.Context, From: "ledger"})
		}
	}
	switch {
	case len(l.Datasets) > 0:
	case l.Training == nil:
		l.addLost("datasets", "the data is unknown, because there is no run and no tag that names it")
	default:
		l.addLost("datasets", fmt.Sprintf("run %s has no dataset (mlflow.log_input, MLflow 2.4 and later)", t.RunID))
	}
}

// withSource adds the address to the dataset with the given digest. It reports whether there is one.
func withSource(list []Dataset, uri, digest string) bool {
	i := slices.IndexFunc(list, func(d Dataset) bool { return d.Digest == digest && digest != "" })
	if i >= 0 {
		list[i].URI = uri
	}
	return i >= 0
}

func (l *Lineage) artifact(t Traced) {
	if m, ok := t.Logged.Get(); ok {
		l.Logged = &Logged{ID: m.ID, Name: m.Name, Status: m.Status, Created: instant(m.Created)}
	} else if t.Logged.Gathered() {
		l.addLost("logged model", t.Logged.Why())
	}
	m, ok := t.MLmodel.Get()
	if !ok {
		l.addLost("artifact", t.MLmodel.Why())
		return
	}
	l.Files = &ModelFiles{
		SizeBytes: cmp.Or(
			m.SizeBytes, t.SizeBytes,
		),
		Framework: m.Framework(), Python: m.PythonVersion, MLflow: m.MLflowVersion,
		Flavors: slices.Sorted(maps.Keys(m.Flavors)),
		Inputs:  jsonText(m.Signature.Inputs), Outputs: jsonText(
			m.Signature.Outputs,
		),
		Params: jsonText(m.Signature.Params),
	}
	if m.RunID != t.RunID {
		l.Files.RunID = m.RunID
	}
	if m.ModelID != t.Logged.OrZero().ID {
		l.Files.ModelID = m.ModelID
	}
	if r, id := t.newestRecord(); r.Artifact != "" {
		l.Files.SHA256, l.Files.SHA256At = r.Artifact, id
	}
	if m.Signature.Empty() {
		l.addLost("signature", "the model has no signature")
	}
}

// jsonText returns a part of a signature as JSON. Text that is not JSON becomes a JSON string.
func jsonText(part string) json.RawMessage {
	switch {
	case part == "":
		return nil
	case json.Valid([]byte(part)):
		return json.RawMessage(part)
	}
	text, _ := json.Marshal(part) // cannot fail, because every string can be encoded
	return text
}

func (l *Lineage) promotions(t Traced) {
	entries, ok := t.Entries.Get()
	for _, e := range entries {
		if p, part := promotion(e, t.Version.Number); part {
			l.Promotions = append(l.Promotions, p)
		}
	}
	if !ok {
		l.addLost("promotions", t.Entries.Why())
	}
	if len(l.Promotions) == 0 {
		l.addFromTags(t.Version)
	}
}

// promotion returns what a ledger entry says about this version. ok is false if none of the entry's moves concerns it.
func promotion(e ledger.Entry, number int) (Promotion, bool) {
	r := e.Record
	p := Promotion{
		ID: e.ID(), Epoch: e.Epoch, Command: r.What(), At: r.At, Outcome: cmp.Or(e.Outcome, "open"), Reason: e.Reason,
		Actor: r.Actor, Initiator: r.Initiator, OSUser: r.OSUser, Login: r.Login, Justification: r.Justification,
		Workflow: r.Workflow, From: "ledger",
	}
	if !e.Ended.IsZero() {
		p.At = instant(e.Ended)
	}
	add := func(s registry.Shift, note string) {
		if was, now := s.Was.Versions, s.Want.Versions; was.Has(number) != now.Has(number) || r.Imports(s.Ref, number) {
			p.Moves = append(p.Moves, Move{s.Ref.String() + note, was, now})
		}
	}
	for _, s := range r.Outside {
		add(s, " (moved outside, before)")
	}
	for _, s := range r.Moves {
		add(s, "")
	}
	if r.To == number { // the evidence concerns only the promoted version
		p.Decision, p.Mode, p.Override = r.Decision, r.Mode, r.Override
		p.Approvers, p.ApproversUnknown = r.Approvers, r.Unknown
		for _, g := range r.Gates {
			p.Gates = append(p.Gates, Gate{g.Gate, string(g.Outcome), g.Seen(), g.Wanted})
		}
	}
	return p, len(p.Moves) > 0
}

// addFromTags adds the promotions recorded in the version's own tags.
func (l *Lineage) addFromTags(v registry.Version) {
	if r, ok := summary.Of(v); ok && r.To == v.Number {
		p := Promotion{
			At: r.At, Moves: []Move{}, Outcome: ledger.EntryDone, Mode: r.Mode, Override: r.Override, Actor: r.Actor,
			Initiator: r.Initiator, Justification: r.Justification, Workflow: r.Run, From: "tags",
		}
		var was registry.Versions
		if r.From != 0 {
			was = registry.VersionsOf(r.From)
		}
		for _, ref := range r.Refs() {
			p.Moves = append(p.Moves, Move{ref.String(), was, registry.VersionsOf(v.Number)})
		}
		for _, g := range r.Gates {
			p.Gates = append(p.Gates, Gate{Gate: g})
		}
		l.Promotions = append(l.Promotions, p)
	}
	for _, key := range slices.Sorted(maps.Keys(v.Tags)) {
		move, is := moveOfTag(key, v.Number)
		if !is || v.Tags[key] == "" || slices.ContainsFunc(l.Promotions, func(p Promotion) bool {
			return slices.ContainsFunc(
				p.Moves, func(m Move) bool { return m.Ref == move.Ref && m.Want.Equal(move.Want) },
			)
		}) {
			continue
		}
		l.Promotions = append(
			l.Promotions, Promotion{At: v.Tags[key], Moves: []Move{move}, Outcome: ledger.EntryDone, From: "tags"},
		)
	}
	slices.SortStableFunc(l.Promotions, func(a, b Promotion) int { return strings.Compare(a.At, b.At) })
}

// moveOfTag returns the move that a timestamp tag records.
func moveOfTag(key string, number int) (Move, bool) {
	version := registry.VersionsOf(number)
	for _, stage := range registry.Stages {
		if key == registry.StageTimeTag(stage) && key != "" {
			return Move{Ref: stage, Want: version}, true
		}
	}
	if key == registry.TagRolledBack {
		return Move{Ref: "rolled back", Was: version}, true
	}
	alias, ours := strings.CutPrefix(key, registry.TagPrefix+"alias.")
	alias, timed := strings.CutSuffix(alias, ".at")
	return Move{Ref: registry.AliasRef(alias).String(), Want: version}, ours && timed
}

// instant formats a time. It returns "" for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z07:00")
}

// withoutUserInfo returns a copy of the map in which addresses contain no user names or passwords.
func withoutUserInfo(texts map[string]string) map[string]string {
	out := make(map[string]string, len(texts))
	for key, text := range texts {
		out[key] = format.WithoutUserInfo(text)
	}
	return out
}
