// Package pintest helps tests pin documents that contain sentences for people. Sentences may be reworded, but all other
// data must stay the same.
package pintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Said takes the place of every sentence in a pin. An empty sentence stays empty.
const Said = "(words)"

// Read decodes one JSON value. It does not change the text of numbers.
func Read(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("there is more than one JSON value")
	}
	return doc, nil
}

// Plain returns a document of the given format with Said in place of every sentence. It decodes JSON inside strings,
// turns lists of keys and values into objects, and joins values that are stored in several parts. It leaves out values
// that differ in each run.
func Plain(f Format, doc any) any {
	return walker{with: func(string) string { return Said }, plain: true}.walk(f, nil, doc)
}

// Reworded returns a document of the given format with every sentence replaced by the result of `with`.
func Reworded(f Format, doc any, with func(string) string) any {
	return walker{with: with}.walk(f, nil, doc)
}

// walker copies documents and changes the copies.
type walker struct {
	with  func(string) string // returns the replacement for a sentence
	plain bool                // also decode and join values; see Plain
}

// walk returns a copy of doc. path contains the keys that lead to it.
func (w walker) walk(f Format, path []string, doc any) any {
	switch doc := doc.(type) {
	case map[string]any:
		out := map[string]any{}
		if w.plain {
			doc = joined(doc)
		}
		for key, v := range doc {
			if w.plain && unsteady[f][key] {
				continue
			}
			below, at := f, append(slices.Clone(path), key)
			if inner, ok := nested[f][key]; ok {
				below, at = inner, nil
			}
			out[key] = w.walk(below, at, v)
		}
		return out
	case []any:
		if kv, ok := pairs(doc); ok && w.plain {
			return w.walk(f, path, kv)
		}
		out := make([]any, len(doc))
		for i, v := range doc {
			out[i] = w.walk(f, path, v)
		}
		return out
	case string:
		switch {
		case isSentence(f, path, doc):
			return w.with(doc)
		case w.plain:
			return unfolded(f, doc)
		}
	}
	return doc
}

// isSentence reports whether the string at a path in a document is a sentence.
func isSentence(f Format, path []string, text string) bool {
	if text == "" || len(path) == 0 {
		return false
	}
	above := path[:len(path)-1]
	for _, last := range []string{path[len(path)-1], "*"} {
		field, ok := fields()[f][strings.Join(append(slices.Clone(above), last), ".")]
		if ok && (field.But == nil || !field.But.MatchString(text)) {
			return true
		}
	}
	return false
}

// fields contains the entries of Sentences, keyed by format and path.
var fields = sync.OnceValue(func() map[Format]map[string]Field {
	out := map[Format]map[string]Field{}
	for _, s := range Sentences {
		if out[s.Format] == nil {
			out[s.Format] = map[string]Field{}
		}
		out[s.Format][s.Path] = s
	}
	return out
})

// unfolded returns the decoded value if text is JSON, and text itself otherwise.
func unfolded(f Format, text string) any {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return text
	}
	doc, err := Read([]byte(text))
	if err != nil {
		return text
	}
	if object, ok := doc.(map[string]any); ok && object["record_version"] != nil {
		f = Short
		if object["pid"] != nil {
			f = Record
		}
	}
	return map[string]any{"json": Plain(f, doc)}
}

// partKey matches the key under which the ledger stores a part of a long value.
var partKey = regexp.MustCompile(`^(r\d{6}|state)\.\d\d$`)

// joined joins the parts of each long value.
func joined(kv map[string]any) map[string]any {
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		part, _ := kv[key].(string)
		if m := partKey.FindStringSubmatch(key); m != nil {
			before, _ := out[m[1]].(string)
			out[m[1]] = before + part
			continue
		}
		out[key] = kv[key]
	}
	return out
}

// pairs returns a list of {"key": …, "value": …} objects as a map. ok is false for any other list.
func pairs(list []any) (map[string]any, bool) {
	out := map[string]any{}
	for _, item := range list {
		kv, _ := item.(map[string]any)
		key, named := kv["key"].(string)
		value, valued := kv["value"]
		_, again := out[key]
		if len(kv) != 2 || !named || !valued || again {
			return nil, false
		}
		out[key] = value
	}
	return out, len(list) > 0
}

// Facts lists the values in a document, one per line, each as its path and its JSON.
func Facts(where string, doc any) []string {
	var out []string
	switch doc := doc.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(doc)) {
			out = append(out, Facts(where+"."+key, doc[key])...)
		}
	case []any:
		for i, v := range doc {
			out = append(out, Facts(where+"."+strconv.Itoa(i+1), v)...)
		}
	}
	if len(out) > 0 {
		return out
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return []string{where + " " + err.Error()}
	}
	return []string{where + " " + strings.TrimSpace(b.String())}
}
