package auditpage

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// audited is a model with its findings.
type audited struct {
	audit.Snapshot
	findings []audit.Finding
}

// sampleRules contains a few of the audit's rules.
var sampleRules = []audit.Rule{
	{
		ID: "run-gone", Title: "The run of a live version is missing", Severity: audit.High,
		Why: "Data and code of the live version are unknown.",
		Fix: "train again, or move the alias to a version whose run exists",
	},
	{
		ID: "moved-outside", Title: "Alias or stage was moved outside this tool", Severity: audit.High,
		Why: "The live version passed no gate, and no record says who moved it.",
		Fix: "promote the version again, so that its gates are evaluated",
	},
	{
		ID: "artifact-changed", Title: "Files changed since the promotion", Severity: audit.High,
		Why: "The live files are not the files that the gates evaluated.",
		Fix: "restore the files, or promote a new version",
	},
	{
		ID: "no-rollback-target", Title: "No version to roll back to", Severity: audit.Medium,
		Why: "A bad champion cannot be replaced in one step.",
		Fix: "keep the previous champion",
	},
	{
		ID: "dataset-lineage", Title: "No dataset is logged", Severity: audit.Medium,
		Why: "The training data is unknown.",
		Fix: "log the dataset with `mlflow.log_input` in the training run",
	},
	{
		ID: "champion-stale", Title: "The champion is old", Severity: audit.Medium,
		Why: "Predictions may get worse as data changes.",
		Fix: "train and promote a new version, or accept the finding with a reason",
	},
	{
		ID: "required-tags", Title: "Required tags are missing", Severity: audit.Low,
		Why: "Owner and purpose of a live model must be known.",
		Fix: "set the tags that the policy lists",
	},
	{
		ID: "challenger-endless", Title: "A challenger has been live for too long", Severity: audit.Low,
		Why: "An endless comparison costs traffic.",
		Fix: "promote the challenger, or remove the alias",
	},
	{
		ID: "dangling-alias", Title: "An alias points to a deleted version", Severity: audit.High,
		Why: "Consumers that load the alias fail.",
		Fix: "run `doctor` with `repair: dangling-aliases`",
	},
	{
		ID: "ledger-broken", Title: "The chain of the ledger is broken", Severity: audit.High,
		Why: "Entries were edited or removed.",
		Fix: "compare the ledger with the saved history, then reset it",
	},
}

var sampleEnd = time.Date(2026, 11, 24, 3, 12, 40, 0, time.UTC)

// sampleModels returns a small registry with an example of everything. The result is always the same.
func sampleModels() []audited {
	chance := rand.New(rand.NewPCG(7, 11))
	names := []string{
		"churn",
		"credit-limit",
		"demand-forecast",
		"email-intent",
		"fraud-scoring",
		"invoice-ocr",
		"lead-ranking",
		"next-best-offer",
		"pricing-elasticity",
		"returns-risk",
		"search-ranking",
		"support-routing",
		"uplift-retention",
		"warehouse-slotting",
	}
	users := []string{"amara", "bruno", "chen", "dilnoza"}
	var out []audited
	for i, name := range names {
		out = append(out, sampleModel(chance, name, users[i%len(users)], 2+chance.IntN(1+i*6)))
	}
	last := &out[len(out)-1]
	last.Runs = map[string]registry.Known[registry.Run]{}
	last.Ledger = registry.Is(ledger.Chain{Off: "the audit may not read the experiment mlflow-promotions"})
	return out
}

