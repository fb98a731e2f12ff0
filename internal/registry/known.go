package registry

// Known is a fact or the reason why there is none. The zero value means "not gathered", so that a fact nobody asked
// for can never be mistaken for one that is absent, and an absent one never for one that could not be read.
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

// Unreadable says that the thing may exist but could not be read; why is shown to people.
func Unreadable[T any](why string) Known[T] { return Known[T]{state: unreadable, why: why} }

// Get returns the fact and whether it is known.
func (k Known[T]) Get() (T, bool) { return k.value, k.state == known }

// Gathered reports whether anybody asked for the fact.
func (k Known[T]) Gathered() bool { return k.state != notGathered }

// OrZero returns the fact, or the zero value where it is not known: for showing, never for deciding.
func (k Known[T]) OrZero() T { return k.value }

// IsAbsent reports whether the server confirmed that there is no such thing.
func (k Known[T]) IsAbsent() bool { return k.state == absent }

// Why says in a few words why the fact is not known; "" when it is.
func (k Known[T]) Why() string {
	if k.state == notGathered {
		return "not gathered"
	}
	return k.why
}
