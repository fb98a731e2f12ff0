package trigger

import (
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// refPattern is one line of allow-refs, in GitHub's own filter patterns. Globs of Go's libraries differ from these: GitHub
// repeats the character before ? and +, and its ** also matches inside a name, as in release**.
type refPattern struct {
	exclude bool
	full    *regexp.Regexp // of the full name, refs/heads/… or refs/tags/…
}

// refPatterns are read in order: the last line that matches a ref decides.
type refPatterns []refPattern

// match reports whether a ref, given by its full name, may write. Case counts.
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

// ParseRefPattern reads a pattern such as release/**, refs/tags/v* or !release/old. Without refs/ in front it is about
// branches.
func ParseRefPattern(text string) (refPattern, error) {
	name, exclude := strings.CutPrefix(text, "!")
	prefix := branchPrefix
	switch {
	case strings.HasPrefix(name, branchPrefix):
		name = name[len(branchPrefix):]
	case strings.HasPrefix(name, tagPrefix):
		prefix, name = tagPrefix, name[len(tagPrefix):]
	case strings.HasPrefix(name, "refs/"):
		return refPattern{}, errors.New("want a branch, as in release/**, or a tag, as in refs/tags/v*; no other refs may write")
	}
	expression, err := refExpression(name)
	if err != nil {
		return refPattern{}, err
	}
	full, err := regexp.Compile("^" + prefix + expression + "$")
	if err != nil {
		return refPattern{}, errors.New("is not a pattern of GitHub's filters; write a name, with * or ** for any part of it")
	}
	return refPattern{exclude, full}, nil
}

// maxRefPattern bounds a pattern in bytes; a longer one is no name of a ref.
const maxRefPattern = 255

var refClass = regexp.MustCompile(`^\[([A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9])+\]`)

// refExpression translates a pattern into a regular expression.
func refExpression(pattern string) (string, error) {
	if pattern == "" || len(pattern) > maxRefPattern || strings.ContainsAny(pattern, " \t~^:") {
		return "", errors.New("want the name of a branch or tag, with *, **, ?, + and [] as in GitHub's filters")
	}
	var out strings.Builder
	atom := "" // the last character or set, which ? and + repeat
	for rest := pattern; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		switch {
		case (rest[0] == '?' || rest[0] == '+') && atom == "":
			return "", errors.New("has a ? or + with nothing in front of it; ? makes the character before it optional, + repeats it")
		case rest[0] == '?' || rest[0] == '+':
			atom = "(?:" + atom + rest[:1] + ")"
			rest = rest[1:]
			continue
		case strings.HasPrefix(rest, "**"):
			n = 2
		case rest[0] == '[':
			class := refClass.FindString(rest)
			if class == "" {
				return "", errors.New("has a [ that begins no set of letters and digits, such as [0-9] or [a-z]; write \\[ for the character")
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

// refAtom is the expression for the part of a pattern that stands for one thing.
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

// patternFor is a line of allow-refs that matches exactly this ref; "" if no line may, as for the merge of a pull request.
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
