package registry

import "errors"

// Error is a problem that the user can solve. The message has the form "verb object: cause", and the hint says what to
// do next.
type Error struct {
	Reason Reason
	Msg    string
	Detail string // one line about the request (method, address, status); "" if nothing was sent
	Hint   string // what to do; may consist of several lines
	// Over applies to a write whose reason is Unknown. It is true if no request is in flight any more, so that reading
	// the state shows for certain whether the write took effect.
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

// MayLand reports whether a failed write may still take effect later.
func MayLand(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == Unknown && !e.Over
}
