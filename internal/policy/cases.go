package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Case is one test of a policy: facts, and the verdict they should get.
type Case struct {
	Model  string
	Target registry.Target
	Facts  fact.Facts
	Expect verdict.Decision
	Gates  map[string]verdict.Outcome // expected of single gates
}

var (
	timeShape  = pattern("a time such as 2026-05-03T10:00:00Z", `^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`)
	anyText    = shape{kind: isText, about: "text", or: &shape{kind: isNumber}}
	valueShape = shape{kind: isNumber, about: "a value", or: &shape{kind: isText, values: []string{"NaN", "Infinity", "-Infinity"}}}
	words      = free("text by key", text("a key"), anyText)

	subjectFields = []field{
		may("version", whole("version number; without it the candidate is not registered yet", 1)),
		may("stage", oneOf("stage of the version", registry.Stages...)),
		may("aliases", list("aliases that point to the version", text("an alias"))),
		may("since", free("time of the move to each stage or alias in the ledger; default: the time in the tags",
			text("a stage or an alias"), timeShape)),
		may("description", text("description of the version")),
		may("tags", words),
		may("run", text("run id")),
		may("user", text("MLflow user of the run")),
		may("status", oneOf("status of the run", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")),
		may("ended", timeShape),
		may("metrics", free("values by metric", text("a metric"), valueShape)),
		may("history", free("values by metric, one for each step from 0", text("a metric"), list("values", valueShape))),
		may("params", words),
		may("run-tags", words),
		may("datasets", free("digests by context", text("a context"), anyText)),
		may("signature", object("JSON of each part of the signature",
			may("inputs", text("JSON")),
			may("outputs", text("JSON")),
			may("params", text("JSON")),
		)),
		may("flavors", list("flavours of the model", text("a flavour"))),
		may("python", anyText),
		may("mlflow", anyText),
		may("files", free("sizes by path", text("a path"), whole("bytes", 0))),
		may("digest", text("digest of the files' content")),
	}
	reviewFields = []field{
		may("author", loginShape),
		may("starter", loginShape),
		may("others", list("logins of others who cannot approve, such as authors of the pull request", loginShape)),
		may("approvers", list("logins of the people who approved the pull request", loginShape)),
		may("environments", free("logins of the people who approved, by environment",
			text("an environment"), list("logins", loginShape))),
		may("attempt", whole("attempt of the workflow run; default 1", 1)),
	}
	caseFields = []field{
		need("model", text("name of the registered model")),
		need("target", text("alias or stage to move to")),
		need("expect", oneOf("expected verdict", "promote", "retain", "block")),
		may("gates", free("expected outcomes by gate", text("a gate"), oneOf("an outcome", "pass", "fail", "inconclusive", "not-applicable"))),
		may("now", timeShape),
		need("candidate", object("version to check", subjectFields...)),
		may("incumbent", shape{
			kind: isMap, about: "version that the target points to; default none", fields: subjectFields,
			or: &shape{kind: isText, values: []string{"unreadable"}},
		}),
		may("commit", object("commit of the workflow",
			need("repository", text("repository as owner/name")),
			need("heads", list("commits that count as the head", anyText)),
			may("contains", yesNo("whether the run's commit is an ancestor of the head")),
		)),
		may("review", object("people who made the change and people who approved it", reviewFields...)),
		may("evidence", free("reports by name, as text", text("a name"), text("JSON"))),
	}
)

// notGiven is why a fact that a test leaves out is not known.
const notGiven = "the test does not give it"

// ParseCase reads one test. Like a policy file, it is refused with all problems at their places.
func ParseCase(file string, data []byte) (Case, error) {
	r := &checker{}
	root, err := parseYAML(string(data))
	var problem Problem
	switch {
	case errors.As(err, &problem):
		r.problems = append(r.problems, problem)
	default:
		r.check(object("", caseFields...), root, "the test")
	}
	if len(r.problems) > 0 {
		return Case{}, Bad(file, r.problems)
	}
	c := Case{Model: root.str("model"), Expect: verdict.Decision(root.str("expect")), Gates: map[string]verdict.Outcome{}}
	if stage, ok := registry.CanonicalStage(root.str("target")); ok {
		c.Target.Stage = stage
	} else {
		c.Target.Alias = root.str("target")
	}
	if g := root.get("gates"); g != nil {
		for _, e := range g.entries {
			c.Gates[e.key] = verdict.Outcome(e.value.text)
		}
	}
	c.Facts = caseFacts(root, c.Model)
	return c, nil
}

func caseFacts(root *node, model string) fact.Facts {
	n := root.get("candidate")
	f := fact.Facts{
		Candidate: caseSubject(n, "the candidate", model), Holders: map[string]registry.Known[fact.Subject]{},
		Review: registry.Unreadable[fact.Review](notGiven), Evidence: map[string]registry.Known[string]{},
		Words: fact.Words{Description: n.str("description"), Tags: n.pairs("tags")},
	}
	f.Now, _ = time.Parse(time.RFC3339, root.str("now"))
	f.Ledger.Entries = caseEntries(n)
	m := registry.Model{Name: model, Aliases: map[string]int{}}
	for _, alias := range n.texts("aliases") {
		m.Aliases[alias] = n.int("version", 0)
	}
	f.Model = registry.Is(m)
	holder := registry.Absent[fact.Subject]("the test has no incumbent")
	if i := root.get("incumbent"); i != nil {
		holder = registry.Unreadable[fact.Subject]("the test says it is unreadable")
		if i.kind == isMap {
			holder = registry.Is(caseSubject(i, "the incumbent", model))
		}
	}
	f.Holders[fact.Incumbent] = holder
	if c := root.get("commit"); c != nil {
		f.Commit = fact.Commit{Repository: c.str("repository"), Heads: c.texts("heads"), Contains: registry.Unreadable[bool](notGiven)}
		if c.has("contains") {
			f.Commit.Contains = registry.Is(c.yes("contains"))
		}
	}
	if v := root.get("review"); v != nil {
		f.Review = registry.Is(caseReview(v))
	}
	for name, text := range root.pairs("evidence") {
		f.Evidence[name] = registry.Is(text)
	}
	return f
}

// caseEntries are the ledger's entries that moved the version to its stage and aliases.
func caseEntries(n *node) (out []ledger.Entry) {
	since, tags := n.pairs("since"), n.pairs("tags")
	add := func(name, ref, tag string) {
		at, err := time.Parse(time.RFC3339, cmp.Or(since[name], tags[tag]))
		if err != nil {
			return
		}
		move := ledger.Shift{Ref: ref, Want: strconv.Itoa(n.int("version", 0))}
		record := ledger.Record{At: at.Format(time.RFC3339), Moves: []ledger.Shift{move}}
		out = append(out, ledger.Entry{Epoch: len(out) + 1, Outcome: ledger.EntryDone, Ended: at, Record: record})
	}
	if stage := n.str("stage"); stage != "" {
		add(stage, stage, registry.StageTimeTag(stage))
	}
	for _, alias := range n.texts("aliases") {
		add(alias, "@"+alias, registry.AliasTimeTag(alias))
	}
	return out
}

func caseReview(n *node) fact.Review {
	var made []fact.Contributor
	for _, role := range []struct {
		role   fact.Role
		logins []string
	}{
		{fact.RoleAuthor, []string{n.str("author")}},
		{fact.RoleStarter, []string{n.str("starter")}},
		{fact.RoleOther, n.texts("others")},
	} {
		for _, login := range role.logins {
			if login != "" {
				made = append(made, fact.Contributor{Login: login, Role: role.role})
			}
		}
	}
	approvals := func(logins []string, environment string) (out []fact.Approval) {
		for _, login := range logins {
			out = append(out, fact.Approval{Login: login, Environment: environment, State: fact.Approved})
		}
		return out
	}
	var entered []fact.Approval
	if v := n.get("environments"); v != nil {
		for _, e := range v.entries {
			entered = append(entered, approvals(v.texts(e.key), e.key)...)
		}
	}
	return fact.Review{
		Attempt:      n.int("attempt", 1),
		Contributors: registry.Is(made),
		Environments: registry.Is(entered),
		PullRequest:  registry.Is(approvals(n.texts("approvers"), "")),
	}
}

func caseSubject(n *node, ref, model string) fact.Subject {
	s := fact.Subject{
		Ref: ref, Version: registry.Absent[registry.Version]("not registered yet"), MLmodel: registry.Unreadable[registry.MLmodel](notGiven),
		Logged: registry.Absent[registry.LoggedModel]("a test has none"),
		Files:  registry.Unreadable[[]registry.File](notGiven), Digest: registry.Unreadable[string](notGiven), History: map[string]registry.Known[[]registry.Point]{},
	}
	if n.has("version") {
		s.Version = registry.Is(registry.Version{Model: model, Number: n.int("version", 0), Stage: n.str("stage"), Description: n.str("description"), Tags: n.pairs("tags")})
	}
	s.Run = registry.Is(caseRun(n))
	if v := n.get("history"); v != nil {
		for _, e := range v.entries {
			var points []registry.Point
			for i, item := range e.value.items {
				p := point(item)
				p.Step = int64(i)
				points = append(points, p)
			}
			s.History[e.key] = registry.Is(points)
			if metrics := s.Run.OrZero().Metrics; len(points) > 0 {
				if _, given := metrics[e.key]; !given {
					metrics[e.key] = points[len(points)-1]
				}
			}
		}
	}
	if n.has("flavors") || n.has("signature") {
		m := registry.MLmodel{Flavors: map[string]map[string]any{}, PythonVersion: n.str("python"), MLflowVersion: n.str("mlflow")}
		for _, name := range n.texts("flavors") {
			m.Flavors[name] = map[string]any{}
		}
		if sig := n.get("signature"); sig != nil {
			m.Signature = registry.Signature{Inputs: sig.str("inputs"), Outputs: sig.str("outputs"), Params: sig.str("params")}
		}
		s.MLmodel = registry.Is(m)
	}
	if v := n.get("files"); v != nil {
		var files []registry.File
		for _, e := range v.entries {
			files = append(files, registry.File{Path: e.key, Size: int64(e.value.number())})
		}
		s.Files = registry.Is(files)
	}
	if n.has("digest") {
		s.Digest = registry.Is(n.str("digest"))
	}
	s.Registered = n.pairs("tags")[registry.TagRequest] != ""
	return s
}

func caseRun(n *node) registry.Run {
	run := registry.Run{ID: n.str("run"), User: n.str("user"), Status: n.str("status"), Metrics: map[string]registry.Point{}, Params: n.pairs("params"), Tags: n.pairs("run-tags")}
	if run.ID == "" {
		run.ID = "run"
	}
	if run.Status == "" {
		run.Status = "FINISHED"
	}
	run.End, _ = time.Parse(time.RFC3339, n.str("ended"))
	if v := n.get("metrics"); v != nil {
		for _, e := range v.entries {
			run.Metrics[e.key] = point(e.value)
		}
	}
	digests := n.pairs("datasets")
	for _, context := range slices.Sorted(maps.Keys(digests)) {
		run.Datasets = append(run.Datasets, registry.Dataset{Name: context, Context: context, Digest: digests[context]})
	}
	return run
}

func point(n *node) registry.Point {
	p := registry.Point{Raw: n.text, Value: math.NaN()}
	if n.kind == isNumber {
		p.Value = n.number()
	}
	return p
}

// Try judges a case by the policy and lists what is not as expected, with the finding that explains it.
func (p Policy) Try(c Case) (verdict.Verdict, []string) {
	applied, err := p.For(c.Model, c.Target)
	if err != nil {
		return verdict.Verdict{Decision: verdict.Block}, []string{err.Error()}
	}
	c.Facts.Identities = p.Identities
	v := Judge(applied.Gates, c.Facts, p.Waivers...)
	var wrong []string
	if v.Decision != c.Expect {
		wrong = append(wrong, fmt.Sprintf("verdict is %s, expected %s", v.Decision, c.Expect))
		for _, f := range v.Failed() {
			wrong = append(wrong, fmt.Sprintf("%s (line %d): %s: %s", f.Gate, f.Line, f.Outcome, f.Why))
		}
	}
	for _, gate := range slices.Sorted(maps.Keys(c.Gates)) {
		i := slices.IndexFunc(v.Findings, func(f verdict.Finding) bool { return f.Gate == gate })
		switch {
		case i < 0:
			var names []string
			for _, f := range v.Findings {
				names = append(names, f.Gate)
			}
			wrong = append(wrong, fmt.Sprintf("there is no gate %q%s", gate, meant(gate, names)))
		case v.Findings[i].Outcome != c.Gates[gate]:
			wrong = append(wrong, strings.TrimSuffix(fmt.Sprintf("%s is %s, expected %s: %s", gate, v.Findings[i].Outcome, c.Gates[gate], v.Findings[i].Why), ": "))
		}
	}
	return v, wrong
}
