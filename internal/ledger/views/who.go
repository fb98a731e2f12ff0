package views

import "github.com/mlflow-promote/mlflow-promote/internal/ledger"

// Who names in a few words the user who ran a command: the actor of the workflow run and, if different, the user who
// started it. Outside a workflow, it names the operating system user and the MLflow user. It returns "" if neither is
// known.
func Who(o ledger.Origin) string {
	switch {
	case o.Actor != "" && o.Initiator != "" && o.Initiator != o.Actor:
		return o.Actor + " (started by " + o.Initiator + ")"
	case o.Actor != "":
		return o.Actor
	case o.OSUser != "" && o.Login != "" && o.OSUser != o.Login:
		return o.OSUser + " (system user), " + o.Login + " (MLflow login)"
	case o.OSUser != "":
		return o.OSUser + " (system user)"
	case o.Login != "":
		return o.Login + " (MLflow login)"
	}
	return ""
}
