package cli

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
)

// jobWith returns the environment of a job on the default branch. changes are pairs of names and values that replace
// parts of it.
func jobWith(changes ...string) map[string]string {
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "$DIR", "GITHUB_EVENT_NAME": "workflow_dispatch",
		"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_SHA": strings.Repeat("a", 40),
		"GITHUB_REPOSITORY": "acme/wine", "GITHUB_ACTOR": "ann", "GITHUB_RUN_ID": "42",
		"GITHUB_SERVER_URL": "https://github.example", "GITHUB_API_URL": "https://" + gitHubHost,
		"GITHUB_EVENT_PATH": "$DIR/event.json", "GITHUB_OUTPUT": "$DIR/output", "GITHUB_STEP_SUMMARY": "$DIR/summary",
		"INPUT_GITHUB-TOKEN": "ghs-canary-github-1",
	}
	for i := 0; i < len(changes); i += 2 {
		env[changes[i]] = changes[i+1]
	}
	return env
}

// jobFiles returns the files of a job that was started by the given event.
func jobFiles(event string) map[string]string {
	return map[string]string{"event.json": event, "output": "", "summary": ""}
}

const (
	onMain   = `{"repository": {"default_branch": "main"}}`
	mergedPR = `{"action": "closed", "pull_request": {"merged": true, "base": {"ref": "release"}},
		"repository": {"default_branch": "main"}}`
)

// gitHubSays responds to requests to GitHub.
func gitHubSays(status int, body string) func(*http.Request) *http.Response {
	isGitHub := func(r *http.Request) bool { return r.URL.Host == gitHubHost }
	return onlyFor(isGitHub, answered(status, "application/json", body))
}

