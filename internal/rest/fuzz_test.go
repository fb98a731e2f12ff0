package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// fixedServer sends the same response to every request, without sockets.
type fixedServer struct {
	status      int
	contentType string
	location    string
	retryAfter  string
	body        []byte
}

func (a *fixedServer) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {a.contentType}, "Location": {a.location}, "Retry-After": {a.retryAfter}}
	return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// Whatever a server sends, the caller gets either an object or an error. The object is the same that a different JSON
// reader would read, and it has the expected key and no duplicate keys. The error has a known kind, and its strings are
// printable and have a limited length.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", "", "", []byte(`{"model": {"name": "churn"}}`))
	f.Add(200, "application/json", "", "", []byte(`{"model": null}`))
	f.Add(200, "application/json", "", "", []byte(`{"model": 1, "\u006dodel": 2}`))
	f.Add(200, "application/json", "", "", []byte(`{"model": [{"a": "\\\"}"}, {"K": 1, "\u212a": 2}]}`))
	f.Add(200, "text/html", "", "", []byte(`<html><title>Sign in</title>`))
	f.Add(404, "application/json", "", "", []byte(`{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "gone\u202e"}`))
	f.Add(503, "text/html", "", "99999999999999999999", []byte(`<TITLE>&#x1b;[31m`))
	f.Add(302, "", "https://u:p@login.example/?q=1", "-1", []byte(``))
	f.Add(200, "", "", "", []byte("\xff\xfe"))
	server := &fixedServer{}
	c, err := New(Config{Base: "https://mlflow.example", Transport: server, Attempts: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, contentType, location, retryAfter string, body []byte) {
		*server = fixedServer{status, contentType, location, retryAfter, body}
		var out any
		err := c.JSON(t.Context(), Request{Path: "x", Expect: "model", Limit: 1 << 16}, &out)
		if err == nil {
			checkSuccess(t, status, body, out)
			return
		}
		checkFailure(t, err)
	})
}

func checkSuccess(t *testing.T, status int, body []byte, out any) {
	object, ok := out.(map[string]any)
	if !ok || object["model"] == nil || !isSuccess(status) {
		t.Fatalf("status %d, %q is accepted as success", status, body)
	}
	pairs := 0
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if got := countPairs(t, decoder, &pairs); pairs != pairsOf(out) {
		t.Fatalf("%q has %d key-value pairs, but %d were decoded (%v)", body, pairs, pairsOf(out), got)
	}
}

// countPairs counts tokens, so it counts a duplicate key twice, whereas a map contains it only once.
func countPairs(t *testing.T, d *json.Decoder, pairs *int) json.Token {
	token, err := d.Token()
	if err != nil {
		t.Fatalf("success that is not JSON: %v", err)
	}
	if delim, ok := token.(json.Delim); ok {
		for d.More() {
			if delim == '{' {
				*pairs++
				if _, err := d.Token(); err != nil {
					t.Fatal(err)
				}
			}
			countPairs(t, d, pairs)
		}
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
	}
	return token
}

func pairsOf(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		folded := map[string]bool{}
		for k, e := range v {
			folded[fold(k)] = true
			n += pairsOf(e)
		}
		n += len(folded)
	case []any:
		for _, e := range v {
			n += pairsOf(e)
		}
	}
	return n
}

var kinds = []Kind{
	Status, Refused, DNS, TLS, Timeout, Reset, Redirect, NotJSON, Truncated, Malformed, MissingKey, TooLarge,
	Canceled,
}

func checkFailure(t *testing.T, err error) {
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got an error of type %T: %v", err, err)
	}
	known := false
	for _, k := range kinds {
		known = known || e.Kind == k
	}
	if !known || !e.Sent || e.Method != "GET" || e.URL != "https://mlflow.example/x" {
		t.Fatalf("%+v", e)
	}
	v := reflect.ValueOf(*e)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			checkText(t, v.Type().Field(i).Name, v.Field(i).String())
		}
	}
	checkText(t, "Error()", e.Error())
	if strings.Contains(e.Location, "@") || strings.Contains(e.Location, "?") {
		t.Errorf("got location %q", e.Location)
	}
}

func checkText(t *testing.T, field, text string) {
	unprintable := func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
	}
	if len(text) > 3*textLimit || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		t.Errorf("%s is not limited, valid and printable: %q", field, text)
	}
}
