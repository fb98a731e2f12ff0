package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/retry"
)

// anchor is the tag's value: the newest page when it was written.
type anchor struct {
	Page   string `json:"run"`
	Epoch  int    `json:"epoch"` // entries before that page
	Digest string `json:"sha256"`
}

func anchorText(p page) string {
	text, _ := canonical.JSON(anchor{p.id, p.base, p.digest}) // three plain fields always encode
	return string(text)
}

// Check holds the view against what was noted elsewhere: the anchor on the registered model and the marks on its
// versions. A ledger that is gone, cut or replaced shows here.
func (l *Ledger) Check(v View, modelTags map[string]string, versions ...registry.Version) error {
	why := anchorFits(modelTags, v.page.last(), []page{v.page}, append(v.prior, v.page.prior))
	for _, version := range versions {
		if why == "" && v.Exists() {
			_, why = contradicts(v.place.First, v.page.last(), v.page.entries, version)
		}
	}
	if why != "" {
		return lost(l.Model, why)
	}
	return nil
}

// anchorFits says why the anchor does not belong to a ledger with so many entries, "" where it does. read are its pages
// that were read, passed the ids of others that lead to them; the anchor may be pages behind, since it is written after
// a new one.
func anchorFits(modelTags map[string]string, entries int, read []page, passed []string) string {
	text, anchored := modelTags[registry.TagAnchor]
	var a anchor
	switch {
	case !anchored && entries == 0:
		return ""
	case !anchored:
		return "the tag " + registry.TagAnchor + " of the registered model was removed"
	case len(read) == 0 || read[0].id == "":
		return "the tag " + registry.TagAnchor + " says that there is one, and its experiment is gone"
	case json.Unmarshal([]byte(text), &a) != nil || a.Page == "":
		return "the tag " + registry.TagAnchor + " of the registered model was edited"
	}
	for _, p := range read {
		switch {
		case p.id != a.Page:
		case p.digest != a.Digest || p.base != a.Epoch:
			return fmt.Sprintf("the head of page %s and the tag %s differ", p.id, registry.TagAnchor)
		default:
			return ""
		}
	}
	if slices.Contains(passed, a.Page) {
		return ""
	}
	return fmt.Sprintf("the tag %s names page %s, which the ledger does not lead to", registry.TagAnchor, a.Page)
}

// contradicts holds the mark on a version against the entries of the ledger that begins with the page first and ends
// with the entry last: it was written while the entry was open. It returns the first entry that is missing or another.
func contradicts(first string, last int, entries []Entry, version registry.Version) (epoch int, why string) {
	mark, ok := SummaryOf(version)
	if !ok || mark.Ledger != first {
		return 0, ""
	}
	if mark.Epoch > last {
		return last + 1, fmt.Sprintf("version %d was promoted by entry %d, and the ledger ends with entry %d", version.Number, mark.Epoch, last)
	}
	for _, e := range entries {
		if e.Epoch == mark.Epoch && e.RecordDigest() != mark.Sha256 {
			return e.Epoch, fmt.Sprintf("version %d was promoted by entry %d, which says something else now", version.Number, mark.Epoch)
		}
	}
	return 0, ""
}

// ID of the ledger itself: its first page.
func (v View) ID() string { return v.place.First }

// Ready returns a view whose page takes another entry: it founds the ledger where there is none and begins a new page
// where the last is full. moved is for the outcome of an open entry there, see Claim.
func (l *Ledger) Ready(ctx context.Context, v View, moved int) (View, error) {
	switch {
	case !v.Exists():
		return l.found(ctx, "")
	case len(v.page.entries) >= PageEntries:
		return l.turn(ctx, v, moved)
	case len(v.page.entries) == 0 && v.page.prior == "":
		return v, l.anchor(ctx, v.page) // whoever founded it may not have come this far
	}
	return v, nil
}

