package registry

import (
	"slices"
	"time"
)

// Live is what one target named over some time.
type Live struct {
	Ref   string `json:"ref"`
	Named string `json:"named"` // version numbers, "" = none
	From  string `json:"from"`  // RFC 3339; since when, "" = before the ledger knows
	Epoch int    `json:"epoch"` // of the entry that says so; 0 = what the entry after found
}

// LiveAt says what each target of the ledger named at a time, or over a day when until is later: everything it named
// in that span. A target whose records begin later is listed with an Epoch of 0 where the first record tells what it
// found, and not at all where nothing is known.
func LiveAt(entries []Entry, at, until time.Time) []Live {
	states := map[string][]Live{}
	var refs []string
	add := func(l Live) {
		if !slices.Contains(refs, l.Ref) {
			refs = append(refs, l.Ref)
		}
		states[l.Ref] = append(states[l.Ref], l)
	}
	for _, e := range entries {
		if e.Outcome != EntryDone && e.Moved == 0 || e.Ended.After(until) {
			continue
		}
		moves := e.Record.Moves
		if e.Outcome != EntryDone { // they are made in their order
			moves = moves[:min(e.Moved, len(moves))]
		}
		for _, s := range moves {
			add(Live{s.Ref, s.Want, e.Ended.UTC().Format(time.RFC3339), e.Epoch})
		}
	}
	slices.Sort(refs)
	var out []Live
	for _, ref := range refs {
		list := states[ref]
		first := 0
		for i, l := range list {
			if began, err := time.Parse(time.RFC3339, l.From); err == nil && !began.After(at) {
				first = i
			}
		}
		out = append(out, list[first:]...)
	}
	return out
}
