package inputs

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var targetInputs = []Input{
	{
		Name:  "alias",
		Group: "target",
		For:   and(judging, "rollback", "policy explain", "import"),
		Help: "Alias to move to the candidate, such as `champion`. `history` shows only entries that moved the " +
			"alias. `import` takes a list.",
		HelpFor: map[string]string{
			"rollback": "Alias to move back, such as `champion`.",
			"history":  "Show only entries that moved this alias.",
			"import":   "Aliases to import, one per line or separated by commas. Default: all.",
			"":         "Alias to move to the candidate, such as `champion`.",
		},
	},
	{
		Name:     "assign",
		Group:    "target",
		Kind:     Lines,
		Formerly: "alias",
		Help: "Aliases to set, one per line, such as `challenger=8`. The line `shadow=none` removes the alias " +
			"`shadow`.",
	},
	{
		Name:  "stage",
		Group: "target",
		For:   and(judging, "rollback", "policy explain", "import"),
		Help: "Stage to move the candidate to: `Staging` or `Production`. `history` shows only entries that moved " +
			"it. `import` takes a list.",
		HelpFor: map[string]string{
			"rollback": "Stage to move back: `Staging` or `Production`.",
			"history":  "Show only entries that moved this stage.",
			"import":   "Stages to import, one per line or separated by commas. Default: all.",
			"":         "Stage to move the candidate to: `Staging` or `Production`.",
		},
	},
	{
		Name:  "from",
		Group: "target",
		For:   judging,
		Help:  "Stage that the candidate must be in before it moves, such as `Staging`. Default: any stage.",
	},
	{
		Name:    "archive-existing",
		Group:   "target",
		For:     targeting,
		Kind:    Bool,
		Default: "true",
		Help:    "Archive the other versions in the target stage.",
	},
	{
		Name:  "previous-alias",
		Group: "target",
		For:   []string{"promote"},
		Help: "Alias to assign to the version that the target pointed to before, such as `previous`. It moves in " +
			"the same promotion.",
	},
	{
		Name:  "remove-alias",
		Group: "target",
		For:   []string{"promote"},
		Kind:  Lines,
		Help: "Aliases to remove in the same promotion, such as `challenger`, one per line or separated by commas. " +
			"On servers with logins, this needs the MANAGE permission.",
	},
	{
		Name:  "against",
		Group: "target",
		Help:  "Version to compare the candidate with: its number, an alias or a stage.",
	},
}

// readTarget returns the target and the stage that the candidate must be in before it moves. The stage is "" if any
// stage is allowed.
func readTarget(r *reader) (t registry.Target, from string) {
	t.Alias = r.value("alias")
	if t.Alias != "" {
		if err := registry.CheckAlias(t.Alias); err != nil {
			r.problem("alias", t.Alias, err.Error())
		}
	}
	if text := r.value("stage"); text != "" {
		stage, ok := registry.CanonicalStage(text)
		if !ok || stage == "None" || stage == "Archived" {
			r.problem("stage", text, "is not a stage to promote to; write Staging or Production")
		}
		t.Stage = stage
		t.ArchiveExisting = r.bool("archive-existing")
	}
	from = readFrom(r, t)
	if r.command.needsTarget && t.Empty() && r.value("stage") == "" {
		r.problem("alias", "", "is missing; use an alias such as champion, a stage, or both")
	}
	return t, from
}

// readFurther returns the other aliases that a promotion to the target assigns or removes.
func readFurther(r *reader, t registry.Target) (out []registry.Assignment) {
	seen := []string{t.Alias}
	add := func(input string, a registry.Assignment) {
		if err := registry.CheckAlias(a.Alias); err != nil {
			r.problem(input, a.Alias, err.Error())
		}
		// Case is ignored, because some databases also ignore it.
		same := func(other string) bool { return strings.EqualFold(other, a.Alias) }
		switch {
		case same(t.Alias):
			r.problem(input, a.Alias, "is the target of the promotion; use a different alias")
		case slices.ContainsFunc(seen, same):
			r.problem(input, a.Alias, "is listed twice; list each alias only once in previous-alias or remove-alias")
		}
		seen = append(seen, a.Alias)
		out = append(out, a)
	}
	if alias := r.valueIfTaken("previous-alias"); alias != "" {
		add("previous-alias", registry.Assignment{Alias: alias, Previous: true})
	}
	if r.valueIfTaken("remove-alias") == "" {
		return out
	}
	for _, alias := range r.list("remove-alias") {
		add("remove-alias", registry.Assignment{Alias: alias})
	}
	return out
}

func readFrom(r *reader, t registry.Target) string {
	text := r.value("from")
	if text == "" {
		return ""
	}
	stage, ok := registry.CanonicalStage(text)
	switch {
	case !ok:
		r.problem("from", text, "is not a stage; write None, Staging, Production or Archived")
	case r.value("stage") == "":
		r.problem("from", text, "works only together with stage; set stage to the stage to promote to")
	case stage == t.Stage:
		r.problem("from", text, "is the same as stage; write a different stage")
	}
	return stage
}
