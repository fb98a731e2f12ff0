package ledgertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/chunk"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Attacker says what the author of a forged ledger can do. No attacker has a key that the policy lists.
type Attacker int

const (
	Outsider Attacker = iota // can create pages and experiments, and use free names
	Editor                   // can also write to every page, name and anchor, but cannot change a stored value
	Operator                 // can also edit and remove any row in the database
)

func (a Attacker) String() string { return []string{"outsider", "editor", "operator"}[a] }

// Carrier performs an attacker's operations on one model's ledger: in memory, through an API, or with SQL. An operation
// that the attacker is not permitted to perform has no effect.
type Carrier interface {
	// Ours returns the pages of the honest ledger, oldest first.
	Ours() []string
	// Others returns the pages of a different honest ledger and the attacker's own pages.
	Others() []string
	// Values returns a copy of the values on a page.
	Values(page string) map[string]string
	// Begin creates an empty page that belongs to the attacker. An outsider's page is in the outsider's own experiment.
	Begin() (page string)
	// Add stores either all of these values or none of them. A key that already has a value keeps it.
	Add(page string, values map[string]string)
	// Replace replaces all values on a page with the given ones.
	Replace(page string, values map[string]string)
	// Remove deletes a page.
	Remove(page string)
	// Place returns what the ledger's name points to, and Point changes it.
	Place() registry.LedgerPlace
	Point(registry.LedgerPlace)
	// Anchor sets the model's anchor, or removes it if the text is empty.
	Anchor(text string)
}

// Forger forges the ledger of one model.
type Forger struct {
	*rand.Rand
	Carrier
	Who   Attacker
	Model string
	Key   signing.KeyPair // signs forgeries; a test with a listed key shows that they are well made
	Now   time.Time
	// Lie changes the record of a forged entry, so that a test can tell whether a reader believed it.
	Lie func(record map[string]any)
	Did []string // the names of the kinds of forgery that were applied
}

// Forge applies one to four kinds of forgery, and calls check after each.
func (f *Forger) Forge(check func(kind string)) {
	for range 1 + f.IntN(4) {
		k := f.draw()
		f.Did = append(f.Did, k.Name)
		k.forge(f)
		check(k.Name)
	}
}

// draw returns a random kind. In half of all cases, it is one that requires exactly this attacker's power.
func (f *Forger) draw() Kind {
	own := f.IntN(2) == 0
	some := slices.DeleteFunc(slices.Clone(Kinds), func(k Kind) bool {
		return k.By > f.Who || own && k.By < f.Who
	})
	return some[f.IntN(len(some))]
}

func pick[T any](f *Forger, of ...T) T { return of[f.IntN(len(of))] }

// ours returns a random page of the honest ledger and its values. The newest page is the most likely one.
func (f *Forger) ours() (string, map[string]string) {
	ids := f.Ours()
	if len(ids) == 0 {
		return "", map[string]string{}
	}
	id := pick(f, ids[f.IntN(len(ids))], ids[len(ids)-1])
	return id, f.Values(id)
}

// any returns a random page and its values.
func (f *Forger) any() (string, map[string]string) {
	ids := slices.Concat(f.Ours(), f.Others())
	id := ids[f.IntN(len(ids))]
	return id, f.Values(id)
}

// page creates a page that belongs to the attacker and contains these values.
func (f *Forger) page(kv map[string]string) string {
	id := f.Begin()
	f.Add(id, kv)
	return id
}

// The page format. It is repeated here because an attacker would use a program of their own.
const (
	plain       = "1"
	signed      = "2"
	none        = "-"
	pageEntries = 32
)

func numberKey(letter string, n int) string { return fmt.Sprintf("%s%06d", letter, n) }

// numberOf returns the number of the entry that a key belongs to, or 0 for a key that belongs to the page itself.
func numberOf(key string) int {
	if len(key) < 7 || !strings.Contains("ehdrsko", key[:1]) {
		return 0
	}
	n, _ := strconv.Atoi(key[1:7])
	return n
}

// Slot returns all values that are stored under a number, except notification marks.
func Slot(kv map[string]string, n int) map[string]string {
	out := map[string]string{}
	for key, value := range kv {
		if numberOf(key) == n && n > 0 && key[0] != 's' {
			out[key] = value
		}
	}
	return out
}

