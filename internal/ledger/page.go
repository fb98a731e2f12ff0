package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/chunk"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The page formats. This program refuses to read a newer one.
const (
	plainFormat  = 1 // nothing is signed
	signedFormat = 2
)

// PageEntries is the maximum number of entries on a page. A page stays below 150 KB and takes a few milliseconds to
// read.
const PageEntries = 32

// maxChunks limits the length of a record, so that a claim fits into a batch of at most 100 values.
const maxChunks = 90

// The keys of the values on a page. Entries and their parts are numbered from 1 across all pages.
const (
	keyFormat = "format"
	keyModel  = "model"
	keyBase   = "base"  // the number of entries before this page
	keyPrev   = "prev"  // the digest of the last entry before this page; "-" on the first page
	keyPrior  = "prior" // the id of the previous page; "-" on the first page
	keyState  = "state" // the state of each target before this page, in chunks
	keyReset  = "reset" // why this ledger replaces a lost one
	keyNext   = "next"  // the id of the next page
	none      = "-"
)

// Additional keys on a signed page.
const (
	keyLedger = "ledger" // the id of the ledger's first page, which identifies the ledger
	keyAt     = "at"     // when the head was written
	keyFormer = "former" // the model's former name on earlier pages; "-" if it was not renamed
	keySig    = "sig"    // the signature of the head
)

func claimKey(n int) string      { return fmt.Sprintf("e%06d", n) }
func linkKey(n int) string       { return fmt.Sprintf("h%06d", n) }
func outcomeKey(n int) string    { return fmt.Sprintf("d%06d", n) }
func recordKey(n int) string     { return fmt.Sprintf("r%06d", n) }
func claimSigKey(n int) string   { return fmt.Sprintf("k%06d", n) }
func outcomeSigKey(n int) string { return fmt.Sprintf("o%06d", n) }

// notifiedKey is the key of a notification mark. Marks are not signed, so anyone who may write to the page can use one
// to suppress a notification.
func notifiedKey(n, i int) string { return fmt.Sprintf("s%06d.%02d", n, i) }

// page is a page of the ledger that has been read and checked.
type page struct {
	id         string
	experiment string // "" if it is not known
	format     int
	model      string
	base       int
	prev       string // the digest of the last entry before this page
	prior      string
	next       string
	reset      string
	state      registry.States
	digest     string // the digest of the head; the first record on the page contains it
	entries    []Entry
	broken     *Break
	stray      *Break    // something stored after the last entry on an unsigned page
	keyed      bool      // whether the reader has keys
	read       time.Time // when the page was read, by the server's clock

	ended bool // the number after the last entry is used up, so no entry can be added
	signedPart
}

// signedPart contains the fields that apply only to signed pages.
type signedPart struct {
	values   map[string]string
	ledger   string // the id of the first page
	former   string
	at       time.Time
	free     int       // the next number to claim; 0 if the page is full
	links    []link    // every link that the next entry may follow
	tip      link      // the link that the program's next entry will follow
	latest   time.Time // the date of the last believed value
	stuck    bool      // the open entry's outcome is not believed, but cannot be replaced
	foreign  []Foreign
	blocked  bool // the page's link leads to something other than the next page
	verified bool // the head is signed by a key in the ring
}

// Break is the first place where a ledger is not sound.
type Break struct {
	Epoch int // 0 for the head of a page
	Why   string
}

// last returns the number of the last entry.
func (p page) last() int {
	if n := len(p.entries); n > 0 {
		return p.entries[n-1].Epoch
	}
	return p.base
}

// end returns the digest of the last entry, which the next record must contain.
func (p page) end() string {
	if p.signed() {
		return p.tip.digest
	}
	if n := len(p.entries); n > 0 {
		return p.entries[n-1].Digest
	}
	return p.digest
}

// nextNumber returns the number of the next entry. ok is false if the page is full.
func (p page) nextNumber() (n int, ok bool) {
	if p.signed() {
		return p.free, p.free != 0
	}
	return p.last() + 1, len(p.entries) < PageEntries
}

