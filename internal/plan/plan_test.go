package plan

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var (
	passed = verdict.Verdict{
		Decision: verdict.Promote, Findings: []verdict.Finding{{Gate: "a >= 1", Outcome: verdict.Pass}},
	}
	blocked = verdict.Verdict{
		Decision: verdict.Block, Findings: []verdict.Finding{{Gate: "a >= 1", Outcome: verdict.Fail}},
	}
)

// scene is a short description of the facts that a planner gets.
type scene struct {
	noModel  bool
	version  int               // number of the candidate; 0 if it is not registered
	tags     map[string]string // tags on the candidate's version
	status   string
	champion int // number of the champion; 0 if there is none
	stage    []int
	target   registry.Target
	verdict  verdict.Verdict
	intent   Intent
}

func (s scene) plan() (Plan, error) {
	f := fact.Facts{
		Model:  registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{}}),
		Source: registry.Source{URI: "models:/m-1", RunID: "r", Request: "digest"},
		Candidate: fact.Subject{
			Version: registry.Absent[registry.Version]("not registered yet"),
			Run:     registry.Is(registry.Run{ID: "r"}),
		},
		Holders:      map[registry.Ref]registry.Known[fact.Subject]{},
		StageHolders: s.stage,
	}
	if s.noModel {
		f.Model = registry.Absent[registry.Model]("none")
	}
	if s.version != 0 {
		f.Candidate.Version = registry.Is(
			registry.Version{Model: "churn", Number: s.version, Tags: s.tags, Status: s.status},
		)
	}
	if s.champion != 0 {
		f.Model.OrZero().Aliases["champion"] = s.champion
		f.Holders[fact.Incumbent] = registry.Is(
			fact.Subject{Version: registry.Is(registry.Version{Number: s.champion})},
		)
	}
	in := s.intent
	in.Query = fact.Query{Model: "churn", Target: s.target}
	return Promote(f, s.verdict, in)
}

func steps(p Plan) string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %q->%q", s.Do, s.Name, s.Was, s.Want)))
	}
	return strings.Join(out, "\n")
}

