package ledgertest

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Kind is one kind of forgery.
type Kind struct {
	Name  string
	By    Attacker // the least powerful attacker who can commit it
	forge func(f *Forger)
}

// Kinds lists every kind of forgery. It is the same for all carriers.
var Kinds = []Kind{
	{"a page elsewhere with our values", Outsider, func(f *Forger) {
		_, kv := f.ours()
		f.page(kv)
	}},
	{"our page continued elsewhere", Outsider, func(f *Forger) {
		id, kv := f.ours()
		if e := f.next(id, kv); e.number != 0 {
			e.key, e.ended = f.IntN(2) == 0, f.IntN(2) == 0
			maps.Copy(kv, f.entry(kv, e))
		}
		f.page(kv)
	}},
	{"a ledger of their own", Outsider, func(f *Forger) { f.ledger(true) }},
	{"a ledger of their own without signatures", Outsider, func(f *Forger) { f.ledger(false) }},
	{"a page elsewhere that claims to follow ours", Outsider, func(f *Forger) {
		id, kv := f.ours()
		f.following(id, kv, true)
	}},
	{"another ledger's page elsewhere", Outsider, func(f *Forger) {
		_, kv := f.any()
		kv["model"] = f.Model
		f.page(kv)
	}},
	{"the name leads elsewhere", Outsider, func(f *Forger) {
		id, _ := f.any()
		place := f.Place()
		first, tail := pick(f, id, place.First, "nothing"), pick(f, id, "", "nothing")
		f.Point(registry.LedgerPlace{ID: place.ID, First: first, Tail: tail, Deleted: f.IntN(3) == 0})
	}},

	{"the anchor leads elsewhere", Editor, func(f *Forger) {
		id, kv := f.any()
		right := anchorText(id, base(kv), headDigest(id, kv))
		f.Anchor(pick(f, "x", anchorText(id, 0, ""), anchorText(id, base(kv), "x"), right))
	}},
	{"no anchor", Editor, func(f *Forger) { f.Anchor("") }},
	{"an unsigned claim", Editor, func(f *Forger) { f.append(func(e *forged) {}) }},
	{"a claim by an unknown key", Editor, func(f *Forger) { f.append(func(e *forged) { e.key = true }) }},
	{"an unsigned entry", Editor, func(f *Forger) { f.append(func(e *forged) { e.ended = true }) }},
	{"an entry by an unknown key", Editor, func(f *Forger) {
		f.append(func(e *forged) { e.key, e.ended = true, true })
	}},
	{"an entry after a gap", Editor, func(f *Forger) {
		f.append(func(e *forged) { e.key, e.ended, e.number = true, true, e.number+1+f.IntN(3) })
	}},
	{"an entry that follows from an older one", Editor, func(f *Forger) {
		id, kv := f.ours()
		digests, _ := ends(id, kv)
		older := digests[f.IntN(len(digests))]
		if e := f.next(id, kv); e.number != 0 {
			e.prev, e.key, e.ended = older, true, f.IntN(2) == 0
			f.Add(id, f.entry(kv, e))
		}
	}},
	{"a signature of ours on a forged entry", Editor, func(f *Forger) {
		id, kv := f.ours()
		e := f.next(id, kv)
		if e.number == 0 {
			return
		}
		e.key, e.ended = true, f.IntN(2) == 0
		values := f.entry(kv, e)
		for _, letter := range []string{"k", "o"} {
			key, theirs := numberKey(letter, e.number), kv[numberKey(letter, f.number(kv))]
			if theirs != "" && values[key] != "" {
				values[key] = f.encoded(theirs)
			}
		}
		f.Add(id, values)
	}},
	{"junk in a number", Editor, func(f *Forger) {
		id, kv := f.ours()
		n := f.number(kv)
		key := numberKey(pick(f, "e", "h", "d", "k", "o"), n)
		f.Add(id, map[string]string{pick(f, key, key, numberKey("r", n)+".00", numberKey("s", n)+".00"): "junk"})
	}},
	{"all numbers", Editor, func(f *Forger) {
		id, _ := f.ours()
		f.useUp(id)
	}},
	{"a forged outcome", Editor, func(f *Forger) {
		id, kv := f.ours()
		if n := f.number(kv); kv[numberKey("e", n)] != "" {
			f.Add(id, f.outcome(kv, n, f.IntN(2) == 0))
		}
	}},
	{"another next page", Editor, func(f *Forger) {
		id, _ := f.ours()
		next, _ := f.any()
		f.Add(id, map[string]string{"next": pick(f, next, "nothing")})
	}},
	{"a replayed entry", Editor, func(f *Forger) {
		id, kv := f.ours()
		_, from := f.any()
		f.Add(id, renumbered(Slot(from, f.number(from)), pick(f, f.number(kv), max(free(kv), 1))))
	}},
	{"a forged page after ours", Editor, func(f *Forger) {
		id, kv := f.ours()
		next := f.following(id, kv, f.IntN(2) == 0)
		f.Add(id, map[string]string{"next": next})
		if f.IntN(2) == 0 {
			forged := f.Values(next)
			f.Anchor(anchorText(next, base(forged), headDigest(next, forged)))
		}
	}},
	{"a forged ledger with an anchor", Editor, func(f *Forger) {
		id := f.ledger(f.IntN(2) == 0)
		f.Anchor(anchorText(id, 0, headDigest(id, f.Values(id))))
		if f.IntN(2) == 0 {
			f.Point(registry.LedgerPlace{ID: f.Place().ID, First: id, Tail: pick(f, id, "")})
		}
	}},

	{"an edited value", Operator, func(f *Forger) {
		f.edit(func(kv map[string]string, key string) { kv[key] = other(kv[key]) })
	}},
	{"a removed value", Operator, func(f *Forger) {
		f.edit(func(kv map[string]string, key string) { delete(kv, key) })
	}},
	{"entries cut", Operator, func(f *Forger) {
		f.rewrite(func(id string, kv map[string]string) {
			first := f.number(kv)
			for n := first; n <= first+f.IntN(3); n++ {
				remove(kv, n)
			}
		})
	}},
	{"the end cut and continued", Operator, func(f *Forger) {
		f.rewrite(func(id string, kv map[string]string) {
			for n := f.number(kv); n <= base(kv)+pageEntries; n++ {
				remove(kv, n)
			}
			e := f.next(id, kv)
			e.key, e.ended = f.IntN(2) == 0, true
			if e.number != 0 {
				maps.Copy(kv, f.entry(kv, e))
			}
		})
	}},
	{"two entries swapped", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			n, m := f.number(kv), f.number(kv)
			one, two := Slot(kv, n), Slot(kv, m)
			remove(kv, n)
			remove(kv, m)
			maps.Copy(kv, renumbered(one, m))
			maps.Copy(kv, renumbered(two, n))
		})
	}},
	{"an entry moved to another number", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			n, m := f.number(kv), free(kv)
			if m != 0 {
				entry := Slot(kv, n)
				remove(kv, n)
				maps.Copy(kv, renumbered(entry, m))
			}
		})
	}},
	{"signatures swapped", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			n, m := f.number(kv), f.number(kv)
			one, two := numberKey(pick(f, "k", "o"), n), numberKey(pick(f, "k", "o"), m)
			kv[one], kv[two] = orNone(kv[two]), orNone(kv[one])
		})
	}},
	{"a signature in another form", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			key := pick(f, "sig", numberKey("k", f.number(kv)), numberKey("o", f.number(kv)))
			if kv[key] != "" {
				kv[key] = f.encoded(kv[key])
			}
		})
	}},
	{"no signatures", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			for key := range kv {
				if key == "sig" || strings.Contains("ko", key[:1]) && numberOf(key) != 0 {
					delete(kv, key)
				}
			}
		})
	}},
	{"an outcome removed", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			n := f.number(kv)
			delete(kv, numberKey("d", n))
			delete(kv, numberKey("o", n))
		})
	}},
	{"an outcome replaced", Operator, func(f *Forger) {
		f.rewrite(func(_ string, kv map[string]string) {
			if n := f.number(kv); kv[numberKey("e", n)] != "" {
				maps.Copy(kv, f.outcome(kv, n, f.IntN(2) == 0))
			}
		})
	}},
	{"an entry replaced", Operator, func(f *Forger) {
		f.rewrite(func(id string, kv map[string]string) {
			digests, numbers := ends(id, kv)
			i := f.IntN(len(digests))
			n := numbers[i] + 1
			remove(kv, n)
			maps.Copy(kv, f.entry(kv, forged{number: n, prev: digests[i], key: f.IntN(2) == 0, ended: f.IntN(3) > 0}))
		})
	}},
	{"a page rewritten", Operator, func(f *Forger) {
		key := f.IntN(2) == 0
		f.rewrite(func(id string, kv map[string]string) { f.rebuild(id, kv, key) })
	}},
	{"two pages swapped", Operator, func(f *Forger) {
		one, ones := f.ours()
		two, twos := f.any()
		f.Replace(one, twos)
		f.Replace(two, ones)
	}},
	{"another page's values", Operator, func(f *Forger) {
		id, _ := f.ours()
		_, kv := f.any()
		if f.IntN(2) == 0 {
			kv["model"] = f.Model
		}
		f.Replace(id, kv)
	}},
	{"a page removed", Operator, func(f *Forger) {
		if id, _ := f.ours(); f.IntN(3) == 0 {
			f.Remove(id)
		}
	}},
}

