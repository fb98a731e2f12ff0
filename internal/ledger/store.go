package ledger

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Store reads and writes the pages of ledgers. Each of its errors has a registry.Reason. Conflict means that a key
// already has a different value and nothing was stored. Unknown means that the values may or may not have been stored,
// or may still be. Any other reason means that nothing was stored.
type Store interface {
	// Locate finds the ledger of a model. It returns the zero Place if the model has no ledger.
	Locate(ctx context.Context, model string) (Place, error)
	// Home returns the id of the experiment in which new ledgers are kept, or "" if it does not exist.
	Home(ctx context.Context) (experiment string, err error)
	// Read returns all values on a page, and the id of the page's experiment. For a deleted page, it returns both
	// together with an error whose reason is LedgerLost.
	Read(ctx context.Context, page string) (values map[string]string, experiment string, err error)
	// AllPages returns the values on all the model's pages in an experiment, keyed by page id. It includes pages that
	// nothing points to. If experiment is "", it searches every experiment that may contain ledgers.
	AllPages(ctx context.Context, model, experiment string) (map[string]map[string]string, error)
	// Write stores either all values or none of them. A key that already has a value keeps it.
	Write(ctx context.Context, page string, values map[string]string) error
}

// Founder creates ledgers and pages. It is needed for a model's first page, and for a new page once the last one is
// full.
type Founder interface {
	// Page creates an empty page in the given experiment or, if experiment is "", in the one for new ledgers. If the
	// login is not allowed to write there, Page creates the page in the login's own experiment and returns that
	// experiment's name as away.
	Page(ctx context.Context, model, experiment string) (page, away string, err error)
	// Found makes the page the first one of the model's ledger, unless the model already has a ledger, and returns the
	// place of the ledger. The suffix is added to the ledger's name if the usual name has been taken.
	Found(ctx context.Context, model, suffix, page string) (Place, error)
	// Refound makes the page the first one of the model's ledger, even if the model already has a ledger.
	Refound(ctx context.Context, model, page string) (Place, error)
	// Reopen restores the experiment that contains all pages if it was deleted, and reports whether it was.
	Reopen(ctx context.Context) (reopened bool, err error)
	// Tail stores a hint about which page is the newest.
	Tail(ctx context.Context, p Place, page string) error
	// Tag sets a tag on the registered model, which requires permission to edit the model.
	Tag(ctx context.Context, model, key, value string) error
	// Tags returns the tags of the registered model.
	Tags(ctx context.Context, model string) (map[string]string, error)
	// Drop deletes a page that no other page refers to.
	Drop(ctx context.Context, page string) error
	// Unfit records that the server cannot store ledgers. From then on, Page fails without testing the server again.
	Unfit(ctx context.Context, why string) error
}

// Place is the location of a model's ledger.
type Place = registry.LedgerPlace

func lost(model, why string) error {
	return lostWith(
		model, why, "nothing was moved. Restore what was deleted or edited: MLflow keeps deleted runs and experiments "+
			"until they are purged. Compare with the saved records of mlflow-promote history. To start a new ledger "+
			"instead, run mlflow-promote doctor --model "+format.ShellWord(model)+" --reset-ledger REASON",
	)
}

// damaged returns the error for a signed ledger that can be repaired.
func damaged(model, why string) error {
	return lostWith(
		model, why, "nothing was moved. To continue the ledger after its last signed entry: "+
			"mlflow-promote ledger repair --model "+format.ShellWord(model)+"; all signed entries stay valid",
	)
}

// renamed returns the error for a signed ledger that belongs to a different model.
func renamed(model, why string) error {
	return lostWith(
		model, why, "nothing was moved. If the model was renamed, continue its ledger under the new name: "+
			"mlflow-promote ledger repair --model "+format.ShellWord(model)+" --renamed-from NAME",
	)
}

func lostWith(model, why, hint string) error {
	return &registry.Error{
		Reason: registry.LedgerLost, Msg: "read promotion ledger of " + model + ": " + why, Hint: hint,
	}
}
