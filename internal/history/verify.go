package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// ExportVersion is the version of the JSON form of a history. Since version 2, the JSON also contains the query and the
// digests.
const ExportVersion = 2

// Saved is a report file that the `history` command wrote for one model.
type Saved struct {
	Model   string           `json:"model"`
	Pages   []ledger.Saved   `json:"pages"`
	Export  int              `json:"export"`
	Query   Query            `json:"query"`
	Outside []registry.Shift `json:"moved_outside"`
	Broken  string           `json:"broken"`
	Foreign []ledger.Foreign `json:"foreign"`
	Keys    bool             `json:"keys"` // whether the ledger was read with a policy's keys

	file map[string]any // the whole file
}

// Read parses a report file from the `history` command. It fails if the file does not contain exactly one model's
// ledger, or if an object contains a key twice.
func Read(text []byte) (Saved, error) {
	var file struct {
		History struct {
			Saved
			Query json.RawMessage `json:"query"`
		} `json:"history"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return Saved{}, err
	}
	saved := file.History.Saved
	if len(file.History.Query) > 0 { // a time that cannot be parsed fails later, when digests are compared
		_ = json.Unmarshal(file.History.Query, &saved.Query)
	}
	if len(saved.Pages) == 0 {
		return Saved{}, errors.New("contains no history; use the report file of an earlier `history` run")
	}
	tree, err := readTree(text)
	if err != nil {
		return Saved{}, err
	}
	saved.file, _ = tree.(map[string]any)
	return saved, nil
}

// readTree decodes JSON. Unlike json.Unmarshal, it refuses an object that contains a key twice, because programs
// disagree on which of the two values to use.
func readTree(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	tree, err := nextValue(dec)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("has text after its end; use the unchanged report file")
		}
	}
	return tree, err
}

func nextValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	switch {
	case err != nil:
		return nil, err
	case token == json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := nextValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	case token == json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			if _, twice := object[name]; twice {
				return nil, fmt.Errorf("has the key %q twice in one object; use the unchanged report file", name)
			}
			if object[name], err = nextValue(dec); err != nil {
				return nil, err
			}
		}
		_, err = dec.Token()
		return object, err
	}
	return token, nil
}

// treeOf converts a value to the form that readTree returns.
func treeOf(v any) any {
	text, err := canonical.Compact(v)
	if err != nil {
		return nil
	}
	tree, _ := readTree(text)
	return tree
}

// derived lists the fields of an exported history that follow from its pages. All other fields have digests, and so
// have the names of keys.
var derived = []string{"model", "reset", "entries", "live", "export", "digests"}

// signedBy is the field of an entry that contains a key's name. The name comes from the policy, which may rename the
// key later.
const signedBy = "signed_by"

// notChecked lists the fields of a result that describe the run, for example its cost and its warnings, and say nothing
// about the history.
var notChecked = []string{"requests", "rounds", "duration_ms", "warnings", "error", "hint"}

// seal returns a digest of each value that does not follow from the pages. The digests reveal a careless edit, but not
// a forgery, because a forger can recompute them. The real evidence is the chain of digests in the pages.
func (h Result) seal() map[string]string {
	h.Digests = nil
	tree, _ := treeOf(h).(map[string]any)
	return sealOf(tree)
}

func sealOf(history map[string]any) map[string]string {
	out := map[string]string{}
	add := func(path string, v any) {
		text, _ := canonical.Compact(v)
		out[path] = canonical.Digest(string(text))[:16]
	}
	for _, key := range slices.Sorted(maps.Keys(history)) {
		if !slices.Contains(derived, key) {
			eachValue(key, history[key], add)
		}
	}
	entries, _ := history["entries"].([]any)
	for i, e := range entries {
		if fields, _ := e.(map[string]any); fields[signedBy] != nil {
			add(fmt.Sprintf("entries[%d].%s", i, signedBy), fields[signedBy])
		}
	}
	return out
}

// eachValue calls visit with the path and value of every leaf of v.
func eachValue(path string, v any, visit func(path string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				eachValue(keyPath(path, key), v[key], visit)
			}
			return
		}
	case []any:
		if len(v) > 0 {
			for i := range v {
				eachValue(fmt.Sprintf("%s[%d]", path, i), v[i], visit)
			}
			return
		}
	}
	visit(path, v)
}

// keyPath returns the path of a key in an object.
func keyPath(path, key string) string {
	plain := !strings.ContainsFunc(key, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_'
	})
	switch {
	case !plain:
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// Verification is the result of comparing a saved history with its own pages.
type Verification struct {
	Differences []string // each starts with the path of the value
	Older       bool     // whether the file was written by an older version, so that only its entries could be compared
	// KeysDiffer is true if the file matches its pages but the policy's keys have changed since the export.
	KeysDiffer bool
	Policy     bool // whether the policy lists keys

	keys    bool              // whether the ledger's keys were compared
	signers bool              // whether the comparison left out the signers' names
	renamed map[string]string // maps a key's name in the file to the name that the policy has given the key since
}

// Believed returns the entries except those that the file lists as foreign. Use it without keys, when every signature
// counts.
func (s Saved) Believed(entries []ledger.Entry) []ledger.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e ledger.Entry) bool {
		foreign := func(f ledger.Foreign) bool { return f.Number == e.Epoch }
		return e.Signed != "" && slices.ContainsFunc(s.Foreign, foreign)
	})
}

// Compare compares the file with the result that follows from its pages. Without keys, it does not compare the entries'
// signers, and it checks foreign entries only by their digests.
func (s Saved) Compare(result any, keys bool) *Verification {
	v := &Verification{Older: s.Export < ExportVersion, keys: keys, renamed: map[string]string{}}
	want, _ := treeOf(result).(map[string]any)
	history, _ := s.file["history"].(map[string]any)
	wantHistory, _ := want["history"].(map[string]any)
	if v.Older && history["digests"] == nil && history["query"] == nil {
		for _, key := range []string{"model", "entries"} {
			v.compare("history."+key, history[key], wantHistory[key])
		}
		return v
	}
	v.Older = false
	v.compareDigests(history)
	if !s.Pages[0].Belongs(s.Model) {
		v.add("history.model: the stored pages are not the ledger of  " + valueWords(s.Model))
		return v
	}
	for _, key := range derived {
		if key != "digests" {
			v.compare("history."+key, history[key], wantHistory[key])
		}
	}
	if keys {
		v.compare("history.foreign", foreignEntries(history), foreignEntries(wantHistory))
	}
	for _, key := range slices.Sorted(maps.Keys(join(s.file, want))) {
		if key != "history" && !slices.Contains(notChecked, key) {
			v.compare(keyPath("", key), s.file[key], want[key])
		}
	}
	return v
}

// foreignEntries returns a history's foreign entries. Foreign pages are not saved.
func foreignEntries(history map[string]any) any {
	list, _ := history["foreign"].([]any)
	return slices.DeleteFunc(slices.Clone(list), func(f any) bool {
		fields, _ := f.(map[string]any)
		return fields["number"] == nil
	})
}

// StatedEntry returns the number of the entry that the file's statement is about. It returns 0 if the file contains no
// statement.
func (s Saved) StatedEntry() int {
	var parsed struct {
		Statement struct {
			Predicate struct {
				Record struct{ Epoch int }
			}
		}
	}
	text, err := canonical.Compact(s.file)
	if err != nil || json.Unmarshal(text, &parsed) != nil {
		return 0
	}
	return parsed.Statement.Predicate.Record.Epoch
}

// compareDigests compares the values that do not follow from the pages with their digests.
func (v *Verification) compareDigests(history map[string]any) {
	digests, _ := history["digests"].(map[string]any)
	have := sealOf(history)
	for _, path := range slices.Sorted(maps.Keys(join(have, digests))) {
		digest, sealed := digests[path]
		at := keyPath("history.digests", path)
		switch value, there := have[path]; {
		case !there:
			v.add("history." + path + ": was removed; " + at + " is still there")
		case !sealed:
			v.add("history." + path + ": was added; it has no digest")
		case digest != any(value):
			v.add("history." + path + ": does not match its digest in " + at)
		}
	}
}

// compare adds a difference for each value that differs.
func (v *Verification) compare(path string, got, want any) {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(join(got, want))) {
				if key == signedBy && v.sameSigner(got[key], want[key]) {
					continue
				}
				v.compare(keyPath(path, key), got[key], want[key])
			}
			return
		}
	case []any:
		if got, ok := got.([]any); ok {
			for i := range max(len(got), len(want)) {
				v.compare(fmt.Sprintf("%s[%d]", path, i), at(got, i), at(want, i))
			}
			return
		}
	}
	if got != nil && want != nil && fmt.Sprint(got) == fmt.Sprint(want) || got == nil && want == nil {
		return
	}
	v.add(fmt.Sprintf(
		"%s: the file contains %s, but the stored pages contain %s", path, valueWords(got), valueWords(want),
	))
}

// sameSigner reports whether an entry is signed both in the file and in the pages. Names of keys are compared only by
// their digests, because the policy may have renamed a key. The signature itself is checked with the public key.
func (v *Verification) sameSigner(got, want any) bool {
	if !v.keys {
		v.signers = true
		return true
	}
	if got == nil || want == nil || v.Older { // an older file has no digests
		return got == want
	}
	if got != want {
		v.renamed[fmt.Sprint(got)] = fmt.Sprint(want)
	}
	return true
}

func (v *Verification) add(difference string) { v.Differences = append(v.Differences, difference) }

// at returns an element of a list, or nil if i is out of range.
func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// join returns a map with the keys of both maps.
func join[A, B any](a map[string]A, b map[string]B) map[string]bool {
	out := map[string]bool{}
	for key := range a {
		out[key] = true
	}
	for key := range b {
		out[key] = true
	}
	return out
}

// valueWords formats a value for a message.
func valueWords(v any) string {
	if v == nil {
		return "nothing"
	}
	text, err := canonical.Compact(v)
	if err != nil {
		return "something else"
	}
	return format.Shorten(string(text), 80)
}

// shownDifferences is the number of differences that a page or a message lists.
const shownDifferences = 10

// Err returns an error that lists the differences, or nil if there are none.
func (v *Verification) Err(model string) error {
	if v == nil || len(v.Differences) == 0 {
		return nil
	}
	msg := "verify saved history of " + model + ": " + v.Differences[0]
	if n := len(v.Differences); n > 1 {
		msg += fmt.Sprintf(" (and %d more)", n-1)
	}
	if v.KeysDiffer {
		return &registry.Error{
			Reason: registry.LedgerLost, Msg: msg + "; the file itself matches its stored pages",
			Hint: "the policy's keys have changed since the export; list the missing key again, with an " +
				"expiry date in `until`, or use the policy file of that time",
		}
	}
	return &registry.Error{
		Reason: registry.LedgerLost, Msg: msg,
		Hint: "the file was edited or damaged; use a different copy, or export the history again",
	}
}

func (v *Verification) page() doc.Page {
	switch {
	case v == nil:
		return nil
	case len(v.Differences) > 0:
		title := "The file was edited or damaged. These values differ:"
		if v.KeysDiffer {
			title = "The file matches its stored pages, but the policy's keys have changed since the export. " +
				"These values differ:"
		}
		d := doc.Page{doc.P(title)}
		var items []doc.Line
		for _, text := range v.Differences[:min(shownDifferences, len(v.Differences))] {
			items = append(items, doc.L(doc.C(text)))
		}
		d = append(d, doc.List{Items: items})
		if n := len(v.Differences) - shownDifferences; n > 0 {
			d = append(d, doc.P(fmt.Sprintf("%d more values differ.", n)))
		}
		return d
	case v.Older:
		return doc.Page{doc.P("The entries in the file match its stored pages. An older version wrote the file, so " +
			"its other values are not checked.")}
	}
	not := notChecked
	switch {
	case v.signers && v.Policy:
		not = append([]string{signedBy + " (the export was made without the policy's keys)"}, not...)
	case v.signers:
		not = append([]string{signedBy + " (use a policy that lists the ledger's keys)"}, not...)
	}
	d := doc.Page{doc.P("All entries in the file match its stored pages. Values that no page stores, such as " +
		"drift, match their digests. Digests find an edit, but not a forgery. Not checked: " +
		strings.Join(not, ", ") + ".")}
	for _, name := range slices.Sorted(maps.Keys(v.renamed)) {
		d = append(d, doc.P("The policy has renamed the key ", doc.C(name), " to: ", doc.C(v.renamed[name]),
			". Its signatures are valid."))
	}
	return d
}
