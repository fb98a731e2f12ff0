package ledger

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Format is the layout of the pages that this program writes. It refuses to read newer formats.
const Format = 1

// PageEntries is the maximum number of entries on a page. A page stays below 150 KB and takes a few milliseconds to
// read.
const PageEntries = 32

// chunk is the maximum length of a value in bytes. The limit of servers before 2.9 is 500 characters, but some
// databases count bytes.
const chunk = 250

// maxChunks limits a record, so that a claim stays one batch of at most 100 values.
const maxChunks = 90

// Keys of a page. Entries and their parts are numbered from 1 over all pages.
const (
	keyFormat = "format"
	keyModel  = "model"
	keyBase   = "base"  // number of entries before this page
	keyPrev   = "prev"  // digest of the last entry before this page; "-" if none exists
	keyPrior  = "prior" // the page before; "-" if none exists
	keyState  = "state" // in chunks: the state of each target before this page
	keyReset  = "reset" // why this ledger replaces a lost one
	keyNext   = "next"  // the next page
	none      = "-"
)

func claimKey(n int) string       { return fmt.Sprintf("e%06d", n) }
func linkKey(n int) string        { return fmt.Sprintf("h%06d", n) }
func outcomeKey(n int) string     { return fmt.Sprintf("d%06d", n) }
func recordKey(n int) string      { return fmt.Sprintf("r%06d", n) }
func notifiedKey(n, i int) string { return fmt.Sprintf("s%06d.%02d", n, i) }

// page is a page of the ledger that was read and checked.
type page struct {
	id      string
	base    int
	prev    string // digest of the last entry before the page
	prior   string
	next    string
	reset   string
	state   States
	digest  string // digest of the head; the first record of the page contains it
	entries []Entry
	broken  *Break
}

// Break is the first place at which a ledger is not sound.
type Break struct {
	Epoch int // 0 for the head of a page
	Why   string
}

func (p page) last() int { return p.base + len(p.entries) }

// end returns the digest that the next record must contain.
func (p page) end() string {
	if n := len(p.entries); n > 0 {
		return p.entries[n-1].Digest
	}
	return p.digest
}

func (p page) open() (Entry, bool) {
	return Chain{Entries: p.entries}.Open()
}

// head returns the values with which a page begins.
func head(model string, base int, prev, prior, reset string, state States) map[string]string {
	text, err := canonical.JSON(state)
	if err != nil || state == nil {
		text = []byte("{}")
	}
	kv := map[string]string{
		keyFormat: strconv.Itoa(Format), keyModel: modelID(model), keyBase: strconv.Itoa(base),
		keyPrev: orNone(prev), keyPrior: orNone(prior), keyReset: orNone(cut(reset)),
	}
	maps.Copy(kv, chunked(keyState, string(text)))
	return kv
}

func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}

func fromNone(text string) string {
	if text == none {
		return ""
	}
	return text
}

// modelID is the model's name if it fits, else its digest. Databases that ignore case may return the ledger of another
// model, so the reader compares this id.
func modelID(model string) string {
	if len(model) > chunk {
		return "sha256:" + canonical.Digest(model)
	}
	return model
}

// cut shortens a text so that it fits into one value.
func cut(text string) string {
	if len(text) <= chunk {
		return text
	}
	for n := chunk - len("…"); ; n-- {
		if n == 0 || text[n]&0xC0 != 0x80 {
			return text[:n] + "…"
		}
	}
}

// chunked splits a text into numbered values, but never inside a character. Some databases lose spaces at the ends of a
// value, so no value begins or ends with one.
func chunked(key, text string) map[string]string {
	out := map[string]string{}
	for i := 0; text != ""; i++ {
		n := min(chunk, len(text))
		for n < len(text) && n > 1 && (text[n]&0xC0 == 0x80 || text[n] == ' ' || text[n-1] == ' ') {
			n--
		}
		out[fmt.Sprintf("%s.%02d", key, i)], text = text[:n], text[n:]
	}
	return out
}

func joined(kv map[string]string, key string) string {
	var b strings.Builder
	for i := 0; ; i++ {
		v, ok := kv[fmt.Sprintf("%s.%02d", key, i)]
		if !ok {
			return b.String()
		}
		b.WriteString(v)
	}
}

// NewerError says that a newer version of this program has written the ledger.
type NewerError struct{ why *registry.Error }

func (n *NewerError) Error() string { return n.why.Msg }
func (n *NewerError) Unwrap() error { return n.why }

func newer(model, what string) error {
	return &NewerError{&registry.Error{
		Reason: registry.Unsupported, Msg: "read promotion ledger of " + model + ": " + what,
		Hint: "a newer version of mlflow-promote wrote it; use that version or a newer one here too",
	}}
}

