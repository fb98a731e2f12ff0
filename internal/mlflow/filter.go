package mlflow

import "strings"

// Quoted writes a value of a search filter. The grammar has no escapes: a value that holds both kinds of quotes cannot
// be written, and the caller has to filter what comes back. ok is false then.
func Quoted(value string) (text string, ok bool) {
	switch {
	case !strings.Contains(value, "'"):
		return "'" + value + "'", true
	case !strings.Contains(value, `"`):
		return `"` + value + `"`, true
	}
	return "", false
}

// ByName is the term of a search for the versions of a model. A name that holds both kinds of quotes becomes a pattern
// that other names may fit too.
func ByName(name string) string {
	if text, ok := Quoted(name); ok {
		return "name = " + text
	}
	pattern := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`'"\\`, r) {
			return '_'
		}
		return r
	}, name)
	return "name LIKE '" + pattern + "'"
}

// ByRun and byTag are terms of the version search.
func ByRun(run string) string {
	text, _ := Quoted(run) // a run id holds no quotes
	return "run_id = " + text
}

func ByTag(key, value string) string {
	text, _ := Quoted(value)
	return "tags.`" + key + "` = " + text
}

func JoinAnd(terms []string) string {
	out := ""
	for i, t := range terms {
		if i > 0 {
			out += " AND "
		}
		out += t
	}
	return out
}
