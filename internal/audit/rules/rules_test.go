package rules

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// ruleCase makes one change to the healthy model. The rule's message must start with want. If want is "", no rule may
// report anything. unjudged is the reason why a rule could not check something.
type ruleCase struct {
	rule, when string
	plant      func(*healthyModel)
	want       string
	severity   audit.Severity
	unjudged   string
	also       []string // other rules that also report something
}

// inReportMode puts the last promotion into report mode, with the given outcome for the target's gates.
func inReportMode(ended verdict.Outcome, target string) func(*healthyModel) {
	return func(s *healthyModel) {
		s.last(func(e *ledger.Entry) {
			e.Record.Mode, e.Record.Decision = verdict.ReportMode, verdict.Promote
			if ended != verdict.Pass {
				e.Record.Decision = verdict.Block
			}
			e.Record.Gates = append(e.Record.Gates,
				verdict.Finding{Gate: "metric f1", Target: target, Mode: verdict.ReportMode, Outcome: ended})
		})
	}
}

// foreign is the start of the `run-not-own` finding about the healthy model.
const foreign = "version 2 (@champion) does not belong to its run r2: "

// moved is the start of a policy file that lists a moved artifact store.
const moved = "moved-roots:\n  - from: mlflow-artifacts:/7\n    to: s3://new/7\n    by: ann\n    why: new store\n"

// foreignEntry adds an untrusted entry to the ledger.
func foreignEntry(s *healthyModel) {
	chain := s.Ledger.OrZero()
	chain.Foreign = []ledger.Foreign{{Page: "p1", Number: 3, Why: "it is not signed"}}
	s.Ledger = registry.Is(chain)
}

// keys returns a change that lists keys in the policy, each with one of the given settings.
func keys(settings ...string) func(*healthyModel) {
	return func(s *healthyModel) {
		text := gates + "ledger:\n  keys:\n"
		for i, set := range settings {
			public := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(i + 1)}, 32))
			text += fmt.Sprintf("    k%d:\n      public: ed25519:%s\n      %s\n", i, public, set)
		}
		s.Policy = policyOf(text)
	}
}

func live(s *healthyModel, stage string) { s.version(2).Stage = stage }

