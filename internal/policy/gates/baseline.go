package gates

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ParseBaseline reads who is compared with. @ALIAS is an alias and nothing else. A word such as production may be an alias and a
// stage: both are looked up, and settled says which of them it means.
func ParseBaseline(word string) (Baseline, error) {
	alias, marked := strings.CutPrefix(word, "@")
	stage, isStage := registry.CanonicalStage(alias)
	if err := registry.CheckAlias(alias); err != nil {
		return Baseline{}, err
	}
	switch {
	case marked || !isStage:
		return Baseline{key: "@" + alias, Name: word}, nil
	case stage == "None":
		return Baseline{}, fmt.Errorf("%q is not a stage to compare with; write Staging, Production or Archived, or @%s for an alias", word, word)
	}
	return Baseline{key: "@" + alias, stage: stage, Name: word}, nil
}

// resolve is the holder that a word means. It means the alias of that name, and the stage if the model has no such alias.
// If the alias points to one version and others are in the stage, nobody can tell: why says so, and fix what to write.
func (h Baseline) resolve(f fact.Facts) (one Baseline, why, fix string) {
	if h.stage == "" {
		return h, "", ""
	}
	alias, aliasRead := f.Holders[h.key]
	stage, stageRead := f.Holders[h.stage]
	asAlias, asStage := Baseline{key: h.key, Name: h.Name}, Baseline{key: h.stage, Name: h.Name}
	switch {
	case !aliasRead || !stageRead:
		return asAlias, "", "" // base says that it was not gathered
	case !alias.IsAbsent() && !stage.IsAbsent() && !sameVersion(alias, stage):
		why = fmt.Sprintf("%s is an alias (%s) and a stage (%s)", h.Name, versionText(alias), stageText(f, h.stage, stage))
		return h, why, fmt.Sprintf("write @%s for the alias%s", h.Name, h.otherSpelling())
	case !alias.IsAbsent():
		return asAlias, "", ""
	}
	if near := h.inOtherCase(f); near != "" && (stage.IsAbsent() || h.Name != h.stage) {
		return h, fmt.Sprintf("%s may be the alias %s or the stage %s", h.Name, near, h.stage), "write @" + near + " for the alias" + h.otherSpelling()
	}
	return asStage, "", ""
}

// otherSpelling is the rest of an advice: how to write the stage so that it is no alias.
func (h Baseline) otherSpelling() string {
	if h.Name == h.stage {
		return ""
	}
	return ", or " + h.stage + " for the stage"
}

// inOtherCase is an alias of the model that is the word in another case; "" if there is none.
func (h Baseline) inOtherCase(f fact.Facts) string {
	for _, alias := range f.AliasNames() {
		if alias != h.Name && strings.EqualFold(alias, h.Name) {
			return alias
		}
	}
	return ""
}

func sameVersion(a, b registry.Known[fact.Subject]) bool {
	n := a.OrZero().Version.OrZero().Number
	return n != 0 && n == b.OrZero().Version.OrZero().Number
}

// versionText names the version for people, or why it is not known.
func versionText(s registry.Known[fact.Subject]) string {
	if n := s.OrZero().Version.OrZero().Number; n != 0 {
		return fmt.Sprintf("version %d", n)
	}
	return cmp.Or(s.Why(), "not read")
}

func stageText(f fact.Facts, stage string, s registry.Known[fact.Subject]) string {
	if numbers := f.Shared[stage]; len(numbers) > 0 {
		return "versions " + strings.ReplaceAll(ledger.Numbers(numbers), ",", ", ")
	}
	return versionText(s)
}

// BaselineKeys lists the keys of the holders to gather for a word that names a version to compare with: an alias, or a word
// that may be an alias and a stage.
func BaselineKeys(word string) ([]string, error) {
	h, err := ParseBaseline(word)
	return h.needs().Holders, err
}

// ResolveBaseline is the key of the holder among the facts that the word means; why says that nobody can tell.
func ResolveBaseline(word string, f fact.Facts) (key, why, fix string) {
	h, err := ParseBaseline(word)
	if err != nil {
		return "", err.Error(), ""
	}
	h, why, fix = h.resolve(f)
	return h.key, why, fix
}

// TargetKey is the key of a holder named in a policy, where nothing but a stage or an alias can stand.
func TargetKey(name string) (string, error) {
	if stage, ok := registry.CanonicalStage(name); ok {
		if stage != name || stage == "None" {
			return "", fmt.Errorf("%q is not a stage to compare with; write Staging, Production or Archived", name)
		}
		return stage, nil
	}
	if err := registry.CheckAlias(name); err != nil {
		return "", err
	}
	return "@" + name, nil
}
