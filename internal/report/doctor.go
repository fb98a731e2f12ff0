package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Doctor is the outcome of the command doctor.
func Doctor(r Run, server registry.Server) Outcome {
	headline := r.headline(func(r Run) Line {
		if r.Planned && r.Reason == registry.OK && !r.Dry {
			return line("Repaired: ", C(r.Plan.Model))
		}
		return line("Server: ", C(server.Address))
	})
	v := view{headline: headline, next: r.next()}
	d := append(r.opening(v), serverTable(server)...)
	out := r.closing(append(d, r.problem()...), v)
	out.Result.Server = serverResult(server)
	return out
}

func serverTable(s registry.Server) Doc {
	yes := func(b bool, no string) string {
		if b {
			return "yes"
		}
		return no
	}
	or := func(text, none string) string {
		if text == "" {
			return none
		}
		return text
	}
	models := strconv.Itoa(s.Models)
	if s.MoreModels {
		models = "more than " + models
	}
	t := Table{[]string{"what", "found"}, [][]Line{
		{line("MLflow version"), line(C(or(s.Version, "not told")))},
		{line("store"), line(or(s.Store, "not told") + ": " + s.StoreWhy)},
		{line("login"), line(loginText(s.Login)...)},
		{line("registered models this login sees"), line(models)},
		{line("aliases"), line(yes(s.Aliases, "no: they came with MLflow 2.3; a tag alias_<alias>=true stands for each"))},
		{line("logged models"), line(yes(s.LoggedModels, "no: they came with MLflow 3.0; run artifacts are used"))},
		{line("workspaces"), line(yes(s.Workspaces, "no"))},
		{line("artifacts"), line(s.Artifacts)},
	}}
	if s.Ledger.State != "" {
		t.Rows = append(t.Rows, []Line{line("promotion ledger"), line(C(s.Ledger.State))})
	}
	if s.Ledger.State != "" && s.Ledger.Guard != "" {
		t.Rows = append(t.Rows, []Line{line("who may edit it"), line(s.Ledger.Guard)})
	}
	d := Doc{t}
	var items []Line
	for _, w := range s.Warnings {
		items = append(items, line("warning: ", C(w)))
	}
	if len(items) > 0 {
		d = append(d, List{items})
	}
	if len(s.Ledger.Grants) > 0 {
		d = append(d, Para{line("So that another login, here ", C("USER"), ", may promote this model with the same ledger:")}, Code{"", strings.Join(s.Ledger.Grants, "\n")})
	}
	return d
}

// loginText says who the server takes us for and what was granted.
func loginText(known registry.Known[registry.Login]) []any {
	l, ok := known.Get()
	name := any(C(l.User))
	if l.User == "" {
		name = "a user name that is a credential, so it is not shown"
	}
	switch {
	case !ok:
		return []any{known.Why()}
	case l.Admin:
		return []any{name, ", an administrator"}
	case len(l.Rights) == 0:
		return []any{name, ", with the rights that everybody has"}
	}
	var rights []string
	for _, model := range slices.Sorted(maps.Keys(l.Rights)) {
		rights = append(rights, l.Rights[model]+" on "+model)
	}
	return []any{name, ", with ", C(short(strings.Join(rights, ", ")))}
}

// ServerResult is what doctor found.
type ServerResult struct {
	Address      string `json:"address"`
	Version      string `json:"version,omitempty"`
	Store        string `json:"store,omitempty"`
	Aliases      bool   `json:"aliases"`
	LoggedModels bool   `json:"logged_models"`
	Workspaces   bool   `json:"workspaces"`
	Models       int    `json:"models"`
	MoreModels   bool   `json:"more_models,omitempty"`

	ServerInfo bool              `json:"server_info"`
	StoreWhy   string            `json:"store_why,omitempty"`
	Artifacts  string            `json:"artifacts,omitempty"`
	User       string            `json:"user,omitempty"`
	Admin      bool              `json:"admin,omitempty"`
	Rights     map[string]string `json:"rights,omitempty"` // by registered model
	Dangling   []registry.Alias  `json:"dangling_aliases,omitempty"`
	Ledger     string            `json:"ledger,omitempty"`
	Guard      string            `json:"ledger_guard,omitempty"` // tamper-resistant or tamper-evident, and why
	Grants     []string          `json:"ledger_grants,omitempty"`
	Warnings   []string          `json:"warnings,omitempty"`
}

func serverResult(s registry.Server) *ServerResult {
	login := s.Login.OrZero()
	return &ServerResult{
		Address: s.Address, Version: s.Version, Store: s.Store, Aliases: s.Aliases, LoggedModels: s.LoggedModels,
		Workspaces: s.Workspaces, Models: s.Models, MoreModels: s.MoreModels, ServerInfo: s.ServerInfo, StoreWhy: s.StoreWhy,
		Artifacts: s.Artifacts, User: login.User, Admin: login.Admin, Rights: login.Rights, Dangling: s.Dangling, Warnings: s.Warnings,
		Ledger: s.Ledger.State, Guard: s.Ledger.Guard, Grants: s.Ledger.Grants,
	}
}