func sampleModel(chance *rand.Rand, name, user string, n int) audited {
	begin := sampleEnd.AddDate(0, -3-chance.IntN(12), -chance.IntN(28))
	step := sampleEnd.Sub(begin) / time.Duration(n+1)
	a := audit.Snapshot{
		Model: registry.Model{
			Name:        name,
			Description: "Scores " + name + " for the nightly batch and the API.",
			Created:     begin,
			Updated:     sampleEnd.Add(-step),
			Newest:      n,
			Tags:        map[string]string{"team": user + "'s team", "tier": strconv.Itoa(1 + chance.IntN(3))},
			Aliases:     map[string]int{},
		},
		Runs: map[string]registry.Known[registry.Run]{},
		Experiments: map[string]registry.Known[registry.Experiment]{
			"12": registry.Is(registry.Experiment{ID: "12", Name: "train-" + name}),
		},
		Files: map[int]registry.Known[[]registry.File]{},
	}
	for i := range n {
		at := begin.Add(step * time.Duration(i+1)).Truncate(time.Second)
		id := fmt.Sprintf("%016x%016x", chance.Uint64(), chance.Uint64())
		a.Versions = append(a.Versions, registry.Version{
			Model: name, Number: i + 1, RunID: id, Source: "mlflow-artifacts:/12/" + id + "/artifacts/model",
			Stage: "None", Status: "READY",
			Created: at, Updated: at.Add(time.Minute),
			Tags: map[string]string{
				"validation_status": "passed", "python_version": "3.11.9", "framework_version": "sklearn 1.5.2",
			},
		})
		a.Runs[id] = registry.Is(sampleRun(chance, id, name, user, at))
		a.Files[i+1] = registry.Is([]registry.File{{Path: "model.pkl", Size: 400_000 + chance.Int64N(90_000_000)}})
	}
	entries := samplePromotions(chance, &a, user)
	a.Ledger = registry.Is(ledger.Chain{Entries: entries})
	found := sampleFindings(chance, a)
	a = rules.New(rules.Config{Now: sampleEnd}).Registers(a, found)
	a.Exceptions = append(a.Exceptions, sampleExceptions(a)...)
	return audited{a, found}
}

// sampleExceptions returns one exception of each kind for every third live version.
func sampleExceptions(a audit.Snapshot) (out []audit.Exception) {
	for i, v := range a.Inventory {
		if i%3 > 0 {
			continue
		}
		for n, kind := range audit.ExceptionKinds {
			out = append(out, audit.Exception{
				Kind: kind, What: "metric acc", Model: v.Model, Version: v.Version, Ref: v.Ref, By: v.Owner,
				Why: "the holiday data is missing; see CHG-" + strconv.Itoa(100+n), Since: v.Since, Until: "2026-12-31",
				State: exceptionStates[n%len(exceptionStates)], Entry: v.Entry, Signed: v.Signed,
			})
		}
	}
	return out
}

func sampleRun(chance *rand.Rand, id, name, user string, at time.Time) registry.Run {
	metric := func(v float64) registry.Point {
		return registry.Point{Value: v, Raw: strconv.FormatFloat(v, 'f', 6, 64)}
	}
	animal := []string{"owl", "fox", "elk", "carp"}[chance.IntN(4)]
	runName := "gentle-" + animal + "-" + strconv.Itoa(chance.IntN(900))
	commit := fmt.Sprintf("%016x%016x%08x", chance.Uint64(), chance.Uint64(), chance.Uint32())
	return registry.Run{
		ID:           id,
		Name:         runName,
		ExperimentID: "12", User: user, Status: "FINISHED",
		Start: at.Add(-40 * time.Minute), End: at.Add(-2 * time.Minute),
		Tags: map[string]string{
			"mlflow.source.git.commit":  commit,
			"mlflow.source.git.repoURL": "https://github.com/example/models",
		},
		Metrics: map[string]registry.Point{
			"test_accuracy": metric(0.85 + chance.Float64()/10),
			"test_f1":       metric(0.8 + chance.Float64()/10),
			"test_auc":      metric(0.88 + chance.Float64()/10),
		},
		Datasets: []registry.Dataset{
			{
				Name:       name + "-train",
				Digest:     fmt.Sprintf("%08x", chance.Uint32()),
				SourceType: "s3",
				Context:    "training",
			},
			{Name: name + "-holdout", Digest: "5c81e0d2", SourceType: "s3", Context: "validation"},
		},
	}
}

