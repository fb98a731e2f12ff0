package gates

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Baseline is the version that a gate compares the candidate with. Name is its name in the policy, and key is its key
// in the facts. If the name may be either an alias or a stage, key is for the alias and stage is for the stage.
type Baseline struct {
	key, stage registry.Ref
	Name       string
}

var Incumbent = Baseline{key: fact.Incumbent, Name: "incumbent"}

func (h Baseline) needs() fact.Needs {
	if h.key == fact.Incumbent {
		return fact.Needs{}
	}
	if h.stage != (registry.Ref{}) {
		return fact.Needs{Holders: []registry.Ref{h.key, h.stage}}
	}
	return fact.Needs{Holders: []registry.Ref{h.key}}
}

// subject returns the version to compare with, or the finding that ends the comparison.
func (h Baseline) subject(f fact.Facts, out verdict.Finding) (fact.Subject, *verdict.Finding) {
	h, why, fix := h.resolve(f)
	if why != "" {
		out.Incumbent = "?"
		end := inconclusive(out, why, fix)
		return fact.Subject{}, &end
	}
	known, gathered := f.Holders[h.key]
	base, ok := known.Get()
	if ok {
		return base, nil
	}
	var end verdict.Finding
	switch {
	case !gathered:
		out.Incumbent = "?"
		end = inconclusive(out, fmt.Sprintf("%s is unknown, because the run has no target", h.Name),
			"set the alias or stage input, or compare with an alias")
	case known.IsAbsent() && h.isOtherAlias(f):
		alias := h.key.Name
		out.Incumbent = "none"
		end = inconclusive(out, h.missingAlias(f, alias),
			fmt.Sprintf("correct the name in the gate, or set the alias %s first", alias))
	case known.IsAbsent():
		out.Incumbent = "none"
		end = notApplicable(out, known.Why())
	default:
		out.Incumbent = "?"
		end = inconclusive(out, known.Why(), h.hint(f))
	}
	return fact.Subject{}, &end
}

// hint says what to do if the version to compare with cannot be read. The incumbent may come from the target's alias or
// from the target's stage.
func (h Baseline) hint(f fact.Facts) string {
	why := f.Holders[h.key].Why()
	for stage, numbers := range f.Shared {
		ref := registry.StageRef(stage)
		if h.key == ref || h.key == fact.Incumbent && why == f.Holders[ref].Why() {
			return fmt.Sprintf("archive all but one of the versions %s in %s", numbers.Join(", "), stage)
		}
	}
	return "make the incumbent readable, or point the alias to an existing version"
}

// isOtherAlias reports whether the baseline is an alias that this promotion does not move. Such an alias must
// exist, because a typo would otherwise disable the gate. The target's own alias may be new.
func (h Baseline) isOtherAlias(f fact.Facts) bool {
	alias, isAlias := h.key.Alias()
	return isAlias && alias != f.Target.Alias
}

// missingAlias returns a message that says that the alias does not exist and suggests similar aliases.
func (h Baseline) missingAlias(f fact.Facts, alias string) string {
	names := f.AliasNames()
	switch near := spelling.Nearest(alias, names); {
	case f.Similar.Aliases[alias] != "":
		return fmt.Sprintf("there is no alias %s; did you mean %s? The database treats both names as equal", alias,
			f.Similar.Aliases[alias])
	case len(near) > 0:
		return fmt.Sprintf("there is no alias %s; did you mean %s?", alias, strings.Join(near, " or "))
	case len(names) == 0:
		return fmt.Sprintf("there is no alias %s; the model has no aliases", alias)
	}
	return fmt.Sprintf("there is no alias %s; the model has the aliases %s", alias, format.First(names, 8))
}

// isBaseline reports whether the candidate is itself the version to compare with. No version is better than itself, so
// a strict condition would block every re-run.
func isBaseline(f fact.Facts, base fact.Subject) bool {
	return f.Number() != 0 && f.Number() == base.Version.OrZero().Number
}

// ParseBaseline parses the name of a version to compare with. @ALIAS is always an alias. A word such as production
// may be an alias or a stage, so both are gathered, and resolve chooses one of them.
func ParseBaseline(word string) (Baseline, error) {
	alias, marked := strings.CutPrefix(word, "@")
	stage, isStage := registry.CanonicalStage(alias)
	if err := registry.CheckAlias(alias); err != nil {
		return Baseline{}, err
	}
	switch {
	case marked || !isStage:
		return Baseline{key: registry.AliasRef(alias), Name: word}, nil
	case stage == "None":
		return Baseline{}, fmt.Errorf("%q is not a stage to compare with; write Staging, Production or Archived, or "+
			"@%s for the alias", word, word)
	}
	return Baseline{key: registry.AliasRef(alias), stage: registry.StageRef(stage), Name: word}, nil
}

