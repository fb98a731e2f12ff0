package registry

// State is the state of a thing that can be changed. It has the versions that an alias or a stage points to, or the
// text of a tag or a description. The zero State means that there is no version and no text.
type State struct {
	Versions Versions
	Text     string // "" if there are versions
}

// PointsTo returns the state of an alias or a stage that points to these versions.
func PointsTo(numbers ...int) State { return State{Versions: VersionsOf(numbers...)} }

// Text returns the state of a tag or a description.
func Text(text string) State { return State{Text: text} }

// ParseState parses the text of an alias or a stage that State.String wrote. A text that is not a list of versions is
// kept, so that String returns the same text again.
func ParseState(text string) State {
	var v Versions
	if v.UnmarshalText([]byte(text)) != nil {
		return Text(text)
	}
	return State{Versions: v}
}

// ParseState parses the text of this target that State.String wrote.
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

// IsZero reports whether there is nothing: no version and no text.
func (s State) IsZero() bool { return s.Text == "" && len(s.Versions) == 0 }

// String returns the versions as "3,7", or the text. Ledger and plans store it, so it never changes.
func (s State) String() string {
	if s.Text != "" {
		return s.Text
	}
	return s.Versions.String()
}

// MarshalText writes the text of String. There is no UnmarshalText: only the target says what the text means, see
// ParseState.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