// samplePromotions promotes some versions to champion and sets the aliases to match.
func samplePromotions(chance *rand.Rand, a *audit.Snapshot, user string) []ledger.Entry {
	var entries []ledger.Entry
	was, before := "", ""
	add := func(command string, v registry.Version, ref, was, now, outcome string, at time.Time) {
		e := ledger.Entry{
			Epoch:   len(entries) + 1,
			Outcome: outcome,
			Ended:   at,
			Link:    "https://github.com/example/models/actions/runs/" + strconv.Itoa(90_000+chance.IntN(9000)),
			Record: ledger.Record{
				At:      at.Add(-20 * time.Second).Format(time.RFC3339),
				Command: command, To: v.Number, Origin: ledger.Origin{Actor: user},
				Moves: []registry.Shift{registry.ParseShift(ref, was, now)},
				Gates: []verdict.Finding{
					{Gate: "test_accuracy >= 0.85", Outcome: verdict.Pass, Candidate: "0.912"},
					{Gate: "test_f1 >= champion - 0.01", Outcome: verdict.Pass, Candidate: "0.871"},
				},
			},
		}
		if outcome == ledger.EntryAborted {
			e.Reason = registry.Conflict
		}
		entries = append(entries, e)
	}
	for i, v := range a.Versions {
		at, now := v.Created.Add(26*time.Hour), strconv.Itoa(v.Number)
		switch {
		case at.After(sampleEnd):
		case len(a.Versions) > 12 && chance.IntN(4) != 0:
		case i%7 == 6:
			add("promote", v, "@champion", was, now, ledger.EntryAborted, at)
		case i%5 == 4 && before != "":
			add("rollback", v, "@champion", was, before, ledger.EntryDone, at)
			was, before = before, was
		default:
			add("promote", v, "@champion", was, now, ledger.EntryDone, at)
			if before = was; i%3 == 0 {
				add("promote", v, "Production", before, now, ledger.EntryDone, at.Add(time.Minute))
			}
			was = now
		}
	}
	if was != "" {
		a.Model.Aliases["champion"], _ = strconv.Atoi(was)
	}
	if n := len(a.Versions); n > 3 {
		a.Model.Aliases["challenger"] = n
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if m := entries[i].Record.Moves[0]; m.Ref == registry.StageRef("Production") {
			a.Versions[m.Want.Versions.Only()-1].Stage = "Production"
			break
		}
	}
	return entries
}

// sampleMessages contains messages for the first rules in sampleRules.
var sampleMessages = []string{
	"run %s does not exist",
	"@champion points to version %v, but the last recorded promotion was another version",
	"model.pkl is 3 bytes larger than at the promotion",
	"every earlier champion is deleted",
	"run %s logged no dataset",
	"the champion was created 214 days ago, and there are 6 newer versions",
	"the tags owner and purpose are missing",
	"@challenger has pointed to this version for 91 days",
}

func sampleFindings(chance *rand.Rand, a audit.Snapshot) []audit.Finding {
	var out []audit.Finding
	for range chance.IntN(6) {
		n := chance.IntN(4) + chance.IntN(5)
		rule, v := sampleRules[n], a.Versions[chance.IntN(len(a.Versions))]
		fill := strings.NewReplacer("%s", v.RunID[:8], "%v", strconv.Itoa(v.Number))
		out = append(out, audit.Finding{
			Rule: rule.ID, Severity: rule.Severity, Model: a.Model.Name, Version: v.Number,
			Message: fill.Replace(sampleMessages[n]), Fix: rule.Fix,
			File: ".github/mlflow-policy.yml", Line: 40,
			Fingerprint: fmt.Sprintf("%016x", chance.Uint64()),
			Trend:       []audit.Trend{audit.TrendNew, audit.TrendUnchanged}[chance.IntN(2)],
		})
	}
	return out
}

// totals returns the totals that an audit would count for these models.
func totals(models []audited) audit.Totals {
	t := audit.Totals{
		Server:   "https://mlflow.example",
		Scope:    audit.ScopeAll,
		Began:    sampleEnd.Add(-83 * time.Second),
		Ended:    sampleEnd,
		Models:   len(models),
		Findings: map[audit.Severity]int{},
		ByRule:   map[string]int{},
		Requests: 214,
	}
	for _, m := range models {
		t.Versions += len(m.Versions)
		t.Aliases += len(m.Model.Aliases)
		for _, v := range m.Versions {
			if m.Live(v) {
				t.Live++
			}
		}
		for _, f := range m.findings {
			t.Baseline = t.Baseline || f.Trend != ""
			switch {
			case f.Accepted != "":
				t.Accepted++
			default:
				t.Findings[f.Severity]++
				t.ByRule[f.Rule]++
			}
			if f.Trend == audit.TrendNew {
				t.New++
			}
		}
	}
	return t
}

