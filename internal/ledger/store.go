package ledger

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Store is what the daily work of a ledger needs. Errors carry a registry.Reason: Conflict means that a key has another
// value and nothing was stored, Unknown that the values may be stored or may still be, any other that they are not.
type Store interface {
	// Locate finds the ledger of a model; the zero Place says that there is none.
	Locate(ctx context.Context, model string) (Place, error)
	// Read returns all values of a page. A page that was deleted is an error with reason LedgerLost.
	Read(ctx context.Context, page string) (map[string]string, error)
	// Write stores all values or none; a key that has a value keeps it.
	Write(ctx context.Context, page string, values map[string]string) error
}

// Founder is what a Store needs beside, once per model and once per full page.
type Founder interface {
	// Page makes an empty page.
	Page(ctx context.Context, model string) (page string, err error)
	// Found makes page the first of the model's ledger, unless there is one; it returns the one there is.
	Found(ctx context.Context, model, page string) (Place, error)
	// Refound makes page the first of the model's ledger, whatever was there.
	Refound(ctx context.Context, model, page string) (Place, error)
	// Reopen restores what holds the pages of all models where somebody deleted it, and reports whether it did.
	Reopen(ctx context.Context) (reopened bool, err error)
	// Tail leaves a hint where the newest page is.
	Tail(ctx context.Context, p Place, page string) error
	// Anchor notes on the registered model that it has a ledger.
	Anchor(ctx context.Context, model, text string) error
	// Drop removes a page that nothing names.
	Drop(ctx context.Context, page string) error
	// Unfit notes that the server cannot keep ledgers, so that the next Page is refused without a try.
	Unfit(ctx context.Context, why string) error
}

// Place is where a model's ledger is.
type Place = registry.LedgerPlace

func lost(model, why string) error {
	return &registry.Error{
		Reason: registry.LedgerLost, Msg: "read promotion ledger of " + model + ": " + why,
		Hint: "nothing was moved. Restore what was deleted or edited (MLflow keeps deleted runs and experiments until they are purged), and look at the saved records with mlflow-promote history; " +
			"to begin a new ledger that says why: mlflow-promote doctor --model " + format.ShellWord(model) + " --reset-ledger REASON",
	}
}