// Messages in jobs, about events, refs, approvals and links.
func TestMessages_InJobs(t *testing.T) {
	ofPull := []string{"GITHUB_REF", "refs/pull/3/merge", "GITHUB_REF_NAME", "3/merge"}
	merged := jobWith(append(ofPull, "GITHUB_EVENT_NAME", "pull_request")...)
	target := maps.Clone(merged)
	target["GITHUB_EVENT_NAME"] = "pull_request_target"
	push := "on: {push: {branches: [release]}}"
	for situation, m := range map[string]message{
		"a merged pull request": {
			files: jobFiles(mergedPR), env: merged, args: promoteGood,
			want:  []string{"the pull request was merged, but this event allows only dry runs", push},
			never: []string{"Would"},
		},
		"a merged pull request and a rollback": {
			files: jobFiles(mergedPR), env: merged, args: "rollback --model wine --alias champion",
			want: []string{"the pull request was merged, but this event allows only dry runs", push},
		},
		"a merged pull request and a registration": {
			files: jobFiles(mergedPR), env: merged, args: "register --model new --candidate runs:/good/model",
			want: []string{"the pull request was merged, but this event allows only dry runs", push},
		},
		"a merged pull request and an alias": {
			files: jobFiles(mergedPR), env: merged, args: "alias --model wine --assign shadow=1",
			want: []string{"the pull request was merged, but this event allows only dry runs", push},
		},
		"a merged pull request and an import": {
			files: jobFiles(mergedPR), env: merged, args: "import --model wine --justification x",
			want: []string{"the pull request was merged, but this event allows only dry runs", push},
		},
		"a merged pull request, pull_request_target": {
			files: jobFiles(mergedPR), env: target, args: promoteGood,
			want: []string{"it is never allowed to write", "push or workflow_dispatch to promote"},
		},
		"a pull request that was closed without a merge": {
			files: jobFiles(strings.Replace(mergedPR, `true`, `false`, 1)), env: merged, args: promoteGood,
			want: []string{"Would"}, never: []string{"was merged"},
		},
		"a dry run of a merged pull request": {
			files: jobFiles(mergedPR), env: merged, args: promoteGood + " --dry-run", want: []string{"Would promote"},
		},
		"approvers that may not be read": {
			files: jobFiles(onMain), env: jobWith(), args: promoteGood,
			answer: gitHubSays(403, `{"message": "Resource not accessible by integration"}`),
			want:   []string{"unknown: the job lacks the permission actions: read"},
			never:  []string{"Resource not accessible"},
		},
		"approvers of a private repository that may not be read": {
			files:  jobFiles(onMain),
			env:    jobWith(),
			args:   promoteGood,
			answer: gitHubSays(404, `{"message": "Not Found"}`),
			want:   []string{"approved by", "unknown", "actions: read"},
		},
		"approvers with a bad token": {
			files:  jobFiles(onMain),
			env:    jobWith(),
			args:   promoteGood,
			answer: gitHubSays(401, `{"message": "Bad credentials"}`),
			want:   []string{"approved by", "unknown", "Bad credentials"},
		},
		"approvers of a rollback": {
			before: []string{promoteGood}, files: jobFiles(onMain), env: jobWith(),
			args:   "rollback --model wine --alias champion --candidate models:/wine/1 --override ungated",
			answer: gitHubSays(403, `{"message": "Resource not accessible by integration"}`),
			want:   []string{"unknown: the job lacks the permission actions: read"},
		},
		"a refused branch": {
			files: jobFiles(onMain),
			env:   jobWith("GITHUB_REF", "refs/heads/feature/[x]", "GITHUB_REF_NAME", "feature/[x]"),
			args:  promoteGood,
			want: []string{`event "workflow_dispatch", ref "refs/heads/feature/[x]", default branch "main"`,
				"use `allow-refs: 'feature/\\[x\\]'`"},
		},
		"a refused ref of a pull request": {
			files: jobFiles(`{}`),
			env:   jobWith(ofPull...),
			args:  promoteGood,
			want:  []string{`ref "refs/pull/3/merge", no default branch`, "start the job on the default branch"},
			never: []string{"`allow-refs:", `""`},
		},
		"a refused ref of a comment": {
			files: jobFiles(onMain), env: jobWith("GITHUB_EVENT_NAME", "issue_comment"), args: promoteGood,
			want: []string{
				`event "issue_comment", ref "refs/heads/main", default branch "main"`,
				"use `allow-events: issue_comment`",
			},
		},
		"a refused tag": {
			files: jobFiles(`{}`),
			env:   jobWith("GITHUB_EVENT_NAME", "push", "GITHUB_REF", "refs/tags/v1", "GITHUB_REF_NAME", "v1"),
			args:  promoteGood,
			want:  []string{`event "push", ref "refs/tags/v1", no default branch`, "use `allow-refs: refs/tags/v1`"},
		},
		"a server address that is a secret": {
			files: jobFiles(onMain), env: jobWith(), args: promoteGood, answer: gitHubSays(200, `[]`),
			want: []string{"the address is stored as a secret. Store it as a variable to get working links"},
		},
	} {
		m.args += " --as-action"
		t.Run(situation, func(t *testing.T) { m.check(t) })
	}
}

