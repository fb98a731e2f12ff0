package registry

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 5, 3, 12, 0, 0, 250e6, time.UTC)

// full is a version of which everything is known.
func full() Traced {
	entry := Entry{Epoch: 3, Outcome: EntryDone, Ended: noon, Record: LedgerRecord{
		Command: "promote", To: 7, At: "2026-05-03T11:59:00Z", Moves: []Shift{{"@champion", "6", "7"}, {"@other", "1", "2"}}, Outside: []Shift{{"Production", "5", "7"}},
		Decision: Promote, Mode: ReportMode, Override: []string{"hold"},
		Gates: []Finding{{Gate: "artifact", Outcome: Pass, Candidate: "3 files", Wanted: "complete"}}, Commit: "4f2c",
		Contents: Contents{Artifact: strings.Repeat("ab", 32), Repository: "https://u:p@git.example/a/b", Datasets: []DatasetRef{{Name: "wine", Digest: "d1", Context: "training"}}},
		Origin:   Origin{Actor: "ann", Workflow: "https://github.example/run/1"},
	}}
	return Traced{
		Version: Version{Model: "churn", Number: 7, Source: "models:/dev/3", RunID: "r1", Stage: "Production", Status: "READY", Description: "deeper", Created: noon, Updated: noon,
			Tags: map[string]string{"k": "https://u:p@host/x", TagDeployedTo: "prod", TagDeployedAt: "2026-05-03"}},
		Aliases: []string{"champion"}, RunID: "r1",
		Copies: []CopyLink{{Model: "dev", Version: "3", RunID: "r1", Source: "https://u:p@host/m"}, {Model: "dev", Version: "1", Problem: "gone"}},
		Run: Is(Run{ID: "r1", Name: "trial", ExperimentID: "1", User: "ann", Status: "FINISHED", Deleted: true, Start: noon, End: noon,
			Metrics:  map[string]Point{"acc": {Value: 0.9}, "nan": {Value: math.NaN()}, "inf": {Value: math.MaxFloat64}, "minus": {Value: math.Inf(-1)}},
			Params:   map[string]string{"url": "postgresql://u:p@ss@db/x and https://t@host"},
			Tags:     map[string]string{RunTagCommit: "4f2c", RunTagRepository: "https://bob:pw@git.example/a/b", "mlflow.source.git.branch": "main", "mlflow.source.name": "train.py"},
			Datasets: []Dataset{{Name: "wine", Digest: "d1", SourceType: "http", Source: `{"url": "https://u:p@data.example/w.csv"}`, Context: "training"}}}),
		Experiment: Is(Experiment{ID: "1", Name: "exp", Deleted: true}),
		Logged: Is(LoggedModel{ID: "m-1", Name: "model", Status: "READY", Created: noon,
			Metrics: []ModelMetric{{Key: "f1", RunID: "r8"}}}), // of an evaluation that is not known
		MLmodel: Is(MLmodel{RunID: "r9", ModelID: "m-9", Flavors: map[string]map[string]any{"python_function": {}, "sklearn": {"sklearn_version": "1.5"}}, SizeBytes: 12, PythonVersion: "3.11", MLflowVersion: "3.17",
			Signature: Signature{Inputs: `[{"type":"long"}]`, Outputs: `no JSON "`, Params: `null`}}),
		Entries: Is([]Entry{{Epoch: 1, Record: LedgerRecord{To: 1, Moves: []Shift{{"@champion", "", "1"}}}}, entry,
			{Epoch: 4, Outcome: EntryAborted, Reason: Conflict, Record: LedgerRecord{Command: "rollback", To: 6, At: "2026-05-04T00:00:00Z", Moves: []Shift{{"@champion", "7", "6"}}}}}),
	}
}

