// Command demo shows the main job on a real MLflow server. It trains and logs three models. bin/mlflow-promote then
// registers and judges each of them, and promotes or refuses it, as in a workflow job. The command exits with 1 if any
// result is not as expected. It needs only Go, Python 3.11 and access to the package indexes, and leaves nothing behind
// except .cache and bin.
package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

const model = "breast-cancer"

// command is one run of the program and its expected result.
type command struct {
	title, candidate string // candidate is "" for commands that cover the whole registry
	args             []string
	status           int
	outputs          map[string]string
}

// outcome is the result of one run.
type outcome struct {
	status, requests, rounds int
	took                     time.Duration
	reason, summary          string
}

func commands(runs map[string]string) []command {
	gates := func(lines ...string) []string { return []string{"--thresholds", strings.Join(lines, "\n")} }
	promote, champion := []string{"promote"}, []string{"--alias", "champion"}
	return []command{
		{
			title: "register the base model", candidate: runs["base"],
			args:    []string{"register", "--description", "Naive Bayes, the baseline"},
			outputs: map[string]string{"reason": "ok", "registered": "true", "version": "1"},
		},
		{
			title: "validate it", candidate: runs["base"],
			args:    append([]string{"validate"}, gates("test_accuracy >= 0.90", "test_f1 >= 0.90")...),
			outputs: map[string]string{"reason": "ok", "changed": "false"},
		},
		{
			title: "promote it as the first champion", candidate: runs["base"],
			args: slices.Concat(promote, champion, gates("test_accuracy >= 0.90", "test_f1 >= 0.90")),
			outputs: map[string]string{
				"reason": "ok", "verdict": "promote", "changed": "true", "registered": "false", "version": "1",
				"previous-version": "",
			},
		},
		{
			title: "promote a better model", candidate: runs["better"],
			args: slices.Concat(promote, champion, gates("test_accuracy >= 0.90", "test_f1 >= champion")),
			outputs: map[string]string{
				"reason": "ok", "verdict": "promote", "changed": "true", "registered": "true", "version": "2",
				"previous-version": "1",
			},
		},
		{
			title: "refuse to promote a worse model", candidate: runs["worse"],
			args:   slices.Concat(promote, champion, gates("test_accuracy >= 0.90", "test_f1 >= champion")),
			status: 1,
			outputs: map[string]string{
				"reason": "blocked", "verdict": "block", "registered": "true", "version": "3",
				"previous-version": "2",
			},
		},
		{
			// in this registry, the audit finds only that the model has no description
			title: "audit the registry", args: []string{"audit"},
			outputs: map[string]string{"reason": "ok", "findings": "1", "changed": "false"},
		},
	}
}

func demo(ctx context.Context) error {
	began := time.Now()
	built := make(chan error, 1)
	go func() { built <- build(ctx) }() // build the program while the server is being installed and started
	server, err := realtest.MLflow(ctx, realtest.Options{Store: "sqlite", Workers: 1})
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Printf("MLflow %s is running at %s, with a temporary SQLite database (%s)\n",
		server.Version, server.URL, since(began))

	began = time.Now()
	runs, err := train(ctx, server)
	if err != nil {
		return err
	}
	fmt.Printf("three models trained on scikit-learn's breast cancer data and logged (%s)\n\n", since(began))
	if err := <-built; err != nil {
		return err
	}
	proxy, err := realtest.CountingProxy(server.URL)
	if err != nil {
		return err
	}
	defer proxy.Close()

	work, err := os.MkdirTemp("", "mlflow-promote-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\texit code\treason\twall time\trequests\trounds")
	var summaries, wrong []string
	for i, c := range commands(runs) {
		done, err := c.run(ctx, proxy, filepath.Join(work, fmt.Sprint(i)))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", c.title, err))
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d ms\t%d\t%d\n", c.title, done.status, done.reason, done.took.Milliseconds(),
			done.requests, done.rounds)
		summaries = append(summaries, done.summary)
	}
	for _, summary := range summaries[len(summaries)-3:] {
		fmt.Printf("── job summary ──\n\n%s\n", strings.TrimSpace(summary))
		fmt.Println()
	}
	table.Flush()
	if err := checkChampion(ctx, server, "2"); err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not as expected:\n  %s", strings.Join(wrong, "\n  "))
	}
	fmt.Println("\nall as expected: champion is version 2, the better model")
	return nil
}