var cases = []ruleCase{
	{rule: "dangling-alias", when: "the version that an alias points to is gone",
		plant: func(s *healthyModel) { s.Model.Aliases["shadow"] = 9 },
		want:  "@shadow points to version 9, which does not exist", severity: audit.High},
	{
		rule: "dangling-alias", when: "several aliases point to one version",
		plant: func(s *healthyModel) { s.Model.Aliases["shadow"] = 2 },
	},
	{rule: "dangling-alias", when: "the versions are hidden and were read by number",
		plant: func(s *healthyModel) { s.Model.Hidden = true },
		also:  []string{"hidden-versions"}},
	{rule: "dangling-alias", when: "the versions are hidden, and one with an alias is gone",
		plant: func(s *healthyModel) { s.Model.Hidden, s.Model.Aliases["shadow"] = true, 9 },
		want:  "@shadow points to version 9, which does not exist", also: []string{"hidden-versions"}},

	{rule: "moved-outside", when: "the alias points to a different version from the one in the ledger",
		plant: func(s *healthyModel) { s.Model.Aliases["champion"] = 1 },
		want:  "@champion points to version 1, but the last recorded promotion was to version 2", severity: audit.High},
	{rule: "moved-outside", when: "the alias was removed",
		plant: func(s *healthyModel) { delete(s.Model.Aliases, "champion") },
		want:  "@champion points to no version, but the last recorded promotion was to version 2"},
	{rule: "moved-outside", when: "the ledger never moved the target", plant: func(s *healthyModel) {
		s.Model.Aliases["challenger"] = 1
		s.version(1).Tags[registry.AliasTimeTag("challenger")] = "2026-05-01T00:00:00Z"
	}},
	{rule: "moved-outside", when: "a promotion is running", plant: func(s *healthyModel) {
		s.Model.Aliases["champion"] = 1
		s.entries(func(all []ledger.Entry) []ledger.Entry {
			e := promoted(3, 2, 1, time.Time{}, all[0].Record.Rules[registry.AliasRef("champion")])
			e.Outcome, e.Lease = "", now.Add(time.Minute)
			return append(all, e)
		})
	}},
	{rule: "moved-outside", when: "a later promotion confirmed the outside move", plant: func(s *healthyModel) {
		s.last(func(e *ledger.Entry) { e.Record.Outside = []registry.Shift{registry.ParseShift("@champion", "1", "5")} })
	}},
	{rule: "moved-outside", when: "the alias was moved outside, and the promotion that noticed moved nothing",
		plant: func(s *healthyModel) {
			s.Model.Aliases["champion"] = 1
			s.entries(func(all []ledger.Entry) []ledger.Entry {
				e := promoted(3, 1, 2, now.Add(-time.Hour), all[0].Record.Rules[registry.AliasRef("champion")])
				e.Outcome, e.Moved, e.Record.Outside = ledger.EntryAborted, 0,
					[]registry.Shift{registry.ParseShift("@champion", "2", "1")}
				return append(all, e)
			})
		}, want: "@champion points to version 1, but the last recorded promotion was to version 2"},
	{rule: "moved-outside", when: "an unfinished promotion moved the alias",
		plant: func(s *healthyModel) { opened(now.Add(-time.Hour))(s); s.Model.Aliases["champion"] = 1 },
		also:  []string{"promotion-unfinished"}},
	{rule: "moved-outside", when: "the stage gained a second version", plant: func(s *healthyModel) {
		live(s, "Production")
		s.version(1).Stage = "Production"
		s.last(func(e *ledger.Entry) {
			e.Record.Target.Stage = "Production"
			e.Record.Moves = append(e.Record.Moves, registry.ParseShift("Production", "", "2"))
		})
	}, want: "Production points to versions 1, 2, but the last recorded promotion was to version 2",
		also: []string{"stage-not-exclusive"}},
	{rule: "moved-outside", when: "the ledger is damaged",
		plant:    func(s *healthyModel) { s.Broken = "entry 2 was edited" },
		unjudged: "entry 2 was edited", also: []string{"ledger-broken"}},

	{rule: "stage-not-exclusive", when: "two versions are in Production",
		plant: func(s *healthyModel) { live(s, "Production"); s.version(1).Stage = "Production" },
		want:  "versions 1, 2 are all in Production", severity: audit.High},
	{rule: "stage-not-exclusive", when: "two versions are in Staging and two archived", plant: func(s *healthyModel) {
		live(s, "Staging")
		s.version(1).Stage = "Staging"
		s.add(3).Stage = "Archived"
		s.add(4).Stage = "Archived"
	}},
	{rule: "stage-not-exclusive", when: "a promotion left both there on purpose", plant: func(s *healthyModel) {
		live(s, "Production")
		s.version(1).Stage = "Production"
		s.last(func(e *ledger.Entry) {
			e.Record.Target.Stage = "Production"
			e.Record.Moves = append(e.Record.Moves, registry.ParseShift("Production", "1", "1,2"))
		})
	}},

	{rule: "stage-alias-disagree", when: "champion and Production differ",
		plant: func(s *healthyModel) { s.version(1).Stage = "Production" },
		want:  "@champion points to version 2, but version 1 is in Production", severity: audit.Medium},
	{rule: "stage-alias-disagree", when: "two others are in Staging", plant: func(s *healthyModel) {
		s.Model.Aliases["staging"] = 2
		s.add(3).Stage = "Staging"
		s.version(1).Stage = "Staging"
	}, want: "@staging points to version 2, but versions 1, 3 are in Staging"},
	{
		rule: "stage-alias-disagree", when: "champion is one of the versions in Production",
		plant: func(s *healthyModel) { live(s, "Production") },
	},
	{
		rule: "stage-alias-disagree", when: "nothing is in Production",
		plant: func(s *healthyModel) { s.version(1).Stage = "Staging" },
	},
	{rule: "stage-alias-disagree", when: "promotions have moved both together", plant: func(s *healthyModel) {
		s.Model.Aliases = map[string]int{"blue": 2}
		s.version(1).Stage = "Staging"
		s.Policy = nil
		s.entries(func(all []ledger.Entry) []ledger.Entry {
			all[1].Record.Target = registry.Target{Alias: "blue", Stage: "Staging"}
			all[1].Record.Moves = []registry.Shift{registry.ParseShift("@blue", "", "2")}
			return all[1:]
		})
	}, want: "@blue points to version 2, but version 1 is in Staging"},

	{rule: "hidden-versions", when: "a version is tagged as a prompt", plant: func(s *healthyModel) { s.Model.Hidden = true },
		want: "the server hides all versions of this model from searches, because one of them is tagged as a " +
			"prompt",
		severity: audit.High},
	{
		rule: "hidden-versions", when: "the server does not support prompts",
		plant: func(s *healthyModel) { s.Model.Hidden, s.Server = true, "2.9.2" }, also: []string{"server-vulnerable"},
	},

	{rule: "artifact-missing", when: "the folder is empty",
		plant:    func(s *healthyModel) { s.Files[2] = registry.Is([]registry.File{}) },
		want:     "version 2 (@champion): there are no files (source mlflow-artifacts:/7/r2/artifacts/model)",
		severity: audit.High, also: []string{"artifact-changed"}},
	{rule: "artifact-missing", when: "there is no MLmodel file",
		plant: func(s *healthyModel) { s.MLmodels[2] = registry.Absent[registry.MLmodel]("404") },
		want:  "version 2 (@champion): there is no MLmodel file (source mlflow-artifacts:/7/r2/artifacts/model)",
		also:  []string{"artifact-changed"}},
	{rule: "artifact-missing", when: "a file named in the MLmodel file is gone", plant: func(s *healthyModel) {
		s.Files[2] = registry.Is([]registry.File{{Path: "MLmodel", Size: 100}, {Path: "model.pkl", Size: 1000}})
	},
		want: "version 2 (@champion): model.skops, which the MLmodel file refers to (sklearn.pickled_model), is " +
			"missing (source mlflow-artifacts:/7/r2/artifacts/model)"},
	{rule: "artifact-missing", when: "a file is empty", plant: func(s *healthyModel) {
		s.Files[2] = registry.Is([]registry.File{{Path: "MLmodel", Size: 1100}, {Path: "model.skops"}})
	},
		want: "version 2 (@champion): model.skops, which the MLmodel file refers to (sklearn.pickled_model), is " +
			"empty " +
			"(source mlflow-artifacts:/7/r2/artifacts/model)"},
	{rule: "artifact-missing", when: "the files are smaller than the MLmodel file says", plant: func(s *healthyModel) {
		s.MLmodels[2] = registry.Is(registry.MLmodel{Parts: skops, Sha256: "sumr2", SizeBytes: 5000})
	}, want: "version 2 (@champion): some files are missing: there are 1000 bytes, but the MLmodel file " +
		"says 5000 (source mlflow-artifacts:/7/r2/artifacts/model)"},
	{rule: "artifact-missing", when: "the version is not live",
		plant: func(s *healthyModel) { s.Files[1] = registry.Is([]registry.File{}) },
		want:  "version 1: there are no files (source mlflow-artifacts:/7/r1/artifacts/model)", severity: audit.Low},
	{rule: "artifact-missing", when: "there are more files than the MLmodel file names", plant: func(s *healthyModel) {
		s.Files[1] = registry.Is([]registry.File{{Path: "MLmodel", Size: 100}, {Path: "model.skops", Size: 1000},
			{Path: "notes.txt", Size: 1}})
	}},
	{rule: "artifact-missing", when: "only the MLmodel file could be read",
		plant:    func(s *healthyModel) { s.Files[1] = registry.Unreadable[[]registry.File]("503") },
		unjudged: "503", also: []string{"artifact-unreadable"}},
	{rule: "artifact-missing", when: "the files are in a store that cannot list them",
		plant:    func(s *healthyModel) { delete(s.Files, 1) },
		unjudged: "the files cannot be listed, so only the MLmodel file was checked"},
	{
		rule: "artifact-missing", when: "the server does not serve files",
		plant:    func(s *healthyModel) { delete(s.Files, 2); delete(s.MLmodels, 2) },
		unjudged: "the server does not serve files",
	},

	{rule: "artifact-unreadable", when: "the storage is down", plant: func(s *healthyModel) {
		s.MLmodels[1] = registry.Unreadable[registry.MLmodel]("GET get-artifact: 500")
		s.Files[1] = registry.Unreadable[[]registry.File]("500")
	}, want: "version 1: GET get-artifact: 500"},
	{rule: "artifact-unreadable", when: "the MLmodel file is not valid YAML", plant: func(s *healthyModel) {
		s.MLmodels[2] = registry.Unreadable[registry.MLmodel]("the MLmodel file cannot be parsed")
	},
		want: "version 2 (@champion): the MLmodel file cannot be parsed", severity: audit.Medium},
	{rule: "artifact-unreadable", when: "an old server answers 500 for a file that is not in the list",
		plant: func(s *healthyModel) {
			s.MLmodels[1] = registry.Unreadable[registry.MLmodel]("500")
			s.Files[1] = registry.Is([]registry.File{{Path: "model.skops", Size: 1000}})
		}, also: []string{"artifact-missing"}},

	{rule: "artifact-changed", when: "the MLmodel file has changed", plant: func(s *healthyModel) {
		s.MLmodels[2] = registry.Is(registry.MLmodel{Parts: skops, Sha256: strings.Repeat("0", 64)})
	}, want: "version 2 (@champion): the digest of the MLmodel file is 000000000000, but was sumr2 when it was " +
		"promoted on 2026-04-26 (ledger entry 2)", severity: audit.High},
	{rule: "artifact-changed", when: "a file grew", plant: func(s *healthyModel) {
		s.Files[2] = registry.Is([]registry.File{{Path: "MLmodel", Size: 100}, {Path: "model.skops", Size: 1001}})
	},
		want: "version 2 (@champion): there are 2 files (1101 bytes), but there were 2 (1100 bytes) when it was " +
			"promoted on 2026-04-26 (ledger entry 2)"},
	{
		rule: "artifact-changed", when: "the files of a version that is no longer live changed",
		plant: func(s *healthyModel) { s.MLmodels[1] = registry.Is(registry.MLmodel{Sha256: "other"}) },
	},
	{rule: "artifact-changed", when: "no gate had read the sizes", plant: func(s *healthyModel) {
		s.last(func(e *ledger.Entry) { e.Record.Contents = ledger.Contents{MLmodel: "sumr2"} })
		s.Files[2] = registry.Is([]registry.File{{Path: "MLmodel", Size: 100}, {Path: "model.skops", Size: 7}})
	}},
	{rule: "artifact-changed", when: "the MLmodel file is the same and the others could not be listed",
		plant:    func(s *healthyModel) { s.Files[2] = registry.Unreadable[[]registry.File]("503") },
		unjudged: "the files could not be read", also: []string{"artifact-unreadable"}},
	{rule: "artifact-changed", when: "the record does not mention the files",
		plant:    func(s *healthyModel) { s.last(func(e *ledger.Entry) { e.Record.Contents = ledger.Contents{} }) },
		unjudged: "ledger entry 2 has no record of the files"},

	{
		rule: "source-unsafe", when: "it climbs", plant: source("mlflow-artifacts:/7/r1/artifacts/../../secret"),
		want: "version 1: source mlflow-artifacts:/7/r1/artifacts/../../secret leaves its folder with ..",
	},
	{
		rule: "source-unsafe", when: "the source leaves its folder with encoded dots", plant: source("s3://b/%2e%2e/k"),
		want: "version 1: source s3://b/%2e%2e/k contains encoded characters", severity: audit.Low,
	},
	{
		rule: "source-unsafe", when: "the source is a path on the server's disk", plant: source("/etc"),
		want: "version 1: source /etc is a path on the server's disk, outside the run",
	},
	{
		rule: "source-unsafe", when: "the source is a file on the server's disk", plant: source("file:///etc"),
		want: "version 1: source file:///etc uses the scheme file outside the run",
	},
	{
		rule: "source-unsafe", when: "the source is a web page", plant: source("http://169.254.169.254/latest"),
		want: "version 1: source http://169.254.169.254/latest uses the scheme http outside the run",
	},
	{
		rule: "source-unsafe", when: "the source contains a backslash", plant: source(`s3://b\..\k`),
		want: `version 1: source s3://b\..\k leaves its folder with ..`,
	},
	{
		rule: "source-unsafe", when: "the source ends in a query", plant: source("s3://b/k?x=1"),
		want: "version 1: source s3://b/k?x=1 contains a backslash, a # or a ?",
	},
	{
		rule: "source-unsafe", when: "dots are part of a name",
		plant: source("mlflow-artifacts:/7/r1/artifacts/model..v2"),
	},
	{rule: "source-unsafe", when: "a space is encoded", plant: source("mlflow-artifacts:/7/r1/artifacts/my%20model")},
	{rule: "source-unsafe", when: "the server itself keeps artifacts on its disk", plant: func(s *healthyModel) {
		s.version(1).Source = "file:///srv/mlruns/7/r1/artifacts/model"
		s.run(1, func(r *registry.Run) { r.ArtifactURI = "file:///srv/mlruns/7/r1/artifacts" })
	}},
	{rule: "source-unsafe", when: "the source is a path, and its run could not be read", plant: func(s *healthyModel) {
		s.version(1).Source = "/mlartifacts/7/r1/artifacts/model"
		s.Runs["r1"] = registry.Unreadable[registry.Run]("403")
	}, unjudged: "run r1: 403"},
	{rule: "source-unsafe", when: "the source leaves its folder, with an unreadable run", plant: func(s *healthyModel) {
		s.version(1).Source = "/mlartifacts/../etc"
		s.Runs["r1"] = registry.Unreadable[registry.Run]("403")
	}, want: "version 1: source /mlartifacts/../etc leaves its folder with .."},
	{rule: "source-unsafe", when: "the source is a path, and there is no run", plant: func(s *healthyModel) {
		s.version(1).Source, s.version(1).RunID = "/etc", ""
	}, want: "version 1: source /etc is a path on the server's disk, outside the run", also: []string{"no-run"}},
	{rule: "source-unsafe", when: "a model's name has a question mark", plant: source("models:/who?/3")},

	{rule: "source-elsewhere", when: "the files are in a different run",
		plant: source("mlflow-artifacts:/7/r9/artifacts/model"),
		want: "version 1: source mlflow-artifacts:/7/r9/artifacts/model is not among the artifacts of " +
			"run r1",
		severity: audit.Low},
	{rule: "source-elsewhere", when: "a folder's name starts with the run's ID",
		plant: source("mlflow-artifacts:/7/r1/artifacts-old/model"),
		want: "version 1: source mlflow-artifacts:/7/r1/artifacts-old/model is not among the artifacts of " +
			"run r1"},
	{
		rule: "source-elsewhere", when: "the source is a logged model next to the run",
		plant: source("mlflow-artifacts:/7/models/m-0123/artifacts"),
	},
	{rule: "source-elsewhere", when: "MLflow kept the reference to the run", plant: source("runs:/r1/model")},
	{rule: "source-elsewhere", when: "it is a copy", plant: source("models:/dev.churn/3")},

	{rule: "never-passed", when: "there is no record of the gates", plant: func(s *healthyModel) {
		s.Model.Aliases["champion"] = s.add(3).Number
		s.Newest = registry.Is(*s.version(3))
		s.last(func(e *ledger.Entry) {
			e.Record.Command, e.Record.To, e.Record.Moves[0].Want = "alias", 3, registry.PointsTo(3)
		})
	}, want: "there is no record that version 3 passed the policy's gates for @champion", severity: audit.Medium},
	{rule: "never-passed", when: "it was imported", plant: func(s *healthyModel) {
		s.Model.Aliases["champion"] = s.add(3).Number
		s.Newest = registry.Is(*s.version(3))
		s.last(func(e *ledger.Entry) {
			at := registry.PointsTo(3)
			e.Record.Command, e.Record.Change, e.Record.To = "import", ledger.Imported, 0
			e.Record.Moves[0].Was, e.Record.Moves[0].Want = at, at
			e.Record.Justification = "live before June"
		})
	}, want: "version 3 at @champion was never judged by the policy's gates; it was imported on 2026-04-26 by ann: " +
		"live before June", severity: audit.Low},
	{rule: "never-passed", when: "the policy changed",
		plant: func(s *healthyModel) {
			s.last(func(e *ledger.Entry) { e.Record.Rules[registry.AliasRef("champion")] = "another" })
		},
		want: "version 2 passed the gates for @champion on 2026-04-26, but the policy's gates have changed since " +
			"then"},
	{rule: "never-passed", when: "the version was promoted with thresholds only",
		plant: func(s *healthyModel) { s.last(func(e *ledger.Entry) { e.Record.Rules = nil }) },
		want:  "version 2 was promoted to @champion on 2026-04-26 without the policy file"},
	{rule: "never-passed", when: "the version was promoted ungated, and there is no policy file",
		plant: func(s *healthyModel) {
			s.Policy = nil
			s.last(func(e *ledger.Entry) { e.Record.Override, e.Record.Gates = []string{"ungated"}, nil })
		}, want: "version 2 was promoted to @champion without gates (override: ungated) on 2026-04-26 by ann"},
	{rule: "never-passed", when: "there is no policy file and thresholds passed", plant: func(s *healthyModel) {
		s.Policy = nil
		s.last(func(e *ledger.Entry) { e.Record.Rules = nil })
	}},
	{rule: "never-passed", when: "a rollback went back to the version", plant: func(s *healthyModel) {
		s.Model.Aliases["champion"] = 1
		s.entries(func(all []ledger.Entry) []ledger.Entry {
			back := promoted(3, 2, 1, now.Add(-time.Hour), "")
			back.Record.Command, back.Record.Rules, back.Record.Gates, back.Record.Hold = "rollback", nil, nil, []int{2}
			return append(all, back)
		})
	}, also: []string{"no-rollback-target"}},
	{
		rule: "never-passed", when: "an alias that the policy does not name was set by hand",
		plant: func(s *healthyModel) { s.Model.Aliases["blue"] = 1 },
	},
	{rule: "never-passed", when: "it was promoted without a ledger", plant: func(s *healthyModel) {
		s.Ledger = registry.Absent[ledger.Chain]("")
		s.version(2).Tags[registry.TagRecord] = `{"to":2,"no_ledger":"forbidden"}`
	}, unjudged: "it was promoted without a ledger, so there is no record of its gates"},

	{rule: "never-passed", when: "the version was promoted in report mode but failed its gates",
		plant: inReportMode(verdict.Fail, "champion"),
		want: "version 2 was promoted to @champion on 2026-04-26 in report mode, although it failed the policy's " +
			"gates"},
	{rule: "never-passed", when: "the version was promoted in report mode, and the gates did not fit in the record",
		plant: func(s *healthyModel) {
			s.last(func(e *ledger.Entry) {
				e.Record.Mode, e.Record.Decision, e.Record.Gates, e.Record.LeftOut = verdict.ReportMode, verdict.Block,
					nil,
					1
			})
		}, want: "version 2 was promoted to @champion on 2026-04-26 in report mode, although it failed the policy's " +
			"gates"},
	{rule: "never-passed", when: "the gates passed in report mode", plant: inReportMode(verdict.Pass, "champion")},
	{
		rule: "never-passed", when: "only the gates of another target were in report mode",
		plant: inReportMode(verdict.Fail, "Staging"),
	},

	{rule: "report-mode", when: "the version was promoted in report mode and would have been blocked",
		plant: func(s *healthyModel) {
			s.version(2).Tags = map[string]string{registry.TagValidation: "not-enforced",
				registry.TagFailedGates: `["metric acc"]`}
		}, want: "version 2 is at @champion and was promoted in report mode; it would have been blocked by metric acc",
		severity: audit.Medium},
	{rule: "report-mode", when: "the version was promoted in report mode and its gates passed",
		plant: func(s *healthyModel) {
			s.version(2).Tags = map[string]string{registry.TagValidation: "not-enforced", registry.TagFailedGates: "[]"}
		}, want: "version 2 is at @champion and was promoted in report mode", severity: audit.Medium},
	{
		rule: "report-mode", when: "no live version was promoted in report mode",
		plant: func(s *healthyModel) { s.version(1).Tags[registry.TagValidation] = "not-enforced" },
		also:  []string{"no-rollback-target"},
	},
	{rule: "report-mode", when: "the policy's target is in report mode",
		plant: func(s *healthyModel) { s.Policy = policyOf(gates + "        mode: report\n") },
		want:  "the policy's gates for @champion are in report mode and block nothing"},
	{rule: "report-mode", when: "the policy's model is in report mode",
		plant: func(s *healthyModel) { s.Policy = policyOf(gates + "    mode: report\n") },
		want:  "the policy's gates for @champion are in report mode and block nothing"},
	{rule: "report-mode", when: "the target enforces, though its model does not", plant: func(s *healthyModel) {
		s.Policy = policyOf(gates + "        mode: enforce\n    mode: report\n")
	}},

	{rule: "live-blocked", when: "gates blocked it, and somebody moved the alias there",
		plant: func(s *healthyModel) {
			s.version(2).Tags[registry.TagValidation] = "blocked"
			s.version(2).Tags[registry.TagFailedGates] = `["metric acc"]`
		}, want: "version 2 is at @champion, but gates blocked it when it was last judged", severity: audit.High},
	{rule: "live-blocked", when: "it is on hold",
		plant: func(s *healthyModel) {
			s.entries(func(all []ledger.Entry) []ledger.Entry {
				back := promoted(3, 2, 1, now.Add(-time.Hour), "")
				back.Record.Command, back.Record.Hold = "rollback", []int{2}
				return append(all, back)
			})
		}, want: "version 2 is at @champion, but it is on hold: rolled back on ", severity: audit.High,
		also: []string{"moved-outside", "no-rollback-target"}},
	{rule: "live-blocked", when: "an alias that nothing protects marks a blocked version",
		plant: func(s *healthyModel) {
			s.add(3).Tags[registry.TagValidation] = "blocked"
			s.Model.Aliases["rejected"] = 3
		}, want: "version 3 is at @rejected", severity: audit.Low},
	{rule: "live-blocked", when: "a blocked version is not live",
		plant: func(s *healthyModel) { s.add(3).Tags[registry.TagValidation] = "blocked" }},
	{rule: "live-blocked", when: "the ledger is damaged", plant: func(s *healthyModel) { s.Broken = "entry 2 was edited" },
		unjudged: "entry 2 was edited", also: []string{"ledger-broken"}},

	{rule: "ledger-foreign", when: "an entry is not signed", plant: foreignEntry,
		want: "entry 3: it is not signed", severity: audit.Medium},
	{rule: "ledger-foreign", when: "a signed entry skips it", plant: func(s *healthyModel) {
		foreignEntry(s)
		s.last(func(e *ledger.Entry) { e.Record.Skipped = []ledger.Skip{{Number: 3, Digest: "d"}} })
	}, want: "entry 3: it is not signed; a later signed entry skips it", severity: audit.Low},
	{rule: "ledger-foreign", when: "every entry is believed", plant: func(*healthyModel) {}},

	{rule: "key-expiring", when: "the only key counts for eight days", plant: keys("until: 2026-05-10"),
		want: "the key k0 is valid until 2026-05-10 (7 days left)", severity: audit.Medium},
	{rule: "key-expiring", when: "another key is valid for longer", plant: keys("until: 2026-05-10", ""),
		want:     "the key k0 is valid until 2026-05-10 (7 days left); another key is valid for longer",
		severity: audit.Low},
	{rule: "key-expiring", when: "the only key has expired", plant: keys("until: 2026-05-02"),
		want: "no key in the policy is valid today; the last one was valid until 2026-05-02", severity: audit.High},
	{rule: "key-expiring", when: "an old key has expired after a rotation", plant: keys("until: 2026-05-02", "")},
	{rule: "key-expiring", when: "the last day is far away", plant: keys("until: 2026-12-31")},

	{
		rule: "waiver-expired", when: "the day has passed", plant: waived("2026-05-02"),
		want: "version 2 is at @champion although it failed metric acc: waived by ann", severity: audit.Medium,
	},
	{rule: "waiver-expired", when: "it is the last day", plant: waived("2026-05-03")},
	{rule: "waiver-expired", when: "the waiver was renewed in the policy file", plant: func(s *healthyModel) {
		waived("2026-05-02")(s)
		digest := s.Policy.Rules[0].Targets[0].Digest
		s.Policy = policyOf(gates +
			"waivers:\n  - {gate: metric acc, model: churn, version: 2, by: bob, why: longer, until: 2026-06-01}\n")
		if s.Policy.Rules[0].Targets[0].Digest != digest {
			panic("a waiver changes what is asked")
		}
	}},

	{rule: "evidence-old", when: "the gates were evaluated more than a year ago",
		plant: func(s *healthyModel) { s.last(func(e *ledger.Entry) { e.Ended = now.AddDate(-2, 0, 0) }) },
		want:  "the gates for version 2 at @champion were evaluated on 2024-05-03, 730 days ago", severity: audit.Low,
		also: []string{"champion-stale"}},
	{
		rule: "evidence-old", when: "the gates were evaluated 364 days ago",
		plant: func(s *healthyModel) { s.last(func(e *ledger.Entry) { e.Ended = now.AddDate(0, 0, -364) }) },
	},

	{rule: "promotion-unfinished", when: "the lease has expired", plant: opened(now.Add(-time.Hour)),
		want: "ledger entry 3 (promote of version 1 to @champion, started by ann) was never finished; its lease " +
			"ended on 2026-05-03 09:00 UTC", severity: audit.High},
	{rule: "promotion-unfinished", when: "the run may still be active", plant: opened(now.Add(time.Minute))},
	{rule: "promotion-unfinished", when: "the promotion was abandoned halfway", plant: func(s *healthyModel) {
		live(s, "Production")
		s.Model.Aliases["shadow"] = 2
		opened(now)(s)
		s.last(func(e *ledger.Entry) {
			e.Outcome, e.Moved, e.Ended = ledger.EntryAborted, 1, now.Add(-time.Hour)
			e.Record.Moves = append([]registry.Shift{registry.ParseShift("@shadow", "2", "2"),
				registry.ParseShift("Production", "", "2")}, e.Record.Moves...)
		})
	}, want: "ledger entry 3 (promote of version 1 to @champion, started by ann) was abandoned on 2026-05-03 after 1 " +
		"of 2 moves"},
	{rule: "promotion-unfinished", when: "it was closed without looking, and the target is where it was to go",
		plant: func(s *healthyModel) {
			live(s, "Production")
			opened(now)(s)
			s.last(func(e *ledger.Entry) {
				e.Outcome, e.Moved, e.Ended = ledger.EntryAborted, -1, now.Add(-time.Hour)
				e.Record.Moves = append(e.Record.Moves, registry.ParseShift("Production", "", "2"))
			})
		}, want: "ledger entry 3 (promote of version 1 to @champion, started by ann) was abandoned on 2026-05-03; it " +
			"is " +
			"unknown how many of its 2 moves were made"},
	{rule: "promotion-unfinished", when: "it was closed without looking, and nothing was moved",
		plant: func(s *healthyModel) {
			opened(now)(s)
			s.last(func(e *ledger.Entry) { e.Outcome, e.Moved, e.Ended = ledger.EntryAborted, -1, now })
		}},
	{rule: "promotion-unfinished", when: "it was taken over by a run that was refused before anything moved",
		plant: func(s *healthyModel) {
			live(s, "Production")
			opened(now)(s)
			s.last(func(e *ledger.Entry) {
				e.Outcome, e.Moved, e.Ended = ledger.EntrySuperseded, 1, now.Add(-time.Hour)
				e.Record.Moves = []registry.Shift{
					registry.ParseShift("Production", "", "2"), registry.ParseShift("@shadow", "", "2"),
				}
			})
			s.entries(func(all []ledger.Entry) []ledger.Entry {
				later := all[len(all)-1]
				later.Epoch, later.Outcome, later.Moved = 4, ledger.EntryAborted, 0
				return append(all, later)
			})
		}, want: "ledger entry 3 (promote of version 1 to @champion, started by ann) was taken over on 2026-05-03 " +
			"after " +
			"1 of 2 moves, but was not finished"},
	{rule: "promotion-unfinished", when: "it was refused before anything moved", plant: func(s *healthyModel) {
		opened(now)(s)
		s.last(func(e *ledger.Entry) { e.Outcome, e.Reason, e.Ended = ledger.EntryAborted, registry.Conflict, now })
	}},

	{rule: "plan-not-applied", when: "no entry has the plan", plant: approved("plan 9", now.AddDate(0, 0, -2)),
		want:     "the plan in plan.json from 2026-05-01 was never applied: runs:/r3/model to @champion",
		severity: audit.Medium},
	{rule: "plan-not-applied", when: "the plan was started and abandoned", plant: func(s *healthyModel) {
		approved("plan 3", now.AddDate(0, 0, -2))(s)
		opened(now)(s)
		s.last(func(e *ledger.Entry) { e.Outcome, e.Ended = ledger.EntryAborted, now })
	}, want: "the plan in plan.json from 2026-05-01 was started but abandoned: runs:/r3/model to @champion"},
	{rule: "plan-not-applied", when: "it was made an hour ago", plant: approved("plan 9", now.Add(-time.Hour))},
	{rule: "plan-not-applied", when: "it was applied", plant: approved("plan 2", now.AddDate(0, 0, -9))},
	{
		rule: "plan-not-applied", when: "it is about another model",
		plant: func(s *healthyModel) { s.Plans = []ApprovedPlan{{Digest: "x", Plan: plan.Plan{Model: "fraud"}}} },
	},
	{rule: "plan-not-applied", when: "there is no ledger and the version says it was applied",
		plant: func(s *healthyModel) {
			approved("plan 9", now.AddDate(0, 0, -2))(s)
			s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("")
			s.version(2).Tags[registry.TagRecord] = `{"plan":"plan 9"}`
		}},

	{rule: "plan-not-applied", when: "there is no ledger, and a later promotion may have taken its mark away",
		plant: func(s *healthyModel) {
			approved("plan 9", now.AddDate(0, 0, -9))(s)
			s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("")
			s.version(2).Tags[registry.TagRecord] = `{"plan":"plan 10","at":"2026-05-01T10:00:00Z"}`
		}, unjudged: "there is no ledger, and a version's tag records only its last promotion"},
	{rule: "plan-not-applied", when: "there is no ledger, and the last promotion was before it",
		plant: func(s *healthyModel) {
			approved("plan 9", now.AddDate(0, 0, -2))(s)
			s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("")
			s.version(2).Tags[registry.TagRecord] = `{"plan":"plan 8","at":"2026-04-01T10:00:00Z"}`
		}, want: "the plan in plan.json from 2026-05-01 was never applied: runs:/r3/model to @champion"},

	{
		rule: "ledger-broken", when: "the chain is broken",
		plant: func(s *healthyModel) { s.Broken = "entry 2: its record was edited" },
		want:  "entry 2: its record was edited", severity: audit.High,
	},
	{
		rule: "ledger-broken", when: "the ledger could not be read",
		plant: func(s *healthyModel) { s.Ledger = registry.Unreadable[ledger.Chain]("503") }, unjudged: "503",
	},
	{
		rule: "ledger-broken", when: "there is none",
		plant: func(s *healthyModel) { s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("none") },
	},

	{rule: "no-rollback-target", when: "the previous version was deleted",
		plant:    func(s *healthyModel) { s.Versions = s.Versions[1:] },
		want:     "@champion is at version 2 and has no version to roll back to: version 1: it was deleted",
		severity: audit.Medium},
	{rule: "no-rollback-target", when: "the previous version is not READY",
		plant: func(s *healthyModel) { s.version(1).Status = "FAILED_REGISTRATION" },
		want:  "@champion is at version 2 and has no version to roll back to: version 1: its status is FAILED_REGISTRATION"},
	{rule: "no-rollback-target", when: "the previous version was rolled back", plant: func(s *healthyModel) {
		s.version(1).Tags[registry.TagHold] = "2026-05-01T00:00:00Z"
		s.entries(func(all []ledger.Entry) []ledger.Entry { return all[1:] })
	},
		want: "@champion is at version 2 and has no version to roll back to: version 1: rolled back on 2026-05-01T0"},
	{rule: "no-rollback-target", when: "only the entry of the live version is signed", plant: func(s *healthyModel) {
		chain := s.Ledger.OrZero()
		chain.Keyed = true
		s.Ledger = registry.Is(chain)
		s.last(func(e *ledger.Entry) { e.Signed = "k0" })
	},
		want: "@champion is at version 2 and has no version to roll back to: version 1: no signed entry says that it " +
			"passed its gates or was imported"},
	{rule: "no-rollback-target", when: "all entries are signed", plant: func(s *healthyModel) {
		chain := s.Ledger.OrZero()
		chain.Keyed = true
		s.Ledger = registry.Is(chain)
		s.entries(func(all []ledger.Entry) []ledger.Entry {
			for i := range all {
				all[i].Signed = "k0"
			}
			return all
		})
	}},
	{rule: "no-rollback-target", when: "it is the first promotion", plant: func(s *healthyModel) {
		s.entries(func(all []ledger.Entry) []ledger.Entry { all[1].Record.Moves[0].Was = registry.State{}; return all[1:] })
	}},
	{rule: "no-rollback-target", when: "only live versions were read",
		plant:    func(s *healthyModel) { s.Scope, s.Versions = audit.ScopeLive, s.Versions[1:] },
		unjudged: "version 1, which was at @champion before: not gathered"},
	{rule: "no-rollback-target", when: "an older good version is left", plant: func(s *healthyModel) {
		s.add(3)
		s.Model.Aliases["champion"], s.Versions = 3, []registry.Version{s.Versions[0], s.Versions[2]}
		s.Newest = registry.Is(s.Versions[1])
		s.entries(func(all []ledger.Entry) []ledger.Entry {
			return append(all, promoted(3, 2, 3, now.Add(-time.Hour), all[0].Record.Rules[registry.AliasRef("champion")]))
		})
	}},

	{rule: "no-run", when: "the version has no run", plant: func(s *healthyModel) { s.version(2).RunID = "" },
		want:     "version 2 (@champion) has no run (source mlflow-artifacts:/7/r2/artifacts/model)",
		severity: audit.Medium},
	{rule: "no-run", when: "a copy keeps the run", plant: source("models:/dev.churn/3")},

	{rule: "run-not-own", when: "the files are in another run",
		plant: func(s *healthyModel) { s.version(2).Source = "mlflow-artifacts:/7/r9/artifacts/model" },
		want:  foreign + "its artifacts are at mlflow-artifacts:/7/r9/artifacts/model", severity: audit.High},
	{
		rule: "run-not-own", when: "MLflow kept the reference to the run",
		plant: func(s *healthyModel) { s.version(2).Source = "runs:/r2/model" },
	},
	{
		rule: "run-not-own", when: "nothing points to the version",
		plant: source("mlflow-artifacts:/7/r9/artifacts/model"), also: []string{"source-elsewhere"},
	},
	{
		rule: "run-not-own", when: "it is a logged model of the run",
		plant: func(s *healthyModel) { s.logged(2, func(*registry.LoggedModel, *registry.Run) {}) },
	},
	{rule: "run-not-own", when: "it is a logged model of another experiment", plant: func(s *healthyModel) {
		s.logged(2, func(m *registry.LoggedModel, _ *registry.Run) { m.ExperimentID = "8" })
	}, want: foreign + "logged model m-00000000000000000000000000000001 is in experiment 8, but run r2 is in " +
		"experiment 7"},
	{rule: "run-not-own", when: "the run does not list the logged model", plant: func(s *healthyModel) {
		s.logged(2, func(_ *registry.LoggedModel, r *registry.Run) { r.Outputs = nil })
	}, want: foreign + "run r2 does not list logged model m-00000000000000000000000000000001 among its outputs"},
	{rule: "run-not-own", when: "another run logged the model", plant: func(s *healthyModel) {
		s.logged(2, func(m *registry.LoggedModel, _ *registry.Run) { m.SourceRunID = "r1" })
	}, want: foreign + "logged model m-00000000000000000000000000000001 was logged by run r1, not by run r2"},
	{rule: "run-not-own", when: "the files only look like those of a logged model of the run",
		plant: func(s *healthyModel) {
			s.logged(2, func(m *registry.LoggedModel, _ *registry.Run) {
				m.ArtifactURI = "mlflow-artifacts:/8/models/m-1/artifacts"
			})
		}, want: foreign +
			"its artifacts at mlflow-artifacts:/7/models/m-00000000000000000000000000000001/artifacts are " +
			"not those of logged model m-00000000000000000000000000000001"},
	{rule: "run-not-own", when: "it is a copy of a version of the run", plant: func(s *healthyModel) {
		s.copied(2, registry.Is(registry.Version{Model: "dev", Number: 4, RunID: "r2",
			Source: "mlflow-artifacts:/7/r2/artifacts/model"}))
	}},
	{rule: "run-not-own", when: "it is a copy of a version that is elsewhere", plant: func(s *healthyModel) {
		s.copied(2, registry.Is(registry.Version{Model: "dev", Number: 4, RunID: "r2", Source: "s3://evil/model"}))
	}, want: foreign + "its artifacts are at s3://evil/model"},
	{rule: "run-not-own", when: "it is a copy of a version of another run", plant: func(s *healthyModel) {
		s.copied(2, registry.Absent[registry.Version]("models:/churn/2 names run r2, and models:/dev/4 names run r9"))
	}, want: foreign + "models:/churn/2 names run r2, and models:/dev/4 names run r9"},
	{rule: "run-not-own", when: "the version that it is a copy of could not be read", plant: func(s *healthyModel) {
		s.copied(2, registry.Unreadable[registry.Version]("503"))
	}, unjudged: "the version's origin is unknown: 503"},
	{rule: "run-not-own", when: "the logged model could not be read", plant: func(s *healthyModel) {
		s.logged(2, func(*registry.LoggedModel, *registry.Run) {})
		o := s.Origins[2]
		o.Logged = registry.Unreadable[registry.LoggedModel]("403")
		s.Origins[2] = o
	}, unjudged: "the logged model: 403"},
	{rule: "run-not-own", when: "the policy knows that the store was moved", plant: func(s *healthyModel) {
		s.version(2).Source = "s3://new/7/r2/artifacts/model"
		s.Policy = policyOf(gates + moved + "    until: 2026-05-03\n")
	}},
	{rule: "run-not-own", when: "the exception for a moved store has expired", plant: func(s *healthyModel) {
		s.version(2).Source = "s3://new/7/r2/artifacts/model"
		s.Policy = policyOf(gates + moved + "    until: 2026-05-02\n")
	}, want: foreign + "its artifacts are at s3://new/7/r2/artifacts/model"},

	{rule: "run-gone", when: "it does not exist",
		plant: func(s *healthyModel) { s.Runs["r2"] = registry.Absent[registry.Run]("there is no run r2") },
		want:  "version 2 (@champion): run r2 does not exist", severity: audit.High},
	{
		rule: "run-gone", when: "it is deleted",
		plant: func(s *healthyModel) { s.run(2, func(r *registry.Run) { r.Deleted = true }) },
		want:  "version 2 (@champion): run r2 is deleted",
	},
	{
		rule: "run-gone", when: "it could not be read",
		plant:    func(s *healthyModel) { s.Runs["r2"] = registry.Unreadable[registry.Run]("503") },
		unjudged: "run r2: 503",
	},
	{rule: "run-gone", when: "its whole experiment is deleted", plant: func(s *healthyModel) {
		s.run(1, func(r *registry.Run) { r.Deleted, r.ExperimentID = true, "8" })
		s.Experiments["8"] = registry.Is(registry.Experiment{ID: "8", Name: "old", Deleted: true})
	}, also: []string{"experiment-deleted"}},

	{
		rule: "run-unfinished", when: "it failed",
		plant: func(s *healthyModel) { s.run(2, func(r *registry.Run) { r.Status = "FAILED" }) },
		want:  "version 2 (@champion): run r2 is FAILED", severity: audit.Medium,
	},
	{
		rule: "run-unfinished", when: "the run is still active",
		plant: func(s *healthyModel) { s.run(1, func(r *registry.Run) { r.Status = "RUNNING" }) },
		want:  "version 1: run r1 is RUNNING", severity: audit.Low,
	},
	{
		rule: "run-unfinished", when: "it is deleted as well",
		plant: func(s *healthyModel) { s.run(1, func(r *registry.Run) { r.Status, r.Deleted = "FAILED", true }) },
		also:  []string{"run-gone"},
	},

	{rule: "experiment-deleted", when: "it is", plant: func(s *healthyModel) {
		s.Experiments["7"] = registry.Is(registry.Experiment{ID: "7", Name: "churn", Deleted: true})
		s.Versions = s.Versions[:2]
	},
		want: "version 1: the run's experiment churn (7) is deleted"},
	{
		rule: "experiment-deleted", when: "it could not be read",
		plant:    func(s *healthyModel) { s.Experiments["7"] = registry.Unreadable[registry.Experiment]("503") },
		unjudged: "experiment 7: 503",
	},
	{rule: "experiment-deleted", when: "the run that belongs to the experiment could not be read",
		plant:    func(s *healthyModel) { s.Runs["r1"] = registry.Unreadable[registry.Run]("403") },
		unjudged: "run r1: 403"},
	{
		rule: "experiment-deleted", when: "the run that belongs to the experiment is gone",
		plant: func(s *healthyModel) { s.Runs["r1"] = registry.Absent[registry.Run]("") }, also: []string{"run-gone"},
	},
	{
		rule: "experiment-deleted", when: "a different experiment is deleted",
		plant: func(s *healthyModel) { s.Experiments["8"] = registry.Is(registry.Experiment{ID: "8", Deleted: true}) },
	},

	{rule: "dataset-lineage", when: "the run has no dataset",
		plant: func(s *healthyModel) { s.run(2, func(r *registry.Run) { r.Datasets = nil }) },
		want:  "version 2 (@champion): run r2 has no dataset", severity: audit.Low},
	{rule: "dataset-lineage", when: "the server does not store datasets",
		plant:    func(s *healthyModel) { s.run(2, func(r *registry.Run) { r.Datasets = nil }); s.Server = "2.2.2" },
		unjudged: "MLflow before 2.4 does not store datasets; this server is 2.2.2",
		also:     []string{"server-vulnerable"}},
	{
		rule: "dataset-lineage", when: "there is a dataset without a context",
		plant: func(s *healthyModel) {
			s.run(2,
				func(r *registry.Run) { r.Datasets = []registry.Dataset{{Name: "all"}} })
		},
	},

	{rule: "champion-stale", when: "the version has been live for more than a year", plant: func(s *healthyModel) {
		s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("")
		s.version(2).Tags[registry.AliasTimeTag("champion")] = "2025-01-01T00:00:00Z"
	}, want: "version 2 has been at @champion since 2025-01-01 (487 days)", severity: audit.Low},
	{rule: "champion-stale", when: "the version was created more than a year ago, and it is unknown when it went live",
		plant: func(s *healthyModel) {
			s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("")
			s.version(2).Created = now.AddDate(-2, 0, 0)
		}, want: "version 2 is at @champion and was created on 2024-05-03 (730 days ago)"},
	{rule: "champion-stale", when: "a newer version is waiting",
		plant: func(s *healthyModel) {
			s.add(3).Created = now.AddDate(0, -4,
				0)
			s.Newest = registry.Is(*s.version(3))
		},
		want: "version 2 is at @champion, but version 3 has been waiting since 2026-01-03"},
	{rule: "champion-stale", when: "the newer version was blocked", plant: func(s *healthyModel) {
		v := s.add(3)
		v.Created, v.Tags[registry.TagValidation] = now.AddDate(0, -4, 0), "blocked"
		s.Newest = registry.Is(*v)
	}},
	{
		rule: "champion-stale", when: "the newer version came last month",
		plant: func(s *healthyModel) { s.add(3); s.Newest = registry.Is(*s.version(3)) },
	},
	{
		rule: "champion-stale", when: "another alias is old",
		plant: func(s *healthyModel) { s.Model.Aliases["archive"] = 1; s.version(1).Created = now.AddDate(-3, 0, 0) },
	},

	{rule: "challenger-endless", when: "the version has been on trial for too long", plant: func(s *healthyModel) {
		s.Model.Aliases["challenger"] = 1
		s.version(1).Tags[registry.AliasTimeTag("challenger")] = "2026-01-01T00:00:00Z"
	}, want: "version 1 has been @challenger since 2026-01-01 (122 days)", severity: audit.Low},
	{
		rule: "challenger-endless", when: "the version is younger than the longest trial",
		plant: func(s *healthyModel) { s.Model.Aliases["challenger"] = 1 },
	},
	{rule: "challenger-endless", when: "it is unknown when the trial began",
		plant: func(s *healthyModel) {
			s.Model.Aliases["challenger"] = 1
			s.version(1).Created = now.AddDate(-1, 0,
				0)
		},
		unjudged: "it is unknown how long version 1 has been @challenger: it was set outside this tool"},

	{
		rule: "description-missing", when: "the model has none",
		plant: func(s *healthyModel) { s.Model.Description = " \n" },
		want:  "the registered model has no description", severity: audit.Low,
	},
	{rule: "description-missing", when: "the model has no live version", plant: func(s *healthyModel) {
		s.Model.Description, s.Model.Aliases, s.Policy, s.Ledger = "", nil, nil, registry.Absent[ledger.Chain]("")
	}},
	{
		rule: "description-missing", when: "the policy file requires one for each live version",
		plant: set("description-missing: {version: true}"), want: "version 2 (@champion) has no description",
	},

	{rule: "required-tags", when: "the policy file names one",
		plant: set("required-tags: {version: [owner], model: [team]}"),
		want:  "the registered model has no tag team", severity: audit.Medium},
	{rule: "required-tags", when: "it is empty", plant: func(s *healthyModel) {
		set("required-tags: {version: [owner]}")(s)
		s.version(1).Tags["owner"], s.version(2).Tags["owner"] = "ann", " "
	}, want: "version 2 (@champion) has no tag owner"},
	{rule: "required-tags", when: "it is there", plant: func(s *healthyModel) {
		set("required-tags: {version: [owner]}")(s)
		s.version(1).Tags["owner"], s.version(2).Tags["owner"] = "ann", "bob"
	}},

	{rule: "tag-schema", when: "a value does not match", plant: func(s *healthyModel) {
		set("tag-schema: {version: {risk: low|high}}")(s)
		s.version(2).Tags["risk"] = "highest"
	},
		want: `version 2 (@champion): tag risk is "highest"; it must match low|high`, severity: audit.Medium},
	{rule: "tag-schema", when: "a value on the model does not match",
		plant: func(s *healthyModel) {
			set("tag-schema: {model: {team: " +
				"'[a-z]+'}}")(s)
			s.Model.Tags["team"] = "Growth"
		},
		want: `the registered model: tag team is "Growth"; it must match [a-z]+`},
	{
		rule: "tag-schema", when: "the value matches or the tag is missing",
		plant: func(s *healthyModel) {
			set("tag-schema: {version: {risk: " +
				"low|high}}")(s)
			s.version(2).Tags["risk"] = "high"
		},
	},

	{
		rule: "tag-overload", when: "there are 51", plant: tags(51, 1), want: "version 2 (@champion) has 51 tags",
		severity: audit.Low,
	},
	{
		rule: "tag-overload", when: "one is too long", plant: tags(1, 5001),
		want: "version 2 (@champion): tag k0 is 5001 bytes long",
	},
	{rule: "tag-overload", when: "there are 50, plus those set by this tool", plant: func(s *healthyModel) {
		tags(50, 5000)(s)
		for i := range 20 {
			s.version(2).Tags[fmt.Sprintf("promote.datasets.%d", i)] = "x"
		}
	}},

	{rule: "server-vulnerable", when: "it is old", plant: func(s *healthyModel) { s.Server = "3.14.0" },
		want: "MLflow 3.14.0 has CVE-2026-2635 (the administrator has a default password if logins are enabled), " +
			"CVE-2026-64849 (webhooks can send requests into the server's network)",
		severity: audit.High},
	{rule: "server-vulnerable", when: "it has the last fix", plant: func(s *healthyModel) { s.Server = "3.16.1" }},
	{
		rule: "server-vulnerable", when: "it does not say", plant: func(s *healthyModel) { s.Server = "" },
		unjudged: ": the server does not report its version",
	},
}