// resolve decides whether a name means an alias or a stage. It chooses the alias if the alias exists. If the alias
// points to one version and the stage contains a different one, the name is ambiguous: why says so, and fix says what
// to write instead.
func (h Baseline) resolve(f fact.Facts) (one Baseline, why, fix string) {
	if h.stage == (registry.Ref{}) {
		return h, "", ""
	}
	alias, aliasRead := f.Holders[h.key]
	stage, stageRead := f.Holders[h.stage]
	asAlias, asStage := Baseline{key: h.key, Name: h.Name}, Baseline{key: h.stage, Name: h.Name}
	switch {
	case !aliasRead || !stageRead:
		return asAlias, "", "" // subject then reports that the alias was not gathered
	case !alias.IsAbsent() && !stage.IsAbsent() && !sameVersion(alias, stage):
		why = fmt.Sprintf("%s is both an alias (%s) and a stage (%s)", h.Name, versionText(alias),
			stageText(f, h.stage, stage))
		return h, why, fmt.Sprintf("write @%s for the alias%s", h.Name, h.otherSpelling())
	case !alias.IsAbsent():
		return asAlias, "", ""
	}
	if near := h.inOtherCase(f); near != "" && (stage.IsAbsent() || h.Name != h.stage.Name) {
		return h, fmt.Sprintf("%s can mean the alias %s or the stage %s", h.Name, near, h.stage),
			"write @" + near + " for the alias" + h.otherSpelling()
	}
	return asStage, "", ""
}

// otherSpelling returns the end of a hint that says how to write the stage so that it cannot be mistaken for the alias.
func (h Baseline) otherSpelling() string {
	if h.Name == h.stage.Name {
		return ""
	}
	return ", or " + h.stage.Name + " for the stage"
}

// inOtherCase returns an alias that differs from the name only in case, or "" if none exists.
func (h Baseline) inOtherCase(f fact.Facts) string {
	for _, alias := range f.AliasNames() {
		if alias != h.Name && strings.EqualFold(alias, h.Name) {
			return alias
		}
	}
	return ""
}

// sameVersion reports whether both subjects are the same version.
func sameVersion(a, b registry.Known[fact.Subject]) bool {
	n := a.OrZero().Version.OrZero().Number
	return n != 0 && n == b.OrZero().Version.OrZero().Number
}

// versionText returns the version as text, or the reason why it is not known.
func versionText(s registry.Known[fact.Subject]) string {
	if n := s.OrZero().Version.OrZero().Number; n != 0 {
		return fmt.Sprintf("version %d", n)
	}
	return cmp.Or(s.Why(), "not read")
}

// stageText returns the versions in a stage as text.
func stageText(f fact.Facts, stage registry.Ref, s registry.Known[fact.Subject]) string {
	if numbers := f.Shared[stage.Name]; len(numbers) > 0 {
		return "versions " + numbers.Join(", ")
	}
	return versionText(s)
}

// BaselineKeys returns the keys of the versions to gather for a baseline's name.
func BaselineKeys(word string) ([]registry.Ref, error) {
	h, err := ParseBaseline(word)
	return h.needs().Holders, err
}

// ResolveBaseline returns the key of the version that a name refers to. If the name is ambiguous, why says so, and
// fix says what to write instead.
func ResolveBaseline(word string, f fact.Facts) (key registry.Ref, why, fix string) {
	h, err := ParseBaseline(word)
	if err != nil {
		return registry.Ref{}, err.Error(), ""
	}
	h, why, fix = h.resolve(f)
	return h.key, why, fix
}

// TargetKey returns the key for an alias or a stage that is named in a policy file. A stage must be spelled as in
// MLflow.
func TargetKey(name string) (registry.Ref, error) {
	if stage, ok := registry.CanonicalStage(name); ok {
		if stage != name || stage == "None" {
			return registry.Ref{}, fmt.Errorf(
				"%q is not a stage to compare with; write Staging, Production or Archived", name)
		}
		return registry.StageRef(stage), nil
	}
	if err := registry.CheckAlias(name); err != nil {
		return registry.Ref{}, err
	}
	return registry.AliasRef(name), nil
}
