package lineage

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

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var noon = time.Date(2026, 5, 3, 12, 0, 0, 250e6, time.UTC)

// full returns a version about which everything is known.
func full() Traced {
	entry := ledger.Entry{Epoch: 3, Outcome: ledger.EntryDone, Ended: noon, Record: ledger.Record{
		Command: "promote", To: 7, At: "2026-05-03T11:59:00Z", Moves: []registry.Shift{
			registry.ParseShift("@champion", "6", "7"), registry.ParseShift("@other", "1", "2"),
		}, Outside: []registry.Shift{registry.ParseShift("Production", "5", "7")},
		Decision: verdict.Promote, Mode: verdict.ReportMode, Override: []string{"hold"},
		Gates: []verdict.Finding{
			{Gate: "artifact", Outcome: verdict.Pass, Candidate: "3 files", Wanted: "complete"},
		}, Commit: "4f2c",
		Contents: ledger.Contents{
			Artifact: strings.Repeat("ab", 32), Repository: "https://u:p@git.example/a/b",
			Datasets: []ledger.DatasetRef{{Name: "wine", Digest: "d1", Context: "training"}},
		},
		Origin: ledger.Origin{
			Actor: "ann", Initiator: "ben", Login: "bot", OSUser: "ann", Workflow: "https://github.example/run/1",
		},
		CopiedFrom: []registry.Hop{
			{Server: "https://u:p@dev.example", Ref: "models:/churn/3", RunID: "r0", Claimed: true},
			{Server: "https://staging.example", Ref: "models:/churn/4", Digest: "d0", At: "2026-05-03T11:58:00Z"},
		},
		Justification: "CHG1", Approvers: []string{"eve"}, Unknown: "no-permission",
	}}
	return Traced{
		Version: registry.Version{Model: "churn", Number: 7, Source: "models:/dev/3", RunID: "r1", Stage: "Production", Status: "READY", Description: "deeper", Created: noon, Updated: noon,
			Tags: map[string]string{
				"k": "https://u:p@host/x", registry.TagDeployedTo: "prod", registry.TagDeployedAt: "2026-05-03",
			}},
		Aliases: []string{"champion"}, RunID: "r1",
		Copies: []CopyLink{
			{Model: "dev", Version: "3", RunID: "r1", Source: "https://u:p@host/m"},
			{Model: "dev", Version: "1", Problem: "gone"},
		},
		Run: registry.Is(registry.Run{ID: "r1", Name: "trial", ExperimentID: "1", User: "ann", Status: "FINISHED", Deleted: true, Start: noon, End: noon,
			Metrics: map[string]registry.Point{
				"acc": {Value: 0.9}, "nan": {Value: math.NaN()}, "inf": {Value: math.MaxFloat64},
				"minus": {Value: math.Inf(-1)},
			},
			Params: map[string]string{"url": "postgresql://u:p@ss@db/x and https://t@host"},
			Tags: map[string]string{
				registry.RunTagCommit: "4f2c", registry.RunTagRepository: "https://bob:pw@git.example/a/b",
				"mlflow.source.git.branch": "main", "mlflow.source.name": "train.py",
			},
			Datasets: []registry.Dataset{
				{
					Name: "wine", Digest: "d1", SourceType: "http", Source: `{"url": "https://u:p@data.example/w.csv"}`,
					Context: "training",
				},
			}}),
		Experiment: registry.Is(registry.Experiment{ID: "1", Name: "exp", Deleted: true}),
		Logged: registry.Is(registry.LoggedModel{ID: "m-1", Name: "model", Status: "READY", Created: noon,
			Metrics: []registry.ModelMetric{{Key: "f1", RunID: "r8"}}}), // the evaluation that logged it is unknown
		MLmodel: registry.Is(registry.MLmodel{RunID: "r9", ModelID: "m-9", Flavors: map[string]map[string]any{
			"python_function": {}, "sklearn": {"sklearn_version": "1.5"},
		}, SizeBytes: 12, PythonVersion: "3.11", MLflowVersion: "3.17",
			Signature: registry.Signature{Inputs: `[{"type":"long"}]`, Outputs: `no JSON "`, Params: `null`}}),
		Entries: registry.Is([]ledger.Entry{{
			Epoch: 1, Record: ledger.Record{To: 1, Moves: []registry.Shift{registry.ParseShift("@champion", "", "1")}},
		}, entry,
			{
				Epoch: 4, Outcome: ledger.EntryAborted, Reason: registry.Conflict,
				Record: ledger.Record{
					Command: "rollback", To: 6, At: "2026-05-04T00:00:00Z",
					Moves: []registry.Shift{registry.ParseShift("@champion", "7", "6")},
				},
			}}),
	}
}

