package registry

import "errors"

// Error is a problem a person can act on: what was tried and why it did not work, in the words "verb object: cause",
// and a hint that says what to do next.
type Error struct {
	Reason Reason
	Msg    string
	Detail string // one line about the wire: method, address, status; "" when nothing was sent
	Hint   string // what to do; may span lines
	// Over says of a write with reason Unknown that none of its requests is still on its way: reading tells for good
	// whether it took effect.
	Over  bool
	Cause error
}

func (e *Error) Error() string { return e.Msg }
func (e *Error) Unwrap() error { return e.Cause }

// ReasonOf returns the reason carried by err: OK for nil, ServerError for an error that carries none.
func ReasonOf(err error) Reason {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ServerError
}

// MayLand reports that a write may still take effect although its caller has heard of it all that it will.
func MayLand(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == Unknown && !e.Over
}
