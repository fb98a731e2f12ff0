package wire

// kind is the type of a field.
type kind int

const (
	textKind kind = iota
	integerKind
	doubleKind
	boolKind
	enumKind
	listKind
	objectKind // a nested message
	objectsKind
	opaqueKind // known to the server, but not used here
)

// Field is a parameter of a route, with its type and the rules to check after the request has been decoded.
type Field struct {
	name     string
	kind     kind
	required bool
	always   bool // whether servers that check entries require it, even if required is false
	unruled  bool // whether the handler has no rule for the field, so that a wrong type is ignored
	limit    int64
	sub      []Field
	values   []string // the names in the enumeration
}

// Fields contains the parameters of a route. If it is empty, nothing is read from the request.
type Fields []Field

// With returns the fields followed by additional fields.
func (fs Fields) With(more ...Field) Fields { return append(append(Fields{}, fs...), more...) }

// Need returns a text field that the request must contain.
func Need(name string) Field { return Required(May(name)) }

// May returns a text field that the request may contain.
func May(name string) Field { return Field{name: name} }

// List returns a field for a list of strings.
func List(name string) Field { return Field{name: name, kind: listKind} }

// Number returns an integer field.
func Number(name string) Field { return Field{name: name, kind: integerKind} }

// AtMost returns an integer field with an upper limit.
func AtMost(name string, limit int64) Field {
	return Field{name: name, kind: integerKind, limit: limit}
}

// Double returns a floating-point field.
func Double(name string) Field { return Field{name: name, kind: doubleKind} }

// YesNo returns a boolean field.
func YesNo(name string) Field { return Field{name: name, kind: boolKind} }

// OneOf returns a field that accepts one of the values of an enumeration.
func OneOf(name string, values []string) Field {
	return Field{name: name, kind: enumKind, values: values}
}

// Nested returns a field that contains one message.
func Nested(name string, sub ...Field) Field { return Field{name: name, kind: objectKind, sub: sub} }

// Each returns a field that contains a list of messages.
func Each(name string, sub ...Field) Field { return Field{name: name, kind: objectsKind, sub: sub} }

// Opaque returns a field that the server knows but this package does not use.
func Opaque(name string) Field { return Field{name: name, kind: opaqueKind} }

// Required returns the field, marked as one that a request must contain.
func Required(f Field) Field { f.required = true; return f }

// Complete returns the field, marked as one that every entry must contain on servers that check entries.
func Complete(f Field) Field { f.always = true; return f }

// Quiet returns the field without a rule, so that a wrong type is ignored.
func Quiet(f Field) Field { f.unruled = true; return f }

// TagFields contains the fields of a tag.
var TagFields = []Field{May("key"), May("value")}
