package cli

import "context"

// command is one row of the command table. Which inputs it looks at is said by them, see Input.For.
type command struct {
	name        string
	summary     string
	writes      bool // may change the registry, so it is guarded by where it runs
	judges      bool // by thresholds and policy
	adopts      bool // must know the policy, without judging by it
	offline     bool // asks nothing of a server
	needsTarget bool
	example     []string // arguments behind the command
	args        []string // inputs that may stand behind the command by themselves, on a laptop; target is an alias or a stage
	read        func(*reader)
	run         func(*session, context.Context)
}

func commands() []command {
	return []command{
		{name: "promote", summary: "register the candidate, judge it, and move alias and/or stage to it", writes: true, judges: true, needsTarget: true, example: []string{"--model", "churn", "--candidate", "runs:/RUN_ID/model", "--alias", "champion", "--thresholds", "test_accuracy >= 0.85"}, read: (*reader).candidateInputs, run: (*session).promote},
		{name: "register", summary: "make the candidate a version of the model; the same run and artifact twice is the same version", writes: true, example: []string{"--model", "churn", "--candidate", "runs:/RUN_ID/model", "--tags", "team=growth"}, read: (*reader).candidateInputs, run: (*session).register},
		{name: "validate", summary: "judge the candidate; writes nothing and needs read rights only", judges: true, example: []string{"--model", "churn", "--candidate", "models:/churn/7", "--alias", "champion", "--thresholds", "test_f1 >= champion"}, read: (*reader).candidateInputs, run: (*session).validate},
		{name: "alias", summary: "set or remove aliases that no gate guards, such as challenger or shadow, several in one step", writes: true, adopts: true, example: []string{"--model", "churn", "--alias", "challenger=7", "--alias", "shadow=none"}, read: (*reader).aliasInputs, run: (*session).alias},
		{name: "rollback", summary: "back to the last good holder of alias and/or stage, or to the version named by candidate; what is left is put on hold", writes: true, needsTarget: true, example: []string{"--model", "churn", "--alias", "champion", "--dry-run"}, read: (*reader).rollbackInputs, run: (*session).rollback},
		{name: "history", summary: "who moved what, when, on what evidence; what was live at a time; whether the records hold together", example: []string{"--model", "churn", "--at", "2026-05-03"}, read: (*reader).historyInputs, run: (*session).history},
		{name: "doctor", summary: "reach the server and say what it is and can do; writes only with repair or reset-ledger", example: []string{"--model", "churn"}, read: (*reader).doctorInputs, run: (*session).doctor},
		{name: "compare", summary: "show the candidate and another version side by side: metrics, parameters, datasets, signature; writes nothing", example: []string{"--model", "churn", "--candidate", "models:/churn/7", "--against", "champion"}, read: (*reader).compareInputs, run: (*session).compare},
		{name: "lineage", summary: "show what one version came from and where it went: data, code, run, files, aliases, stage, promotions, deployment; writes nothing", args: []string{"model", "candidate"}, example: []string{"churn", "models:/churn@champion"}, read: (*reader).lineageInputs, run: (*session).lineage},
		{name: "audit", summary: "the whole registry against the audit rules: what is live and cannot be loaded, traced, gone back to, or never passed; writes nothing", example: []string{"--baseline-file", "audit.json", "--fail-on", "high", "--html-file", "audit.html"}, read: (*reader).auditInputs, run: (*session).audit},
		{name: "policy check", summary: "say what is wrong with the policy file, without a server", offline: true, args: []string{"policy-file"}, example: []string{"promote.yml"}, read: func(*reader) {}, run: (*session).policyCheck},
		{name: "policy explain", summary: "say what applies to a model and a target, and from which line, without a server", offline: true, needsTarget: true, args: []string{"model", "target"}, example: []string{"churn", "champion"}, read: (*reader).explainInputs, run: (*session).policyExplain},
		{name: "policy test", summary: "judge the facts in a folder of small files and compare with the verdicts they expect, without a server", offline: true, args: []string{"policy-tests"}, example: []string{"policy-tests"}, read: (*reader).policyTestInputs, run: (*session).policyTest},
	}
}

func commandNames() []string {
	return []string{"promote", "register", "validate", "alias", "rollback", "history", "doctor", "compare", "lineage", "audit", "policy check", "policy explain", "policy test"}
}

func commandNamed(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}
