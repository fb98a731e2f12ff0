package casefacts

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var (
	timeShape = tree.Pattern("a time such as 2026-05-03T10:00:00Z",
		`^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`)
	anyText    = tree.Shape{Kind: tree.KindText, About: "text", Or: &tree.Shape{Kind: tree.KindNumber}}
	valueShape = tree.Shape{Kind: tree.KindNumber, About: "a value",
		Or: &tree.Shape{Kind: tree.KindText, Values: []string{"NaN", "Infinity", "-Infinity"}}}
	words = tree.MapOf("text by key", tree.Text("a key"), anyText)

	subjectFields = []tree.Field{
		tree.Optional("version", tree.Integer("version number; without it the candidate is not registered yet", 1)),
		tree.Optional("stage", tree.OneOf("stage of the version", registry.Stages...)),
		tree.Optional("aliases", tree.List("aliases that point to the version", tree.Text("an alias"))),
		tree.Optional("since",
			tree.MapOf("time of the move to each stage or alias in the ledger; default: the time in the tags",
				tree.Text("a stage or an alias"), timeShape)),
		tree.Optional("description", tree.Text("description of the version")),
		tree.Optional("tags", words),
		tree.Optional("run", tree.Text("run id")),
		tree.Optional("user", tree.Text("MLflow user of the run")),
		tree.Optional("status",
			tree.OneOf("status of the run", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")),
		tree.Optional("ended", timeShape),
		tree.Optional("metrics", tree.MapOf("values by metric", tree.Text("a metric"), valueShape)),
		tree.Optional("history", tree.MapOf("values by metric, one for each step from 0", tree.Text("a metric"),
			tree.List("values", valueShape))),
		tree.Optional("params", words),
		tree.Optional("run-tags", words),
		tree.Optional("datasets", tree.MapOf("digests by context", tree.Text("a context"), anyText)),
		tree.Optional("signature", tree.Object("JSON of each part of the signature",
			tree.Optional("inputs", tree.Text("JSON")),
			tree.Optional("outputs", tree.Text("JSON")),
			tree.Optional("params", tree.Text("JSON")),
		)),
		tree.Optional("flavors", tree.List("flavours of the model", tree.Text("a flavour"))),
		tree.Optional("python", anyText),
		tree.Optional("mlflow", anyText),
		tree.Optional("files", tree.MapOf("sizes by path", tree.Text("a path"), tree.Integer("bytes", 0))),
		tree.Optional("digest", tree.Text("digest of the files' content")),
	}
	reviewFields = []tree.Field{
		tree.Optional("author", tree.Login),
		tree.Optional("starter", tree.Login),
		tree.Optional("others",
			tree.List("logins of others who cannot approve, such as authors of the pull request", tree.Login)),
		tree.Optional("approvers", tree.List("logins of the people who approved the pull request", tree.Login)),
		tree.Optional("environments", tree.MapOf("logins of the people who approved, by environment",
			tree.Text("an environment"), tree.List("logins", tree.Login))),
		tree.Optional("attempt", tree.Integer("attempt of the workflow run; default 1", 1)),
	}
)

// Fields are the keys in a policy test that state facts.
var Fields = []tree.Field{
	tree.Optional("now", timeShape),
	tree.Required("candidate", tree.Object("version to check", subjectFields...)),
	tree.Optional("incumbent", tree.Shape{
		Kind: tree.KindMap, About: "version that the target points to; default none", Fields: subjectFields,
		Or: &tree.Shape{Kind: tree.KindText, Values: []string{"unreadable"}},
	}),
	tree.Optional("commit", tree.Object("commit of the workflow",
		tree.Required("repository", tree.Text("repository as owner/name")),
		tree.Required("heads", tree.List("commits that count as the head", anyText)),
		tree.Optional("contains", tree.Bool("whether the run's commit is an ancestor of the head")),
	)),
	tree.Optional("review", tree.Object("people who made the change and people who approved it", reviewFields...)),
	tree.Optional("evidence", tree.MapOf("reports by name, as text", tree.Text("a name"), tree.Text("JSON"))),
}

// notGiven explains why a fact is unknown if the test does not state it.
const notGiven = "the test does not state it"

// Read returns the facts in the document. A fact that is not in the document is unknown.
func Read(root *tree.Node, model string) fact.Facts {
	n := root.Get("candidate")
	f := fact.Facts{
		Candidate: readSubject(n, "the candidate", model), Holders: map[registry.Ref]registry.Known[fact.Subject]{},
		Review: registry.Unreadable[fact.Review](notGiven), Evidence: map[string]registry.Known[string]{},
		Words: fact.Words{Description: n.Str("description"), Tags: n.Pairs("tags")},
	}
	f.Now, _ = time.Parse(time.RFC3339, root.Str("now"))
	f.Ledger.Entries = ledgerEntries(n)
	m := registry.Model{Name: model, Aliases: map[string]int{}}
	for _, alias := range n.Texts("aliases") {
		m.Aliases[alias] = n.Int("version", 0)
	}
	f.Model = registry.Is(m)
	incumbent := registry.Absent[fact.Subject]("the test has no incumbent")
	if i := root.Get("incumbent"); i != nil {
		incumbent = registry.Unreadable[fact.Subject]("the test says that it is unreadable")
		if i.Kind == tree.KindMap {
			incumbent = registry.Is(readSubject(i, "the incumbent", model))
		}
	}
	f.Holders[fact.Incumbent] = incumbent
	if c := root.Get("commit"); c != nil {
		f.Commit = fact.Commit{Repository: c.Str("repository"), Heads: c.Texts("heads"),
			Contains: registry.Unreadable[bool](notGiven)}
		if c.Has("contains") {
			f.Commit.Contains = registry.Is(c.Yes("contains"))
		}
	}
	if v := root.Get("review"); v != nil {
		f.Review = registry.Is(readReview(v))
	}
	for name, text := range root.Pairs("evidence") {
		f.Evidence[name] = registry.Is(text)
	}
	return f
}

// ledgerEntries returns ledger entries that record when the version reached its stage and when its aliases were moved
// to it.
func ledgerEntries(n *tree.Node) (out []ledger.Entry) {
	since, tags := n.Pairs("since"), n.Pairs("tags")
	add := func(ref registry.Ref, tag string) {
		at, err := time.Parse(time.RFC3339, cmp.Or(since[ref.Name], tags[tag]))
		if err != nil {
			return
		}
		move := registry.Shift{Ref: ref, Want: registry.PointsTo(n.Int("version", 0))}
		record := ledger.Record{At: at.Format(time.RFC3339), Moves: []registry.Shift{move}}
		out = append(out, ledger.Entry{Epoch: len(out) + 1, Outcome: ledger.EntryDone, Ended: at, Record: record})
	}
	if stage := n.Str("stage"); stage != "" {
		add(registry.StageRef(stage), registry.StageTimeTag(stage))
	}
	for _, alias := range n.Texts("aliases") {
		add(registry.AliasRef(alias), registry.AliasTimeTag(alias))
	}
	return out
}

func readReview(n *tree.Node) fact.Review {
	var made []fact.Contributor
	for _, role := range []struct {
		role   fact.Role
		logins []string
	}{
		{fact.RoleAuthor, []string{n.Str("author")}},
		{fact.RoleStarter, []string{n.Str("starter")}},
		{fact.RoleOther, n.Texts("others")},
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
	if v := n.Get("environments"); v != nil {
		for _, e := range v.Entries {
			entered = append(entered, approvals(v.Texts(e.Key), e.Key)...)
		}
	}
	return fact.Review{
		Attempt:      n.Int("attempt", 1),
		Contributors: registry.Is(made),
		Environments: registry.Is(entered),
		PullRequest:  registry.Is(approvals(n.Texts("approvers"), "")),
	}
}

func readSubject(n *tree.Node, ref, model string) fact.Subject {
	s := fact.Subject{
		Ref: ref, Version: registry.Absent[registry.Version]("not registered yet"),
		MLmodel: registry.Unreadable[registry.MLmodel](notGiven),
		Logged:  registry.Absent[registry.LoggedModel]("tests have no logged models"),
		Files:   registry.Unreadable[[]registry.File](notGiven), Digest: registry.Unreadable[string](notGiven),
		History: map[string]registry.Known[[]registry.Point]{},
	}
	if n.Has("version") {
		s.Version = registry.Is(registry.Version{Model: model, Number: n.Int("version", 0), Stage: n.Str("stage"),
			Description: n.Str("description"), Tags: n.Pairs("tags")})
	}
	s.Run = registry.Is(readRun(n))
	if v := n.Get("history"); v != nil {
		for _, e := range v.Entries {
			var points []registry.Point
			for i, item := range e.Value.Items {
				p := readPoint(item)
				p.Step = int64(i)
				points = append(points, p)
			}
			s.History[e.Key] = registry.Is(points)
			if metrics := s.Run.OrZero().Metrics; len(points) > 0 {
				if _, given := metrics[e.Key]; !given {
					metrics[e.Key] = points[len(points)-1]
				}
			}
		}
	}
	if n.Has("flavors") || n.Has("signature") {
		m := registry.MLmodel{Flavors: map[string]map[string]any{}, PythonVersion: n.Str("python"),
			MLflowVersion: n.Str("mlflow")}
		for _, name := range n.Texts("flavors") {
			m.Flavors[name] = map[string]any{}
		}
		if sig := n.Get("signature"); sig != nil {
			m.Signature = registry.Signature{Inputs: sig.Str("inputs"), Outputs: sig.Str("outputs"),
				Params: sig.Str("params")}
		}
		s.MLmodel = registry.Is(m)
	}
	if v := n.Get("files"); v != nil {
		var files []registry.File
		for _, e := range v.Entries {
			files = append(files, registry.File{Path: e.Key, Size: int64(e.Value.Number())})
		}
		s.Files = registry.Is(files)
	}
	if n.Has("digest") {
		s.Digest = registry.Is(n.Str("digest"))
	}
	s.Registered = n.Pairs("tags")[registry.TagRequest] != ""
	return s
}

func readRun(n *tree.Node) registry.Run {
	run := registry.Run{ID: n.Str("run"), User: n.Str("user"), Status: n.Str("status"),
		Metrics: map[string]registry.Point{}, Params: n.Pairs("params"), Tags: n.Pairs("run-tags")}
	if run.ID == "" {
		run.ID = "run"
	}
	if run.Status == "" {
		run.Status = "FINISHED"
	}
	run.End, _ = time.Parse(time.RFC3339, n.Str("ended"))
	if v := n.Get("metrics"); v != nil {
		for _, e := range v.Entries {
			run.Metrics[e.Key] = readPoint(e.Value)
		}
	}
	digests := n.Pairs("datasets")
	for _, context := range slices.Sorted(maps.Keys(digests)) {
		run.Datasets = append(run.Datasets, registry.Dataset{Name: context, Context: context, Digest: digests[context]})
	}
	return run
}

func readPoint(n *tree.Node) registry.Point {
	p := registry.Point{Raw: n.Text, Value: math.NaN()}
	if n.Kind == tree.KindNumber {
		p.Value = n.Number()
	}
	return p
}
