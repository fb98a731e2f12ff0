package trigger

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The cases come from GitHub's documentation on filter patterns and from common mistakes.
func TestRefPatterns(t *testing.T) {
	cases := map[string]struct {
		lines   string // patterns, separated by spaces
		match   []string
		differs []string
	}{
		"a name matches itself, in the same case": {
			lines:   "main",
			match:   []string{"refs/heads/main"},
			differs: []string{"refs/heads/Main", "refs/heads/main2", "refs/tags/main", "main", ""},
		},
		"one star stops at a slash": {
			lines:   "feature/*",
			match:   []string{"refs/heads/feature/a", "refs/heads/feature/"},
			differs: []string{"refs/heads/feature/a/b", "refs/heads/feature"},
		},
		"two stars match slashes": {
			lines:   "release/**",
			match:   []string{"refs/heads/release/1.0", "refs/heads/release/1.0/hotfix"},
			differs: []string{"refs/heads/release", "refs/heads/prerelease/1"},
		},
		"two stars also match inside a name": {
			lines:   "**feature",
			match:   []string{"refs/heads/my-feature", "refs/heads/a/b-feature", "refs/heads/feature"},
			differs: []string{"refs/heads/features"},
		},
		"a star matches every branch without a slash": {
			lines:   "*",
			match:   []string{"refs/heads/main"},
			differs: []string{"refs/heads/a/b", "refs/tags/v1", "refs/pull/3/merge"},
		},
		"two stars match every branch and no tag": {
			lines:   "**",
			match:   []string{"refs/heads/main", "refs/heads/a/b"},
			differs: []string{"refs/tags/v1", "refs/pull/3/merge"},
		},
		"tags by their full name": {
			lines:   "refs/tags/v*",
			match:   []string{"refs/tags/v1", "refs/tags/v1.2"},
			differs: []string{"refs/heads/v1", "refs/tags/V1", "refs/tags/v1/x"},
		},
		"branches by their full name": {
			lines:   "refs/heads/release/**",
			match:   []string{"refs/heads/release/1"},
			differs: []string{"refs/tags/release/1"},
		},
		"sets and repetition": {
			lines:   "refs/tags/v[12].[0-9]+.[0-9]+",
			match:   []string{"refs/tags/v1.10.1", "refs/tags/v2.0.0"},
			differs: []string{"refs/tags/v3.0.0", "refs/tags/v1.x.0", "refs/tags/v1x0.0"},
		},
		"a question mark makes the character before it optional": {
			lines:   "hotfixe?s",
			match:   []string{"refs/heads/hotfixes", "refs/heads/hotfixs"},
			differs: []string{"refs/heads/hotfixees", "refs/heads/hotfixas"},
		},
		"a star that is optional is still a star": {
			lines:   "v*?",
			match:   []string{"refs/heads/v", "refs/heads/v10"},
			differs: []string{"refs/heads/v/1"},
		},
		"an exclusion applies to earlier lines": {
			lines:   "release/** !release/old",
			match:   []string{"refs/heads/release/new"},
			differs: []string{"refs/heads/release/old"},
		},
		"a later line allows again": {
			lines:   "release/** !release/old/** release/old/kept",
			match:   []string{"refs/heads/release/old/kept"},
			differs: []string{"refs/heads/release/old/x"},
		},
		"an exclusion of a tag": {
			lines:   "refs/tags/** !refs/tags/*-rc*",
			match:   []string{"refs/tags/v1"},
			differs: []string{"refs/tags/v1-rc.1"},
		},
		"an exclusion alone matches nothing": {
			lines:   "!old",
			differs: []string{"refs/heads/old", "refs/heads/new"},
		},
		"special characters of regular expressions have no meaning": {
			lines:   "a.b(c)$",
			match:   []string{"refs/heads/a.b(c)$"},
			differs: []string{"refs/heads/axb(c)$", "refs/heads/a.bc"},
		},
		"a backslash before a special character": {
			lines:   `c\+\+ \!x`,
			match:   []string{"refs/heads/c++", "refs/heads/!x"},
			differs: []string{"refs/heads/ccc"},
		},
		"letters outside ASCII": {
			lines:   "größ?e",
			match:   []string{"refs/heads/größe", "refs/heads/gröe"},
			differs: []string{"refs/heads/grösse"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
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

func TestParseRefPattern_Errors(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "is not the name of a branch or tag",
		"!":                      "is not the name of a branch or tag",
		"refs/tags/":             "is not the name of a branch or tag",
		"a b":                    "is not the name of a branch or tag",
		strings.Repeat("a", 256): "is not the name of a branch or tag",
		"refs/pull/3/merge":      "is neither a branch nor a tag",
		"refs/*/v1":              "is neither a branch nor a tag",
		"?a":                     "without a character before it",
		"+":                      "without a character before it",
		"v[":                     "does not start a set",
		"v[]":                    "does not start a set",
		"v[!a]":                  "does not start a set",
		"v[9-0]":                 "is not a GitHub filter pattern",
	} {
		if _, err := ParseRefPattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The pattern suggested for a ref matches that ref and no other.
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
			t.Errorf("got %q for %q, want none", text, ref)
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
		known := strings.HasPrefix(ref, branchPrefix) || strings.HasPrefix(ref, tagPrefix)
		if (refPatterns{p}).match(ref) && !known {
			t.Errorf("%q matches %q, which is neither a branch nor a tag", text, ref)
		}
	})
}
