package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// defaultExperiment exists on every server and has no creator, so it shows what a login without a grant is allowed to
// do with any experiment.
const defaultExperiment = "0"

// Ledger finds out where the promotion ledger of the model is, who may edit it, and what another login needs to write
// to it. It adds this to the server. used is the id of the experiment that contains the ledger, or "" if there is no
// ledger. Ledger returns the experiment's name, with the login's right if the server has logins.
func Ledger(
	ctx context.Context, store runstore.Store, c *mlflow.Client, s *registry.Server, model, used string,
) string {
	if c.Dialect.Ledger.Given() {
		return used
	}
	p := &probe{c: c, model: model, server: *s}
	home, _, err := store.Experiment(ctx, store.HomeName())
	if err != nil && registry.ReasonOf(err) != registry.Forbidden {
		s.Ledger.Guard = "unknown: " + mlflow.Short(err)
		return used
	}
	// there is nothing to edit without a ledger
	if mlflow.Pairs(home.Experiment.Tags)[runstore.TagUnfit] != "" {
		return store.HomeName()
	}
	s.Ledger.Guard = p.editProtection(ctx)
	_, logins := s.Login.Get()
	right := access{}
	if logins && home.Experiment.ID != "" {
		right.may, right.known = c.MayEdit(ctx, home.Experiment.ID)
	}
	id, name := home.Experiment.ID, store.HomeName()
	s.Ledger.Home = p.homeRight(id, name, right, err)
	if used != "" && used != id {
		id, name = used, used
		if e, err := store.ExperimentWithID(ctx, used); err == nil {
			name = e.Experiment.Name
		}
		if logins {
			right.may, right.known = c.MayEdit(ctx, id)
		}
	}
	if !logins || id == "" {
		return name
	}
	grant := func(login string) string { return c.Grants(login, mlflow.ExperimentResource(id), mlflow.RightEdit) }
	s.Ledger.Grants = format.Lines(c.Grants("", mlflow.ModelResource(model), mlflow.RightEdit) + grant(""))
	switch {
	case used == "" || !right.known:
		return name
	case right.may:
		return name + ", to which this login may write"
	}
	s.Warnings = append(s.Warnings, fmt.Sprintf(
		"the login %s is not allowed to write to the experiment %s, which contains the ledger of %s, so its "+
			"promotions are refused; ask the experiment's creator or an administrator to grant the permission: %s",
		cmp.Or(c.Login, "USER"), name, model, strings.Join(format.Lines(grant(c.Login)), " "),
	))
	return name + ", to which this login is not allowed to write"
}

// access describes whether the login may write to an experiment.
type access struct{ may, known bool }

// homeRight describes whether new ledgers of this login begin in the home experiment. err is the error from reading
// that experiment.
func (p *probe) homeRight(id, name string, right access, err error) string {
	_, logins := p.server.Login.Get()
	switch {
	case err == nil && id == "":
		return name + ": does not exist yet; the first promotion creates it"
	case err == nil && !logins:
		return name
	case err == nil && !right.known:
		return name + ": the server does not say whether this login may write to it"
	case err == nil && right.may:
		return name + ": this login may write to it"
	}
	own := runstore.OwnName(p.server.Login.OrZero().User)
	if own == runstore.LedgerExperiment {
		own += " with a random suffix"
	}
	return name + ": this login is not allowed to write to it, so its new ledgers begin in " + own
}

// editProtection describes whether other logins can edit ledgers. Edits are always detected, and servers with separate
// logins also prevent them.
func (p *probe) editProtection(ctx context.Context) string {
	const evident = "tamper-evident only: "
	login, known := p.server.Login.Get()
	switch {
	case p.server.Login.IsAbsent():
		return evident + "this server has no logins, so anyone who can reach it may edit runs; the `history` " +
			"command shows the edit, and the next promotion stops"
	case !known:
		return "unknown: " + p.server.Login.Why()
	case login.Admin:
		return "tamper-resistant if the server's default_permission is READ or less; doctor cannot read that setting " +
			"when it runs as an administrator, who can always edit runs"
	case login.Experiments[defaultExperiment] != "":
		return "unknown: this login has its own permission on experiment 0, which hides the default one"
	}
	switch may, known := p.c.MayEdit(ctx, defaultExperiment); {
	case !known:
		return "unknown: the server does not say what a login may do without a grant"
	case may:
		return evident + "every login may edit runs (the server's default_permission is EDIT or more); the `history` " +
			"command shows the edit, and the next promotion stops"
	}
	return "tamper-resistant: other logins may read but not edit it, except administrators and logins with a grant"
}