func writePage(w io.Writer, models []audited) error {
	var sink audit.Sink = New(w, w, "https://mlflow.example")
	if err := sink.Rules(sampleRules); err != nil {
		return err
	}
	for _, m := range models {
		if err := sink.Model(m.Snapshot, m.findings); err != nil {
			return err
		}
	}
	return sink.Totals(totals(models))
}

// sampleLarge returns the i-th model of a large registry. Each version has four tags. The model has an alias, five
// promotions, a run for its live version, and a few findings.
func sampleLarge(i, versions int) audited {
	chance := rand.New(rand.NewPCG(uint64(i), 3))
	name, begin := fmt.Sprintf("team-%02d.model-%04d", i%37, i), sampleEnd.Add(-time.Duration(400+i%300)*24*time.Hour)
	a := audit.Snapshot{
		Model: registry.Model{
			Name:        name,
			Description: "The model number " + strconv.Itoa(i),
			Created:     begin,
			Updated:     sampleEnd,
			Newest:      versions,
			Aliases:     map[string]int{"champion": versions - 3},
			Tags:        map[string]string{"team": "team " + strconv.Itoa(i%37)},
		},
		Runs: map[string]registry.Known[registry.Run]{},
	}
	for n := range versions {
		id := fmt.Sprintf("%016x%016x", chance.Uint64(), chance.Uint64())
		at := begin.Add(time.Duration(n)*95*time.Hour + time.Duration(chance.IntN(9000))*time.Second)
		a.Versions = append(a.Versions, registry.Version{
			Model: name, Number: n + 1, RunID: id,
			Source: "mlflow-artifacts:/" + strconv.Itoa(i) + "/" + id + "/artifacts/model", Stage: "None",
			Status: "READY", Created: at,
			Updated: at.Add(
				time.Duration(chance.IntN(90)) * time.Second,
			), Description: "retrained on " + at.Format(time.DateOnly),
			Tags: map[string]string{
				"validation_status": "passed",
				"git":               fmt.Sprintf("%08x", chance.Uint32()),
				"framework_version": "sklearn 1.5." + strconv.Itoa(n%3),
				"owner":             "user" + strconv.Itoa(chance.IntN(50)),
			},
		})
	}
	live := a.Versions[versions-4]
	a.Runs[live.RunID] = registry.Is(sampleRun(chance, live.RunID, name, "amara", live.Created))
	var entries []ledger.Entry
	for n := range 5 {
		v := a.Versions[(n+1)*(versions-4)/5]
		entries = append(
			entries,
			ledger.Entry{
				Epoch:   n + 1,
				Outcome: ledger.EntryDone,
				Ended:   v.Created.Add(time.Hour),
				Record: ledger.Record{
					At: v.Created.Add(time.Hour).
						Format(time.RFC3339),
					Command: "promote", To: v.Number, Origin: ledger.Origin{Actor: "amara"},
					Moves: []registry.Shift{
						registry.ParseShift("@champion", strconv.Itoa(max(0, v.Number-20)), strconv.Itoa(v.Number)),
					},
					Gates: []verdict.Finding{
						{Gate: "test_accuracy >= 0.85", Outcome: verdict.Pass, Candidate: "0.91" + strconv.Itoa(n)},
					},
				},
			},
		)
	}
	a.Ledger = registry.Is(ledger.Chain{Entries: entries})
	return audited{a, sampleFindings(chance, a)}
}

// payloads contains strings that try to run scripts, create links, load resources or mislead readers.
var payloads = []string{
	`</script><script>globalThis.hit = 1</script>`, `<!--<script>`,
	`--></script><img src=x onerror="globalThis.hit = 1">`, `<svg/onload=globalThis.hit=1>`,
	`"><iframe srcdoc="<script>top.hit = 1</script>">`, `' onfocus='globalThis.hit = 1' autofocus='`,
	`javascript:globalThis.hit=1`, `data:text/html,<script>top.hit=1</script>`,
	`${globalThis.hit = 1}`, `{{data}}`, `\u003cb\u003e`, "__proto__", "constructor", "hasOwnProperty",
	"champion\u202egnp.lmx", "zero\u200bwidth", "\x1b[31mred\x00\r\n", "line\u2028separator\u2029",
	"a/b?c=d#e&f%2F%zz", "../../etc/passwd", "ＦＵＬＬ ｗｉｄｔｈ", "مرحبا בעולם",
	"e\u0301" + strings.Repeat("\u0300\u0316\u0333", 40), "not\xffutf8", strings.Repeat("W", 255), "emoji 👩‍👩‍👧",
	"</style><style>*{display:none}</style>",
	"http://evil.example/x.png", "//evil.example", "]]>", "&lt;b&gt;&amp;", "@octocat #1", "  spaces  ",
}