// Messages about the ledger: edited, deleted, or not writable.
func TestMessages_Ledger(t *testing.T) {
	edited, gone := [2]string{`0.9`, `0.8`}, [2]string{`"promote.ledger"`, `"promote.gone"`}
	const split = "alias --model wine --assign champion=1 --assign challenger=2 --traffic champion=90,challenger=10"
	unchanged := []string{"Unchanged: @champion of wine already points to version 3"}
	const repair = "To start a new ledger instead"
	for situation, m := range map[string]message{
		"the first entry is edited": {
			before: []string{promoteGood}, rewrite: edited, args: promoteGood,
			want: []string{"entry 1: its record was edited", repair}, never: []string{"entries before", "cut off"},
		},
		"the history of an edited entry": {
			before: []string{promoteGood}, rewrite: edited, args: "history wine",
			want: []string{"entry 1: its record was edited", "edited"}, never: []string{"entries before", "cut off"},
		},
		"the second entry is edited": {
			before: []string{
				promoteGood,
				"promote --model wine --candidate 1 --alias champion --override downgrade --thresholds acc>=0.1",
			},
			rewrite: [2]string{`downgrade`, `approved!`}, args: "history wine",
			want: []string{"entry 2: its record was edited"}, never: []string{"cut off"},
		},
		"what was live, with an edited entry": {
			before: []string{promoteGood}, rewrite: edited, args: "history wine --at 2026-05-03T10:00:00Z",
			want: []string{"entry 1: its record was edited"}, never: []string{"cut off"},
		},
		"a rollback with an edited ledger": {
			before: []string{promoteGood}, rewrite: edited, args: "rollback --model wine --alias champion",
			want: []string{"entry 1: its record was edited", "to roll back to version 2 now, without a signed entry",
				"mlflow-promote rollback --model wine --alias champion --candidate models:/wine/2 --override"},
		},
		"a rollback without its ledger": {
			before: []string{promoteGood}, rewrite: gone, args: "rollback --model wine --alias champion",
			want: []string{"the tag promote.ledger of the registered model was removed",
				"no record says what was live before", "--override"},
		},
		"a login that may not write to the ledger's experiment": {
			options: boss,
			env:     asBoss,
			seed:    withLogin("model:wine"),
			before:  []string{promoteGood},
			args:    strings.Replace(promoteGood, "runs:/good/model", "1", 1) + " --override downgrade" + asCI,
			want: []string{"the login lacks the permission EDIT on the experiment mlflow-promotions (403)",
				`"permission":"EDIT"`, "use `--ledger off`"},
			never: []string{"of the run"},
		},
		"a new model by a login that may not write to the shared experiment": {
			options: boss,
			env:     asBoss,
			seed:    withLogin("model:gone"),
			before:  []string{promoteGood},
			args:    strings.Replace(promoteGood, "wine", "gone", 1) + asCI,
			want:    []string{"may not write to the experiment mlflow-promotions, so the ledger of this model begins"},
		},
		"traffic at a time": {
			before: []string{split},
			args:   "history wine --at 2026-05-03T10:00:00Z",
			want:   []string{"champion 90 %, challenger 10 %"}, never: []string{`{"`},
		},
		"traffic in the history": {
			before: []string{split},
			args:   "history wine", want: []string{"champion 90 %, challenger 10 %"}, never: []string{`{"`},
		},
		"a promotion that is repeated": {
			before: []string{promoteGood},
			args:   promoteGood,
			want:   unchanged,
		},
		"a promotion with an expected version that is repeated": {
			before: []string{promoteGood + " --expected-previous 1"}, args: promoteGood + " --expected-previous 1",
			want: unchanged,
		},
		"an alias that is set again": {
			before: []string{"alias --model wine --assign shadow=1"}, args: "alias --model wine --assign shadow=1",
			want: []string{"Unchanged"},
		},
	} {
		t.Run(situation, func(t *testing.T) { m.check(t) })
	}
}

const asCI = " --username ci --password canary-pw"

var asBoss = map[string]string{"MLFLOW_TRACKING_USERNAME": "boss", "MLFLOW_TRACKING_PASSWORD": "canary-boss"}

// boss starts a server with logins.
var boss = []mlflowtest.Option{mlflowtest.BasicAuth()}

// withLogin returns the seed wine with an administrator, and with a login that may edit this resource.
func withLogin(resource string) string {
	return strings.Replace(wine, "{", `{"users": [{"name": "boss", "password": "canary-boss", "admin": true},
		{"name": "ci", "password": "canary-pw", "grants": {"`+resource+`": "EDIT"}}], `, 1)
}

// evaluated is a model on which another run logged a metric.
const evaluated = `{"runs": [
  {"id": "r1", "experiment": "wine", "metrics": {"acc": 0.9},
    "logged": [{"id": "m-00000000000000000000000000000001", "name": "net",
    "artifacts": {"MLmodel": "flavors:\n  sklearn: {}\n"}, "metrics": [{"key": "f1", "value": 0.7, "run": "ev"}]}]},
  {"id": "ev", "experiment": "wine", "metrics": {"f1": 0.7}}], "models": [{"name": "wine"}]}`

