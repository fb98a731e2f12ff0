package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

var update = flag.Bool("update", false, "write the scripts' golden parts")

// A script seeds a server, runs the program, and compares its output, its outputs for the job, and its writes.
//
//	mlflow VERSION [SEED] [WITH …]  starts a server of that version with the data from testdata/seed/SEED.json or
//	                        from a file in the script. WITH is store=file, store=mariadb, auth (basic-auth), artifacts=off
//	                        or artifacts=only
//	fault METHOD PATH KIND  makes the next matching request fail (see faults.Parse)
//	job [NAME=VALUE …]      from here on, the program runs in a GitHub Actions job, by default on the main branch
//	input NAME FILE         sets an input of the action to the contents of a file
//	mlflow-promote …        runs the program; in a job, as the action
//	program …               runs the program without the inputs of an action, as a `run` step does
//	status N                checks the exit code of the last run
//	writes [all] [none]     prints the writes to MLflow since the last call, or checks that there were none;
//	                        with all, this includes writes to the ledger
//	output NAME [VALUE]     checks an output of the last run; without VALUE, prints it
//	outputs                 prints all outputs of the job
//	summary                 prints the job summary
//	page STATUS TEXT        from here on, an HTML page with the title TEXT or a redirect to TEXT replaces MLflow
//	received NAME VALUE     checks that every request since the last call had that header
//	event FILE              sets the job's event to the contents of a file
//	env COLUMNS=N, TZ=ZONE, OS_USER=NAME
//	                        set the width of the terminal, the time zone, and the name of the system's user
//	later DURATION          moves the clock forward
//	page-commands FILE      runs the commands in a document and compares their answers
//	edits FILE POLICY       checks that every edit to an exported history is found
//	github …, receive …, events: see cmdGitHub, cmdReceive and cmdEvents
func TestScripts(t *testing.T) { play(t, func(string, string) {}) }

// play runs every script. It calls summary with each job summary and the script that wrote it.
func play(t *testing.T, summary func(script, markdown string)) {
	seeds, err := filepath.Abs("testdata/seed")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
			script, err := os.ReadFile(filepath.Join("testdata/script", name+".txtar"))
			if err != nil {
				return err
			}
			s := &scriptState{
				dir:        env.WorkDir,
				inputs:     inputVariable.FindAllString(string(script), -1),
				seeds:      seeds,
				otherHosts: otherHosts{answers: map[string]int{}},
				wrote:      func(markdown string) { summary(name, markdown) },
			}
			env.Values["stage"] = s
			s.pins.pin(env, filepath.Join("testdata/pins", name+".txt"))
			env.Setenv("MLFLOW_TRACKING_URI", address)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mlflow": cmdMLflow, "fault": cmdFault, "job": cmdJob, "mlflow-promote": cmdRun, "program": cmdProgram,
			"status":   cmdStatus,
			"writes":   cmdWrites,
			"output":   cmdOutput,
			"outputs":  cmdOutputs,
			"summary":  cmdSummary,
			"page":     cmdPage,
			"received": cmdReceived,
			"edits":    cmdEdits, "page-commands": cmdPageCommands,
			"input": cmdInput,
			"event": cmdEvent, "later": cmdLater, "github": cmdGitHub, "receive": cmdReceive, "events": cmdEvents,
		},
	})
}

// scriptState is the state of a single script.
type scriptState struct {
	dir    string
	seeds  string
	inputs []string // the INPUT_… variables in the script
	plain  bool     // whether to run the program without --as-action
	double *mlflowtest.Server
	page   http.HandlerFunc // responds in place of MLflow
	status int
	job    bool
	wrote  func(markdown string) // called with each job summary
	known  int                   // the length of the summary seen so far
	later  time.Duration         // how far the script has moved the clock forward
	pins   pins
	otherHosts
}

func (s *scriptState) now() time.Time { return now.Add(s.later) }

// address is the server's address in scripts. There is no socket behind it, so expected outputs and digests do not
// change. Requests to any other address are really sent.
const address = "https://mlflow.example"

func (s *scriptState) RoundTrip(r *http.Request) (*http.Response, error) {
	s.pins.request(r, s.watch(r))
	if answer, err := s.answer(r); answer != nil || err != nil {
		return answer, err
	}
	switch {
	case r.URL.Host != "mlflow.example":
		return http.DefaultTransport.RoundTrip(r)
	case s.page != nil:
		w := httptest.NewRecorder()
		s.page(w, r)
		return w.Result(), nil
	case s.double == nil:
		return nil, fmt.Errorf("the script started no server")
	}
	return s.double.Transport().RoundTrip(r)
}