// found begins the ledger. Of several that do so at once one wins; the others drop their page and use that one.
func (l *Ledger) found(ctx context.Context, reset string) (View, error) {
	id, err := l.newPage(ctx, head(l.Model, 0, "", "", reset, nil))
	if err != nil {
		return View{}, err
	}
	if err := l.probe(ctx, id); err != nil {
		_ = l.Founder.Drop(ctx, id) // a spare page that stays is clutter, no harm
		return View{}, err
	}
	place, err := l.Founder.Found(ctx, l.Model, id)
	if err != nil {
		return View{}, err
	}
	if place.First != id {
		_ = l.Founder.Drop(ctx, id)
		return l.Look(ctx)
	}
	v := View{place: place}
	if err := v.follow(ctx, l, id); err != nil {
		return View{}, err
	}
	return v, l.anchor(ctx, v.page)
}

func (l *Ledger) anchor(ctx context.Context, p page) error {
	return l.insist(ctx, func() error { return l.Founder.Anchor(ctx, l.Model, anchorText(p)) })
}

func (l *Ledger) newPage(ctx context.Context, kv map[string]string) (string, error) {
	id, err := l.Founder.Page(ctx, l.Model)
	if err != nil {
		return "", err
	}
	return id, l.put(ctx, id, kv, func(got map[string]string) (bool, error) { return got[keyFormat] == kv[keyFormat], nil })
}

// probe finds out whether a batch is stored as a whole or not at all. A file store writes value after value: what
// looks like a claim there is none. It fails (500) where a database refuses (400), so what is stored tells, not the answer.
func (l *Ledger) probe(ctx context.Context, id string) error {
	parted := false
	err := retry.Persist(l.patience(ctx), func() error {
		refused := l.Store.Write(ctx, id, map[string]string{"a-probe": "1", keyFormat: "0"})
		got, err := l.Store.Read(ctx, id)
		if err != nil {
			return err
		}
		parted = refused == nil || got["a-probe"] != "" || got[keyFormat] != fmt.Sprint(Format)
		if parted || registry.ReasonOf(refused) == registry.Conflict {
			return nil
		}
		return refused
	})
	switch {
	case registry.ReasonOf(err) == registry.Unknown && !registry.MayLand(err): // nothing names this page yet
		return &registry.Error{Reason: registry.ServerError, Msg: err.Error(), Cause: err}
	case err != nil || !parted:
		return err
	}
	why := "this server stores the values of a batch one by one (a file store does)"
	_ = l.Founder.Unfit(ctx, why) // without the note the next run finds out again
	return &registry.Error{Reason: registry.Unsupported, Msg: "begin promotion ledger of " + l.Model + ": " + why, Hint: "give MLflow a database (--backend-store-uri sqlite:///mlflow.db is enough), or live with the weaker promise"}
}

// turn begins a new page. Its number is written into the old page once: of several that turn it, the first wins, and
// entries above the old page's last number count nowhere.
func (l *Ledger) turn(ctx context.Context, v View, moved int) (View, error) {
	old := v.page
	if e, open := old.open(); open {
		o, closed := closing(e, EntrySuperseded, registry.Conflict, moved, l.Now())
		if err := l.Store.Write(ctx, old.id, o); err != nil {
			return View{}, busy(l.Model, e, l.Now())
		}
		old.entries[len(old.entries)-1] = closed
	}
	id, err := l.newPage(ctx, head(l.Model, old.last(), old.end(), old.id, "", stateAfter(old)))
	if err != nil {
		return View{}, err
	}
	err = l.put(ctx, old.id, map[string]string{keyNext: id}, func(got map[string]string) (bool, error) { return got[keyNext] != "", nil })
	if err != nil {
		return View{}, err
	}
	next := View{place: v.place}
	if err := next.follow(ctx, l, old.id); err != nil {
		return View{}, err
	}
	if next.page.id != id {
		_ = l.Founder.Drop(ctx, id)
		return next, nil
	}
	_ = l.Founder.Tail(ctx, v.place, id) // a hint: without it the next reader follows one link more
	return next, l.anchor(ctx, next.page)
}

// stateAfter is what the entries up to the end of the page left each target at.
func stateAfter(p page) States {
	view := Chain{Entries: p.entries, Before: p.state}
	out := States{}
	leave := func(ref registry.Ref) {
		if state, ok := view.Left(ref); ok {
			out[ref] = state
		}
	}
	for ref := range p.state {
		leave(ref)
	}
	for _, e := range p.entries {
		for _, s := range slices.Concat(e.Record.Moves, e.Record.Outside) {
			leave(s.Ref)
		}
	}
	return out
}