// append adds a forged entry to one of our pages. change can make it something other than an unsigned claim.
func (f *Forger) append(change func(*forged)) {
	id, kv := f.ours()
	e := f.next(id, kv)
	if e.number == 0 {
		return
	}
	change(&e)
	f.Add(id, f.entry(kv, e))
}

// ledger creates a forged ledger of one to three entries, and returns the id of its page.
func (f *Forger) ledger(key bool) string {
	id, first := f.Begin(), ""
	if key {
		first = id
	}
	kv := f.head(id, 0, "", "", first)
	f.fill(id, kv, key)
	f.Add(id, kv)
	return id
}

// following creates a forged page of one to three entries that claims to follow the given page.
func (f *Forger) following(id string, kv map[string]string, key bool) string {
	digests, _ := ends(id, kv)
	next, ledger := f.Begin(), ""
	if key {
		ledger = kv["ledger"]
	}
	values := f.head(next, base(kv)+pageEntries, digests[len(digests)-1], id, ledger)
	f.fill(next, values, key)
	f.Add(next, values)
	return next
}

// fill adds one to three forged entries to the values of a page.
func (f *Forger) fill(id string, kv map[string]string, key bool) {
	for n := range 1 + f.IntN(3) {
		e := f.next(id, kv)
		e.key, e.ended = key, n == 0 || f.IntN(3) > 0
		if maps.Copy(kv, f.entry(kv, e)); !e.ended {
			return
		}
	}
}