func stageOf(ts *testscript.TestScript) *scriptState { return ts.Value("stage").(*scriptState) }

// now is the time in every script.
var now = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)

func cmdMLflow(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	options := []mlflowtest.Option{mlflowtest.AllowedHosts("mlflow.example")}
	s.page = nil
	options = append(options, mlflowtest.Clock(s.now))
	for _, with := range args[min(2, len(args)):] {
		switch with {
		case "auth":
			options = append(options, mlflowtest.BasicAuth())
		case "store=file", "store=mariadb":
			options = append(options, mlflowtest.Store(strings.TrimPrefix(with, "store=")))
		case "artifacts=off":
			options = append(options, mlflowtest.ArtifactsOff())
		case "artifacts=only":
			options = append(options, mlflowtest.ArtifactsOnly())
		default:
			ts.Fatalf("mlflow: no option %q", with)
		}
	}
	s.double = mlflowtest.New(args[0], options...)
	if len(args) > 1 && args[1] != "-" {
		seed, err := os.ReadFile(filepath.Join(s.seeds, args[1]+".json"))
		if err != nil {
			seed = []byte(ts.ReadFile(args[1]))
		}
		ts.Check(s.double.Seed(bytes.NewReader(seed)))
	}
}

// cmdPage makes something other than MLflow respond: an HTML page with the given status, or a redirect.
func cmdPage(ts *testscript.TestScript, neg bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	stageOf(ts).page = func(w http.ResponseWriter, r *http.Request) {
		if status/100 == 3 {
			http.Redirect(w, r, args[1], status)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintf(
			w, "<!doctype html><html><head><title>%s</title></head><body>please log in</body></html>",
			strings.Join(args[1:], " "),
		)
	}
}

func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg { // the server responds again
		stageOf(ts).double.ClearFaults()
		return
	}
	f, err := faults.Parse(strings.Join(args, " "))
	ts.Check(err)
	stageOf(ts).double.Fault(f)
}

func cmdJob(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	s.job, s.known = true, 0
	for _, f := range []string{"output", "summary", "env", "state"} {
		ts.Check(os.WriteFile(filepath.Join(s.dir, "file_commands_"+f), nil, 0o644))
	}
	ts.Check(os.WriteFile(
		filepath.Join(s.dir, "event.json"), []byte(`{"repository":{"default_branch":"main"}}`), 0o644,
	))
	for _, kv := range append([]string{
		"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE=" + s.dir, "GITHUB_EVENT_PATH=" + filepath.Join(s.dir, "event.json"),
		"GITHUB_OUTPUT=" + filepath.Join(s.dir, "file_commands_output"), "GITHUB_STEP_SUMMARY=" + filepath.Join(
			s.dir, "file_commands_summary",
		),
		"GITHUB_EVENT_NAME=workflow_dispatch", "GITHUB_REF=refs/heads/main", "GITHUB_REF_NAME=main",
		"GITHUB_SHA=4f2c1d0",
		"GITHUB_REPOSITORY=acme/churn", "GITHUB_ACTOR=ann", "GITHUB_TRIGGERING_ACTOR=ann", "GITHUB_RUN_ID=42",
		"GITHUB_RUN_ATTEMPT=1",
		"GITHUB_SERVER_URL=https://github.example", "GITHUB_API_URL=https://api.github.example",
	}, args...) {
		name, value, _ := strings.Cut(kv, "=")
		ts.Setenv(name, value)
	}
}

var rounds = regexp.MustCompile(`in \d+ rounds`)

func cmdRun(ts *testscript.TestScript, neg bool, args []string) {
	stdout, stderr := runProgram(ts, args)
	fmt.Fprint(ts.Stdout(), stdout)
	fmt.Fprint(ts.Stderr(), stderr)
	if s := stageOf(ts); neg != (s.status != 0) {
		ts.Fatalf("exit status %d\n%s%s", s.status, stdout, stderr)
	}
}

func cmdProgram(ts *testscript.TestScript, neg bool, args []string) {
	stageOf(ts).plain = true
	defer func() { stageOf(ts).plain = false }()
	cmdRun(ts, neg, args)
}

