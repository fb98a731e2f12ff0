// Package dialect describes model registries that differ from MLflow's own.
//
// The rest of the program asks a [Dialect] what a registry can do, and never which product it is.
package dialect

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Dialect is how a registry differs from MLflow's own. The zero value is MLflow.
type Dialect struct {
	Name  string // of the product, as messages say it; "" for MLflow
	SetBy string // what sets the address, for hints
	// Prefix of the registry's paths below API.
	Prefix string
	// Bare is set if searches know no order, and of the filters only the name of the model. The rows come without tags
	// and aliases, and a model without its newest versions.
	Bare bool
	// Hosted is set if the server has only the API: no version, no features, no users and no routes for files.
	Hosted bool
	Files  string // path under which the files of versions are, by the parts of their names; "" if none exists
	// FilesOn is the endpoint that says whether Files is in use, and FilesKey the name of its answer.
	FilesOn, FilesKey string

	Levels int // number of parts in the name of a model, separated by dots; 0 accepts every name
	Tags   Tags
	Denied string // what to do if the login lacks a permission; "" for MLflow's own permissions

	Stages, Registration, Ledger, Workspaces Refusal
}

// Refusal says why a registry does not offer something, and what to do instead. The zero value offers it.
type Refusal struct{ Why, Instead string }

// Given reports whether the registry refuses.
func (r Refusal) Given() bool { return r.Why != "" }

// Err returns the error for an operation, or nil if the registry offers what the operation needs. The operation can be
// "" if the reason says enough.
func (r Refusal) Err(op string) error {
	if !r.Given() {
		return nil
	}
	if op != "" {
		op += ": "
	}
	return &registry.Error{Reason: registry.Unsupported, Msg: op + r.Why, Hint: r.Instead}
}

// Command returns an error if the registry cannot carry out the command at all.
func (d Dialect) Command(name string) error {
	switch name {
	case "register":
		return d.Registration.Err("register a version")
	case "import":
		return d.Ledger.Err("record what is live")
	}
	return nil
}

// API is the prefix of the paths of MLflow's API.
const API = "api/2.0/mlflow/"

// Path returns the path of one of the registry's endpoints.
func (d Dialect) Path(endpoint string) string { return API + d.Prefix + endpoint }

// At returns the dialect of the registry that an address belongs to, according to its path. It returns MLflow's for an
// address of the tracking server.
func At(address string) Dialect {
	if strings.Contains(address, "/"+UnityCatalog.Path("")) {
		return UnityCatalog
	}
	return Dialect{}
}

// Query returns the parameters of a search that the registry accepts.
func (d Dialect) Query(q url.Values) url.Values {
	if d.Bare {
		q = maps.Clone(q)
		q.Del("order_by")
		q.Del("max_results") // the server chooses the size of its pages
	}
	return q
}

// WrongName says what is wrong with the name of a model, or "".
func (d Dialect) WrongName(model string) string {
	levels := strings.Split(model, ".")
	if d.Levels == 0 || len(levels) == d.Levels && !slices.Contains(levels, "") {
		return ""
	}
	return "is not the name of a model in " + d.Name + "; write CATALOG.SCHEMA.MODEL"
}
