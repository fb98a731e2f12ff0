package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// DoctorOutcome returns the outcome of the `doctor` command.
func DoctorOutcome(r Run, server registry.Server) Outcome {
	headline := r.headline(func(r Run) doc.Line {
		if r.Planned && r.Reason == registry.OK && !r.Dry {
			return doc.L("Repaired the aliases of ", doc.C(r.Plan.Model))
		}
		return doc.L("Server: ", doc.C(server.Address))
	})
	v := view{headline: headline, next: r.next()}
	d := append(r.opening(v), serverTable(server)...)
	out := r.closing(append(d, r.problem()...), v)
	out.Result.Server = serverResult(server)
	return out
}

func serverTable(s registry.Server) doc.Page {
	models := strconv.Itoa(s.Models)
	if s.MoreModels {
		models = "more than " + models
	}
	yes := map[bool]string{true: "yes"}
	const noLogged = "no, they need MLflow 3.0; run artifacts are used instead"
	const noAliases = "no, they need MLflow 2.3; the tag alias_<alias>=true is used instead"
	t := doc.Table{Head: []string{"what", "found"}, Rows: [][]doc.Line{
		doc.Row("MLflow version", doc.C(cmp.Or(s.Version, "unknown"))),
		doc.Row("store", cmp.Or(s.Store, "unknown")+": "+s.StoreWhy),
		doc.Row("login sent", cmp.Or(s.Sent, "none")),
		doc.Row("login", loginLine(s.Login)),
		doc.Row("registered models visible to this login", models),
		doc.Row("aliases", cmp.Or(yes[s.Aliases], noAliases)),
		doc.Row("logged models", cmp.Or(yes[s.LoggedModels], noLogged)),
		doc.Row("workspaces", cmp.Or(yes[s.Workspaces], "no")),
		doc.Row("artifacts", s.Artifacts),
	}}
	add := func(what, text string, found any) {
		if text != "" {
			t.Rows = append(t.Rows, doc.Row(what, found))
		}
	}
	for _, line := range s.Proxies {
		add("forward proxy", line, doc.C(line))
	}
	add("promotion ledger", s.Ledger.State, doc.C(s.Ledger.State))
	add("who can edit the ledger", s.Ledger.Guard, s.Ledger.Guard)
	add("experiment for new ledgers", s.Ledger.Home, doc.C(s.Ledger.Home))
	d := doc.Page{t}
	var items []doc.Line
	for _, w := range s.Warnings {
		items = append(items, doc.L("warning: ", doc.C(w)))
	}
	if len(items) > 0 {
		d = append(d, doc.List{Items: items})
	}
	if s.Policy != "" {
		d = append(d, doc.P("IAM policy from AWS's documentation, not tried on AWS:"), doc.Code{Text: s.Policy})
	}
	if len(s.Ledger.Grants) > 0 {
		d = append(d,
			doc.P("To let another login, here ", doc.C("USER"), ", promote this model with the same ledger:"),
			doc.Code{Text: strings.Join(s.Ledger.Grants, "\n")},
		)
	}
	return d
}

// loginLine describes the user that the server sees, and what that user may do.
func loginLine(known registry.Known[registry.Login]) doc.Line {
	l, ok := known.Get()
	name := doc.L(doc.C(l.User))
	if l.User == "" {
		name = doc.L("the user name is a credential and is not shown")
	}
	switch {
	case !ok:
		return doc.L(known.Why())
	case l.Admin:
		return append(name, doc.T(", an administrator"))
	case len(l.Rights) == 0:
		return append(name, doc.T(", with the server's default permissions"))
	}
	var rights []string
	for _, model := range slices.Sorted(maps.Keys(l.Rights)) {
		rights = append(rights, l.Rights[model]+" on "+model)
	}
	return append(name, doc.L(", with ", doc.C(short(strings.Join(rights, ", "))))...)
}

// ServerResult is what `doctor` found, in JSON.
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
	Sent       string            `json:"login_sent,omitempty"` // in words
	Policy     string            `json:"iam_policy,omitempty"`
	User       string            `json:"user,omitempty"`
	Admin      bool              `json:"admin,omitempty"`
	Rights     map[string]string `json:"rights,omitempty"` // keyed by registered model
	Dangling   []registry.Alias  `json:"dangling_aliases,omitempty"`
	Ledger     string            `json:"ledger,omitempty"`
	Guard      string            `json:"ledger_guard,omitempty"` // tamper-resistant or tamper-evident, with the reason
	Home       string            `json:"ledger_home,omitempty"`  // for new ledgers, with the login's permission
	Grants     []string          `json:"ledger_grants,omitempty"`
	Proxies    []string          `json:"proxies,omitempty"` // proxy variables, without credentials
	Warnings   []string          `json:"warnings,omitempty"`
}

func serverResult(s registry.Server) *ServerResult {
	login := s.Login.OrZero()
	return &ServerResult{
		Address: s.Address, Version: s.Version, Store: s.Store, StoreWhy: s.StoreWhy, ServerInfo: s.ServerInfo,
		Aliases: s.Aliases, LoggedModels: s.LoggedModels, Workspaces: s.Workspaces, Artifacts: s.Artifacts,
		Models: s.Models, MoreModels: s.MoreModels, Dangling: s.Dangling,
		Sent: s.Sent, Policy: s.Policy, User: login.User, Admin: login.Admin, Rights: login.Rights,
		Ledger: s.Ledger.State, Guard: s.Ledger.Guard, Home: s.Ledger.Home, Grants: s.Ledger.Grants,
		Proxies: s.Proxies, Warnings: s.Warnings,
	}
}
