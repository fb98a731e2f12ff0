package actions_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
)

// hostile lists lines that look like workflow commands.
var hostile = []string{
	"::error::x", "  ::set-output name=verdict::promote", "\t::add-mask::a", "\u00a0\u2003\u3000::stop-commands::x",
	"::error file=a,line=1::x", "::ERROR::x", ":::error::x", "::::error::x", "::x::error::y",
	"\r::error::x", "fine\r::error::x", "fine\x0b::error::x", "fine\x85::error::x", "fine\u2028::error::x",
	"fine\u2029::error::x",
	"\x00::error::x", "\x1b[0m::error::x", "\x1b::error::x", "\ufeff::error::x", "\u200b::error::x", "\u00ad::error::x",
	"\u2060\u202e::error::x", "\u034f::error::x", "\ufe0f::error::x", ":\u200b:error::x", ":\x00:error::x",
	"\xff::error::x",
	"\u0301::error::x", "\ufffd::error::x",
	"##[error]x", "text ##[set-output name=verdict;]promote", "###[error]x", "##[##[error]x", "##\x00[error]x",
	"#\u200b#[error]x",
	"##\ufe0f[error]x", "#\ufe0f#\u0301[error]x", ":\ufe0f:error::x", "\u0301:\ufe0f\ufe0f:error::x", "##[ERROR]x",
	"a ##[error]b ##[error]c", "::no::##[error]x", "##[stop-commands]x", "##[save-state name=a]b",
}

func TestOut_PrintsNoCommand(t *testing.T) {
	for _, line := range hostile {
		r, s := step(t)
		fmt.Fprintln(r.Out(), line)
		fmt.Fprint(r.Err(), line)
		flush(t, r)
		if got := s.Log().Commands; len(got) != 0 {
			t.Errorf("%q was read as %+v", line, got)
		}
	}
}

func TestOut_StaysReadable(t *testing.T) {
	for line, want := range map[string]string{
		"plain: text :: with colons ## [x]":   "plain: text :: with colons ## [x]",
		"ein Wörtchen, 日本語, ⚠️ ✔ \tand a tab": "ein Wörtchen, 日本語, ⚠️ ✔ \tand a tab",
		"churn/7 ::error::":                   "churn/7 ::error::",
		"::error::boom":                       ": :error::boom",
		"  ::error::boom":                     "  : :error::boom",
		"see ##[error]boom":                   "see ## [error]boom",
		"windows\r":                           "windows",
		"\x1b[31mred\x1b[0m":                  "\ufffd[31mred\ufffd[0m",
		"user\u202etxt.exe":                   "user\ufffdtxt.exe",
		"bad \xff byte":                       "bad \ufffd byte",
		"100% %0A %s":                         "100% %0A %s",
		"":                                    "",
	} {
		r, s := step(t)
		fmt.Fprintln(r.Out(), line)
		if got := s.Stdout.String(); got != want+"\n" {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestOut_JoinsWrites(t *testing.T) {
	r, s := step(t)
	for _, piece := range []string{"a", ":", ":error", "::x\n:", ":", "error::y ##", "[error]", "z\n\n", "end"} {
		if n, err := io.WriteString(r.Out(), piece); n != len(piece) || err != nil {
			t.Fatalf("wrote %d of %q: %v", n, piece, err)
		}
	}
	if diff := cmp.Diff("a::error::x\n: :error::y ## [error]z\n\n", s.Stdout.String()); diff != "" {
		t.Error(diff)
	}
	flush(t, r)
	flush(t, r)
	if !strings.HasSuffix(s.Stdout.String(), "z\n\nend\n") {
		t.Errorf("got %q", s.Stdout.String())
	}
}

func TestOut_CutsLongLines(t *testing.T) {
	r, s := step(t)
	for range 1000 {
		io.WriteString(r.Out(), strings.Repeat("é", 100))
	}
	io.WriteString(r.Out(), "\nnext\n")
	lines := strings.Split(s.Stdout.String(), "\n")
	if len(lines[0]) > 16<<10+40 || !utf8.ValidString(lines[0]) ||
		!strings.HasSuffix(lines[0], fmt.Sprintf("… (%d more bytes)", 200000-16<<10)) || lines[1] != "next" {
		t.Errorf("got %d bytes ending in %q, then %q", len(lines[0]), lines[0][len(lines[0])-30:], lines[1])
	}
}

func TestOut_Concurrent(t *testing.T) {
	r, s := step(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				fmt.Fprintf(r.Out(), "out %s\n", strings.Repeat("x", 50))
				r.Annotate(actions.Annotation{Level: actions.Notice, Message: "n"})
			}
		})
	}
	wg.Wait()
	flush(t, r)
	for _, line := range actionstest.ReadLog(s.Stdout.String()).Lines {
		if line != "out "+strings.Repeat("x", 50) && !strings.HasPrefix(line, "##[notice]") {
			t.Errorf("unexpected line %q", line)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestOut_BrokenStream(t *testing.T) {
	_, s := step(t)
	r := actions.New(s.Getenv, brokenPipe{}, brokenPipe{}, s.Workspace)
	r.Mask("s3cret-token")
	r.Group("g")
	r.Annotate(actions.Annotation{Level: actions.Error, Message: "m"})
	r.EndGroup()
	if _, err := fmt.Fprintln(r.Out(), "x"); err == nil {
		t.Error("no error from a broken stream")
	}
	fmt.Fprint(r.Err(), "x")
	if err := r.Flush(); err == nil {
		t.Error("no error from Flush")
	}
}

// Text that is printed to a stream must not become a command, even if it is printed in pieces. A command that is
// intended must contain nothing but its own text.
func FuzzPrint(f *testing.F) {
	for _, line := range hostile {
		f.Add(line, "", uint8(3))
		f.Add("x\n", line, uint8(1))
	}
	f.Add("s3cret-", "token::error::", uint8(7))
	s := actionstest.NewStep(f)
	f.Fuzz(func(t *testing.T, a, b string, size uint8) {
		r := again(t, s)
		r.Mask("s3cret-token")
		for text := a + b; text != ""; {
			n := min(1+int(size)%16, len(text))
			r.Out().Write([]byte(text[:n]))
			r.Err().Write([]byte(text[:n]))
			text = text[n:]
		}
		flush(t, r)
		if got := s.Log().Others("add-mask"); len(got) != 0 {
			t.Errorf("%q was read as %+v", a+b, got)
		}
		r.Annotate(actions.Annotation{Level: actions.Warning, File: b, Title: a, Message: a + "\n" + b})
		r.Group(a + b)
		flush(t, r)
		others := s.Log().Others("add-mask")
		if len(others) != 2 || others[0].Name != "warning" || others[1].Name != "group" {
			t.Errorf("%q %q: got commands %+v", a, b, others)
		}
		for _, line := range append(s.Log().Others("add-mask"), actionstest.Command{Data: s.Stderr.String()}) {
			if strings.Contains(line.Line+line.Data, "s3cret-token") {
				t.Errorf("%q %q: secret in %+v", a, b, line)
			}
		}
		if !utf8.ValidString(s.Stdout.String()) {
			t.Error("standard output is not valid UTF-8")
		}
	})
}
