package actions_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
)

func TestSummary(t *testing.T) {
	r, s := step(t)
	for _, text := range []string{"### Promoted ⚠️\r\n", "a\x1bb\u202ec\td"} {
		if err := r.Summary(text); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff("### Promoted ⚠️\n\na\ufffdb\ufffdc\td\n", s.Summary()); diff != "" {
		t.Error(diff)
	}
}

func TestSummary_Cut(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	cases := map[string]struct{ head, closes string }{
		"plain":                          {"# Verdict\n", ""},
		"in details":                     {"# Verdict\n<details><summary>all</summary>\n\n", "</details>"},
		"in a fence":                     {"```json\n", "```"},
		"in a long fence in details":     {"<details>\n\n````\n```\n", "````\n\n</details>"},
		"in a fence of tildes":           {"~~~\n```\n", "~~~"},
		"after closed details and fence": {"<details>\n</details>\n```\n<details>\n```\n", ""},
		"in nested details":              {"<details>\n<details open>\n", "</details>\n\n</details>"},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			r, s := step(t)
			if err := r.Summary(c.head + strings.Repeat(line, 11000)); err != nil {
				t.Fatal(err)
			}
			got := s.Summary()
			if len(got) > 1<<20 || len(got) < 1<<20-500 || !strings.HasPrefix(got, c.head) {
				t.Errorf("got %d bytes", len(got))
			}
			body, end, found := strings.Cut(strings.TrimPrefix(got, c.head), "\n_This summary was cut")
			if !found || !strings.Contains(end, "1 MiB") {
				t.Fatalf("got end %q", got[len(got)-200:])
			}
			closing := strings.TrimSpace(strings.ReplaceAll(body, line, ""))
			if closing != c.closes {
				t.Errorf("closed with %q, want %q", closing, c.closes)
			}
		})
	}
}

func TestSummary_ExactLimit(t *testing.T) {
	for size, cut := range map[int]bool{1<<20 - 2: false, 1 << 20: true} { // the library adds a newline
		r, s := step(t)
		if err := r.Summary(strings.Repeat("x\n", size/2)); err != nil {
			t.Error(err)
		}
		if got := s.Summary(); strings.Contains(got, "This summary was cut") != cut || len(got) < 1<<20-200 {
			t.Errorf("%d bytes: cut %v, want %v", size, !cut, cut)
		}
	}
}

func TestSummary_LimitOfTheStep(t *testing.T) {
	r, s := step(t)
	part := strings.Repeat("0123456789abcde\n", 400<<10/16)
	for i := range 5 {
		err := r.Summary(part)
		if (err != nil) != (i > 2) {
			t.Errorf("part %d: got error %v", i, err)
		}
	}
	if got := s.Summary(); len(got) > 1<<20 || strings.Count(got, "_This summary was cut") != 1 {
		t.Errorf("got %d bytes", len(got))
	}
}

// The summary must never exceed GitHub's limit, and must always be printable.
func FuzzSummary(f *testing.F) {
	f.Add("<details>\n", "```\n", uint32(1<<20))
	f.Add("\x00\u202e\r", "<details>", uint32(1<<20-10))
	f.Add("", "x", uint32(0))
	s := actionstest.NewStep(f)
	f.Fuzz(func(t *testing.T, head, body string, fill uint32) {
		r := again(t, s)
		if err := os.WriteFile(s.Env["GITHUB_STEP_SUMMARY"], make([]byte, fill%(1<<20+1)), 0o600); err != nil {
			t.Fatal(err)
		}
		text := head + strings.Repeat(body+"\n", 3+int(fill)%50)
		err := r.Summary(text)
		data, _ := os.ReadFile(s.Env["GITHUB_STEP_SUMMARY"])
		got, tooLarge := actionstest.Summary(data, nil)
		if tooLarge != nil {
			t.Fatal(tooLarge)
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got[fill%(1<<20+1):], "\r\x1b\u202e") {
			t.Errorf("summary is not printable text: %q", got)
		}
		if room := 1<<20 - int(fill%(1<<20+1)); err != nil && room > 3*len(text)+2000 {
			t.Errorf("error with %d bytes left: %v", room, err)
		}
	})
}
