package registry

// Known is a fact, or the reason why the fact is not known. The zero value means "not gathered", so a fact that was not
// requested is neither absent nor unreadable.
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

// Is returns a known fact.
func Is[T any](v T) Known[T] { return Known[T]{value: v, state: known} }

// Absent returns a fact that the server confirmed to be absent.
func Absent[T any](why string) Known[T] { return Known[T]{state: absent, why: why} }

// Unreadable returns a fact that may exist but could not be read. why is shown to users.
func Unreadable[T any](why string) Known[T] { return Known[T]{state: unreadable, why: why} }

// Get returns the fact, and whether it is known.
func (k Known[T]) Get() (T, bool) { return k.value, k.state == known }

// Gathered reports whether the program has tried to read the fact.
func (k Known[T]) Gathered() bool { return k.state != notGathered }

// OrZero returns the fact, or the zero value if the fact is not known. Use it for display, never for decisions.
func (k Known[T]) OrZero() T { return k.value }

// IsAbsent reports whether the server confirmed that the fact is absent.
func (k Known[T]) IsAbsent() bool { return k.state == absent }

// Why returns a short reason why the fact is not known, or "" if it is known.
func (k Known[T]) Why() string {
	if k.state == notGathered {
		return "not gathered"
	}
	return k.why
}