// hostileModels returns models that contain each payload in every text field.
func hostileModels() []audited {
	chance := rand.New(rand.NewPCG(1, 2))
	var out []audited
	for i, p := range payloads {
		next := payloads[(i+1)%len(payloads)]
		at := sampleEnd.AddDate(0, -1, 0)
		a := audit.Snapshot{
			Model: registry.Model{
				Name:        p,
				Description: next,
				Tags:        map[string]string{p: next},
				Aliases:     map[string]int{p: 1, "champion": 2, "dangling": 9},
				Created:     at,
			},
			Runs: map[string]registry.Known[registry.Run]{},
			Experiments: map[string]registry.Known[registry.Experiment]{
				p: registry.Is(registry.Experiment{ID: p, Name: next, Deleted: true}),
			},
			Unreadable: next,
		}
		a.Versions = []registry.Version{
			{
				Model:         p,
				Number:        1,
				RunID:         next,
				Source:        p,
				Stage:         p,
				Status:        p,
				StatusMessage: next,
				Description:   p,
				Tags:          map[string]string{next: p},
				Created:       at,
			},
			{
				Model:   p,
				Number:  2,
				Stage:   "Production",
				Source:  "s3://user:secret@bucket/" + p + "?X-Amz-Signature=secret",
				Created: at.Add(time.Hour),
			},
			{Model: p, Number: 7, RunID: "gone", Created: at.Add(2 * time.Hour)},
		}
		run := sampleRun(chance, next, p, p, at)
		run.Name, run.Status, run.ExperimentID, run.Deleted = p, next, p, true
		run.Tags = map[string]string{
			"mlflow.source.git.commit":  p,
			"mlflow.source.git.repoURL": "https://x-access-token:secret@" + p,
		}
		run.Metrics = map[string]registry.Point{p: {Raw: next}}
		run.Datasets = append(run.Datasets, registry.Dataset{Name: p, Digest: next, Context: p, SourceType: next})
		a.Runs[next] = registry.Is(run)
		a.Runs["gone"] = registry.Absent[registry.Run](p)
		record := ledger.Record{
			At:       at.Format(time.RFC3339),
			Command:  p,
			Origin:   ledger.Origin{Actor: next},
			To:       1,
			Override: []string{p},
			Moves: []registry.Shift{
				registry.ParseShift(p, next, p),
				registry.ParseShift("@champion", "", "1"),
			},
			Outside: []registry.Shift{registry.ParseShift("@champion", "1", next)},
			Gates:   []verdict.Finding{{Gate: p, Candidate: next}},
		}
		before := registry.States{registry.ParseRef(p): registry.ParseState(next)}
		a.Ledger = registry.Is(ledger.Chain{Before: before, Entries: []ledger.Entry{
			{Epoch: 1, Record: record, Outcome: ledger.EntryDone, Ended: at.Add(time.Minute), Link: p},
			{Epoch: 2, Record: record, Outcome: p, Reason: registry.Reason(next), Ended: at.Add(time.Hour)},
			{Epoch: 3, Record: record},
		}})
		out = append(out, audited{a, []audit.Finding{
			{
				Rule:        "dangling-alias",
				Severity:    audit.High,
				Model:       p,
				Alias:       "dangling",
				Message:     p,
				Fix:         next,
				File:        p,
				Fingerprint: next,
			},
			{Rule: p, Severity: audit.Low, Model: p, Version: 1, Stage: p, Alias: next, Message: next, Accepted: p},
			{Rule: next, Severity: audit.Medium, Model: p, Version: 2, Message: p, Trend: audit.TrendNew},
		}})
	}
	return out
}
