package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
)

// defaultExperiment exists on every server and has no creator, so it shows what a login without a grant may do with any
// experiment.
const defaultExperiment = "0"

// ledgerAccess finds out who may edit the model's promotion ledger, and which grant another team needs to write to it.
func (p *probe) ledgerAccess(ctx context.Context) {
	home, begun, err := runstore.New(p.c).Experiment(ctx, runstore.LedgerExperiment)
	if err != nil {
		p.server.Ledger.Guard = "unknown: " + mlflow.Short(err)
		return
	}
	// without a ledger, there is nothing that anyone could edit
	if mlflow.Pairs(home.Experiment.Tags)[runstore.TagUnfit] != "" {
		return
	}
	p.server.Ledger.Guard = p.editProtection(ctx)
	if _, logins := p.server.Login.Get(); !logins || !begun {
		return
	}
	id := home.Experiment.ID
	p.server.Ledger.Grants = format.Lines(
		p.c.Grants("", mlflow.ModelResource(p.model), mlflow.RightEdit) + p.c.Grants(
			"",
			mlflow.ExperimentResource(id),
			mlflow.RightEdit,
		),
	)
	if may, known := p.c.MayEdit(ctx, id); known && !may {
		p.server.Warnings = append(
			p.server.Warnings,
			fmt.Sprintf(
				"the login %s may not write promotion ledgers, so its promotions run without a lock or record; ask "+
					"the creator of the ledgers or an administrator to grant it: %s",
				cmp.Or(p.c.Login, "USER"),
				strings.Join(format.Lines(p.c.Grants(p.c.Login, mlflow.ExperimentResource(id), mlflow.RightEdit)), " "),
			),
		)
	}
}

// editProtection says whether other logins can edit ledgers. Edits are always detected, and servers with separate
// logins also prevent them.
func (p *probe) editProtection(ctx context.Context) string {
	const evident = "tamper-evident only: "
	login, known := p.server.Login.Get()
	switch {
	case p.server.Login.IsAbsent():
		return evident + "this server has no logins, so anyone who can reach it may edit runs; history shows an " +
			"edit, and the next promotion stops"
	case !known:
		return "unknown: " + p.server.Login.Why()
	case login.Admin:
		return "tamper-resistant if the server's default_permission is READ or less; doctor cannot read that setting " +
			"as an administrator, who can always edit runs"
	case login.Experiments[defaultExperiment] != "":
		return "unknown: this login has its own permission on experiment 0, which hides the default one"
	}
	switch may, known := p.c.MayEdit(ctx, defaultExperiment); {
	case !known:
		return "unknown: the server does not say what a login may do without a grant"
	case may:
		return evident + "every login may edit runs (the server's default_permission is EDIT or more); history shows " +
			"an edit, and the next promotion stops"
	}
	return "tamper-resistant: other logins may read but not edit it, except administrators and logins with a grant"
}