// renumbered returns the values that are stored under a number, renumbered to n.
func renumbered(slot map[string]string, n int) map[string]string {
	out := map[string]string{}
	for key, value := range slot {
		out[numberKey(key[:1], n)+key[7:]] = value
	}
	return out
}

func base(kv map[string]string) int {
	n, _ := strconv.Atoi(kv["base"])
	return n
}

// free returns the first number on a page under which nothing is stored, or 0 if there is no such number.
func free(kv map[string]string) int {
	for n := base(kv) + 1; n <= base(kv)+pageEntries; n++ {
		if len(Slot(kv, n)) == 0 {
			return n
		}
	}
	return 0
}

// number returns a number that is in use on the page, or the one after the last.
func (f *Forger) number(kv map[string]string) int {
	last := base(kv)
	for key := range kv {
		last = max(last, numberOf(key))
	}
	return base(kv) + 1 + f.IntN(min(pageEntries, last-base(kv)+2))
}

// headDigest returns the digest of the head of a page.
func headDigest(id string, kv map[string]string) string {
	state := chunk.Join(kv, "state")
	if kv["format"] != signed {
		return canonical.Digest("page/1", kv["model"], kv["base"], kv["prev"], kv["prior"], kv["reset"], state)
	}
	return canonical.Digest(
		"page/2", id, kv["model"], kv["base"], kv["prev"], kv["prior"], kv["reset"], kv["ledger"], kv["at"],
		kv["former"], state,
	)
}

// ends returns, oldest first, each digest that an entry on the page may state as the previous one. It also returns the
// numbers of the entries with these digests.
func ends(id string, kv map[string]string) (digests []string, numbers []int) {
	digests, numbers = []string{headDigest(id, kv)}, []int{base(kv)}
	for n := base(kv) + 1; n <= base(kv)+pageEntries; n++ {
		if o := strings.Split(kv[numberKey("d", n)], "|"); len(o) == 5 && kv[numberKey("e", n)] != "" {
			digests, numbers = append(digests, o[4]), append(numbers, n)
		}
	}
	return digests, numbers
}

// sign returns the signature of stored values, in the form that the program expects.
func (f *Forger) sign(kv map[string]string, kind string, number int, prev string, values ...string) string {
	text, _ := canonical.JSON(map[string]any{
		"kind": kind, "ledger": kv["ledger"], "model": kv["model"], "number": number, "prev": prev,
		"digest": canonical.Digest(append([]string{kind}, values...)...),
	})
	return f.Key.Sign(string(text))
}

// head returns the head of the page with this id. If ledger is "", the page is unsigned.
func (f *Forger) head(id string, from int, prev, prior, ledger string) map[string]string {
	kv := map[string]string{
		"format": plain, "model": f.Model, "base": strconv.Itoa(from), "prev": orNone(prev), "prior": orNone(prior),
		"reset": none, "state.00": "{}",
	}
	if ledger == "" {
		return kv
	}
	kv["format"], kv["ledger"], kv["former"] = signed, ledger, none
	kv["at"] = f.Now.UTC().Format(time.RFC3339)
	kv["sig"] = f.sign(kv, "head/2", from, strings.TrimPrefix(kv["prev"], none), headDigest(id, kv))
	return kv
}

func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}

// forged describes a forged entry on a page.
type forged struct {
	number  int
	prev    string
	skipped []int // the numbers that the record lists as skipped
	key     bool  // whether the entry is signed
	ended   bool  // whether the entry has an outcome

	claimant string    // the run that makes the claim; "" for a random one
	at       time.Time // when the claim was made; zero for a random time
}

// next returns a forged entry that follows the last one on the page, as a careful attacker would write it.
func (f *Forger) next(id string, kv map[string]string) forged {
	digests, numbers := ends(id, kv)
	last := len(digests) - 1
	out := forged{number: free(kv), prev: digests[last]}
	for n := numbers[last] + 1; n < out.number; n++ {
		out.skipped = append(out.skipped, n)
	}
	return out
}

