package ledger

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Live is what one target named over some time.
type Live struct {
	Ref     string `json:"ref"`
	Named   string `json:"named"`             // version numbers, "" = none
	From    string `json:"from"`              // RFC 3339; since when, "" = not known
	Epoch   int    `json:"epoch"`             // of the entry that says so; 0 = what the registry says now
	Outside bool   `json:"outside,omitempty"` // others moved it there, at a time before that entry
	Unknown bool   `json:"unknown,omitempty"` // its records begin with that entry, later
}

// span is a state of a target and the time in which it may have been in effect: [from, to], open where zero.
type span struct {
	Live
	from, to time.Time
}

// LiveAt says what each target of the ledger named at a time, or over a day when until is later: everything it named, or
// may have named, in that span. What others moved is known by the entry that found it, so between that one and the
// entry before both answers are given.
func LiveAt(entries []Entry, at, until time.Time) []Live {
	states := map[string][]span{}
	add := func(l Live, ended time.Time) {
		list := states[l.Ref]
		if len(list) == 0 {
			list = []span{{Live: Live{Ref: l.Ref, Epoch: l.Epoch, Unknown: true}}}
		}
		before := &list[len(list)-1]
		before.to = ended
		if l.Outside {
			ended = before.from
		}
		states[l.Ref] = append(list, span{Live: l, from: ended})
	}
	for _, e := range entries {
		if e.Outcome != EntryDone && e.Moved == 0 {
			continue
		}
		for _, s := range e.Record.Outside {
			add(Live{Ref: s.Ref, Named: s.Want, Epoch: e.Epoch, Outside: true}, e.Ended)
		}
		since := e.Ended.UTC().Format(time.RFC3339)
		for _, s := range e.Made() {
			add(Live{Ref: s.Ref, Named: s.Want, From: since, Epoch: e.Epoch}, e.Ended)
		}
		for ref, list := range states {
			last := list[len(list)-1]
			if left := without(last.Named, e.movedOn(ref)); left != last.Named {
				add(Live{Ref: ref, Named: left, From: since, Epoch: e.Epoch}, e.Ended)
			}
		}
	}
	var out []Live
	for _, ref := range slices.Sorted(maps.Keys(states)) {
		for _, s := range states[ref] {
			if !s.from.After(until) && (s.to.IsZero() || s.to.After(at)) {
				out = append(out, s.Live)
			}
		}
	}
	return out
}

// Holders is what an alias, as "@champion", or a stage names now, as the ledger writes it.
func Holders(m registry.Model, versions []registry.Version, ref string) string {
	if alias, ok := strings.CutPrefix(ref, "@"); ok {
		if n := m.Aliases[alias]; n != 0 {
			return strconv.Itoa(n)
		}
		return ""
	}
	var numbers []int
	for _, v := range versions {
		if v.Stage == ref {
			numbers = append(numbers, v.Number)
		}
	}
	return Numbers(numbers)
}
