package auditrun

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/crawl"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// withLedgers adds to each model its promotion ledger and the versions named in it. places says where the ledgers are
// whose place is known.
func (a *Run) withLedgers(ctx context.Context, models []audit.Snapshot, places runstore.Ledgers) []audit.Snapshot {
	if !a.needs.Ledger {
		return models
	}
	var names []string
	for _, m := range models {
		if m.Unreadable == "" && a.mayHaveLedger(m) {
			names = append(names, m.Model.Name)
		}
	}
	next := func(values map[string]string) string { return ledger.Saved{Values: values}.Next() }
	store := runstore.ReadSeveral(ctx, a.Store, places, names, next)
	read := func(ctx context.Context, m audit.Snapshot) (audit.Snapshot, error) {
		return a.withLedger(ctx, m, store), nil
	}
	var out []audit.Snapshot
	for m := range parallel.Map(ctx, parallel.Values(models), parallelModels, read) {
		out = append(out, m)
	}
	if a.Rules.Scope != audit.ScopeAll { // otherwise all versions have been read
		a.addEarlier(ctx, out)
	}
	return out
}

// mayHaveLedger reports whether a model has a ledger, or a tag that names one.
func (a *Run) mayHaveLedger(m audit.Snapshot) bool {
	return m.NamesLedger() || a.ledgers.Has(m.Model.Name)
}

func (a *Run) withLedger(ctx context.Context, m audit.Snapshot, store ledger.Store) audit.Snapshot {
	m.Broken, m.EarlierVersions = "", nil
	switch {
	case m.Unreadable != "":
		return m
	case !a.mayHaveLedger(m):
		m.Ledger = registry.Absent[ledger.Chain]("this program has never promoted it")
		return m
	}
	reader := a.Ledger(m.Model.Name)
	reader.Store = store
	sound, err := ledger.LoadSound(ctx, reader, m.Model, m.Versions)
	switch {
	case err != nil:
		m.Ledger = registry.Unreadable[ledger.Chain](err.Error())
	case !sound.Exists:
		m.Ledger = registry.Absent[ledger.Chain]("there is none")
	default:
		m.Ledger, m.Broken = registry.Is(sound.Chain), sound.Broken
		m.EarlierVersions = map[int]registry.Known[registry.Version]{}
	}
	return m
}

// addEarlier reads the earlier versions that the ledgers name.
func (a *Run) addEarlier(ctx context.Context, models []audit.Snapshot) {
	wanted := map[string][]int{}
	for _, m := range models {
		if m.EarlierVersions != nil {
			wanted[m.Model.Name] = m.VersionsToRead()
		}
	}
	found := crawl.Versions(ctx, a.Client, wanted)
	for i, m := range models {
		if m.EarlierVersions != nil && len(found[m.Model.Name]) > 0 {
			models[i].EarlierVersions = found[m.Model.Name]
		}
	}
}

// manyLedgers is the number of ledgers from which on it takes fewer requests to list all ledgers again.
const manyLedgers = 20

// secondLedgers adds the ledgers to models that were read a second time. It does not use the first list of ledgers,
// because a ledger may have been replaced since.
func (a *Run) secondLedgers(ctx context.Context, models []audit.Snapshot) []audit.Snapshot {
	var places runstore.Ledgers
	if a.needs.Ledger && len(models) >= manyLedgers {
		places, _ = runstore.Founded(ctx, a.Client) // ledgers that are not listed are read one by one
	}
	return a.withLedgers(ctx, models, places)
}