// runProgram runs the program and returns what it printed.
func runProgram(ts *testscript.TestScript, args []string) (printed, warned string) {
	s := stageOf(ts)
	var stdout, stderr bytes.Buffer
	var result report.Result
	environ := s.environ(ts)
	s.pins.begin(s)
	columns, _ := strconv.Atoi(ts.Getenv("COLUMNS")) // "" means that there is no terminal
	zone, err := time.LoadLocation(ts.Getenv("TZ"))
	ts.Check(err)
	s.status = Run(context.Background(), Process{
		Args: asAction(args, s.action(ts, environ)), Env: ts.Getenv, Environ: environ, Stdout: &stdout,
		Stderr: &stderr, Dir: s.dir,
		Now:      s.now,
		Jitter:   func() float64 { return 0 },
		Version:  "test",
		Columns:  columns,
		Zone:     zone,
		User:     ts.Getenv("OS_USER"),
		Patience: time.Millisecond,
		Pause:    time.Millisecond,
		Nonce:    func() string { return "n" + ts.Getenv("GITHUB_RUN_ID") },
		Random:   strings.NewReader(strings.Repeat("a", 32)),
		Wire:     rest.Config{Transport: s, MinWait: time.Millisecond, MaxWait: time.Millisecond},
		result:   func(r report.Result) { result = r },
	})
	ts.Check(s.pins.end(s, args, environ, result, stdout.String()))
	s.harmless(ts, stdout.String(), stderr.String())
	if s.job {
		all := ts.ReadFile("file_commands_summary")
		s.wrote(all[s.known:])
		s.known = len(all)
	}
	// How far parallel requests overlap depends on the scheduler. Another test counts the rounds.
	return rounds.ReplaceAllString(stdout.String(), "in some rounds"), stderr.String()
}

// action reports whether the program runs as the action: in a job, or because the script sets inputs outside a job.
func (s *scriptState) action(ts *testscript.TestScript, environ []string) bool {
	return !s.plain && (ts.Getenv("GITHUB_ACTIONS") == "true" || !s.job && len(environ) > 0)
}

// asAction adds the flag that makes the program read the inputs of an action. To keep scripts short, most inputs are
// set as flags, even in a job.
func asAction(args []string, job bool) []string {
	if !job || len(args) == 0 {
		return args
	}
	return append(slices.Clip(args), "--as-action")
}

// environ returns the inputs that are set. testscript does not provide access to the whole environment.
func (s *scriptState) environ(ts *testscript.TestScript) []string {
	var out []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(s.inputs))) {
		if value := ts.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

var inputVariable = regexp.MustCompile(`INPUT_[A-Z0-9_-]+`)

func cmdEvent(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(filepath.Join(stageOf(ts).dir, "event.json"), []byte(ts.ReadFile(args[0])), 0o644))
}

