package cli

import (
	"context"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// commandFuncs maps each command to the function that runs it.
var commandFuncs = map[string]func(context.Context, *env) report.Outcome{
	"promote":        runPromote,
	"register":       runRegister,
	"validate":       runValidate,
	"alias":          runAlias,
	"rollback":       runRollback,
	"import":         runImport,
	"history":        runHistory,
	"doctor":         runDoctor,
	"compare":        runCompare,
	"export":         runExport,
	"lineage":        runLineage,
	"audit":          runAudit,
	"policy check":   runPolicyCheck,
	"policy explain": runPolicyExplain,
	"policy test":    runPolicyTest,
	"ledger keygen":  runLedgerKeygen,
	"ledger repair":  runLedgerRepair,
}