func TestLineage(t *testing.T) {
	all := New(full())
	tagged := Traced{Version: registry.Version{Model: "churn", Number: 7, Tags: map[string]string{
		registry.TagRecord:     `{"record_version":1,"at":"2026-01-02T00:00:00Z","model":"churn","from":6,"to":7,"target":{"alias":"champion, canary","stage":"Production"},"gates":["acc >= 0.9: pass (0.91)"],"plan":"x","run":"https://run","actor":"ann"}`,
		registry.TagRolledBack: "2026-01-03T00:00:00Z", registry.AliasTimeTag(
			"champion",
		): "2026-01-02T00:00:00Z", registry.AliasTimeTag("shadow"): "2026-01-01T00:00:00Z",
		registry.TagDatasets: `[{"name":"wine","digest":"d1","context":"training"}]`, registry.TagDataSourceURI: "s3://u:p@b/w", registry.TagDataVersion: "d1",
		registry.TagGitCommit: "4f2c", registry.TagGitRepository: "https://git.example/a/b"}}, Entries: registry.Absent[[]ledger.Entry]("no ledger"), MLmodel: registry.Unreadable[registry.MLmodel]("a store that is out")}
	lost := New(tagged)
	purged := full()
	purged.Version.Tags, purged.Run = nil, registry.Absent[registry.Run]("there is no run r1")
	kept := New(purged)
	foreign := full()
	foreign.RunProblem, foreign.Version.Tags, foreign.Entries = "its files are at https://u:p@evil/m", nil, registry.Absent[[]ledger.Entry]("no ledger")
	other := New(foreign)
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{
			"numbers that JSON has none for are texts", metrics(t, all),
			`{"acc":0.9,"inf":"Infinity","minus":"-Infinity","nan":"NaN"}`,
		},
		{"addresses lose user and password, wherever they stand", []string{
			all.Tags["k"], all.Training.Parameters["url"], all.Training.Tags[registry.RunTagRepository],
			all.Datasets[0].Source, all.Copies[0].Source,
		},
			[]string{
				"https://host/x", "postgresql://db/x and https://host", "https://git.example/a/b",
				`{"url": "https://data.example/w.csv"}`, "https://host/m",
			}},
		{
			"times are told to the millisecond", []string{all.Created, all.Training.Ended},
			[]string{"2026-05-03T12:00:00.25Z", "2026-05-03T12:00:00.25Z"},
		},
		{
			"only moves that the version has a part in are its promotions", moves(all),
			[]string{
				"3 promote Production (moved outside, before) 5>7, @champion 6>7 done",
				"4 rollback @champion 7>6 aborted",
			},
		},
		{
			"the evidence is that of the version it was moved to",
			[2]int{len(all.Promotions[0].Gates), len(all.Promotions[1].Gates)}, [2]int{1, 0},
		},
		{"a promotion that added up the files tells their digest", all.Files.SHA256, strings.Repeat("ab", 32)},
		{"what is no JSON in a signature is a text", string(all.Files.Outputs), `"no JSON \""`},
		{"what is deleted can still be read, and is told", losses(all), []string{"copy", "run", "experiment"}},
		{
			"without a run the tags tell the code", *lost.Code,
			Code{Commit: "4f2c", Repository: "https://git.example/a/b", From: "tags"},
		},
		{
			"and the data, address and digest of one data set together", lost.Datasets,
			[]Dataset{{Name: "wine", Digest: "d1", Context: "training", URI: "s3://b/w", From: "tags"}},
		},
		{
			"without a run and tags the ledger tells both", []any{*kept.Code, kept.Datasets},
			[]any{
				Code{Commit: "4f2c", Repository: "https://git.example/a/b", From: "ledger"},
				[]Dataset{{Name: "wine", Digest: "d1", Context: "training", From: "ledger"}},
			},
		},
		{
			"without a ledger the marks tell the promotions, each target once", moves(lost),
			[]string{
				"0  @shadow >7 done", "0  @champion 6>7, @canary 6>7, Production 6>7 done", "0  rolled back 7> done",
			},
		},
		{
			"of a run that is not its own nothing is shown",
			[]any{other.Training, other.Code, other.Datasets, other.RunID},
			[]any{(*Training)(nil), (*Code)(nil), []Dataset{}, "r1"},
		},
		{
			"and the reason has no password", other.RunProblem,
			"version 7 does not belong to run r1: its files are at https://evil/m",
		},
		{"metrics whose values may be others' are listed apart", len(all.Training.Unclear), 1},
		{
			"what the MLmodel file claims is told if it differs", []string{all.Files.RunID, all.Files.ModelID},
			[]string{"r9", "m-9"},
		},
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
			shifts = append(shifts, s.Ref+" "+s.Was.String()+">"+s.Want.String())
		}
		out = append(
			out,
			strings.Join([]string{string('0' + rune(p.Epoch)), p.Command, strings.Join(shifts, ", "), p.Outcome}, " "),
		)
	}
	return out
}

// The documented schema accepts every lineage and rejects unknown keys. A full lineage uses all keys in the schema.
func TestLineage_Schema(t *testing.T) {
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
		text, err := canonical.JSON(l)
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
	whole := check(t, New(full())) + check(t, New(foreign))
	check(t, New(full()).Brief())
	for _, key := range propertyNames(doc) {
		if !strings.Contains(whole, `"`+key+`":`) {
			t.Errorf("the schema describes %q, which a full lineage lacks", key)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, New(anyTraced(t))) })
}

// propertyNames returns the keys that a schema defines.
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

// anyTraced returns a full version with random parts missing.
func anyTraced(t *rapid.T) Traced {
	out := full()
	drop := func(name string) bool { return rapid.Bool().Draw(t, name) }
	if drop("run") {
		out.Run = registry.Absent[registry.Run]("there is no run r1")
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
			out.Run = registry.Is(r)
		}
	}
	if drop("experiment") {
		out.Experiment = registry.Unreadable[registry.Experiment]("no right")
	}
	if drop("logged") {
		out.Logged = registry.Absent[registry.LoggedModel]("there is none")
	}
	if drop("MLmodel") {
		out.MLmodel = registry.Unreadable[registry.MLmodel]("no store")
	}
	if drop("entries") {
		out.Entries = registry.Known[[]ledger.Entry]{}
	}
	if drop("tags") {
		out.Version.Tags = map[string]string{
			registry.TagRecord: rapid.String().Draw(t, "record"),
			registry.TagDatasets: rapid.SampledFrom(
				[]string{"", "[]", "[{}]", "{}", "x", `[{"from":"evil"}]`},
			).Draw(t, "kept"),
		}
	}
	if drop("stage") {
		out.Version.Stage = ""
	}
	if drop("aliases") {
		out.Aliases, out.Copies = nil, nil
	}
	return out
}
