package trigger

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The patterns and names are those of GitHub's own page on filter patterns, and what people write besides.
func TestRefPatterns(t *testing.T) {
	cases := map[string]struct {
		lines   string // separated by spaces
		match   []string
		differs []string
	}{
		"a name matches itself, and case counts": {
			"main", []string{"refs/heads/main"}, []string{"refs/heads/Main", "refs/heads/main2", "refs/tags/main", "main", ""},
		},
		"one star stops at a slash": {
			"feature/*", []string{"refs/heads/feature/a", "refs/heads/feature/"}, []string{"refs/heads/feature/a/b", "refs/heads/feature"},
		},
		"two stars cross slashes": {
			"release/**", []string{"refs/heads/release/1.0", "refs/heads/release/1.0/hotfix"}, []string{"refs/heads/release", "refs/heads/prerelease/1"},
		},
		"two stars also match inside a name": {
			"**feature", []string{"refs/heads/my-feature", "refs/heads/a/b-feature", "refs/heads/feature"}, []string{"refs/heads/features"},
		},
		"a star alone is every branch without a slash": {
			"*", []string{"refs/heads/main"}, []string{"refs/heads/a/b", "refs/tags/v1", "refs/pull/3/merge"},
		},
		"two stars alone are every branch and no tag": {
			"**", []string{"refs/heads/main", "refs/heads/a/b"}, []string{"refs/tags/v1", "refs/pull/3/merge"},
		},
		"tags by their full name": {
			"refs/tags/v*", []string{"refs/tags/v1", "refs/tags/v1.2"}, []string{"refs/heads/v1", "refs/tags/V1", "refs/tags/v1/x"},
		},
		"branches by their full name": {
			"refs/heads/release/**", []string{"refs/heads/release/1"}, []string{"refs/tags/release/1"},
		},
		"sets and repetition": {
			"refs/tags/v[12].[0-9]+.[0-9]+", []string{"refs/tags/v1.10.1", "refs/tags/v2.0.0"}, []string{"refs/tags/v3.0.0", "refs/tags/v1.x.0", "refs/tags/v1x0.0"},
		},
		"a question mark makes the character before it optional": {
			"hotfixe?s", []string{"refs/heads/hotfixes", "refs/heads/hotfixs"}, []string{"refs/heads/hotfixees", "refs/heads/hotfixas"},
		},
		"a star that is optional is still a star": {
			"v*?", []string{"refs/heads/v", "refs/heads/v10"}, []string{"refs/heads/v/1"},
		},
		"an exclusion takes away what an earlier line allowed": {
			"release/** !release/old", []string{"refs/heads/release/new"}, []string{"refs/heads/release/old"},
		},
		"a later line allows again": {
			"release/** !release/old/** release/old/kept", []string{"refs/heads/release/old/kept"}, []string{"refs/heads/release/old/x"},
		},
		"an exclusion of a tag": {
			"refs/tags/** !refs/tags/*-rc*", []string{"refs/tags/v1"}, []string{"refs/tags/v1-rc.1"},
		},
		"an exclusion alone allows nothing": {
			"!old", nil, []string{"refs/heads/old", "refs/heads/new"},
		},
		"signs that mean something elsewhere are plain": {
			"a.b(c)$", []string{"refs/heads/a.b(c)$"}, []string{"refs/heads/axb(c)$", "refs/heads/a.bc"},
		},
		"a backslash takes the meaning away": {
			`c\+\+ \!x`, []string{"refs/heads/c++", "refs/heads/!x"}, []string{"refs/heads/ccc"},
		},
		"letters outside ASCII": {
			"größ?e", []string{"refs/heads/größe", "refs/heads/gröe"}, []string{"refs/heads/grösse"},
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			patterns := mustPatterns(t, strings.Fields(c.lines)...)
			for _, ref := range c.match {
				if !patterns.match(ref) {
					t.Errorf("%q does not match %q", c.lines, ref)
				}
			}
			for _, ref := range c.differs {
				if patterns.match(ref) {
					t.Errorf("%q matches %q", c.lines, ref)
				}
			}
		})
	}
}

func mustPatterns(t interface{ Fatal(...any) }, lines ...string) refPatterns {
	var out refPatterns
	for _, l := range lines {
		p, err := ParseRefPattern(l)
		if err != nil {
			t.Fatal(l, err)
		}
		out = append(out, p)
	}
	return out
}

func TestRefPatterns_Refused(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "want the name",
		"!":                      "want the name",
		"refs/tags/":             "want the name",
		"a b":                    "want the name",
		strings.Repeat("a", 256): "want the name",
		"refs/pull/3/merge":      "no other refs may write",
		"refs/*/v1":              "no other refs may write",
		"?a":                     "nothing in front",
		"+":                      "nothing in front",
		"v[":                     "begins no set",
		"v[]":                    "begins no set",
		"v[!a]":                  "begins no set",
		"v[9-0]":                 "is not a pattern",
	} {
		if _, err := ParseRefPattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A line that a message proposes for a ref allows this ref and no other.
func TestPatternFor_IsExact(t *testing.T) {
	name := rapid.StringMatching(`[a-z0-9/!+.ö\]()$-]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SampledFrom([]string{branchPrefix, tagPrefix, "refs/heads/refs/tags/"})
		ref := prefix.Draw(t, "prefix") + name.Draw(t, "name")
		other := prefix.Draw(t, "other prefix") + name.Draw(t, "other name")
		patterns := mustPatterns(t, patternFor(ref))
		if !patterns.match(ref) {
			t.Fatalf("%q does not match %q", patternFor(ref), ref)
		}
		if other != ref && patterns.match(other) {
			t.Fatalf("%q matches %q too", patternFor(ref), other)
		}
	})
	for _, ref := range []string{"", "refs/pull/3/merge", "main", "refs/heads/"} {
		if text := patternFor(ref); text != "" {
			t.Errorf("%q is proposed for %q", text, ref)
		}
	}
}

func FuzzRefPattern(f *testing.F) {
	f.Add("release/**", "refs/heads/release/1")
	f.Add("a?+?+", "refs/tags/x")
	f.Fuzz(func(t *testing.T, text, ref string) {
		p, err := ParseRefPattern(text)
		if err != nil {
			return
		}
		if (refPatterns{p}).match(ref) && !strings.HasPrefix(ref, branchPrefix) && !strings.HasPrefix(ref, tagPrefix) {
			t.Errorf("%q matches %q, which is neither a branch nor a tag", text, ref)
		}
	})
}
