package trigger

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// refPattern is one line in `allow-refs`: a GitHub filter pattern. It differs from a Go glob: ? and + refer to the
// character before them, and ** also matches within a name, as in release**.
type refPattern struct {
	exclude bool
	full    *regexp.Regexp // matches the ref's full name, refs/heads/… or refs/tags/…
}

// refPatterns contains the lines of `allow-refs`. The last line that matches a ref decides.
type refPatterns []refPattern

// match reports whether a ref is allowed to write. ref is the full name; case matters.
func (ps refPatterns) match(ref string) bool {
	allowed := false
	for _, p := range ps {
		if p.full.MatchString(ref) {
			allowed = !p.exclude
		}
	}
	return allowed
}

const (
	branchPrefix = "refs/heads/"
	tagPrefix    = "refs/tags/"
)

// ParseRefPattern parses a pattern, for example release/**, refs/tags/v* or !release/old. A pattern matches
// branches unless it starts with refs/.
func ParseRefPattern(text string) (refPattern, error) {
	name, exclude := strings.CutPrefix(text, "!")
	prefix := branchPrefix
	switch {
	case strings.HasPrefix(name, branchPrefix):
		name = name[len(branchPrefix):]
	case strings.HasPrefix(name, tagPrefix):
		prefix, name = tagPrefix, name[len(tagPrefix):]
	case strings.HasPrefix(name, "refs/"):
		return refPattern{}, errors.New("is neither a branch nor a tag; " +
			"write a branch such as release/** or a tag such as refs/tags/v*")
	}
	expression, err := refExpression(name)
	if err != nil {
		return refPattern{}, err
	}
	full, err := regexp.Compile("^" + prefix + expression + "$")
	if err != nil {
		return refPattern{}, errors.New("is not a GitHub filter pattern; write a name, with * or ** as a wildcard")
	}
	return refPattern{exclude, full}, nil
}

// maxRefPattern limits the length of a pattern, in bytes. No ref has a longer name.
const maxRefPattern = 255

var refClass = regexp.MustCompile(`^\[([A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9])+\]`)

// refExpression translates a pattern into a regular expression.
func refExpression(pattern string) (string, error) {
	if pattern == "" || len(pattern) > maxRefPattern || strings.ContainsAny(pattern, " \t~^:") {
		return "", errors.New("is not the name of a branch or tag; write a GitHub filter pattern such as release/**")
	}
	var out strings.Builder
	atom := "" // the last character or set, to which a following ? or + refers
	for rest := pattern; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		switch {
		case (rest[0] == '?' || rest[0] == '+') && atom == "":
			return "", errors.New("contains a ? or + without a character before it; " +
				"? makes the character before it optional, and + repeats it")
		case rest[0] == '?' || rest[0] == '+':
			atom = "(?:" + atom + rest[:1] + ")"
			rest = rest[1:]
			continue
		case strings.HasPrefix(rest, "**"):
			n = 2
		case rest[0] == '[':
			class := refClass.FindString(rest)
			if class == "" {
				return "", errors.New("contains a [ that does not start a set of letters or digits; " +
					"write a set such as [0-9], or \\[ for the character itself")
			}
			n = len(class)
		case rest[0] == '\\' && len(rest) > 1:
			_, escaped := utf8.DecodeRuneInString(rest[1:])
			n = 1 + escaped
		}
		out.WriteString(atom)
		atom = refAtom(rest[:n])
		rest = rest[n:]
	}
	return out.String() + atom, nil
}

// refAtom returns the regular expression for a single wildcard, set or character.
func refAtom(part string) string {
	switch {
	case part == "**":
		return "(?:.*)"
	case part == "*":
		return "(?:[^/]*)"
	case part[0] == '[':
		return part
	case part[0] == '\\' && len(part) > 1:
		part = part[1:]
	}
	return regexp.QuoteMeta(part)
}

var refSpecial = regexp.MustCompile(`[*?+\[\]\\]|^!`)

// patternFor returns the line for `allow-refs` that matches exactly this ref. It returns "" if there is no such line,
// for example for refs/pull/7/merge.
func patternFor(ref string) string {
	name, branch := strings.CutPrefix(ref, branchPrefix)
	if !branch && !strings.HasPrefix(ref, tagPrefix) {
		return ""
	}
	text := refSpecial.ReplaceAllString(name, `\$0`)
	if branch && strings.HasPrefix(text, "refs/") {
		text = branchPrefix + text
	}
	if _, err := ParseRefPattern(text); err != nil {
		return ""
	}
	return text
}
