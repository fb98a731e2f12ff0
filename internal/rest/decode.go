package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// decode is strict where encoding/json is not: null, a second value, a key twice or a missing key would otherwise end
// as zero values, and a zero can pass a gate.
func decode(a *answer, expect string, out any) *Error {
	fail := func(k Kind, format string, args ...any) *Error {
		e := describe(a, k)
		e.Message = fmt.Sprintf(format, args...)
		return e
	}
	body := bytes.TrimSpace(a.body)
	switch {
	case isPage(a):
		return fail(NotJSON, "a page where json is due%s", quoted(title(a.body)))
	case len(body) == 0:
		return fail(Malformed, "empty answer")
	}
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil && body[0] != '{' && body[0] != '[' {
		return fail(NotJSON, "text where json is due")
	} else if err != nil {
		return fail(Malformed, "answer is not json: %s", err)
	}
	if body[0] != '{' {
		return fail(Malformed, "answer is no json object")
	}
	keys := scanKeys(body, expect)
	switch {
	case keys.twice != "":
		return fail(Malformed, "answer holds the key %q twice in one object", Clean(keys.twice))
	case expect != "" && !keys.found:
		return fail(MissingKey, "answer has no %q", expect)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		e := fail(Malformed, "answer has another shape: %s", Clean(err.Error()))
		e.Cause = err
		return e
	}
	return nil
}

func quoted(title string) string {
	if title == "" {
		return ""
	}
	return fmt.Sprintf(": %q", title)
}