func (p page) signed() bool { return p.format == signedFormat }

// recordVersion returns the version of the page's records.
func (p page) recordVersion() int {
	if p.signed() {
		return signedRecordVersion
	}
	return RecordVersion
}

func (p page) open() (Entry, bool) {
	return Chain{Entries: p.entries}.Open()
}

// baseAfter returns the number of entries before the page that follows p.
func baseAfter(p page) int {
	switch {
	case p.signed():
		return p.base + PageEntries
	case p.ended:
		return p.last() + 1
	}
	return p.last()
}

// follows reports whether the page comes directly after the given one.
func (p page) follows(before page) bool {
	elsewhere := p.experiment != before.experiment && p.experiment != "" && before.experiment != ""
	return p.prior == before.id && p.base == baseAfter(before) && p.prev == before.end() && p.format >= before.format &&
		!elsewhere && (!before.signed() || p.ledger == before.ledger) &&
		cmp.Or(p.former, p.model) == before.model
}

// head returns the values of the head of an unsigned page.
func head(model string, base int, prev, prior, reset string, state registry.States) map[string]string {
	text, err := canonical.JSON(state)
	if err != nil || state == nil {
		text = []byte("{}")
	}
	kv := map[string]string{
		keyFormat: strconv.Itoa(plainFormat), keyModel: modelID(model), keyBase: strconv.Itoa(base),
		keyPrev: orNone(prev), keyPrior: orNone(prior), keyReset: orNone(chunk.Cut(reset)),
	}
	maps.Copy(kv, chunk.Split(keyState, string(text)))
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

// modelID returns the model's name if it is short enough, and otherwise the digest of the name. Readers compare it with
// the id of their own model, because a database that ignores case may return a different model's ledger.
func modelID(model string) string {
	if len(model) > chunk.Size {
		return "sha256:" + canonical.Digest(model)
	}
	return model
}

// NewerError is the error that is returned if a newer version of this program wrote the ledger.
type NewerError struct{ why *registry.Error }

func (n *NewerError) Error() string { return n.why.Msg }
func (n *NewerError) Unwrap() error { return n.why }

func newer(model, what string) error {
	return &NewerError{&registry.Error{
		Reason: registry.Unsupported, Msg: "read promotion ledger of " + model + ": " + what,
		Hint: "a newer version of mlflow-promote wrote it; use that version or a newer one here too",
	}}
}

// parse parses a page. It fails if the page has a newer format, belongs to a different model, or has a head that is not
// believed. It stores any other problem in the page, so that the `history` command can still show the rest.
func parse(r Reader, s Saved) (page, error) {
	id, kv := s.Page, s.Values
	p := page{
		id: id, experiment: s.Experiment, model: kv[keyModel], next: kv[keyNext], prior: fromNone(kv[keyPrior]),
		prev: fromNone(kv[keyPrev]), reset: fromNone(kv[keyReset]), state: registry.States{}, keyed: len(r.Ring) > 0,
		read: r.now(),
	}
	var err error
	p.format, err = strconv.Atoi(kv[keyFormat])
	switch {
	case err != nil:
		return p, lost(r.Model, fmt.Sprintf("run %s is not part of a ledger", id))
	case p.format > signedFormat:
		return p, newer(
			r.Model, fmt.Sprintf("it has format %d, and this version reads up to %d", p.format, signedFormat),
		)
	case kv[keyModel] != modelID(r.Model) && p.signed():
		return p, renamed(r.Model, fmt.Sprintf("run %s is the ledger of %q", id, kv[keyModel]))
	case kv[keyModel] != modelID(r.Model):
		return p, lost(r.Model, fmt.Sprintf("run %s is the ledger of %q", id, kv[keyModel]))
	}
	if p.base, err = strconv.Atoi(kv[keyBase]); err != nil || p.base < 0 {
		return p, lost(r.Model, fmt.Sprintf("run %s does not say which entry it begins with", id))
	}
	state := chunk.Join(kv, keyState)
	stateErr := json.Unmarshal([]byte(state), &p.state)
	if p.signed() {
		p.values = kv
		if err := p.readHead(r, kv, state); err != nil {
			return p, err
		}
		if err := (believer{r, kv, &p}).believe(); err != nil {
			return p, err
		}
	} else {
		p.digest = canonical.Digest("page/1", kv[keyModel], kv[keyBase], kv[keyPrev], kv[keyPrior], kv[keyReset], state)
		p.readEntries(kv)
		p.findStrays(kv)
	}
	if stateErr != nil {
		p.broken = &Break{p.base, "the stored state of the targets cannot be read"}
	}
	for _, e := range p.entries {
		if v := e.Record.Version; v > p.recordVersion() && p.unsound(false) == nil {
			return p, newer(
				r.Model,
				fmt.Sprintf(
					"entry %d has record version %d, and this version reads up to %d", e.Epoch, v, p.recordVersion(),
				),
			)
		}
	}
	return p, nil
}

// readEntries reads the entries on an unsigned page in order. It stops at the first number without an entry.
func (p *page) readEntries(kv map[string]string) {
	for n := p.base + 1; n <= p.base+PageEntries; n++ {
		if _, ok := kv[claimKey(n)]; !ok {
			return
		}
		e, why := readEntry(n, kv)
		if why == "" && e.Record.Previous != p.end() {
			why = "its record does not follow the previous entry, which was edited or replaced"
		}
		if p.ended = why == "" && p.broken == nil && e.endsPage(); p.ended {
			return
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

// findStrays finds entries after a gap, which means that an entry was removed.
func (p *page) findStrays(kv map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(kv)) {
		if n, ok := numbered(key); ok && (n > p.last() || n <= p.base) && p.stray == nil {
			p.stray = &Break{p.last() + 1, fmt.Sprintf("the entry is missing, but parts of entry %d exist", n)}
		}
	}
}

// unsound returns the first break on the page. If a signed page follows, that signed page determines where this one
// ends.
func (p page) unsound(signedFollows bool) *Break {
	if p.broken != nil || signedFollows || p.ended {
		return p.broken
	}
	return p.stray
}

// numbered returns the number of the entry that a key belongs to. ok is false for keys that belong to the page itself.
func numbered(key string) (n int, ok bool) {
	if len(key) < 7 || !strings.Contains("ehdrsko", key[:1]) {
		return 0, false
	}
	n, err := strconv.Atoi(key[1:7])
	return n, err == nil
}

// readEntry parses an entry and its outcome. why describes the first problem; it is "" if none exists.
func readEntry(n int, kv map[string]string) (e Entry, why string) {
	if e, why = readClaim(n, kv); why != "" {
		return e, why
	}
	if _, there := kv[outcomeKey(n)]; !there {
		return e, ""
	}
	return e.closedBy(kv)
}

// readClaim parses an entry without its outcome.
func readClaim(n int, kv map[string]string) (e Entry, why string) {
	e.Epoch = n
	claim := strings.Split(kv[claimKey(n)], "|")
	text := chunk.Join(kv, recordKey(n))
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
	return e, ""
}

// closedBy returns the entry with its stored outcome.
func (e Entry) closedBy(kv map[string]string) (closed Entry, why string) {
	n := e.Epoch
	o := strings.Split(kv[outcomeKey(n)], "|")
	if len(o) != 5 {
		return e, "its outcome was edited"
	}
	e.Outcome, e.Reason = o[0], registry.Reason(o[1])
	e.Moved, _ = strconv.Atoi(o[2])
	e.Ended, _ = time.Parse(time.RFC3339, o[3])
	e.Digest = chain(kv[claimKey(n)], kv[linkKey(n)], e.Text, o[:4])
	if e.Digest != o[4] {
		return e, "it was edited after it was closed"
	}
	return e, ""
}

// chain returns the digest of an entry and its outcome, for the next record.
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
