package retry

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// script is a server for Settle. Each letter is the result of one attempt to write:
//
//	a success
//	e effect, response lost     n no effect, response lost     l effect after the next look, response lost
//	f the server fails, no effect     F the server fails, with effect
//	r refused     c refused because of a conflict     u unreachable, never sent
type script struct {
	tries  string
	sent   int
	there  bool
	flight bool // a write is still on its way
}

func (s *script) write(int) error {
	try := s.tries[min(s.sent, len(s.tries)-1)]
	s.sent++
	lost := &registry.Error{Reason: registry.Unknown, Msg: "lost"}
	switch try {
	case 'a':
		s.there = true
		return nil
	case 'e':
		s.there = true
		return lost
	case 'n':
		return lost
	case 'l':
		s.flight = true
		return lost
	case 'F':
		s.there = true
		return &registry.Error{Reason: registry.Unknown, Over: true}
	case 'f':
		return &registry.Error{Reason: registry.Unknown, Over: true}
	case 'u':
		return &registry.Error{Reason: registry.Unreachable}
	case 'c':
		return &registry.Error{Reason: registry.Conflict}
	}
	return &registry.Error{Reason: registry.Forbidden}
}

func (s *script) look() (bool, error, error) {
	there := s.there
	s.there = s.there || s.flight
	return there, nil, nil
}

// This test tries every script of up to five letters, each with enough time for zero to five retries. Settle must
// always return the correct outcome, even if a write takes effect late.
func TestSettle_TellsTheTruth(t *testing.T) {
	counts := map[Settled]int{}
	var extend func(tries string)
	extend = func(tries string) {
		if tries != "" {
			for time := range 6 {
				s := &script{tries: tries}
				settled, err := Settle(func(try int) bool { return try < time }, s.write, s.look)
				counts[settled]++
				s.there = s.there || s.flight
				lost := strings.ContainsAny(tries[:min(s.sent, len(tries))], "enl")
				switch {
				case (settled == Answered || settled == Seen) != (err == nil),
					err == nil && !s.there,
					settled == NoEffect && s.there,
					settled == Unsettled && !lost,
					s.sent > failedTries+time:
					t.Fatalf("%s, time for %d retries: outcome %d after %d tries, effect %v: %v", tries, time, settled,
						s.sent, s.there, err)
				}
			}
		}
		if len(tries) < 5 {
			for _, c := range "aenlfFrcu" {
				extend(tries + string(c))
			}
		}
	}
	extend("")
	for s := Answered; s <= Unsettled; s++ {
		if counts[s] == 0 {
			t.Errorf("no script ends with outcome %d", s)
		}
	}
	scripts := 0
	for _, n := range counts {
		scripts += n
	}
	t.Logf("checked %d scripts of responses to one write: answered %d, seen %d, no effect %d, not known %d, wrong 0",
		scripts, counts[Answered], counts[Seen], counts[NoEffect], counts[Unsettled])
}

func TestPersist(t *testing.T) {
	for name, c := range map[string]struct {
		err   *registry.Error
		tries int
	}{
		"unreachable: as long as there is time": {&registry.Error{Reason: registry.Unreachable}, 10},
		"failing: as long as there is time":     {&registry.Error{Reason: registry.ServerError}, 10},
		"refused: a few times":                  {&registry.Error{Reason: registry.Unauthorized}, OddTries},
		"a page of another server: a few times": {&registry.Error{Reason: registry.NotMLflow}, OddTries},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			err := Persist(func(try int) bool { return try < 9 }, func() error { tries++; return c.err })
			if err != c.err || tries != c.tries {
				t.Errorf("got %d tries and %v, want %d tries", tries, err, c.tries)
			}
		})
	}
	if err := Persist(nil, func() error { return &registry.Error{Reason: registry.Unreachable} }); err == nil {
		t.Error("the error is lost")
	}
}
