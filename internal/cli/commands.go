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
	args        []string // inputs that may stand behind the command by themselves, on a laptop; target is an alias or a stage
	read        func(*reader)
	run         func(*session, context.Context)
}

func commands() []command {
	return []command{
		{name: "promote", summary: "register the candidate, judge it, and move alias and/or stage to it", writes: true, judges: true, needsTarget: true, read: (*reader).candidateInputs, run: (*session).promote},
		{name: "register", summary: "make the candidate a version of the model; the same run and artifact twice is the same version", writes: true, read: (*reader).candidateInputs, run: (*session).register},
		{name: "validate", summary: "judge the candidate; writes nothing and needs read rights only", judges: true, read: (*reader).candidateInputs, run: (*session).validate},
		{name: "alias", summary: "set or remove aliases that no gate guards, such as challenger or shadow, several in one step", writes: true, adopts: true, read: (*reader).aliasInputs, run: (*session).alias},
		{name: "rollback", summary: "back to the last good holder of alias and/or stage, or to the version named by candidate; what is left is put on hold", writes: true, needsTarget: true, read: (*reader).rollbackInputs, run: (*session).rollback},
		{name: "history", summary: "who moved what, when, on what evidence; what was live at a time; whether the records hold together", read: (*reader).historyInputs, run: (*session).history},
		{name: "doctor", summary: "reach the server and say what it is and can do; writes only with repair or reset-ledger", read: (*reader).doctorInputs, run: (*session).doctor},
		{name: "compare", summary: "show the candidate and another version side by side: metrics, parameters, datasets, signature; writes nothing", read: (*reader).compareInputs, run: (*session).compare},
		{name: "lineage", summary: "show what one version came from and where it went: data, code, run, files, aliases, stage, promotions, deployment; writes nothing", args: []string{"model", "candidate"}, read: (*reader).lineageInputs, run: (*session).lineage},
		{name: "audit", summary: "the whole registry against the audit rules: what is live and cannot be loaded, traced, gone back to, or never passed; writes nothing", read: (*reader).auditInputs, run: (*session).audit},
		{name: "policy check", summary: "say what is wrong with the policy file, without a server", offline: true, args: []string{"policy-file"}, read: func(*reader) {}, run: (*session).policyCheck},
		{name: "policy explain", summary: "say what applies to a model and a target, and from which line, without a server", offline: true, needsTarget: true, args: []string{"model", "target"}, read: (*reader).explainInputs, run: (*session).policyExplain},
		{name: "policy test", summary: "judge the facts in a folder of small files and compare with the verdicts they expect, without a server", offline: true, args: []string{"policy-tests"}, read: (*reader).policyTestInputs, run: (*session).policyTest},
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
