package registry

import (
	"strconv"
	"strings"
)

// RefKind says what a Ref refers to.
type RefKind int

const (
	RefNone    RefKind = iota // the zero Ref
	RefAlias                  // an alias
	RefStage                  // a stage
	RefTag                    // a tag on the registered model
	RefVersion                // a version, by number
)

// Ref is a name that refers to versions of a model, or a tag on the model that a promotion writes. The zero Ref refers
// to nothing. Ref is comparable, so it can be used as a map key.
type Ref struct {
	Kind RefKind
	Name string // without the prefix for its kind
}

// AliasRef refers to an alias, given without "@".
func AliasRef(alias string) Ref { return Ref{RefAlias, alias} }

// StageRef refers to a stage, or returns the zero Ref if stage is "".
func StageRef(stage string) Ref {
	if stage == "" {
		return Ref{}
	}
	return Ref{RefStage, stage}
}

// TagRef refers to a tag on the registered model.
func TagRef(key string) Ref { return Ref{RefTag, key} }

// VersionRef refers to a version by its number.
func VersionRef(number int) Ref { return Ref{RefVersion, strconv.Itoa(number)} }

// The prefixes in the text of a Ref. A stage has no prefix.
const (
	aliasPrefix   = "@"
	tagTextPrefix = "tag "
)

// ParseRef parses text from Ref.String. A string without a prefix is a stage, unless it is a number.
func ParseRef(text string) Ref {
	if alias, ok := strings.CutPrefix(text, aliasPrefix); ok {
		return AliasRef(alias)
	}
	if key, ok := strings.CutPrefix(text, tagTextPrefix); ok {
		return TagRef(key)
	}
	if _, err := strconv.Atoi(text); err == nil {
		return Ref{RefVersion, text}
	}
	return StageRef(text)
}

// String returns "@champion", "Production", "tag promote.traffic" or "7". The ledger and plans store this text, so it
// never changes.
func (r Ref) String() string {
	switch r.Kind {
	case RefAlias:
		return aliasPrefix + r.Name
	case RefTag:
		return tagTextPrefix + r.Name
	}
	return r.Name
}

// KindText returns "alias", "stage" or "tag", for tables that programs parse, and "" for any other Ref.
func (r Ref) KindText() string {
	return map[RefKind]string{RefAlias: "alias", RefStage: "stage", RefTag: "tag"}[r.Kind]
}

// MarshalText returns the same text as String.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText parses text from MarshalText. It accepts any text.
func (r *Ref) UnmarshalText(text []byte) error {
	*r = ParseRef(string(text))
	return nil
}

// Compare orders refs by their text.
func (r Ref) Compare(other Ref) int { return strings.Compare(r.String(), other.String()) }

// Alias returns the alias's name. ok is false if the Ref does not refer to an alias.
func (r Ref) Alias() (alias string, ok bool) {
	if r.Kind != RefAlias {
		return "", false
	}
	return r.Name, true
}

// Stage returns the stage's name. ok is false if the Ref does not refer to a stage.
func (r Ref) Stage() (stage string, ok bool) {
	if r.Kind != RefStage {
		return "", false
	}
	return r.Name, true
}

// Version returns the version's number. ok is false if the Ref does not refer to a version.
func (r Ref) Version() (number int, ok bool) {
	if r.Kind != RefVersion {
		return 0, false
	}
	number, err := strconv.Atoi(r.Name)
	return number, err == nil
}

// Target returns a target that consists of this alias or stage. For any other Ref, the target is empty.
func (r Ref) Target() Target {
	alias, _ := r.Alias()
	stage, _ := r.Stage()
	return Target{Alias: alias, Stage: stage}
}

// RefTexts returns the refs as strings, in the same order.
func RefTexts(refs []Ref) []string {
	texts := make([]string, len(refs))
	for i, r := range refs {
		texts[i] = r.String()
	}
	return texts
}