func source(uri string) func(*healthyModel) {
	return func(s *healthyModel) { s.version(1).Source = uri }
}

func waived(until string) func(*healthyModel) {
	return func(s *healthyModel) {
		s.last(func(e *ledger.Entry) {
			e.Record.Gates = []verdict.Finding{{Gate: "metric acc", Target: "champion", Outcome: verdict.Fail,
				Waiver: "waived by ann", Until: until}}
		})
	}
}

// opened adds an unfinished entry that moves champion back to version 1.
func opened(lease time.Time) func(*healthyModel) {
	return func(s *healthyModel) {
		s.entries(func(all []ledger.Entry) []ledger.Entry {
			e := promoted(3, 2, 1, time.Time{}, all[0].Record.Rules[registry.AliasRef("champion")])
			e.Outcome, e.Moved, e.Lease = "", 0, lease
			return append(all, e)
		})
	}
}

func approved(digest string, made time.Time) func(*healthyModel) {
	return func(s *healthyModel) {
		s.Plans = []ApprovedPlan{{File: "plan.json", Digest: digest, Made: made,
			Plan: plan.Plan{Model: "churn", Candidate: "runs:/r3/model", Target: registry.Target{Alias: "champion"}}}}
	}
}

// set returns a change that configures a rule in the policy file but keeps the file's targets.
func set(rule string) func(*healthyModel) {
	return func(s *healthyModel) { s.Policy = policyOf(gates + "audit:\n  rules:\n    " + rule + "\n") }
}

