package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// decode is stricter than encoding/json: it rejects null, a second value, duplicate keys and a missing key.
// encoding/json would accept these and leave a zero value, which could pass a gate.
func decode(a *answer, r Request, out any) *Error {
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
		return fail(Malformed, "the response is empty")
	}
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil && body[0] != '{' && body[0] != '[' {
		return fail(NotJSON, "expected JSON, got text")
	} else if err != nil {
		return fail(Malformed, "response is not valid JSON: %s", err)
	}
	if body[0] != '{' {
		return fail(Malformed, "response is not a JSON object")
	}
	keys := scanKeys(body, append(r.ExpectAny, r.Expect)...)
	switch {
	case keys.twice != "":
		return fail(Malformed, "response contains the key %q twice in one object", Clean(keys.twice))
	case r.Expect != "" && !keys.found:
		return fail(MissingKey, "response lacks the key %q", r.Expect)
	case len(r.ExpectAny) > 0 && !keys.found && !keys.empty:
		return fail(MissingKey, "response has none of the keys %s", strings.Join(r.ExpectAny, ", "))
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
