// Package racetest judges races of promotions: several runs that move one target to different versions at the same
// moment. It is the same judge for runs in one process on the double and for processes on a real server.
//
// It must never know how the runs keep out of each other's way: it sees what each reported, and what the target named
// in the end.
package racetest

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// Attempt is one promotion, as whoever started it saw it.
type Attempt struct {
	Began, Ended time.Duration // since the round began
	From, To     int           // versions; From is the incumbent that it says it replaced, 0 = none
	Won          bool          // it reported success; else it says that it moved nothing
}

// Round is promotions of one target at the same moment, between what it named before and after.
type Round struct {
	Before   int
	After    []int // every holder: of several parts of a target each one's
	Attempts []Attempt
}

// Tally counts rounds, and the rounds in which something is wrong.
type Tally struct {
	Rounds, Won, Refused int

	SameBase        int // two successes say that they replaced the same version
	Lost            int // a success is neither what the target names nor what another one replaced
	Holders         int // the target names no version, or several
	NotLinearisable int // no order of the promotions explains what each reported and how it ended
}

// Count adds a round.
func (t *Tally) Count(r Round) {
	t.Rounds++
	replaced := map[int]int{}
	for _, a := range r.Attempts {
		if !a.Won {
			t.Refused++
			continue
		}
		t.Won++
		replaced[a.From]++
	}
	same, lost := false, false
	for _, n := range replaced {
		same = same || n > 1
	}
	for _, a := range r.Attempts {
		lost = lost || a.Won && replaced[a.To] == 0 && !only(r.After, a.To)
	}
	for n, wrong := range map[*int]bool{
		&t.SameBase: same, &t.Lost: lost, &t.Holders: !one(r.After), &t.NotLinearisable: !Linearisable(r),
	} {
		if wrong {
			*n++
		}
	}
}

// Wrong is the number of findings in all rounds.
func (t Tally) Wrong() int { return t.SameBase + t.Lost + t.Holders + t.NotLinearisable }

func (t Tally) String() string {
	return fmt.Sprintf("%d rounds, %d successes, %d refused; two successes from one base %d, lost updates %d, not "+
		"one version %d, not linearisable %d",
		t.Rounds, t.Won, t.Refused, t.SameBase, t.Lost, t.Holders, t.NotLinearisable)
}

// one reports whether all parts of the target name the same single version.
func one(holders []int) bool { return len(holders) > 0 && only(holders, holders[0]) }

func only(holders []int, version int) bool {
	for _, h := range holders {
		if h != version {
			return false
		}
	}
	return len(holders) > 0
}

// Linearisable reports whether there is an order of the promotions, in keeping with who ended before whom began, in
// which each success finds the incumbent that it says it replaced, and which leaves the target as it was found after
// all of them.
func Linearisable(r Round) bool {
	if !one(r.After) {
		return false
	}
	var ops []porcupine.Operation
	var last time.Duration
	for i, a := range r.Attempts {
		ops = append(ops, porcupine.Operation{
			ClientId: i,
			Input:    a,
			Output:   a,
			Call:     int64(a.Began),
			Return:   int64(a.Ended),
		})
		last = max(last, a.Ended)
	}
	found := Attempt{From: r.After[0], To: r.After[0], Won: true} // reading the target is replacing it by itself
	ops = append(ops, porcupine.Operation{
		ClientId: len(ops),
		Input:    found,
		Output:   found,
		Call:     int64(last) + 1,
		Return:   int64(last) + 2,
	})
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return r.Before },
		Step: func(state, _, out any) (bool, any) {
			a := out.(Attempt)
			if !a.Won {
				return true, state
			}
			return state == a.From, a.To
		},
	}, ops)
}