func TestLineage(t *testing.T) {
	all := NewLineage(full())
	tagged := Traced{Version: Version{Model: "churn", Number: 7, Tags: map[string]string{
		TagRecord:     `{"record_version":1,"at":"2026-01-02T00:00:00Z","model":"churn","from":6,"to":7,"target":{"alias":"champion, canary","stage":"Production"},"gates":["acc >= 0.9: pass (0.91)"],"plan":"x","run":"https://run","actor":"ann"}`,
		TagRolledBack: "2026-01-03T00:00:00Z", AliasTimeTag("champion"): "2026-01-02T00:00:00Z", AliasTimeTag("shadow"): "2026-01-01T00:00:00Z",
		TagDatasets: `[{"name":"wine","digest":"d1","context":"training"}]`, TagDataSourceURI: "s3://u:p@b/w", TagDataVersion: "d1",
		TagGitCommit: "4f2c", TagGitRepository: "https://git.example/a/b"}}, Entries: Absent[[]Entry]("no ledger"), MLmodel: Unreadable[MLmodel]("a store that is out")}
	lost := NewLineage(tagged)
	purged := full()
	purged.Version.Tags, purged.Run = nil, Absent[Run]("there is no run r1")
	kept := NewLineage(purged)
	foreign := full()
	foreign.RunProblem, foreign.Version.Tags, foreign.Entries = "its files are at https://u:p@evil/m", nil, Absent[[]Entry]("no ledger")
	other := NewLineage(foreign)
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"numbers that JSON has none for are texts", metrics(t, all), `{"acc":0.9,"inf":"Infinity","minus":"-Infinity","nan":"NaN"}`},
		{"addresses lose user and password, wherever they stand", []string{all.Tags["k"], all.Training.Parameters["url"], all.Training.Tags[RunTagRepository], all.Datasets[0].Source, all.Copies[0].Source},
			[]string{"https://host/x", "postgresql://db/x and https://host", "https://git.example/a/b", `{"url": "https://data.example/w.csv"}`, "https://host/m"}},
		{"times are told to the millisecond", []string{all.Created, all.Training.Ended}, []string{"2026-05-03T12:00:00.25Z", "2026-05-03T12:00:00.25Z"}},
		{"only moves that the version has a part in are its promotions", moves(all), []string{"3 promote Production (moved outside, before) 5>7, @champion 6>7 done", "4 rollback @champion 7>6 aborted"}},
		{"the evidence is that of the version it was moved to", [2]int{len(all.Promotions[0].Gates), len(all.Promotions[1].Gates)}, [2]int{1, 0}},
		{"a promotion that added up the files tells their digest", all.Files.SHA256, strings.Repeat("ab", 32)},
		{"what is no JSON in a signature is a text", string(all.Files.Outputs), `"no JSON \""`},
		{"what is deleted can still be read, and is told", losses(all), []string{"copy", "run", "experiment"}},
		{"without a run the tags tell the code", *lost.Code, Code{Commit: "4f2c", Repository: "https://git.example/a/b", From: "tags"}},
		{"and the data, address and digest of one data set together", lost.Datasets, []LineageDataset{{Name: "wine", Digest: "d1", Context: "training", URI: "s3://b/w", From: "tags"}}},
		{"without a run and tags the ledger tells both", []any{*kept.Code, kept.Datasets}, []any{Code{Commit: "4f2c", Repository: "https://git.example/a/b", From: "ledger"}, []LineageDataset{{Name: "wine", Digest: "d1", Context: "training", From: "ledger"}}}},
		{"without a ledger the marks tell the promotions, each target once", moves(lost), []string{"0  @shadow >7 done", "0  @champion 6>7, @canary 6>7, Production 6>7 done", "0  rolled back 7> done"}},
		{"of a run that is not its own nothing is shown", []any{other.Training, other.Code, other.Datasets, other.RunID}, []any{(*Training)(nil), (*Code)(nil), []LineageDataset{}, "r1"}},
		{"and the reason has no password", other.RunProblem, "version 7 does not belong to run r1: its files are at https://evil/m"},
		{"metrics whose values may be others' are listed apart", len(all.Training.Unclear), 1},
		{"what the MLmodel file claims is told if it differs", []string{all.Files.RunID, all.Files.ModelID}, []string{"r9", "m-9"}},
		{"what is lost is listed", losses(lost), []string{"run", "artifact", "promotions"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func metrics(t *testing.T, l Lineage) string {
	text, err := json.Marshal(l.Training.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func losses(l Lineage) []string {
	var out []string
	for _, x := range l.Lost {
		out = append(out, x.What)
	}
	return out
}

func moves(l Lineage) []string {
	var out []string
	for _, p := range l.Promotions {
		var shifts []string
		for _, s := range p.Moves {
			shifts = append(shifts, s.Ref+" "+s.Was+">"+s.Want)
		}
		out = append(out, strings.Join([]string{string('0' + rune(p.Epoch)), p.Command, strings.Join(shifts, ", "), p.Outcome}, " "))
	}
	return out
}

// The documented schema takes every lineage, knows every key of a full one, and nothing else.
func TestLineageIsAsItsSchemaSays(t *testing.T) {
	text, err := os.ReadFile("../../docs/lineage.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("lineage.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("lineage.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(t interface{ Fatalf(string, ...any) }, l Lineage) string {
		text, err := CanonicalJSON(l)
		if err != nil {
			t.Fatalf("%v", err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if err := schema.Validate(v); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return string(text)
	}
	foreign := full()
	foreign.RunProblem = "it is elsewhere"
	whole := check(t, NewLineage(full())) + check(t, NewLineage(foreign))
	check(t, NewLineage(full()).Brief())
	for _, key := range propertyNames(doc) {
		if !strings.Contains(whole, `"`+key+`":`) {
			t.Errorf("the schema describes %q, which a full lineage lacks", key)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, NewLineage(anyTraced(t))) })
}

// propertyNames lists the keys that a schema names.
func propertyNames(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if props, ok := child.(map[string]any); ok && key == "properties" {
				for name := range props {
					out = append(out, name)
				}
			}
			out = append(out, propertyNames(child)...)
		}
	case []any:
		for _, child := range v {
			out = append(out, propertyNames(child)...)
		}
	}
	return out
}

// anyTraced leaves out at random what may not be known.
func anyTraced(t *rapid.T) Traced {
	out := full()
	drop := func(name string) bool { return rapid.Bool().Draw(t, name) }
	if drop("run") {
		out.Run = Absent[Run]("there is no run r1")
		if drop("id") {
			out.RunID = ""
		}
	}
	if drop("belonging") {
		out.RunProblem = "it is elsewhere"
	}
	if drop("datasets") {
		r := out.Run.OrZero()
		r.Datasets, r.Tags = nil, nil
		if _, ok := out.Run.Get(); ok {
			out.Run = Is(r)
		}
	}
	if drop("experiment") {
		out.Experiment = Unreadable[Experiment]("no right")
	}
	if drop("logged") {
		out.Logged = Absent[LoggedModel]("there is none")
	}
	if drop("MLmodel") {
		out.MLmodel = Unreadable[MLmodel]("no store")
	}
	if drop("entries") {
		out.Entries = Known[[]Entry]{}
	}
	if drop("tags") {
		out.Version.Tags = map[string]string{TagRecord: rapid.String().Draw(t, "record"), TagDatasets: rapid.SampledFrom([]string{"", "[]", "[{}]", "{}", "x", `[{"from":"evil"}]`}).Draw(t, "kept")}
	}
	if drop("stage") {
		out.Version.Stage = ""
	}
	if drop("aliases") {
		out.Aliases, out.Copies = nil, nil
	}
	return out
}
