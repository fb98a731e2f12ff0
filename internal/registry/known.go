package registry

// Known is a fact, or the reason why it is not known. The zero value means "not gathered". So a fact that was not
// gathered is never mistaken for an absent one, nor an absent one for an unreadable one.
type Known[T any] struct {
	value T
	state state
	why   string
}

type state uint8

const (
	notGathered state = iota
	known
	absent
	unreadable
)

// Is wraps a fact that was read.
func Is[T any](v T) Known[T] { return Known[T]{value: v, state: known} }

// Absent says that the thing was looked for and the server confirmed that it does not exist.
func Absent[T any](why string) Known[T] { return Known[T]{state: absent, why: why} }

// Unreadable says that the thing may exist but could not be read. why is for people.
func Unreadable[T any](why string) Known[T] { return Known[T]{state: unreadable, why: why} }

// Get returns the fact and whether it is known.
func (k Known[T]) Get() (T, bool) { return k.value, k.state == known }

// Gathered reports whether the fact was asked for.
func (k Known[T]) Gathered() bool { return k.state != notGathered }

// OrZero returns the fact, or the zero value if it is not known. Use it for display, never for decisions.
func (k Known[T]) OrZero() T { return k.value }

// IsAbsent reports whether the server confirmed that there is no such thing.
func (k Known[T]) IsAbsent() bool { return k.state == absent }

// Why says why the fact is not known; "" if it is known.
func (k Known[T]) Why() string {
	if k.state == notGathered {
		return "not gathered"
	}
	return k.why
}
