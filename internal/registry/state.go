package registry

import "cmp"

// State is the state of something that can be changed: the versions that an alias or a stage points to, or the text of
// a tag or a description. The zero State has no version and no text.
type State struct {
	Versions Versions
	Text     string // "" if there are versions
}

// PointsTo returns the state of an alias or stage that points to these versions.
func PointsTo(numbers ...int) State { return State{Versions: VersionsOf(numbers...)} }

// Text returns the state of a tag or a description.
func Text(text string) State { return State{Text: text} }

// ParseState parses text that State.String returned for an alias or a stage. If the text is not a list of versions,
// ParseState keeps it unchanged, so that String returns it again.
func ParseState(text string) State {
	var v Versions
	if v.UnmarshalText([]byte(text)) != nil {
		return Text(text)
	}
	return State{Versions: v}
}

// ParseState parses text that State.String returned for this target.
func (r Ref) ParseState(text string) State {
	if r.Kind == RefTag {
		return Text(text)
	}
	return ParseState(text)
}

// Equal reports whether both states are the same.
func (s State) Equal(other State) bool {
	return s.Text == other.Text && s.Versions.Equal(other.Versions)
}

// IsZero reports whether the state is empty, with neither versions nor text.
func (s State) IsZero() bool { return s.Text == "" && len(s.Versions) == 0 }

// Without returns the state without the given versions.
func (s State) Without(numbers ...int) State {
	s.Versions = s.Versions.Without(numbers...)
	return s
}

// String returns the versions as "3,7", or the text. The ledger and plans store this text, so it never changes.
func (s State) String() string {
	if s.Text != "" {
		return s.Text
	}
	return s.Versions.String()
}

// Words describes the state for people: "versions 3, 5 and 7", "no version", or the value of a tag.
func (s State) Words() string {
	switch last := len(s.Versions) - 1; {
	case last > 0:
		return "versions " + s.Versions[:last].Join(", ") + " and " + s.Versions[last:].String()
	case last == 0:
		return "version " + s.String()
	}
	return cmp.Or(s.Text, "no version")
}

// MarshalText returns the same text as String. There is no UnmarshalText, because the meaning of the text depends on
// the target (see ParseState).
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
