package registry

import "encoding/json"

// States maps each target to its state.
type States map[Ref]State

// UnmarshalJSON parses each state according to the kind of its target.
func (s *States) UnmarshalJSON(text []byte) error {
	var texts map[Ref]string
	if err := json.Unmarshal(text, &texts); err != nil {
		return err
	}
	*s = States{}
	for ref, state := range texts {
		(*s)[ref] = ref.ParseState(state)
	}
	return nil
}

// Shift is the move of a target from one state to another.
type Shift struct {
	Ref  Ref   `json:"ref"`
	Was  State `json:"was,omitzero"`
	Want State `json:"now,omitzero"`
}

// UnmarshalJSON parses both states according to the kind of the target.
func (s *Shift) UnmarshalJSON(text []byte) error {
	var fields struct{ Ref, Was, Now string }
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*s = ParseShift(fields.Ref, fields.Was, fields.Now)
	return nil
}

// ParseShift parses a move from the text of its target and states.
func ParseShift(target, was, now string) Shift {
	ref := ParseRef(target)
	return Shift{Ref: ref, Was: ref.ParseState(was), Want: ref.ParseState(now)}
}

// Equal reports whether both are the same move.
func (s Shift) Equal(other Shift) bool {
	return s.Ref == other.Ref && s.Was.Equal(other.Was) && s.Want.Equal(other.Want)
}

// Confirms reports whether something other than this program had already made the move (see Step.Confirms). An entry's
// confirmed moves count only after all its other moves have been made.
func (s Shift) Confirms() bool { return s.Was.Equal(s.Want) }

// Halfway reports whether an alias that is stored in tags is on its new version, but has not been removed from all
// other versions yet.
func (s Shift) Halfway(now State) bool {
	want := s.Want.Versions
	if s.Was.Text+s.Want.Text+now.Text != "" || now.Equal(s.Was) || now.Equal(s.Want) || len(want) > 1 {
		return false
	}
	others := now.Versions.Without(want...).Without(s.Was.Versions...)
	return len(others) == 0 && (len(want) == 0 || now.Versions.Has(want[0]))
}
