package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Whole reads the ledger from its first page to its last and holds all of it together: each entry with the one before,
// and the whole with the anchor on the registered model and the marks on its versions. broken says where it does not
// hold; the entries returned are then those before. A model without a ledger, of which nothing else says that there was
// one, is the zero Ledger. An error says that the ledger could not be read.
func (l *Ledger) Whole(ctx context.Context, modelTags map[string]string, versions ...registry.Version) (whole registry.Ledger, exists bool, broken string, err error) {
	place, err := l.Store.Locate(ctx, l.Model)
	switch {
	case registry.ReasonOf(err) == registry.LedgerLost:
		return whole, true, l.why(err), nil
	case err != nil:
		return whole, false, "", err
	case place.Deleted:
		return whole, true, "its experiment was deleted", nil
	}
	v := View{place: place}
	if v.Exists() {
		pages, err := l.History(ctx)
		if err == nil {
			whole.Entries, broken, err = l.verified(&v, pages)
		}
		switch {
		case registry.ReasonOf(err) == registry.LedgerLost:
			return whole, true, l.why(err), nil
		case err != nil || broken != "":
			return whole, true, broken, err
		}
	}
	if err := l.Check(v, modelTags, versions...); err != nil {
		return whole, true, l.why(err), nil
	}
	return whole, v.Exists(), "", nil
}

// verified holds the pages together and leaves the last in the view.
func (l *Ledger) verified(v *View, pages []Saved) (entries []registry.Entry, broken string, err error) {
	entries, b, err := Verify(l.Model, pages)
	if err != nil {
		return entries, "", err
	}
	if b != nil {
		return entries[:max(0, min(len(entries), b.Epoch-1))], fmt.Sprintf("entry %d: %s", b.Epoch, b.Why), nil
	}
	for i, s := range pages {
		if i > 0 {
			v.prior = append(v.prior, pages[i-1].Page)
		}
		v.page, err = parse(l.Model, s.Page, s.Values)
	}
	return entries, "", err
}

// why is what a lost ledger's error says, without the name that the reader has before them.
func (l *Ledger) why(err error) string {
	return strings.TrimPrefix(err.Error(), "read promotion ledger of "+l.Model+": ")
}