func TestPromote(t *testing.T) {
	champion := registry.Target{Alias: "champion"}
	production := registry.Target{Stage: "Production", ArchiveExisting: true}
	both := registry.Target{Alias: "champion", Stage: "Production", ArchiveExisting: true}
	ours := map[string]string{registry.TagRequest: "digest", registry.TagValidation: "passed"}
	noted := with(with(ours, registry.TagRecord, "{}"), "promote.alias.champion.at", "then")
	const record, at, staged = `set-tag promote.record ""->"{record}"`, `set-tag promote.alias.champion.at ""->"{time}"`, `set-tag promoted_to_production_at ""->"{time}"`
	for name, c := range map[string]struct {
		scene
		want []string
	}{
		"the first version of a model": {scene{noModel: true, target: champion, verdict: passed},
			[]string{
				`create-model  ""->"churn"`, `create-version  ""->"{new}"`, `set-alias champion ""->"{new}"`, record,
				at,
			}},
		"a new version replaces the old": {scene{champion: 1, target: champion, verdict: passed},
			[]string{`create-version  ""->"{new}"`, `set-alias champion "1"->"{new}"`, record, at}},
		"a version that is there already": {scene{version: 2, champion: 1, target: champion, verdict: passed},
			[]string{`set-tag validation_status ""->"passed"`, `set-alias champion "1"->"2"`, record, at}},
		"the holder already": {scene{version: 1, champion: 1, target: champion, verdict: passed}, nil},
		"the holder of one part of the target only": {scene{
			version: 2, champion: 2, stage: []int{1}, tags: map[string]string{"promote.alias.champion.at": "then"},
			target: both, verdict: passed,
		},
			[]string{`set-tag validation_status ""->"passed"`, `set-stage Production "1"->"2"`, record, staged}},
		"an earlier run moved the alias and noted nothing": {scene{
			version: 2, champion: 2, stage: []int{1}, tags: ours, target: both, verdict: passed,
		},
			[]string{`set-stage Production "1"->"2"`, record, at, staged}},
		"an earlier run moved all and noted nothing": {
			scene{version: 2, champion: 2, tags: ours, target: champion, verdict: passed}, []string{record, at},
		},
		"an earlier run noted all": {
			scene{version: 2, champion: 2, tags: noted, target: champion, verdict: passed}, nil,
		},
		"the holder was blocked in between": {scene{
			version: 2, champion: 2, tags: with(noted, registry.TagValidation, "blocked"), target: champion,
			verdict: passed,
		},
			[]string{`set-tag validation_status "blocked"->"passed"`}},
		"a time that somebody else wrote is kept": {scene{
			version: 2, champion: 1, tags: map[string]string{"promote.alias.champion.at": "by hand"}, target: champion,
			verdict: passed,
		},
			[]string{`set-tag validation_status ""->"passed"`, `set-alias champion "1"->"2"`, record}},
		"in the stage already, and not archived and moved back": {
			scene{version: 2, stage: []int{2}, target: production, verdict: passed}, nil,
		},
		"in the stage with another": {scene{version: 2, stage: []int{1, 2}, target: production, verdict: passed},
			[]string{`set-tag validation_status ""->"passed"`, `set-stage Production "1,2"->"2"`, record, staged}},
		"beside the others in a stage": {scene{
			version: 12, stage: []int{3, 7}, target: registry.Target{Stage: "Production"}, verdict: passed,
		},
			[]string{`set-tag validation_status ""->"passed"`, `set-stage Production "3,7"->"3,7,12"`, record, staged}},
		"a new version beside the others": {scene{
			stage: []int{3, 7}, target: registry.Target{Stage: "Production"}, verdict: passed,
		},
			[]string{`create-version  ""->"{new}"`, `set-stage Production "3,7"->"3,7,{new}"`, record, staged}},
		"blocked": {scene{champion: 1, target: champion, verdict: blocked}, []string{`create-version  ""->"{new}"`}},
		"blocked, and only valid ones are registered": {
			scene{champion: 1, target: champion, verdict: blocked, intent: Intent{Register: RegisterIfValid}}, nil,
		},
		"blocked, registered by this program before": {scene{
			version: 2, champion: 1, target: champion, verdict: blocked,
			tags: map[string]string{registry.TagRequest: "digest"},
		},
			[]string{`set-tag promote.failed_gates ""->"[\"a >= 1\"]"`, `set-tag validation_status ""->"blocked"`}},
		"blocked, registered by somebody else": {scene{version: 2, champion: 1, target: champion, verdict: blocked},
			[]string{`set-tag promote.failed_gates ""->"[\"a >= 1\"]"`, `set-tag validation_status ""->"blocked"`}},
		"passed after it was blocked, registered by somebody else": {scene{
			version: 2, champion: 1, target: champion, verdict: passed,
			tags: map[string]string{registry.TagValidation: "blocked", registry.TagFailedGates: "[1]"},
		},
			[]string{
				`set-tag promote.failed_gates "[1]"->"[]"`, `set-tag validation_status "blocked"->"passed"`,
				`set-alias champion "1"->"2"`, record, at,
			}},
		"passed after it was blocked": {scene{
			version: 2, champion: 1, target: champion, verdict: passed,
			tags: map[string]string{
				registry.TagRequest: "digest", registry.TagValidation: "blocked", registry.TagFailedGates: "[1]",
			},
		},
			[]string{
				`set-tag promote.failed_gates "[1]"->"[]"`, `set-tag validation_status "blocked"->"passed"`,
				`set-alias champion "1"->"2"`, record, at,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := c.plan()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(c.want, "\n"), steps(p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The version's tags reflect the last verdict. If the plan replaces a tag that this program did not set, there is a
// note about this.
func TestPromote_ValidationStatus(t *testing.T) {
	champion := registry.Target{Alias: "champion"}
	finding := func(outcome verdict.Outcome, mode verdict.Mode) verdict.Finding {
		return verdict.Finding{Gate: "a >= 1", Target: "champion", Outcome: outcome, Mode: mode}
	}
	sum := func(all ...verdict.Finding) verdict.Verdict { return verdict.Verdict{Findings: all}.Sum() }
	ungated := verdict.Verdict{Decision: verdict.Promote, Mode: verdict.Ungated}
	reported := sum(finding(verdict.Fail, verdict.ReportMode))
	mixed := sum(finding(verdict.Pass, verdict.ReportMode), finding(verdict.Fail, verdict.Enforced))
	retained := verdict.Finding{
		Gate: "a >= 1", Outcome: verdict.Fail, Mode: verdict.ReportMode, OnFail: verdict.OnFailRetain,
	}
	tag := func(value string) map[string]string { return map[string]string{registry.TagValidation: value} }
	ours := func(value, failed string) map[string]string {
		return map[string]string{
			registry.TagRequest: "digest", registry.TagValidation: value, registry.TagFailedGates: failed,
		}
	}
	for name, c := range map[string]struct {
		had            map[string]string
		live           bool // whether the alias already points to the version
		verdict        verdict.Verdict
		status, failed string // values of the tags after the plan has been applied
		note           string
	}{
		"passed":  {nil, false, passed, "passed", "", ""},
		"blocked": {nil, false, blocked, "blocked", `["a >= 1"]`, ""},
		"ungated": {nil, false, ungated, "ungated", "", ""},
		"ungated after it was blocked": {
			ours("blocked", `["a >= 1"]`), false, ungated, "ungated", `["a >= 1"]`, "",
		},
		"report mode, and a gate failed": {nil, false, reported, "not-enforced", `["a >= 1"]`, ""},
		"report mode, and all gates passed": {
			nil, false, sum(finding(verdict.Pass, verdict.ReportMode)), "not-enforced", "", "",
		},
		"report mode, passed after it failed": {
			ours("not-enforced", `["a >= 1"]`), false, sum(finding(verdict.Pass, verdict.ReportMode)), "not-enforced",
			"[]", "",
		},
		"report mode, and retain would have":   {nil, false, sum(retained), "not-enforced", `["a >= 1"]`, ""},
		"one target reports, the other blocks": {nil, false, mixed, "blocked", `["a >= 1"]`, ""},
		"enforced after report mode": {
			ours("not-enforced", `["a >= 1"]`), true, passed, "passed", "[]", "",
		},
		"pending, by the training": {
			tag("pending"), false, passed, "passed", "", `was set to "pending" outside this tool, is replaced with "passed"`,
		},
		"pending, and blocked": {
			tag("pending"), false, blocked, "blocked", `["a >= 1"]`, `was set to "pending" outside this tool, is replaced with "blocked"`,
		},
		"passed, by somebody else, and blocked": {
			tag("passed"), false, blocked, "blocked", `["a >= 1"]`, `was set to "passed" outside this tool, is replaced with "blocked"`,
		},
		"passed, by somebody else, and ungated": {
			tag("passed"), false, ungated, "ungated", "", `was set to "passed" outside this tool, is replaced with "ungated"`,
		},
		"passed, by somebody else, and passed": {tag("passed"), false, passed, "passed", "", ""},
		"pending on the version that is live": {
			tag("pending"), true, passed, "passed", "", `was set to "pending" outside this tool, is replaced with "passed"`,
		},
		"passed on the live version, and blocked": {
			tag("passed"), true, blocked, "blocked", `["a >= 1"]`, `was set to "passed" outside this tool, is replaced with "blocked"`,
		},
		"no tag on somebody else's live version": {nil, true, passed, "", "", ""},
		"pending on a version of ours": {
			ours("pending", ""), false, passed, "passed", "", `was set to "pending" outside this tool, is replaced with "passed"`,
		},
		"blocked before, by us": {ours("blocked", `["a >= 1"]`), false, passed, "passed", "[]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene{version: 2, champion: 1, target: champion, verdict: c.verdict, tags: maps.Clone(c.had)}
			if c.live {
				s.champion = 2
			}
			p, err := s.plan()
			if err != nil {
				t.Fatal(err)
			}
			after := map[string]string{
				registry.TagValidation:  c.had[registry.TagValidation],
				registry.TagFailedGates: c.had[registry.TagFailedGates],
			}
			for _, step := range p.Steps {
				if step.Do == SetTag {
					after[step.Name] = step.Want.Text
				}
			}
			if after[registry.TagValidation] != c.status || after[registry.TagFailedGates] != c.failed {
				t.Errorf(
					"%q, failed %q; want %q, %q\n%s", after[registry.TagValidation], after[registry.TagFailedGates],
					c.status, c.failed, steps(p),
				)
			}
			notes := strings.Join(p.Notes, "\n")
			if c.note == "" && strings.Contains(notes, registry.TagValidation) || !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// Some refusals are not verdicts of gates, so they also apply in report mode.
func TestPromote_ReportModeStillRefuses(t *testing.T) {
	reported := verdict.Verdict{
		Findings: []verdict.Finding{{Gate: "a >= 1", Outcome: verdict.Fail, Mode: verdict.ReportMode}},
	}.Sum()
	older := scene{version: 1, champion: 2, target: registry.Target{Alias: "champion"}, verdict: reported}
	if _, err := older.plan(); registry.ReasonOf(err) != registry.Downgrade {
		t.Errorf("a downgrade: %v", err)
	}
	held := scene{
		version: 2, champion: 1, target: registry.Target{Alias: "champion"}, verdict: reported,
		tags: map[string]string{registry.TagHold: "2026-05-01T00:00:00Z"},
	}
	if _, err := held.plan(); registry.ReasonOf(err) != registry.Held {
		t.Errorf("a version on hold: %v", err)
	}
}

func with(tags map[string]string, key, value string) map[string]string {
	out := maps.Clone(tags)
	out[key] = value
	return out
}

func TestPromote_Refuses(t *testing.T) {
	older := scene{version: 1, champion: 2, target: registry.Target{Alias: "champion"}, verdict: passed}
	if _, err := older.plan(); registry.ReasonOf(err) != registry.Downgrade {
		t.Errorf("an older version replaces the incumbent: %v", err)
	}
	older.intent.Override = []string{verdict.OverrideDowngrade}
	if _, err := older.plan(); err != nil {
		t.Error(err)
	}
	staged := scene{
		version: 2, champion: 1, stage: []int{3},
		target: registry.Target{Alias: "champion", Stage: "Production", ArchiveExisting: true}, verdict: passed,
	}
	if _, err := staged.plan(); registry.ReasonOf(err) != registry.Downgrade {
		t.Errorf("an older version replaces the holder of the stage: %v", err)
	}
	pending := scene{
		version: 1, status: "PENDING_REGISTRATION", target: registry.Target{Alias: "champion"}, verdict: passed,
	}
	if _, err := pending.plan(); registry.ReasonOf(err) != registry.NotReady {
		t.Errorf("a version that is not ready is promoted: %v", err)
	}
}

func TestRegister_KeepsTextsOfOthers(t *testing.T) {
	in := Intent{Description: "mine", Tags: map[string]string{"owner": "ann", "team": "growth"}}
	s := scene{
		version: 2, champion: 1, target: registry.Target{Alias: "champion"}, verdict: passed, intent: in,
		tags: map[string]string{"owner": "bob"},
	}
	p, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(steps(p), "owner") || !strings.Contains(steps(p), "team") || len(p.Notes) != 1 ||
		!strings.Contains(p.Notes[0], "owner") {
		t.Errorf("%s\n%v", steps(p), p.Notes)
	}
	s.tags[registry.TagRequest] = "digest"
	if p, _ = s.plan(); !strings.Contains(steps(p), `set-tag owner "bob"->"ann"`) {
		t.Errorf("a tag this program wrote is not brought up to date:\n%s", steps(p))
	}
}

func TestDigest_SamePlan(t *testing.T) {
	s := scene{
		champion: 1, target: registry.Target{Alias: "champion"}, verdict: passed,
		intent: Intent{Tags: map[string]string{"a": "1", "b": "2", "c": "3"}},
	}
	first, _ := s.plan()
	want, err := first.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		p, _ := s.plan()
		if got, _ := p.Digest(); got != want {
			t.Fatal("the digest depends on the order of a map")
		}
	}
	s.champion = 2
	other, _ := s.plan()
	if got, _ := other.Digest(); got == want {
		t.Error("another incumbent has the same digest")
	}
}

// A router that uses the tag would keep sending requests to an alias that no longer exists.
func TestAliases_TrafficOfRemovedAlias(t *testing.T) {
	const tag = `{"challenger":10,"champion":90}`
	for _, c := range []struct {
		when, tag string
		asked     registry.Assignment
		traffic   map[string]int
		want      string
	}{
		{
			"it has a share", tag, registry.Assignment{Alias: "challenger"}, nil,
			"still gives alias challenger 10 % of the requests",
		},
		{"it has none", tag, registry.Assignment{Alias: "shadow"}, nil, ""},
		{"its share is nothing", `{"shadow":0,"champion":100}`, registry.Assignment{Alias: "shadow"}, nil, ""},
		{"it moves on", tag, registry.Assignment{Alias: "challenger", Version: 2}, nil, ""},
		{"the traffic is set anew", tag, registry.Assignment{Alias: "challenger"}, map[string]int{"champion": 100}, ""},
		{"there is no such tag", "", registry.Assignment{Alias: "challenger"}, nil, ""},
		{"others wrote the tag", "all to champion", registry.Assignment{Alias: "challenger"}, nil, ""},
	} {
		f := fact.Facts{
			Model: registry.Is(
				registry.Model{
					Name: "churn", Aliases: map[string]int{"champion": 1, "challenger": 2, "shadow": 3},
					Tags: map[string]string{registry.TagTraffic: c.tag},
				},
			),
			Versions: map[int]registry.Known[registry.Version]{
				2: registry.Is(registry.Version{Model: "churn", Number: 2, Status: "READY"}),
			},
		}
		in := Intent{
			Command: "alias", Traffic: c.traffic,
			Query: fact.Query{Model: "churn", Aliases: []registry.Assignment{c.asked}},
		}
		p, err := Aliases(f, in)
		notes := strings.Join(p.Notes, "\n")
		if err != nil || c.want == "" && strings.Contains(notes, "%") || !strings.Contains(notes, c.want) {
			t.Errorf("%s: %v %q", c.when, err, notes)
		}
	}
}
