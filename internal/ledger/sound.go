package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Sound is the part of a ledger that can be trusted.
type Sound struct {
	Chain  Chain  // the entries before the first break
	Exists bool   // whether there is a ledger, or a sign that there once was one
	Broken string // why the ledger cannot be trusted, and from which entry; "" if all of it can
}

// LoadSound reads the whole ledger of a model and checks it (see History.Check). It fails if the ledger cannot be read.
func LoadSound(ctx context.Context, r Reader, model registry.Model, versions []registry.Version) (Sound, error) {
	h, err := Load(ctx, r)
	h, err = h.Anchored(ctx, r, model.Tags, err)
	switch {
	case registry.ReasonOf(err) == registry.LedgerLost:
		why := strings.TrimPrefix(err.Error(), "read promotion ledger of "+model.Name+": ")
		return Sound{Exists: true, Broken: why}, nil
	case err != nil:
		return Sound{}, err
	}
	out := Sound{Chain: h.Chain(r), Exists: len(h.Pages) > 0}
	b := h.Check(model.Tags, versions...)
	if b == nil {
		return out, nil
	}
	out.Exists, out.Broken = true, b.Why
	if b.Epoch > 0 {
		out.Broken = fmt.Sprintf("entry %d: %s", b.Epoch, b.Why)
		out.Chain.Entries = h.Entries[:min(len(h.Entries), b.Epoch-1)]
	}
	return out, nil
}
