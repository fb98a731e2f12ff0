package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Whole reads the ledger from its first page to its last and holds all of it together: each entry with the one before,
// and the whole with the anchor on the registered model and the marks on its versions. broken says where it does not
// hold; the entries returned are then those before. exists is false where there is none and nothing says that there was
// one. An error says that the ledger could not be read.
func (l *Ledger) Whole(ctx context.Context, modelTags map[string]string, versions ...registry.Version) (whole Chain, exists bool, broken string, err error) {
	place, err := l.Store.Locate(ctx, l.Model)
	var pages []Saved
	if err == nil && place.First != "" {
		if place.Deleted {
			return whole, true, "its experiment was deleted", nil
		}
		pages, err = l.History(ctx)
	}
	var b *Break
	if err == nil {
		whole.Entries, b, err = Verify(l.Model, pages)
	}
	switch {
	case registry.ReasonOf(err) == registry.LedgerLost:
		return whole, true, strings.TrimPrefix(err.Error(), "read promotion ledger of "+l.Model+": "), nil
	case err != nil:
		return whole, false, "", err
	case b == nil:
		b = Witnessed(l.Model, pages, modelTags, versions...)
	}
	if b == nil {
		return whole, place.First != "", "", nil
	}
	if b.Epoch == 0 {
		return whole, true, b.Why, nil
	}
	whole.Entries = whole.Entries[:min(len(whole.Entries), b.Epoch-1)]
	return whole, true, fmt.Sprintf("entry %d: %s", b.Epoch, b.Why), nil
}
