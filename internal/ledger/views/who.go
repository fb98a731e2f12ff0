package views

import "github.com/mlflow-promote/mlflow-promote/internal/ledger"

// Who says in a few words who ran a command: the actor of the workflow run, and the user who started the run if that
// was a different one. Outside a workflow, it names the users of the operating system and of MLflow. It returns "" if
// neither is known.
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
