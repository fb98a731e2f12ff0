// Command bench compares bin/mlflow-promote with MLflow's Python client. Both do the main job or, with -audit, read a
// whole registry (see audit.go). Each runs as a separate process against an MLflow server on PostgreSQL with its
// default number of workers. The results are printed side by side with the targets. If the two programs do not leave
// the same versions, descriptions, tags and aliases, bench exits with 1. It never fails because a measurement is slow.
// With -start, it measures only the start of a job (see start.go). With -copy, it compares a copy of a model between
// two servers with curl (see copy.go).
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

func main() {
	repeat := flag.Int("repeat", 5, "number of measurements")
	whole := flag.Bool("audit", false, "measure reading a whole registry instead of the main job")
	start := flag.Bool("start", false, "measure only the start of a job")
	copying := flag.Bool("copy", false, "measure copying the files of a model to another server")
	copier := flag.Bool("copier", false, "copy one model; bench starts itself with this flag")
	flag.Parse()
	run := run
	if *copying {
		run = runCopy
	}
	if *copier {
		run = func(ctx context.Context, _ int) error { return runCopier(ctx, flag.Args()) }
	}
	if *whole {
		run = runAudit
	}
	if *start {
		run = runStart
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *repeat)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

//go:embed stock.py
var stockPy string

const description = "Trained for the benchmark, to be replaced by the next one"

var tags = map[string]string{"team": "risk", "ticket": "RISK-42", "data_owner": "Ada Lovelace", "reviewed": "yes"}

// bench contains what all measurements share.
type bench struct {
	server *realtest.Server
	proxy  *realtest.Proxy
	root   string
	python string
	dir    string
	runs   []string // the runs of the first champion and of its successor
}

func run(ctx context.Context, repeat int) (err error) {
	b := bench{}
	if b.root, err = realtest.Root(); err != nil {
		return err
	}
	if b.python, err = realtest.Python(ctx, "client"); err != nil {
		return err
	}
	if b.server, err = realtest.MLflow(ctx, realtest.Options{Store: "postgresql"}); err != nil {
		return err
	}
	defer b.server.Stop()
	if b.proxy, err = realtest.CountingProxy(b.server.URL); err != nil {
		return err
	}
	defer b.proxy.Close()
	if b.dir, err = os.MkdirTemp("", "mlflow-promote-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	logged, err := b.server.Train(ctx, realtest.Spec{Model: "model", Estimator: "bayes"}, realtest.Spec{Model: "model"})
	if err != nil {
		return err
	}
	b.runs = []string{logged[0].RunID, logged[1].RunID}

	fmt.Fprintf(os.Stderr, "bench: measuring, about %d s on an idle machine; load is %s\n", 15*(repeat+1), load())
	var r results
	for i := range repeat + 1 {
		if i == 1 {
			r = results{} // the first round only warms up caches and database connections
		}
		if err := b.both(ctx, i, &r); err != nil {
			return err
		}
	}
	chains, err := b.chains(ctx)
	if err != nil {
		return err
	}
	r.print(os.Stdout, repeat)
	chains.print(os.Stdout)
	fmt.Println("\n" + imageSize(ctx, b.root))
	if err := startOfJob(ctx, os.Stdout, b.root, repeat); err != nil {
		return err
	}
	fmt.Println("\nend states: equal in all runs")
	return nil
}

// load describes the current load on the machine, which affects the measured times.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%s on %d processors", strings.Fields(string(text))[0], runtime.NumCPU())
}

// both runs the job with both clients, with and without the proxy, for a model's first and second version. It then
// compares the end states.
func (b bench) both(ctx context.Context, i int, r *results) error {
	for _, proxied := range []bool{true, false} {
		var left [3][]state
		for who, name := range []string{"stock", "ours", "ledger"} {
			model := fmt.Sprintf("%s-%d-%t", name, i, proxied)
			for version, run := range b.runs {
				cmd, err := b.command(ctx, who, model, run, proxied)
				if err != nil {
					return err
				}
				var proxy *realtest.Proxy
				if proxied {
					proxy = b.proxy
				}
				m, err := measure(cmd, proxy)
				if err != nil {
					return err
				}
				r.add(who, version, proxied, m)
				s, err := b.state(ctx, model)
				if err != nil {
					return err
				}
				left[who] = append(left[who], s)
			}
		}
		for _, who := range []int{ours, ledger} {
			if !reflect.DeepEqual(left[stock], left[who]) {
				return fmt.Errorf("end states differ:\n  Python client   %+v\n  mlflow-promote  %+v", left[stock],
					left[who])
			}
		}
	}
	return nil
}

// command returns the job for one model, as a process that runs either the Python client or this program.
func (b bench) command(ctx context.Context, who int, model, run string, proxied bool) (*exec.Cmd, error) {
	url := b.server.URL
	if proxied {
		url = b.proxy.URL
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		lines = append(lines, key+"="+tags[key])
	}
	list := strings.Join(lines, "\n")
	if who == stock {
		cmd := exec.CommandContext(ctx, b.python, "-c", stockPy, model, run)
		cmd.Env = realtest.Environment("MLFLOW_TRACKING_URI="+url, "DESCRIPTION="+description, "TAGS="+list)
		cmd.Dir = b.dir
		return cmd, nil
	}
	job, err := realtest.NewJob(filepath.Join(b.dir, "job"))
	if err != nil {
		return nil, err
	}
	keep := "off"
	if who == ledger {
		keep = "required"
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.root, "bin", "mlflow-promote"), "promote", "--ledger", keep,
		"--model", model, "--candidate", "runs:/"+run+"/model", "--alias", "champion",
		"--description", description, "--tags", list,
		"--thresholds", "test_accuracy >= 0.9\ntest_f1 >= champion")
	cmd.Env = realtest.Environment(append(job.Env(), "MLFLOW_TRACKING_URI="+url)...)
	cmd.Dir = b.dir
	return cmd, nil
}

