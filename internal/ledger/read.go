package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// maxPages limits the number of pages that are read.
const maxPages = 10000

// read reads a page. It fails if an entry is not sound.
func (r Reader) read(ctx context.Context, id string) (page, error) {
	return r.readBefore(ctx, id, false)
}

// readBefore reads a page. signedFollows reports whether the page after it is signed.
func (r Reader) readBefore(ctx context.Context, id string, signedFollows bool) (page, error) {
	s, err := r.stored(ctx, id)
	if err != nil {
		return page{}, err
	}
	p, err := parse(r, s)
	if err != nil {
		return p, err
	}
	if b := p.unsound(signedFollows); b != nil {
		return p, lost(r.Model, fmt.Sprintf("entry %d: %s", b.Epoch, b.Why))
	}
	return p, nil
}

func (r Reader) stored(ctx context.Context, id string) (Saved, error) {
	kv, experiment, err := r.Store.Read(ctx, id)
	return Saved{Page: id, Experiment: experiment, Values: kv}, err
}

// notOurs reports whether something stored by an outsider may have caused the error. The login may lack permission to
// read it, and MLflow 3.17 sends the same error if the run does not exist.
func notOurs(err error) bool {
	var newer *NewerError
	reason := registry.ReasonOf(err)
	return reason == registry.LedgerLost || reason == registry.Forbidden || errors.As(err, &newer)
}

// after reads the page that comes after the given one. An outsider may have written a signed page's link to the next
// page, so the link may lead to something else. In this case, `there` is false, and after returns the given page with a
// note about the problem.
func (r Reader) after(ctx context.Context, before page) (p page, there bool, err error) {
	p, err = r.read(ctx, before.next)
	why := ""
	switch {
	case err != nil && (!before.signed() || !notOurs(err)):
		return p, false, err
	case err != nil:
		why = err.Error()
	case !p.follows(before):
		why = fmt.Sprintf("run %s does not follow from run %s", p.id, before.id)
	default:
		return p, true, nil
	}
	if !before.signed() {
		return p, false, lost(r.Model, why)
	}
	before.foreign = append(before.foreign, Foreign{Page: before.next, Why: "it is not the next page: " + why})
	before.blocked = true
	return before, false, nil
}

// before reads the page that comes before the given one.
func (r Reader) before(ctx context.Context, after page) (page, error) {
	if after.former != "" {
		r.Model = after.former
	}
	p, err := r.readBefore(ctx, after.prior, after.signed())
	if err == nil && !after.follows(p) {
		err = lost(r.Model, fmt.Sprintf("run %s does not follow from run %s", after.id, p.id))
	}
	return p, err
}

// entriesUntil returns the entries on the page. On a signed page, an entry that is still open has been superseded by
// the next page, after.
func (p page) entriesUntil(after page) []Entry {
	if e, open := p.open(); open && p.signed() {
		return append(slices.Clone(p.entries[:len(p.entries)-1]), e.superseded(after.at))
	}
	return p.entries
}