// Values that an evaluation run logged on the model count if its experiment does. Otherwise the message lists them.
func TestMessages_Evaluations(t *testing.T) {
	elsewhere := strings.Replace(evaluated, `"id": "ev", "experiment": "wine"`, `"id": "ev", "experiment": "scores"`, 1)
	for situation, m := range map[string]message{
		"in the model's experiment": {
			seed: evaluated, args: "validate --model wine --candidate runs:/r1/net --thresholds f1>=0.5",
			want: []string{"Passed: 1 of 1 gates", "0.7"},
		},
		"in the model's experiment, the model by its id": {
			seed: evaluated,
			args: "validate --model wine --candidate models:/m-00000000000000000000000000000001 --thresholds f1>=0.5",
			want: []string{"Passed: 1 of 1 gates", "0.7"},
		},
		"in another experiment": {
			seed: elsewhere, args: "validate --model wine --candidate runs:/r1/net --thresholds f1>=0.5",
			want: []string{`no value of "f1" counts for the model: 0.7`, "run ev is not in the model's experiment"},
		},
		"in a deleted run": {
			seed: strings.Replace(evaluated, `"id": "ev",`, `"id": "ev", "deleted": true,`, 1),
			args: "validate --model wine --candidate runs:/r1/net --thresholds f1>=0.5",
			want: []string{`no value of "f1" counts for the model: 0.7 at step 0 (run ev `, "deleted"},
		},
	} {
		t.Run(situation, func(t *testing.T) { m.check(t) })
	}
}

// Keys of tags that MariaDB takes for one.
func TestMessages_Tags(t *testing.T) {
	const register = "register --model new --candidate runs:/good/model --tags "
	policy := strings.Replace(onePolicy, "metric: acc", "tags:", 1)
	policy = strings.Replace(policy, "min: 0.85", "  Owner: me", 1)
	for situation, m := range map[string]message{
		"register": {
			before: []string{register + "owner=me"}, args: register + "Owner=you",
			want: []string{"the tags owner and Owner differ only in case or spaces", "owner loses its value"},
		},
		"register, dry run": {
			before: []string{register + "owner=me"}, args: register + "Owner=you --dry-run",
			want: []string{"the tags owner and Owner differ only in case or spaces"},
		},
		"promote": {
			before: []string{promoteGood + " --tags owner=me"}, args: promoteGood + " --tags OWNER=you",
			want: []string{"the tags owner and OWNER differ only in case or spaces"},
		},
		"two of one command": {
			args: register + "owner=me --tags Owner=you",
			want: []string{"the tags Owner and owner differ only in case or spaces", "one of them loses its value"},
		},
		"a gate": {
			before: []string{promoteGood + " --tags owner=me"}, files: map[string]string{"p.yml": policy},
			args: "validate --model wine --candidate 3 --policy-file p.yml --alias champion",
			want: []string{`there is no tag "Owner", only "owner"`, "it is Owner in the policy"},
		},
		"the same key": {
			before: []string{register + "owner=me"}, args: register + "owner=you", never: []string{"differ only"},
			want: []string{"set tag owner"},
		},
	} {
		m.store = "mariadb"
		t.Run(situation, func(t *testing.T) { m.check(t) })
	}
}

// doctor shows the proxy variables without their credentials.
func TestMessages_Proxy(t *testing.T) {
	for name, value := range map[string]string{
		"HTTPS_PROXY": "http://ann:canary-pw@proxy.example:3128", "https_proxy": "ann:canary-pw@proxy.example:3128",
		"HTTP_PROXY": "http://canary-pw@proxy.example", "ALL_PROXY": "socks5://ann:canary-pw@proxy.example",
		"no_proxy": "canary.example",
	} {
		m := message{
			args: "doctor", env: map[string]string{name: value}, never: []string{"canary-pw", "ann"},
			want: []string{"forward proxy", name + "=", "requests to the server are sent directly"},
		}
		t.Run(name, func(t *testing.T) { m.check(t) })
	}
	m := message{args: "doctor", want: []string{"Server: "}, never: []string{"proxy "}}
	t.Run("none", func(t *testing.T) { m.check(t) })
}

// If https is sent to a port that speaks http, the only hint is about that.
func TestMessages_HTTPSOnHTTPPort(t *testing.T) {
	plain := func(t *testing.T) string {
		address, _ := replies(200, data, "{}")(t)
		return strings.Replace(address, "http://", "https://", 1)
	}
	for situation, args := range map[string]string{
		"promote": promoteGood, "doctor": "doctor", "history": "history wine", "audit": "audit --model wine",
		"with a ca-file": promoteGood + " --ca-file /etc/ssl/certs/ca-certificates.crt",
	} {
		m := message{
			args: args, direct: plain,
			want:  []string{"does not speak TLS on this port; is it an http url?"},
			never: []string{"ca-file", "certificate"},
		}
		t.Run(situation, func(t *testing.T) { m.check(t) })
	}
}
