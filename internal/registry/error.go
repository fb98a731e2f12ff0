package registry

import "errors"

// Error is a problem that a person can solve. Its message says what was tried and why it failed, as "verb object:
// cause". Its hint says what to do next.
type Error struct {
	Reason Reason
	Msg    string
	Detail string // one line about the request: method, address, status; "" if nothing was sent
	Hint   string // what to do; may span lines
	// Over says of a write with the reason Unknown that none of its requests is still on its way. Then reading tells
	// for certain whether the write took effect.
	Over  bool
	Cause error
}

func (e *Error) Error() string { return e.Msg }
func (e *Error) Unwrap() error { return e.Cause }

// ReasonOf returns the reason of err: OK for nil, and ServerError for an error without a reason.
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

// MayLand reports whether a write may still take effect after its last response.
func MayLand(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == Unknown && !e.Over
}
