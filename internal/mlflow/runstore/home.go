package runstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// As returns the store for a login that may lack permissions on the home experiment. name returns the login's name, or
// "" if it is not known or must not be shown. nonce returns a string that other processes cannot guess.
func (p Store) As(name, nonce func() string) Store {
	p.login, p.nonce = name, nonce
	return p
}

// HomeName returns the name of the home experiment.
func (p Store) HomeName() string { return p.home }

// OwnName returns the name of the experiment in which a login begins ledgers if it may not write to the home
// experiment. If the name is taken or the login is not known, a suffix is added to it.
func OwnName(login string) string {
	if !plainLogin.MatchString(login) {
		return LedgerExperiment
	}
	return LedgerExperiment + "-" + login
}

// Page creates a run in the given experiment, or in the home experiment if none is given. If the login may not write
// there, Page creates an experiment of the login's own for the run, and returns that experiment's name as away.
func (p Store) Page(ctx context.Context, model, experiment string) (page, away string, err error) {
	const op = "begin promotion ledger"
	if experiment != "" {
		if page, err = p.createRun(ctx, model, experiment); registry.ReasonOf(err) == registry.Forbidden {
			err = lacking(p.c, op, err, mlflow.RightEdit, nameOf(ctx, p, experiment), experiment)
		}
		return page, "", err
	}
	id, err := p.openHome(ctx)
	if err == nil {
		page, err = p.createRun(ctx, model, id)
	}
	if registry.ReasonOf(err) != registry.Forbidden {
		return page, "", err
	}
	err = lacking(p.c, op, err, mlflow.RightEdit, p.home, id)
	away, own, ownErr := ownExperiment(ctx, p)
	switch {
	case registry.ReasonOf(ownErr) == registry.Forbidden:
		return "", "", err
	case ownErr != nil:
		return "", "", ownErr
	}
	page, err = p.createRun(ctx, model, own)
	return page, away, err
}

// plainLogin matches logins that can be part of an experiment's name.
var plainLogin = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._-]{0,99}$`)

// ownTries limits the number of names that are tried for the login's own experiment.
const ownTries = 5

// ownExperiment creates an experiment that only this login may write to. It never uses an existing experiment, even one
// whose name contains the login, because that experiment's creator may be able to write there too.
func ownExperiment(ctx context.Context, p Store) (name, id string, err error) {
	const op = "create experiment for promotion ledger"
	for try := range ownTries {
		name = OwnName(p.login())
		if name == LedgerExperiment || try > 0 {
			now := p.c.Registry.Meter().ServerTime.String()
			name += "-" + canonical.Digest("home/1", p.nonce(), now, fmt.Sprint(try))[:12]
		}
		var out struct {
			ID string `json:"experiment_id"`
		}
		r := rest.Request{
			Method: "POST", Path: mlflow.API + "experiments/create", Class: rest.Create, Expect: "experiment_id",
			Body: map[string]any{"name": name, "tags": []mlflow.Pair{{
				Key: "mlflow.note.content",
				Value: "Promotion ledgers, kept by mlflow-promote, of a login that may not write to the experiment " +
					p.home + ".",
			}}},
		}
		err = p.c.Registry.JSON(ctx, r, &out)
		switch {
		case err == nil:
			return name, out.ID, nil
		case mlflow.Unclear(err):
			// If the experiment was created but the response was lost, the experiment stays empty.
			if !p.c.BriefPause(ctx, try) {
				return "", "", mlflow.Explain(op, err)
			}
		case !mlflow.IsStatus(err, 400, "RESOURCE_ALREADY_EXISTS"):
			return "", "", mlflow.Explain(op, err)
		}
	}
	return "", "", mlflow.Explain(op, err)
}

// needsRead is the permission that a login needs to read a ledger.
const needsRead = "READ"

// explain is like mlflow.Explain, but also names the experiment and the missing permission.
func explain(c *mlflow.Client, op string, err error, right, name, id string) error {
	return lacking(c, op, mlflow.Explain(op, err), right, name, id)
}

// withoutLedger is the other way out, if a login may not use a ledger.
const withoutLedger = "or, to continue without a lock and a record, use `ledger: off`"

// lacking returns an error that names the permission that the login lacks, unless the login explains errors itself. It
// returns any other error unchanged. The experiment's name or id may be "".
func lacking(c *mlflow.Client, op string, err error, right, name, id string) error {
	var e *registry.Error
	if !errors.As(err, &e) || e.Reason != registry.Forbidden {
		return err
	}
	if mlflow.IsExplained(err) {
		return &registry.Error{
			Reason: registry.Forbidden, Msg: e.Msg, Detail: e.Detail, Cause: err, Hint: e.Hint + "; " + withoutLedger,
		}
	}
	hint := "ask its creator or an administrator to grant the login " + right + " on it"
	if id != "" {
		hint += ":" + c.Grants(c.Login, mlflow.ExperimentResource(id), right) + "\n    "
	} else {
		hint += "; "
	}
	return &registry.Error{
		Reason: registry.Forbidden, Detail: e.Detail, Cause: err,
		Msg: fmt.Sprintf(
			"%s: the login lacks the permission %s on the experiment %s (403)", op, right, cmp.Or(name, id),
		),
		Hint: hint + withoutLedger,
	}
}

// ExperimentWithID reads an experiment.
func (p Store) ExperimentWithID(ctx context.Context, id string) (e mlflow.ExperimentJSON, err error) {
	query := url.Values{"experiment_id": {id}}
	if err = mlflow.Get(ctx, p.c.Registry, mlflow.API+"experiments/get", query, "experiment", &e); err != nil {
		return e, explain(p.c, "find promotion ledger", err, needsRead, "", id)
	}
	p.names.Store(e.Experiment.ID, e.Experiment.Name)
	return e, nil
}

// Home returns the id of the home experiment, or "" if it does not exist.
func (p Store) Home(ctx context.Context) (string, error) {
	e, _, err := p.Experiment(ctx, p.home)
	return e.Experiment.ID, err
}

// openHome returns the id of the home experiment, which it creates if necessary.
func (p Store) openHome(ctx context.Context) (string, error) {
	e, ok, err := p.Experiment(ctx, p.home)
	if err == nil && !ok {
		look := func(ctx context.Context) (there bool, err error) {
			e, ok, err = p.Experiment(ctx, p.home)
			return ok, err
		}
		_, err = p.settling("create experiment "+p.home).Settle(ctx, func(int) error {
			body := map[string]any{"name": p.home}
			return p.c.Registry.JSON(
				ctx,
				rest.Request{Method: "POST", Path: mlflow.API + "experiments/create", Body: body, Class: rest.Write},
				nil,
			)
		}, look)
		if err == nil && !ok {
			_, err = look(ctx)
		}
	}
	switch {
	case err != nil:
		return "", err
	case !ok || e.Experiment.Stage == "deleted":
		return "", &registry.Error{
			Reason: registry.LedgerLost,
			Msg:    fmt.Sprintf("begin promotion ledger: the experiment %s is deleted", p.home),
			Hint:   "restore it in MLflow (MlflowClient().restore_experiment), before it is purged",
		}
	}
	if why := mlflow.Pairs(e.Experiment.Tags)[TagUnfit]; why != "" {
		return "", &registry.Error{
			Reason: registry.Unsupported,
			Msg:    "begin promotion ledger: " + why,
			Hint: fmt.Sprintf(
				"after moving MLflow to a database, remove the tag %s from the experiment %s",
				TagUnfit,
				p.home,
			),
		}
	}
	return e.Experiment.ID, nil
}