func cmdLater(ts *testscript.TestScript, neg bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	stageOf(ts).later += d
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if got := strconv.Itoa(stageOf(ts).status); got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

func cmdWrites(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	var b strings.Builder
	if s.double != nil {
		writes := s.double.Writes()
		if !slices.Contains(args, "all") {
			writes = slices.DeleteFunc(writes, ofLedger)
		}
		for _, l := range inOrder(writes) {
			b.WriteString(l)
		}
		s.double.Forget()
	}
	if slices.Contains(args, "none") && b.Len() > 0 {
		ts.Fatalf("writes, and none were wanted:\n%s", b.String())
	}
	fmt.Fprint(ts.Stdout(), b.String())
}

// inOrder prints one line for each write. Tags are set in parallel, so adjacent tag writes are sorted.
func inOrder(writes []mlflowtest.Write) []string {
	var out []string
	tags := 0
	for _, w := range writes {
		l := fmt.Sprintf("%s %s %s\n", w.Method, strings.TrimPrefix(w.Path, "/api/2.0/mlflow/"), w.Body)
		if !strings.HasSuffix(w.Path, "set-tag") {
			tags = len(out) + 1
		}
		out = append(out, l)
		slices.Sort(out[tags:])
	}
	return out
}

// cmdReceived asserts that every request since the last call had the header.
func cmdReceived(ts *testscript.TestScript, neg bool, args []string) {
	requests := stageOf(ts).double.Requests()
	for _, r := range requests {
		if got := r.Header.Get(args[0]); got != args[1] {
			ts.Fatalf("%s %s carried %s: %q, want %q", r.Method, r.Path, args[0], got, args[1])
		}
	}
	if len(requests) == 0 {
		ts.Fatalf("no request was received")
	}
}

func cmdOutput(ts *testscript.TestScript, neg bool, args []string) {
	value, ok := stageOf(ts).outputs(ts)[args[0]]
	switch {
	case !ok:
		ts.Fatalf("no output %s", args[0])
	case len(args) == 1:
		fmt.Fprintln(ts.Stdout(), value)
	case value != args[1]:
		ts.Fatalf("output %s is %q, want %q", args[0], value, args[1])
	}
}

func cmdOutputs(ts *testscript.TestScript, neg bool, args []string) {
	all := stageOf(ts).outputs(ts)
	for _, o := range outputs.All {
		value, ok := all[o.Name]
		if !ok {
			ts.Fatalf("output %s was not set", o.Name)
		}
		if o.Name == "result" && !json.Valid([]byte(value)) {
			ts.Fatalf("output result is no JSON: %s", value)
		}
		if o.Name != "result" && o.Name != "report-file" {
			fmt.Fprintf(ts.Stdout(), "%s=%s\n", o.Name, value)
		}
	}
	if len(all) != len(outputs.All) {
		ts.Fatalf("%d outputs were set, %d are declared: %v", len(all), len(outputs.All), all)
	}
}

func cmdSummary(ts *testscript.TestScript, neg bool, args []string) {
	fmt.Fprint(ts.Stdout(), ts.ReadFile("file_commands_summary"))
}

// cmdInput sets an input of the action to the contents of a file in the script, because arguments cannot span lines.
func cmdInput(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("INPUT_"+strings.ToUpper(args[0]), ts.ReadFile(args[1]))
}

// outputs returns the outputs as the next step in the job sees them.
func (s *scriptState) outputs(ts *testscript.TestScript) map[string]string {
	out, err := actionstest.Outputs([]byte(ts.ReadFile("file_commands_output")), nil)
	ts.Check(err)
	return out
}

// harmless checks every run in every script. A run must not print an unintended workflow command, leak a secret, or
// write a file that the runner cannot parse.
func (s *scriptState) harmless(ts *testscript.TestScript, stdout, stderr string) {
	log := actionstest.ReadLog(stdout, stderr)
	meant := []string{}
	if s.job {
		meant = []string{"add-mask", "error", "warning", "notice", "group", "endgroup"}
	}
	for _, c := range log.Others(meant...) {
		ts.Fatalf("a workflow command was injected: %q", c.Line)
	}
	sinks := map[string]string{"stdout": unmasked(stdout), "stderr": unmasked(stderr)}
	if s.job {
		for _, f := range []string{
			"file_commands_output", "file_commands_summary", "file_commands_env", "file_commands_state",
		} {
			sinks[f] = ts.ReadFile(f)
		}
		if _, err := actionstest.ParseFile([]byte(sinks["file_commands_output"])); err != nil {
			ts.Fatalf("the outputs cannot be parsed: %v", err)
		}
		if sinks["file_commands_env"]+sinks["file_commands_state"] != "" {
			ts.Fatalf("the environment of later steps was changed")
		}
		reports, err := filepath.Glob(filepath.Join(s.dir, ".mlflow-promote", "*.json"))
		ts.Check(err)
		for _, path := range reports {
			sinks[path] = ts.ReadFile(path)
		}
	}
	outputs := strings.ReplaceAll(sinks["file_commands_output"], "such as https://mlflow.example", "")
	if strings.Contains(outputs, "mlflow.example") {
		ts.Fatalf("the address of the server is in the outputs")
	}
	if s.hub != nil {
		for _, w := range s.hub.Writes() {
			if (strings.Contains(w.Path, "comments") || strings.Contains(w.Path, "issues")) &&
				strings.Contains(fmt.Sprint(w.Body), "mlflow.example") {
				ts.Fatalf("the address of the server is in a comment or an issue: %s %v", w.Path, w.Body)
			}
		}
		sinks["what GitHub keeps"] = string(s.hub.Dump())
		for _, v := range s.hub.Violations() {
			ts.Fatalf("not as GitHub describes its API: %s", v)
		}
	}
	if s.double != nil {
		sinks["what was written to MLflow"] = fmt.Sprint(s.double.Writes())
	}
	for _, leak := range s.leaks {
		ts.Fatalf("%s", leak)
	}
	for name, text := range sinks {
		if i := strings.Index(text, "canary"); i >= 0 {
			ts.Fatalf("a secret is in %s: …%s…", name, text[max(0, i-40):min(len(text), i+40)])
		}
		if strings.Contains(text, "hunter22") {
			ts.Fatalf("user-info of an address is in %s", name)
		}
	}
}

// unmasked removes the lines that ask the runner to mask a secret, because they have to contain the secret.
func unmasked(text string) string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if !strings.HasPrefix(l, "::add-mask::") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}