func tags(n, length int) func(*healthyModel) {
	return func(s *healthyModel) {
		for i := range n {
			s.version(2).Tags[fmt.Sprintf("k%d", i)] = strings.Repeat("x", length)
		}
	}
}

func TestRules(t *testing.T) {
	for _, c := range cases {
		t.Run(c.rule+": "+c.when, func(t *testing.T) {
			s := newSound()
			c.plant(s)
			if err := c.check(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// check compares what the rule found, and what it could not check, with what the case expects.
func (c ruleCase) check(s *healthyModel) error {
	found, unjudged := s.judge()
	var problems []string
	said := ""
	for _, line := range found {
		severity, rest, _ := strings.Cut(line, " ")
		rule, message, _ := strings.Cut(rest, ": ")
		switch {
		case rule != c.rule && !slices.Contains(c.also, rule):
			problems = append(problems, "another rule speaks: "+line)
		case rule == c.rule && said == "":
			said = message
			if c.severity != "" && severity != string(c.severity) {
				problems = append(problems, fmt.Sprintf("severity %s, want %s", severity, c.severity))
			}
		}
	}
	if !strings.HasPrefix(said, c.want) || c.want == "" && said != "" {
		problems = append(problems, fmt.Sprintf("it says  %q\nwant     %q", said, c.want))
	}
	skipped := ""
	for _, line := range unjudged {
		if rest, own := strings.CutPrefix(line, c.rule+": "); own {
			skipped = rest
		}
	}
	if c.unjudged == "" && skipped != "" || !strings.Contains(skipped, c.unjudged) {
		problems = append(problems, fmt.Sprintf("not judged: %q, want %q", skipped, c.unjudged))
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "\n"))
}

// A promotion made without a ledger leaves no record, so an audit of such a model must not look clean.
func TestRules_PromotedWithoutLedger(t *testing.T) {
	const weak = `{"to":2,"no_ledger":"the ledger input is off"}`
	byLedger := []string{"moved-outside", "artifact-changed", "waiver-expired", "evidence-old", "promotion-unfinished",
		"no-rollback-target"}
	for _, c := range []struct {
		when, mark string
		ledger     bool
		want       []string
	}{
		{"the mark names no ledger", weak, false, byLedger},
		{"the mark gives no reason either", `{"to":2}`, false, byLedger},
		{"there is a ledger", weak, true, nil},
		{"the mark is a copy from another version", `{"to":1,"no_ledger":"off"}`, false, nil},
		{"this tool never moved it", "", false, nil},
	} {
		s := newSound()
		s.Policy = nil
		s.version(2).Tags[registry.TagRecord] = c.mark
		if !c.ledger {
			s.Ledger = registry.Absent[ledger.Chain]("there is none")
		}
		found, skipped := s.judge()
		var got []string
		for _, line := range skipped {
			rule, where, _ := strings.Cut(line, ": ")
			if got = append(got, rule); !strings.HasPrefix(where, "churn version 2: it was promoted without a ledger") {
				t.Errorf("%s: %s", c.when, line)
			}
		}
		if !slices.Equal(got, c.want) || len(found) > 0 {
			t.Errorf("%s: not judged by %v, want %v; found %v", c.when, got, c.want, found)
		}
	}
}

// Every rule has cases with a finding and similar cases without one.
func TestRules_AllHaveCases(t *testing.T) {
	for _, r := range rules {
		finds, silent := 0, 0
		for _, c := range cases {
			switch {
			case c.rule != r.ID:
			case c.want != "":
				finds++
			case c.unjudged == "":
				silent++
			}
		}
		if finds == 0 || silent == 0 {
			t.Errorf("%s: %d cases with a finding, %d similar cases without one", r.ID, finds, silent)
		}
		if r.Title == "" || r.Why == "" || r.Fix == "" || !slices.Contains(audit.Severities, r.Severity) ||
			(r.model == nil) == (r.server == nil) {
			t.Errorf("%s: the row in the table is not complete", r.ID)
		}
	}
	for _, c := range cases {
		if rank(c.rule) < 0 {
			t.Errorf("there is no rule %s", c.rule)
		}
	}
}
