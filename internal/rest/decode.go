package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// decode is stricter than encoding/json: it rejects null, a second value, duplicate keys and a missing key.
// encoding/json accepts these, and a zero value that they leave behind can pass a gate.
func decode(a *answer, expect string, out any) *Error {
	fail := func(k Kind, format string, args ...any) *Error {
		e := describe(a, k)
		e.Message = fmt.Sprintf(format, args...)
		return e
	}
	body := bytes.TrimSpace(a.body)
	switch {
	case isPage(a):
		return fail(NotJSON, "expected JSON, got an HTML page%s", quoted(title(a.body)))
	case len(body) == 0:
		return fail(Malformed, "empty response")
	}
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil && body[0] != '{' && body[0] != '[' {
		return fail(NotJSON, "expected JSON, got text")
	} else if err != nil {
		return fail(Malformed, "response is not valid JSON: %s", err)
	}
	if body[0] != '{' {
		return fail(Malformed, "response is not a JSON object")
	}
	keys := scanKeys(body, expect)
	switch {
	case keys.twice != "":
		return fail(Malformed, "response contains the key %q twice in one object", Clean(keys.twice))
	case expect != "" && !keys.found:
		return fail(MissingKey, "response lacks the key %q", expect)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		e := fail(Malformed, "response has an unexpected structure: %s", Clean(err.Error()))
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
