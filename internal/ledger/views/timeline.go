package views

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Live describes the versions that a target pointed to during some period. It is usually one version.
type Live struct {
	Ref   registry.Ref   `json:"ref"`
	Named registry.State `json:"named"`           // the zero value if the target pointed to no version
	From  string         `json:"from"`            // RFC 3339; "" if the start is not known
	Until string         `json:"until,omitempty"` // RFC 3339; "" if no entry shows an end
	// the number of the entry that shows this state; 0 for the current state of the registry
	Epoch   int  `json:"epoch"`
	Outside bool `json:"outside,omitempty"` // a different client moved the target, some time before that entry
	Unknown bool `json:"unknown,omitempty"` // there is no earlier record of the target
}

// UnmarshalJSON parses the state, whose form depends on the target.
func (l *Live) UnmarshalJSON(text []byte) error {
	type fields Live
	read := struct {
		*fields
		Named string `json:"named"`
	}{fields: (*fields)(l)}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	l.Named = l.Ref.ParseState(read.Named)
	return nil
}

// span is the period during which a target may have been in a state. A zero time means that the period has no limit on
// that side.
type span struct {
	Live
	from, to time.Time
}

// ended returns the state, with its end time if it has ended.
func (s span) ended() Live {
	if !s.to.IsZero() {
		s.Until = s.to.UTC().Format(time.RFC3339)
	}
	return s.Live
}

// LiveAt returns what each target pointed to at a given time or, if until is later, during the period up to until. It
// returns every state that the target was in or may have been in. A move by a different client is known only from the
// entry that found it, so for the time between that entry and the previous one, LiveAt returns both states.
func LiveAt(entries []ledger.Entry, at, until time.Time) []Live {
	states := map[registry.Ref][]span{}
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
		if e.Outcome != ledger.EntryDone && e.Moved == 0 {
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
			if left := last.Named.Without(e.MovedToOtherStage(ref)...); !left.Equal(last.Named) {
				add(Live{Ref: ref, Named: left, From: since, Epoch: e.Epoch}, e.Ended)
			}
		}
	}
	var out []Live
	for _, ref := range slices.SortedFunc(maps.Keys(states), registry.Ref.Compare) {
		for _, s := range states[ref] {
			if !s.from.After(until) && (s.to.IsZero() || s.to.After(at)) {
				out = append(out, s.ended())
			}
		}
	}
	return out
}
