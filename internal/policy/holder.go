package policy

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// parseHolder reads who is compared with. @ALIAS is an alias and nothing else. A word such as production may be an alias and a
// stage: both are looked up, and settled says which of them it means.
func parseHolder(word string) (holder, error) {
	alias, marked := strings.CutPrefix(word, "@")
	stage, isStage := registry.CanonicalStage(alias)
	if err := registry.CheckAlias(alias); err != nil {
		return holder{}, err
	}
	switch {
	case marked || !isStage:
		return holder{key: registry.AliasRef(alias), name: word}, nil
	case stage == "None":
		return holder{}, fmt.Errorf("%q is not a stage to compare with; write Staging, Production or Archived, or @%s for an alias", word, word)
	}
	return holder{key: registry.AliasRef(alias), stage: registry.StageRef(stage), name: word}, nil
}

// settled is the holder that a word means. It means the alias of that name, and the stage if the model has no such alias.
// If the alias points to one version and others are in the stage, nobody can tell: why says so, and fix what to write.
func (h holder) settled(f fact.Facts) (one holder, why, fix string) {
	if h.stage == (registry.Ref{}) {
		return h, "", ""
	}
	alias, aliasRead := f.Holders[h.key]
	stage, stageRead := f.Holders[h.stage]
	asAlias, asStage := holder{key: h.key, name: h.name}, holder{key: h.stage, name: h.name}
	switch {
	case !aliasRead || !stageRead:
		return asAlias, "", "" // base says that it was not gathered
	case !alias.IsAbsent() && !stage.IsAbsent() && !sameVersion(alias, stage):
		why = fmt.Sprintf("%s is an alias (%s) and a stage (%s)", h.name, whereOf(alias), inStage(f, h.stage, stage))
		return h, why, fmt.Sprintf("write @%s for the alias%s", h.name, h.otherSpelling())
	case !alias.IsAbsent():
		return asAlias, "", ""
	}
	if near := h.inOtherCase(f); near != "" && (stage.IsAbsent() || h.name != h.stage.Name) {
		return h, fmt.Sprintf("%s may be the alias %s or the stage %s", h.name, near, h.stage), "write @" + near + " for the alias" + h.otherSpelling()
	}
	return asStage, "", ""
}

// otherSpelling is the rest of an advice: how to write the stage so that it is no alias.
func (h holder) otherSpelling() string {
	if h.name == h.stage.Name {
		return ""
	}
	return ", or " + h.stage.Name + " for the stage"
}

// inOtherCase is an alias of the model that is the word in another case; "" if there is none.
func (h holder) inOtherCase(f fact.Facts) string {
	for _, alias := range f.AliasNames() {
		if alias != h.name && strings.EqualFold(alias, h.name) {
			return alias
		}
	}
	return ""
}

func sameVersion(a, b registry.Known[fact.Subject]) bool {
	n := a.OrZero().Version.OrZero().Number
	return n != 0 && n == b.OrZero().Version.OrZero().Number
}

// whereOf names the version for people, or why it is not known.
func whereOf(s registry.Known[fact.Subject]) string {
	if n := s.OrZero().Version.OrZero().Number; n != 0 {
		return fmt.Sprintf("version %d", n)
	}
	return cmp.Or(s.Why(), "not read")
}

func inStage(f fact.Facts, stage registry.Ref, s registry.Known[fact.Subject]) string {
	if numbers := f.Shared[stage.Name]; len(numbers) > 0 {
		return "versions " + numbers.Join(", ")
	}
	return whereOf(s)
}

// Against lists the keys of the holders to gather for a word that names a version to compare with: an alias, or a word
// that may be an alias and a stage.
func Against(word string) ([]registry.Ref, error) {
	h, err := parseHolder(word)
	return h.needs().Holders, err
}

// Meant is the key of the holder among the facts that the word means; why says that nobody can tell.
func Meant(word string, f fact.Facts) (key registry.Ref, why, fix string) {
	h, err := parseHolder(word)
	if err != nil {
		return registry.Ref{}, err.Error(), ""
	}
	h, why, fix = h.settled(f)
	return h.key, why, fix
}