// entry returns the values of a forged entry.
func (f *Forger) entry(kv map[string]string, e forged) map[string]string {
	r := f.record(kv)
	r["epoch"], r["prev_record_sha256"], r["model"] = e.number, e.prev, f.Model
	r["record_version"] = 3
	if kv["format"] == signed {
		r["record_version"] = 4
	}
	delete(r, "takes_over")
	delete(r, "skipped")
	var skips []map[string]any
	for _, n := range e.skipped {
		text, _ := canonical.JSON(Slot(kv, n))
		skips = append(skips, map[string]any{"number": n, "sha256": canonical.Digest("skip/2", string(text))[:16]})
	}
	if skips != nil {
		r["skipped"] = skips
	}
	f.Lie(r)
	bytes, _ := canonical.JSON(r)
	text := string(bytes)
	at := e.at
	if at.IsZero() {
		at = f.Now.Add(pick(f, 0, 0, 0, -time.Hour, -10*time.Minute, 10*time.Minute, 20*time.Minute))
	}
	lease := at.Add(15 * time.Minute)
	claim := strings.Join([]string{
		kv["format"], fmt.Sprint(r["pid"]), fmt.Sprint(r["to"]), canonical.Digest(text),
		cmp.Or(e.claimant, f.claimant(kv)), lease.UTC().Format(time.RFC3339),
	}, "|")
	out := chunk.Split(numberKey("r", e.number), text)
	out[numberKey("e", e.number)], out[numberKey("h", e.number)] = claim, "https://elsewhere.example"
	if e.key {
		out[numberKey("k", e.number)] = f.sign(
			kv, "claim/2", e.number, e.prev, claim, out[numberKey("h", e.number)], text,
		)
	}
	if e.ended {
		all := maps.Clone(kv)
		maps.Copy(all, out)
		maps.Copy(out, f.outcome(all, e.number, e.key))
	}
	return out
}

// record returns the record of a stored entry, or a minimal record if none exists.
func (f *Forger) record(kv map[string]string) map[string]any {
	for n := base(kv) + pageEntries; n > base(kv); n-- {
		if text := chunk.Join(kv, numberKey("r", n)); text != "" && f.IntN(4) > 0 {
			var r map[string]any
			dec := json.NewDecoder(strings.NewReader(text))
			if dec.UseNumber(); dec.Decode(&r) == nil && r["moves"] != nil && fmt.Sprint(r["to"]) != "0" {
				return r
			}
		}
	}
	return map[string]any{
		"pid": "forged", "command": "promote", "at": f.Now.UTC().Format(time.RFC3339), "to": 1,
		"moves": []any{}, "target": map[string]any{}, "plan": "forged", "server": "", "candidate": "",
	}
}

// claimant returns the text that identifies the run that made a claim: either an invented run, or the one in a stored
// claim.
func (f *Forger) claimant(kv map[string]string) string {
	for n := base(kv) + pageEntries; n > base(kv); n-- {
		if claim := strings.Split(kv[numberKey("e", n)], "|"); len(claim) == 6 && f.IntN(2) == 0 {
			return claim[4]
		}
	}
	return pick(f, "666.1.x", ".0.x")
}

// outcome returns values that close a stored entry as done.
func (f *Forger) outcome(kv map[string]string, n int, key bool) map[string]string {
	record := chunk.Join(kv, numberKey("r", n))
	parts := []string{"done", "ok", "1", f.Now.UTC().Format(time.RFC3339)}
	digest := canonical.Digest(
		append([]string{"entry/1", kv[numberKey("e", n)], kv[numberKey("h", n)], record}, parts...)...,
	)
	text := strings.Join(append(parts, digest), "|")
	out := map[string]string{numberKey("d", n): text}
	if key {
		var r struct {
			Previous string `json:"prev_record_sha256"`
		}
		_ = json.Unmarshal([]byte(record), &r) // an entry that cannot be parsed is closed anyway
		out[numberKey("o", n)] = f.sign(kv, "outcome/2", n, r.Previous, text)
	}
	return out
}

// anchorText returns the text of an anchor that points to a page.
func anchorText(id string, entries int, digest string) string {
	text, _ := canonical.JSON(map[string]any{"run": id, "epoch": entries, "sha256": digest})
	return string(text)
}

// other returns the text with its last character replaced.
func other(text string) string {
	if text == "" {
		return "1"
	}
	end := "1"
	if strings.HasSuffix(text, end) {
		end = "2"
	}
	return text[:len(text)-1] + end
}
