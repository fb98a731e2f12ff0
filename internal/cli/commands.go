package cli

import "context"

// command is one row of the command table.
type command struct {
	name        string
	summary     string
	about       about
	writes      bool // may change the registry, so it is guarded by where it runs
	judges      bool
	needsTarget bool
	args        []string // inputs that may stand behind the command by themselves, on a laptop; target is an alias or a stage
	run         func(*session, context.Context)
}

// about says which inputs a command has.
type about int

const (
	aboutCandidate about = iota
	aboutServer
	aboutAliases
	aboutTarget
	aboutHistory
	aboutPolicy // the file alone, without a server
)

func commands() []command {
	return []command{
		{name: "promote", summary: "register the candidate, judge it, and move alias and/or stage to it", writes: true, judges: true, needsTarget: true, run: (*session).promote},
		{name: "register", summary: "make the candidate a version of the model; the same run and artifact twice is the same version", writes: true, run: (*session).register},
		{name: "validate", summary: "judge the candidate; writes nothing and needs read rights only", judges: true, run: (*session).validate},
		{name: "alias", summary: "set or remove aliases that no gate guards, such as challenger or shadow, several in one step", about: aboutAliases, writes: true, run: (*session).alias},
		{name: "rollback", summary: "back to the last good holder of alias and/or stage, or to the version named by candidate; what is left is put on hold", about: aboutTarget, writes: true, needsTarget: true, run: (*session).rollback},
		{name: "history", summary: "who moved what, when, on what evidence; what was live at a time; whether the records hold together", about: aboutHistory, run: (*session).history},
		{name: "doctor", summary: "reach the server and say what it is and can do; writes nothing", about: aboutServer, run: (*session).doctor},
		{name: "compare", summary: "show the candidate and another version side by side: metrics, parameters, datasets, signature; writes nothing", run: (*session).compare},
		{name: "policy check", summary: "say what is wrong with the policy file, without a server", about: aboutPolicy, args: []string{"policy-file"}, run: (*session).policyCheck},
		{name: "policy explain", summary: "say what applies to a model and a target, and from which line, without a server", about: aboutPolicy, args: []string{"model", "target"}, run: (*session).policyExplain},
		{name: "policy test", summary: "judge the facts in a folder of small files and compare with the verdicts they expect, without a server", about: aboutPolicy, args: []string{"policy-tests"}, run: (*session).policyTest},
	}
}

func commandNames() []string {
	return []string{"promote", "register", "validate", "alias", "rollback", "history", "doctor", "compare", "policy check", "policy explain", "policy test"}
}

func commandNamed(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}
