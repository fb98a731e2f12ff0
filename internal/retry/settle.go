package retry

import "github.com/mlflow-promote/mlflow-promote/internal/registry"

// OddTries is how often something is tried that is refused plainly where that makes no sense, such as the reading of
// what was written a moment ago: a proxy's odd answer passes, a right that was taken away does not.
const OddTries = 4

// failedTries is how often a write is tried that never leaves, or that the server itself fails at every time: a minute or
// so of waits.
const failedTries = 12

// Persist repeats f until it succeeds: as long as pause allows where the server is out of reach or failing, and a few
// times where it refuses. pause waits before the next try, counted from 0, and reports whether there is time for it;
// nil allows none.
func Persist(pause func(try int) bool, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		reason := registry.ReasonOf(err)
		passing := reason == registry.Unreachable || reason == registry.ServerError || registry.MayLand(err)
		if err == nil || !passing && try+1 >= OddTries || pause == nil || !pause(try) {
			return err
		}
	}
}

// Settled says what became of a write.
type Settled int

const (
	Answered  Settled = iota // with success
	Seen                     // its answer was lost; it was found by reading
	NoEffect                 // it did not take effect, and will not
	Unsettled                // not known when the time was up
)

// Settle sends a write, which may be repeated at will, until it is known whether it took effect.
//
// The error of write says what is known: with reason Unknown the write may have taken effect, or still will unless the
// error is Over; with Conflict something is there already, maybe its own earlier try; with Unreachable it was never sent;
// with any other this try did nothing either. look reads whether the effect is there, or never what stands in its way for
// good; it persists by itself. Nothing is sent again before that is known. A write that may be on its way is repeated for
// as long as pause allows; one that never left, or that the server itself fails, for a minute or so; one that is refused,
// a few times.
func Settle(pause func(try int) bool, write func(try int) error, look func() (there bool, never, err error)) (Settled, error) {
	doubt, open, refused := false, false, 0 // some try may have taken effect; may still; was refused
	for try := 0; ; try++ {
		err := write(try)
		switch reason := registry.ReasonOf(err); {
		case err == nil:
			return Answered, nil
		case reason == registry.Unreachable && !doubt:
			if try+1 >= failedTries || pause == nil || !pause(try) {
				return NoEffect, err
			}
			continue
		case reason == registry.Unknown:
			doubt, open = true, open || registry.MayLand(err)
		case reason != registry.Conflict && !doubt:
			return NoEffect, err
		case reason != registry.Unreachable:
			refused++
		}
		there, never, unread := look()
		switch {
		case unread != nil && doubt:
			return Unsettled, unread
		case unread != nil:
			return NoEffect, unread
		case never != nil:
			return NoEffect, never
		case there:
			return Seen, nil
		}
		last := refused >= OddTries || !open && try+1 >= failedTries
		if last || pause == nil || !pause(try) {
			if open {
				return Unsettled, err
			}
			return NoEffect, err
		}
	}
}
