// Package racetest checks races between promotions, in which several runs move one target to different versions at the
// same time. The runs may share a process with the test server, or be separate processes with a real server.
//
// The package must never know how the runs avoid conflicts. It receives only each run's report and the version that the
// target points to in the end.
package racetest

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// Attempt is one promotion from its caller's point of view.
type Attempt struct {
	Began, Ended time.Duration // measured from the start of the round
	From, To     int           // versions; From is the incumbent that the promotion reports it replaced, or 0
	Won          bool          // whether the promotion reported success, rather than that it had moved nothing
}

// Round is a set of simultaneous promotions of one target.
type Round struct {
	Before   int
	After    []int // the version that each part of the target points to
	Attempts []Attempt
}

// Tally counts rounds and the problems found in them.
type Tally struct {
	Rounds, Won, Refused int

	SameBase        int // two successful promotions report the same incumbent
	Lost            int // the target no longer points to a promoted version, although no later success moved it
	Holders         int // the target points to no version or to several
	NotLinearisable int // no order of the promotions explains their reports and the final state
}

// Count adds a round to the tally.
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
		lost = lost || a.Won && replaced[a.To] == 0 && !allEqual(r.After, a.To)
	}
	for n, wrong := range map[*int]bool{
		&t.SameBase:        same,
		&t.Lost:            lost,
		&t.Holders:         !one(r.After),
		&t.NotLinearisable: !linearisable(r),
	} {
		if wrong {
			*n++
		}
	}
}

// Wrong returns the number of problems in all rounds.
func (t Tally) Wrong() int { return t.SameBase + t.Lost + t.Holders + t.NotLinearisable }

func (t Tally) String() string {
	return fmt.Sprintf("%d rounds, %d successes, %d refused; two successes from one base %d, lost updates %d, not "+
		"one version %d, not linearisable %d",
		t.Rounds, t.Won, t.Refused, t.SameBase, t.Lost, t.Holders, t.NotLinearisable)
}

// one reports whether all parts of the target point to the same version.
func one(holders []int) bool { return len(holders) > 0 && allEqual(holders, holders[0]) }

func allEqual(holders []int, version int) bool {
	for _, h := range holders {
		if h != version {
			return false
		}
	}
	return len(holders) > 0
}

// linearisable reports whether some order of the promotions explains the round. A promotion that ended before a
// different one started must come before it. Each successful promotion must find the incumbent that it reports, and the
// order must lead to the target's final state.
func linearisable(r Round) bool {
	if !one(r.After) {
		return false
	}
	var ops []porcupine.Operation
	var last time.Duration
	for i, a := range r.Attempts {
		ops = append(
			ops,
			porcupine.Operation{ClientId: i, Input: a, Output: a, Call: int64(a.Began), Return: int64(a.Ended)},
		)
		last = max(last, a.Ended)
	}
	found := Attempt{
		From: r.After[0],
		To:   r.After[0],
		Won:  true,
	} // reading the final state acts like a promotion that replaces a version with itself
	ops = append(
		ops,
		porcupine.Operation{
			ClientId: len(ops),
			Input:    found,
			Output:   found,
			Call:     int64(last) + 1,
			Return:   int64(last) + 2,
		},
	)
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
