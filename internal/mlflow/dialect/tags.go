package dialect

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Tags are the limits for tags. The program always uses its own names, such as promote.record. A registry that does
// not allow dots stores that tag as promote_record.
type Tags struct {
	Plain     bool   // the program's own tags are stored under names without dots
	Forbidden string // characters that keys must not contain
	MaxKey    int    // characters of a key; 0 for MLflow's limit
	MaxValue  int    // characters of a value; 0 for MLflow's limit
	Most      int    // tags of one model or version; 0 for any number
}

// own are the tags of this program that contain dots, longest first, because some begin with others.
var own = []string{
	registry.TagGitRepository, registry.TagFailedGates, registry.TagDuplicateOf, registry.TagWorkflowRun,
	registry.TagGitCommit, registry.TagDatasets, registry.TagRequest, registry.TagTraffic, registry.TagRecord,
	registry.TagAnchor, registry.TagHold,
}

const (
	plainPrefix    = "promote_"
	aliasKeyPrefix = "promote_alias_"
	aliasKeySuffix = "_at"
)

// Stored returns the name under which a tag is stored.
func (t Tags) Stored(key string) string {
	rest, ours := strings.CutPrefix(key, registry.TagPrefix)
	if !t.Plain || !ours {
		return key
	}
	if alias, ok := aliasOf(key); ok {
		return aliasKeyPrefix + escape(alias) + aliasKeySuffix
	}
	return plainPrefix + strings.ReplaceAll(rest, ".", "_")
}

// Name returns the name of a stored tag. It is the inverse of Stored for the tags of this program.
func (t Tags) Name(stored string) string {
	if !t.Plain || !strings.HasPrefix(stored, plainPrefix) {
		return stored
	}
	if alias, ok := strings.CutPrefix(stored, aliasKeyPrefix); ok {
		if alias, ok = strings.CutSuffix(alias, aliasKeySuffix); ok {
			return registry.AliasTimeTag(unescape(alias))
		}
	}
	for _, key := range own {
		switch rest, ok := strings.CutPrefix(stored, t.Stored(key)); {
		case ok && rest == "":
			return key
		case ok && rest[0] == '_':
			return key + "." + rest[1:] // a part of a long value, or the page of a ledger
		}
	}
	return stored
}

// Names returns the tags under their names.
func (t Tags) Names(stored map[string]string) map[string]string {
	if !t.Plain {
		return stored
	}
	out := make(map[string]string, len(stored))
	for key, value := range stored {
		out[t.Name(key)] = value
	}
	return out
}

// Wrong says why a tag cannot be stored, or "".
func (t Tags) Wrong(key, value string) string {
	stored := t.Stored(key)
	switch {
	case t.Plain && t.Name(key) != key:
		return fmt.Sprintf("would be stored as the tag %s of this program; choose another name", t.Name(key))
	case strings.ContainsAny(stored, t.Forbidden):
		return fmt.Sprintf("contains one of the characters %s, which this registry does not allow", t.Forbidden)
	case t.MaxKey > 0 && utf8.RuneCountInString(stored) > t.MaxKey:
		return fmt.Sprintf("is longer than %d characters", t.MaxKey)
	case t.MaxValue > 0 && utf8.RuneCountInString(value) > t.MaxValue:
		return fmt.Sprintf("has a value of %d characters, and this registry stores at most %d",
			utf8.RuneCountInString(value), t.MaxValue)
	case t.Plain && (strings.TrimSpace(stored) != stored || strings.TrimSpace(value) != value):
		return "begins or ends with a space, which this registry does not allow"
	}
	return ""
}

// Longest returns the number of bytes that a value may have.
func (t Tags) Longest() int {
	if t.MaxValue == 0 {
		return registry.MaxTagValue
	}
	return t.MaxValue
}

// TooMany says that an object would have more tags than the registry stores, or "". has are the tags it has now.
func (t Tags) TooMany(has map[string]string, more []string) string {
	n := len(has)
	for i, key := range more {
		if _, there := has[key]; !there && !slices.Contains(more[:i], key) {
			n++
		}
	}
	if t.Most == 0 || n <= t.Most {
		return ""
	}
	return fmt.Sprintf("would have %d tags, and this registry stores at most %d", n, t.Most)
}

// aliasOf returns the alias in the name of the tag that records when a version got it.
func aliasOf(key string) (alias string, ok bool) {
	frame := registry.AliasTimeTag("/") // no alias contains a slash
	before, after, _ := strings.Cut(frame, "/")
	if alias, ok = strings.CutPrefix(key, before); ok {
		alias, ok = strings.CutSuffix(alias, after)
	}
	return alias, ok
}

// escaped matches a character of an alias that is stored as its number, such as _2d_ for a hyphen.
var escaped = regexp.MustCompile(`_([0-9a-f]{2})_`)

// escape replaces characters of an alias that keys must not contain, and underscores that unescape would read as the
// beginning of such a character.
func escape(alias string) string {
	var out strings.Builder
	for i := 0; i < len(alias); i++ {
		c := alias[i]
		switch {
		case !wordByte(c), c == '_' && i+3 < len(alias) && isHex(alias[i+1]) && isHex(alias[i+2]) &&
			(alias[i+3] == '_' || !wordByte(alias[i+3])):
			fmt.Fprintf(&out, "_%02x_", c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func unescape(stored string) string {
	return escaped.ReplaceAllStringFunc(stored, func(code string) string {
		n, err := strconv.ParseUint(code[1:3], 16, 8)
		if err != nil {
			return code // cannot happen: the expression accepts only digits
		}
		return string([]byte{byte(n)})
	})
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