// rebuild forges a whole page from scratch. Any attacker who has this program can do so, even without a key that the
// policy lists.
func (f *Forger) rebuild(id string, kv map[string]string, key bool) {
	ledger := ""
	if key {
		ledger = kv["ledger"]
	}
	head := f.head(id, base(kv), strings.TrimPrefix(kv["prev"], none), strings.TrimPrefix(kv["prior"], none), ledger)
	entries := 0
	for n := base(kv) + 1; n <= base(kv)+pageEntries; n++ {
		if kv[numberKey("e", n)] != "" {
			entries++
		}
	}
	clear(kv)
	maps.Copy(kv, head)
	for range max(entries, 1) {
		if e := f.next(id, kv); e.number != 0 {
			e.key, e.ended = key, true
			maps.Copy(kv, f.entry(kv, e))
		}
	}
}

// rewrite changes the values on one of our pages.
func (f *Forger) rewrite(change func(id string, kv map[string]string)) {
	id, kv := f.ours()
	change(id, kv)
	f.Replace(id, kv)
}

// edit changes one value on one of our pages.
func (f *Forger) edit(change func(kv map[string]string, key string)) {
	f.rewrite(func(_ string, kv map[string]string) {
		if keys := slices.Sorted(maps.Keys(kv)); len(keys) > 0 {
			change(kv, keys[f.IntN(len(keys))])
		}
	})
}

// remove removes all values that are stored under a number.
func remove(kv map[string]string, n int) {
	for key := range kv {
		if numberOf(key) == n {
			delete(kv, key)
		}
	}
}

// encoded returns a signature that is either unchanged, truncated or encoded differently.
func (f *Forger) encoded(signature string) string {
	fingerprint, text, _ := strings.Cut(signature, "|")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < 2 {
		return signature
	}
	return pick(
		f, signature, strings.TrimRight(signature, "="), strings.ToUpper(fingerprint)+"|"+text,
		fingerprint+"|"+base64.URLEncoding.EncodeToString(raw),
		fingerprint+"|"+base64.StdEncoding.EncodeToString(raw[1:]), text, signature+"=",
	)
}

// Claim stores an unsigned claim on the newest page of the ledger.
func (f *Forger) Claim() {
	id := f.Ours()[len(f.Ours())-1]
	kv := f.Values(id)
	f.Add(id, f.entry(kv, f.next(id, kv)))
}

// Entry adds an entry that is as well made as the forger's key allows. It is claimed by the given run, and stays open
// unless ended is true.
func (f *Forger) Entry(claimant string, ended bool) {
	id := f.Ours()[len(f.Ours())-1]
	kv := f.Values(id)
	e := f.next(id, kv)
	e.key, e.ended, e.claimant, e.at = true, ended, claimant, f.Now
	f.Add(id, f.entry(kv, e))
}

// UseUp stores junk under every free number on the newest page of the ledger.
func (f *Forger) UseUp() { f.useUp(f.Ours()[len(f.Ours())-1]) }

func (f *Forger) useUp(id string) {
	kv, junk := f.Values(id), map[string]string{}
	for n := base(kv) + 1; n <= base(kv)+pageEntries; n++ {
		if len(Slot(kv, n)) == 0 {
			junk[numberKey("h", n)] = "junk"
		}
	}
	f.Add(id, junk)
}
