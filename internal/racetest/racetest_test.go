package racetest

import (
	"testing"
	"time"
)

// Each kind of problem increases its own counter, and a correct round increases none.
func TestTally(t *testing.T) {
	at := func(began, ended int, from, to int, won bool) Attempt {
		return Attempt{time.Duration(began), time.Duration(ended), from, to, won}
	}
	for name, c := range map[string]struct {
		round Round
		want  Tally
	}{
		"one after the other": {
			Round{1, []int{3}, []Attempt{at(0, 5, 1, 2, true), at(0, 9, 2, 3, true)}},
			Tally{Won: 2},
		},
		"one is refused": {
			Round{1, []int{2, 2}, []Attempt{at(0, 5, 1, 2, true), at(0, 9, 1, 3, false)}},
			Tally{Won: 1, Refused: 1},
		},
		"both replaced the same version": {
			Round{1, []int{3}, []Attempt{at(0, 5, 1, 2, true), at(0, 9, 1, 3, true)}},
			Tally{Won: 2, SameBase: 1, Lost: 1, NotLinearisable: 1},
		},
		"a refused promotion took effect": {
			Round{1, []int{3}, []Attempt{at(0, 5, 1, 2, true), at(0, 9, 1, 3, false)}},
			Tally{Won: 1, Refused: 1, Lost: 1, NotLinearisable: 1},
		},
		"two holders": {
			Round{1, []int{2, 3}, []Attempt{at(0, 5, 1, 2, true), at(0, 9, 2, 3, true)}},
			Tally{Won: 2, Lost: 1, Holders: 1, NotLinearisable: 1},
		},
		"no holder": {
			Round{1, nil, []Attempt{at(0, 5, 1, 2, false)}},
			Tally{Refused: 1, Holders: 1, NotLinearisable: 1},
		},
		"replaced a later version": {
			Round{1, []int{2}, []Attempt{at(0, 5, 3, 2, true), at(6, 9, 1, 3, true)}},
			Tally{Won: 2, NotLinearisable: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got Tally
			got.Count(c.round)
			if c.want.Rounds = 1; got != c.want {
				t.Errorf("found %v, want %v", got, c.want)
			}
		})
	}
}