// state is the end state in the registry, which must be the same for both clients.
type state struct {
	Version, Champion, Source, Run, Status, Description string
	Tags                                                map[string]string
}

// state asks the server directly for the model's newest version.
func (b bench) state(ctx context.Context, model string) (state, error) {
	type pair struct{ Key, Value string }
	var found struct {
		Model struct {
			Aliases []struct{ Alias, Version string }
		} `json:"registered_model"`
	}
	if err := b.server.Call(ctx, http.MethodGet, "registered-models/get?name="+model, nil, &found); err != nil {
		return state{}, err
	}
	var versions struct {
		Versions []struct {
			Version, Source, Status, Description string
			RunID                                string `json:"run_id"`
			Tags                                 []pair
		} `json:"model_versions"`
	}
	query := "model-versions/search?order_by=version_number+DESC&filter=name%3D%27" + model + "%27"
	if err := b.server.Call(ctx, http.MethodGet, query, nil, &versions); err != nil {
		return state{}, err
	}
	newest := versions.Versions[0]
	s := state{
		Version: newest.Version, Source: newest.Source, Run: newest.RunID, Status: newest.Status,
		Description: newest.Description, Tags: map[string]string{},
	}
	for _, a := range found.Model.Aliases {
		if a.Alias == "champion" {
			s.Champion = a.Version
		}
	}
	for _, t := range newest.Tags {
		if _, both := tags[t.Key]; both {
			s.Tags[t.Key] = t.Value
		}
	}
	return s, nil
}

// imageSize builds the image, if a Docker engine is running, and returns its size.
func imageSize(ctx context.Context, root string) string {
	if exec.CommandContext(ctx, "docker", "version").Run() != nil {
		return "image: not measured, no Docker engine is running"
	}
	if err := realtest.Setup(ctx, "docker"); err != nil {
		return "image: not measured: " + err.Error()
	}
	build := exec.CommandContext(ctx, "docker", "build", "--quiet", "--tag", benchImage, root)
	build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Sprintf("image: not measured: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(ctx, "docker", "image", "inspect", "--format", "{{.Size}}",
		benchImage).Output()
	var bytes float64
	if _, scan := fmt.Sscan(string(out), &bytes); err != nil || scan != nil {
		return fmt.Sprintf("image: not measured: %v %v", err, scan)
	}
	return fmt.Sprintf("image: %.1f MB (target: at most 20)", bytes/1e6)
}
