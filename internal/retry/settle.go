package retry

import "github.com/mlflow-promote/mlflow-promote/internal/registry"

// OddTries limits the attempts after a refusal that makes no sense, for example if the server refuses access to
// something that was written a moment ago. If a proxy caused the refusal, another attempt succeeds; if a permission was
// revoked, none does.
const OddTries = 4

// failedTries limits the attempts at a write that never reaches the server or that the server fails to process. With
// the waits between them, these attempts take about a minute.
const failedTries = 12

// Persist calls f until it succeeds. If the server is unreachable or failing, Persist keeps trying for as long as pause
// allows. If the server refuses, it tries at most OddTries times.
//
// pause waits before the next attempt and reports whether there is time for it. try counts from 0. If pause is nil,
// there is only one attempt.
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

// Settled is the outcome of a write.
type Settled int

const (
	Answered  Settled = iota // the server reported success
	Seen                     // the response was lost, but the effect has been observed
	NoEffect                 // the write had no effect and never will have one
	Unsettled                // still unknown when time ran out
)

// Settle sends a write until it is known whether the write took effect. It must be safe to repeat the write.
//
// The error from write says what is known about an attempt. If its reason is Unknown, the attempt may have taken effect
// or, unless the error is Over, may still do so. If the reason is Conflict, something already exists, possibly because
// of an earlier attempt. If the reason is Unreachable, the attempt was never sent. With any other reason, the attempt
// had no effect.
//
// look checks whether the effect is visible. It returns a non-nil never if something prevents the effect for good. look
// makes its own retries, and no write is sent until it has returned.
//
// A write that may still be in flight is repeated for as long as pause allows. A write that never reached the server,
// or that the server failed to process, is repeated for about a minute. A refused write is repeated a few times.
func Settle(
	pause func(try int) bool, write func(try int) error, look func() (there bool, never, err error),
) (Settled, error) {
	// doubt: an attempt may have taken effect; open: an attempt may still take effect; refused: the number of refusals
	doubt, open, refused := false, false, 0
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
		there, never, lookErr := look()
		switch {
		case lookErr != nil && doubt:
			return Unsettled, lookErr
		case lookErr != nil:
			return NoEffect, lookErr
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
