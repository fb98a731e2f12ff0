package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// A body returns exactly what arrived, except for the white space between tokens, whatever the sizes of the reads.
// Its tail is always the end of the unread part.
func TestBody_ReadsWhatArrived(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-z{}:,0-9"\\ \n\t]{0,20}`).Draw(t, "text")
		value, err := json.MarshalIndent(map[string]any{
			part: []any{part, 1, nil, map[string]any{"a b": " "}},
		}, "\t", " ")
		if err != nil {
			t.Fatal(err)
		}
		text := "[" + strings.Repeat(string(value)+",\r\n", rapid.IntRange(0, 5000).Draw(t, "times")) + "7]"
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(text)); err != nil {
			t.Fatal(err)
		}
		var b Body
		var from io.Reader = strings.NewReader(text)
		if rapid.Bool().Draw(t, "in halves") {
			from = iotest.HalfReader(from)
		}
		if err := b.fill(from, int64(len(text))); err != nil {
			t.Fatal(err)
		}
		for rest := compact.String(); ; {
			tail := rapid.IntRange(0, 2*pieceSize).Draw(t, "tail")
			if want := rest[max(len(rest)-tail, 0):]; b.Len() != int64(len(rest)) || b.Tail(tail) != want {
				t.Fatalf("%d bytes left, want %d; tail of %d has %d bytes, want %d", b.Len(), len(rest), tail,
					len(b.Tail(tail)), len(want))
			}
			buffer := make([]byte, rapid.IntRange(1, pieceSize+10).Draw(t, "buffer"))
			n, err := b.Read(buffer)
			if !strings.HasPrefix(rest, string(buffer[:n])) {
				t.Fatalf("read returned other bytes")
			}
			if rest = rest[n:]; err == io.EOF {
				if rest != "" {
					t.Fatalf("EOF with %d bytes left", len(rest))
				}
				return
			}
		}
	})
}

func TestOpen(t *testing.T) {
	long := `{"a": "` + strings.Repeat("x", 3*pieceSize) + `"}`
	cases := map[string]struct {
		answers []http.HandlerFunc
		limit   int64
		want    Kind // "" means success
	}{
		"an object": {[]http.HandlerFunc{jsonAnswer(200, long)}, 0, ""},
		"cut off, then complete": {
			[]http.HandlerFunc{raw("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + long), jsonAnswer(200, long)},
			0,
			"",
		},
		"refused, then complete":   {[]http.HandlerFunc{jsonAnswer(503, `{}`), jsonAnswer(200, long)}, 0, ""},
		"exactly at the limit":     {[]http.HandlerFunc{jsonAnswer(200, long)}, int64(len(long)), ""},
		"one byte above the limit": {[]http.HandlerFunc{jsonAnswer(200, long)}, int64(len(long)) - 1, TooLarge},
		"a login page": {
			[]http.HandlerFunc{answered(200, "text/html", "\n<html><title>Sign in</title>")},
			0,
			NotJSON,
		},
		"nothing":                   {[]http.HandlerFunc{jsonAnswer(200, "")}, 0, Malformed},
		"a refusal":                 {[]http.HandlerFunc{jsonAnswer(400, `{"error_code": "X"}`)}, 0, Status},
		"a redirect":                {[]http.HandlerFunc{answered(302, "", "")}, 0, Redirect},
		"a refusal that is retried": {[]http.HandlerFunc{jsonAnswer(503, `{}`)}, 0, Status},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			s := serve(t, answers(c.answers...))
			b, err := client(t, Config{Base: s.URL}).Open(background(t), Request{Path: "x", Limit: c.limit})
			if c.want != "" {
				failure(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); err != nil || string(got) != strings.Replace(long, ": ", ":", 1) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if err := b.Close(); err != nil || b.Len() != 0 || b.Tail(10) != "" {
				t.Errorf("after Close: error %v, %d bytes left", err, b.Len())
			}
		})
	}
}

func TestStream_RestartsWithEachAttempt(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("01234"))
	}
	whole := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("0123456789")) }
	s := serve(t, answers(cut, whole))
	c, err := New(Config{Base: s.URL, MinWait: 1, MaxWait: 1})
	if err != nil {
		t.Fatal(err)
	}
	var into *bytes.Buffer
	open := func() io.Writer { into = &bytes.Buffer{}; return into }
	n, err := c.Stream(t.Context(), Request{Class: Artifact, Limit: 10}, open)
	if err != nil || n != 10 || into.String() != "0123456789" || s.hits.Load() != 2 {
		t.Errorf("got %d bytes %q after %d requests: %v", n, into, s.hits.Load(), err)
	}
	n, err = c.Stream(t.Context(), Request{Class: Artifact, Limit: 9}, open)
	if err == nil || n != 10 {
		t.Errorf("above the limit: got %d bytes, error %v", n, err)
	}
}