// parse reads a page. It fails if the page has a newer format or belongs to another model. It stores other problems in
// the page, so that the command history can show the rest.
func parse(model, id string, kv map[string]string) (page, error) {
	p := page{
		id: id, next: kv[keyNext], prior: fromNone(kv[keyPrior]), prev: fromNone(kv[keyPrev]),
		reset: fromNone(kv[keyReset]), state: States{},
	}
	format, err := strconv.Atoi(kv[keyFormat])
	switch {
	case err != nil:
		return p, lost(model, fmt.Sprintf("run %s is not part of a ledger", id))
	case format > Format:
		return p, newer(model, fmt.Sprintf("it has format %d, and this version reads up to %d", format, Format))
	case kv[keyModel] != modelID(model):
		return p, lost(model, fmt.Sprintf("run %s is the ledger of %q", id, kv[keyModel]))
	}
	if p.base, err = strconv.Atoi(kv[keyBase]); err != nil || p.base < 0 {
		return p, lost(model, fmt.Sprintf("run %s does not say which entry it begins with", id))
	}
	state := joined(kv, keyState)
	p.digest = canonical.Digest("page/1", kv[keyModel], kv[keyBase], kv[keyPrev], kv[keyPrior], kv[keyReset], state)
	if json.Unmarshal([]byte(state), &p.state) != nil {
		p.broken = &Break{p.base, "the stored state of the targets cannot be read"}
	}
	p.readEntries(kv)
	p.findStrays(kv)
	for _, e := range p.entries {
		if v := e.Record.Version; v > RecordVersion && p.broken == nil {
			return p, newer(
				model,
				fmt.Sprintf(
					"entry %d has record version %d, and this version reads up to %d", e.Epoch, v, RecordVersion,
				),
			)
		}
	}
	return p, nil
}

// readEntries reads the entries in order. It stops at the first number without an entry.
func (p *page) readEntries(kv map[string]string) {
	for n := p.base + 1; n <= p.base+PageEntries; n++ {
		if _, ok := kv[claimKey(n)]; !ok {
			return
		}
		e, why := readEntry(n, kv)
		if why == "" && e.Record.Previous != p.end() {
			why = "its record does not follow from the entry before, which was edited or replaced"
		}
		if why == "" && e.Outcome == "" && kv[claimKey(n+1)] != "" {
			why = "it has no outcome, but there are later entries"
		}
		if why != "" && p.broken == nil {
			p.broken = &Break{n, why}
		}
		p.entries = append(p.entries, e)
	}
}

// findStrays finds entries after a gap. A gap means that an entry was removed.
func (p *page) findStrays(kv map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		if n, ok := numbered(key); ok && (n > p.last() || n <= p.base) && p.broken == nil {
			p.broken = &Break{p.last() + 1, fmt.Sprintf("the entry is missing, but there are parts of entry %d", n)}
		}
	}
}

// numbered returns the entry that a key belongs to. ok is false for keys of the page itself.
func numbered(key string) (n int, ok bool) {
	if len(key) < 7 || !strings.Contains("ehdrs", key[:1]) {
		return 0, false
	}
	n, err := strconv.Atoi(key[1:7])
	return n, err == nil
}

func readEntry(n int, kv map[string]string) (e Entry, why string) {
	e.Epoch = n
	claim := strings.Split(kv[claimKey(n)], "|")
	text := joined(kv, recordKey(n))
	e.Text = text
	if len(claim) != 6 || claim[3] != canonical.Digest(text) {
		return e, "its record was edited"
	}
	if json.Unmarshal([]byte(text), &e.Record) != nil || e.Record.Epoch != n || e.Record.PID != claim[1] ||
		strconv.Itoa(e.Record.To) != claim[2] {
		return e, "its claim and its record differ"
	}
	var err error
	if e.Holder, err = parseHolder(claim[4]); err != nil {
		return e, "the run that claimed it cannot be read"
	}
	if e.Lease, err = time.Parse(time.RFC3339, claim[5]); err != nil {
		return e, "its lease cannot be read"
	}
	link, there := kv[linkKey(n)]
	if !there {
		return e, "the link to its workflow run was removed"
	}
	e.Link = fromNone(link)
	for i := range e.Record.Notify {
		if kv[notifiedKey(n, i)] != "" {
			e.Notified = append(e.Notified, i)
		}
	}
	outcome, there := kv[outcomeKey(n)]
	if !there {
		return e, ""
	}
	o := strings.Split(outcome, "|")
	if len(o) != 5 {
		return e, "its outcome was edited"
	}
	e.Outcome, e.Reason = o[0], registry.Reason(o[1])
	e.Moved, _ = strconv.Atoi(o[2])
	e.Ended, _ = time.Parse(time.RFC3339, o[3])
	e.Digest = chain(kv[claimKey(n)], link, text, o[:4])
	if e.Digest != o[4] {
		return e, "it was edited after it was closed"
	}
	return e, ""
}

// chain returns the digest of an entry with its outcome. The next record contains it.
func chain(claim, link, record string, outcome []string) string {
	return canonical.Digest(append([]string{"entry/1", claim, link, record}, outcome...)...)
}

func holderText(h Holder) string {
	return fmt.Sprintf("%s.%d.%s", h.Run, h.Attempt, h.Nonce)
}

func parseHolder(text string) (Holder, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Holder{}, fmt.Errorf("%q does not identify a run", text)
	}
	attempt, err := strconv.Atoi(parts[1])
	return Holder{Run: parts[0], Attempt: attempt, Nonce: parts[2]}, err
}
