package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// DoctorOutcome is the outcome of the command doctor.
func DoctorOutcome(r Run, server registry.Server) Outcome {
	headline := r.headline(func(r Run) Line {
		if r.Planned && r.Reason == registry.OK && !r.Dry {
			return line("Repaired the aliases of ", C(r.Plan.Model))
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
	models := strconv.Itoa(s.Models)
	if s.MoreModels {
		models = "more than " + models
	}
	supported := func(yes bool, otherwise string) Line {
		if yes {
			return line("yes")
		}
		return line(otherwise)
	}
	t := Table{[]string{"what", "found"}, [][]Line{
		{line("MLflow version"), line(C(cmp.Or(s.Version, "unknown")))},
		{line("store"), line(cmp.Or(s.Store, "unknown") + ": " + s.StoreWhy)},
		{line("login"), loginLine(s.Login)},
		{line("registered models visible to this login"), line(models)},
		{line("aliases"), supported(s.Aliases, "no, they need MLflow 2.3; the tag alias_<alias>=true is used instead")},
		{line("logged models"), supported(s.LoggedModels, "no, they need MLflow 3.0; run artifacts are used instead")},
		{line("workspaces"), supported(s.Workspaces, "no")},
		{line("artifacts"), line(s.Artifacts)},
	}}
	if s.Ledger.State != "" {
		t.Rows = append(t.Rows, []Line{line("promotion ledger"), line(C(s.Ledger.State))})
		if s.Ledger.Guard != "" {
			t.Rows = append(t.Rows, []Line{line("who can edit the ledger"), line(s.Ledger.Guard)})
		}
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
		d = append(d,
			Para{line("To let another login, here ", C("USER"), ", promote this model with the same ledger:")},
			Code{"", strings.Join(s.Ledger.Grants, "\n")},
		)
	}
	return d
}

// loginLine says who the server takes the login for, and what the login may do.
func loginLine(known registry.Known[registry.Login]) Line {
	l, ok := known.Get()
	name := line(C(l.User))
	if l.User == "" {
		name = line("the user name is a credential and is not shown")
	}
	switch {
	case !ok:
		return line(known.Why())
	case l.Admin:
		return append(name, T(", an administrator"))
	case len(l.Rights) == 0:
		return append(name, T(", with the server's default permissions"))
	}
	var rights []string
	for _, model := range slices.Sorted(maps.Keys(l.Rights)) {
		rights = append(rights, l.Rights[model]+" on "+model)
	}
	return append(name, line(", with ", C(short(strings.Join(rights, ", "))))...)
}

// ServerResult is what doctor found, for programs.
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
		Address: s.Address, Version: s.Version, Store: s.Store, StoreWhy: s.StoreWhy, ServerInfo: s.ServerInfo,
		Aliases: s.Aliases, LoggedModels: s.LoggedModels, Workspaces: s.Workspaces, Artifacts: s.Artifacts,
		Models: s.Models, MoreModels: s.MoreModels, Dangling: s.Dangling,
		User: login.User, Admin: login.Admin, Rights: login.Rights,
		Ledger: s.Ledger.State, Guard: s.Ledger.Guard, Grants: s.Ledger.Grants, Warnings: s.Warnings,
	}
}