func build(ctx context.Context) error {
	root, err := realtest.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "make", "--no-print-directory", "--silent", "build")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make build: %w", err)
	}
	return nil
}

// train logs the three models and returns the candidate for each name.
func train(ctx context.Context, server *realtest.Server) (map[string]string, error) {
	names := []string{"base", "better", "worse"}
	var specs []realtest.Spec
	for i, estimator := range []string{"bayes", "logistic", "centroid"} {
		specs = append(specs, realtest.Spec{
			Name: names[i], Experiment: model, Model: "model", Estimator: estimator,
			Tags: map[string]string{
				"mlflow.source.git.commit":  strings.Repeat(fmt.Sprint(i+1), 40),
				"mlflow.source.git.repoURL": "https://github.com/example/churn",
			},
		})
	}
	logged, err := server.Train(ctx, specs...)
	if err != nil {
		return nil, err
	}
	candidates := map[string]string{}
	for i, l := range logged {
		candidates[names[i]] = "runs:/" + l.RunID + "/model"
		fmt.Printf("  %-6s  %-8s  test_accuracy %.3f  test_f1 %.3f\n", names[i], specs[i].Estimator,
			l.Metrics["test_accuracy"], l.Metrics["test_f1"])
	}
	return candidates, nil
}

// run runs the program in its own job. The error says which part of the result is unexpected.
func (c command) run(ctx context.Context, proxy *realtest.Proxy, dir string) (outcome, error) {
	job, err := realtest.NewJob(dir)
	if err != nil {
		return outcome{}, err
	}
	root, err := realtest.Root()
	if err != nil {
		return outcome{}, err
	}
	args := append(slices.Clone(c.args), "--tracking-uri", proxy.URL)
	if c.candidate != "" {
		args = append(args, "--model", model, "--candidate", c.candidate)
	}
	fmt.Printf("$ mlflow-promote %s\n", shell(args))
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin", "mlflow-promote"), args...)
	cmd.Env = realtest.Environment(job.Env()...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stdout
	proxy.Reset()
	began := time.Now()
	failed := cmd.Run()
	done := outcome{took: time.Since(began), requests: len(proxy.Requests()), rounds: proxy.Rounds()}
	fmt.Println()
	if cmd.ProcessState == nil {
		return done, failed
	}
	done.status = cmd.ProcessState.ExitCode()
	outputs, err := job.Outputs()
	if err != nil {
		return done, err
	}
	done.reason = outputs["reason"]
	if done.summary, err = job.Summary(); err != nil {
		return done, err
	}
	return done, c.differs(done, outputs)
}

func (c command) differs(done outcome, outputs map[string]string) error {
	var wrong []string
	if done.status != c.status {
		wrong = append(wrong, fmt.Sprintf("exit code %d, want %d", done.status, c.status))
	}
	for _, name := range slices.Sorted(maps.Keys(c.outputs)) {
		if outputs[name] != c.outputs[name] {
			wrong = append(wrong, fmt.Sprintf("output %s=%q, want %q", name, outputs[name], c.outputs[name]))
		}
	}
	if strings.TrimSpace(done.summary) == "" {
		wrong = append(wrong, "no job summary")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}

// checkChampion asks the server itself which version is champion, without using the program.
func checkChampion(ctx context.Context, server *realtest.Server, want string) error {
	var answer struct {
		Version struct {
			Version string `json:"version"`
		} `json:"model_version"`
	}
	err := server.Call(ctx, http.MethodGet, "registered-models/alias?name="+model+"&alias=champion", nil, &answer)
	if err != nil {
		return err
	}
	if answer.Version.Version != want {
		return fmt.Errorf("champion is version %s, want %s", answer.Version.Version, want)
	}
	return nil
}

// shell formats the arguments as a user would type them in a shell.
func shell(args []string) string {
	var words []string
	for _, a := range args {
		if strings.ContainsAny(a, " \n><=") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

func since(began time.Time) string { return fmt.Sprintf("%.1f s", time.Since(began).Seconds()) }
