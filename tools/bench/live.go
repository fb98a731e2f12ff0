package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The defects that are planted among the live versions, about one in a hundred. The rest of the versions are whole.
var planted = map[int]struct{ rule, file, content string }{
	3: {"artifact-missing", "model.pkl", ""}, 103: {"artifact-missing", "model.pkl", ""},
	203: {"artifact-missing", "model.pkl", ""}, 303: {"artifact-missing", "model.pkl", ""},
	403: {"artifact-missing", "MLmodel", ""}, 503: {"artifact-missing", "MLmodel", ""},
	603: {"artifact-missing", "MLmodel", ""}, 703: {"artifact-unreadable", "MLmodel", "just words\n"},
	803: {"artifact-unreadable", "MLmodel", "flavors: [unclosed\n"}, 903: {"artifact-unreadable", "MLmodel", "x: ]\n"},
}

// atOnce is the largest number of requests that an audit has in progress, and the number that curl has.
const atOnce = 8

// liveRun returns the run of the live version of a model (see registry.sql).
func liveRun(model int) string {
	sum := md5.Sum(fmt.Appendf(nil, "%d/%d", model, 1+(model*37)%100))
	return hex.EncodeToString(sum[:])
}

// writeFiles writes the files of the live versions to the server's disk.
func (b bench) writeFiles() error {
	for m := 1; m <= models; m++ {
		run := liveRun(m)
		dir := filepath.Join(b.server.Dir, "artifacts", "0", run, "artifacts", "model")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		files := map[string]string{
			"MLmodel": "artifact_path: model\nflavors:\n  python_function:\n" +
				"    env: {conda: conda.yaml, virtualenv: python_env.yaml}\n    loader_module: mlflow.sklearn\n" +
				"    model_path: model.pkl\n  sklearn:\n    pickled_model: model.pkl\n    sklearn_version: 1.7.2\n" +
				"mlflow_version: 3.17.2\nrun_id: " + run + "\n",
			"model.pkl":        strings.Repeat("model ", 2000),
			"requirements.txt": "mlflow==3.17.2\nscikit-learn==1.7.2\n",
			"conda.yaml":       "dependencies: [python=3.11]\n",
			"python_env.yaml":  "python: 3.11.9\n",
		}
		if p, defect := planted[m]; defect {
			if files[p.file] = p.content; p.content == "" {
				delete(files, p.file)
			}
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeFiles removes the files of all versions.
func (b bench) removeFiles() error {
	return os.RemoveAll(filepath.Join(b.server.Dir, "artifacts", "0"))
}

// checkPlanted returns an error unless the audit found exactly the planted defects of the files.
func checkPlanted(a audited) error {
	found := map[string]bool{}
	for _, f := range a.each {
		if strings.HasPrefix(f.Rule, "artifact-") {
			found[f.Rule+" "+f.Model] = true
		}
	}
	for m, p := range planted {
		key := fmt.Sprintf("%s model-%04d", p.rule, m)
		if !found[key] {
			return fmt.Errorf("not found: %s", key)
		}
		delete(found, key)
	}
	if len(found) > 0 {
		return fmt.Errorf("found, but not planted: %v", found)
	}
	return nil
}

// listings fetches the list of each live version's folder with curl, as many at once as an audit.
func (b bench) listings(ctx context.Context) (a audited, err error) {
	var urls strings.Builder
	for m := 1; m <= models; m++ {
		fmt.Fprintf(&urls, "url = \"%s/api/2.0/mlflow/artifacts/list?run_id=%s&path=model\"\noutput = \"/dev/null\"\n",
			b.server.URL, liveRun(m))
	}
	file := filepath.Join(b.dir, "listings.curl")
	if err := os.WriteFile(file, []byte(urls.String()), 0o600); err != nil {
		return a, err
	}
	cmd := exec.CommandContext(
		ctx, "curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", fmt.Sprint(atOnce),
		"--config", file,
	)
	a.measured, err = measure(cmd, nil)
	a.requests = models
	return a, err
}

// livePairs contains audits of the live versions, each with the floor that was measured right after or before it.
type livePairs struct{ audits, floors []audited }

// live measures pairs of an audit and its floor. The order alternates, so that a change of the load affects both.
func (b bench) live(ctx context.Context, pairs int) (p livePairs, err error) {
	for i := range pairs {
		var audit, floor audited
		steps := []func() error{
			func() (err error) { audit, err = b.audit(ctx, b.server.URL, "live", false); return err },
			func() (err error) { floor, err = b.listings(ctx); return err },
		}
		if i%2 == 1 {
			slices.Reverse(steps)
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return p, err
			}
		}
		p.audits, p.floors = append(p.audits, audit), append(p.floors, floor)
	}
	return p, nil
}

// print prints the ratio of the pairs.
func (p livePairs) print(what, target string) {
	var ratios, walls, floors []float64
	for i, a := range p.audits {
		ratios = append(ratios, a.wall.Seconds()/p.floors[i].wall.Seconds())
		walls, floors = append(walls, a.wall.Seconds()), append(floors, p.floors[i].wall.Seconds())
	}
	middle, low, high := medianWithin(ratios)
	wall, _, _ := medianWithin(walls)
	floor, _, _ := medianWithin(floors)
	fmt.Printf("live with the default rules, %s: %d requests, %d findings; wall %.1f s, curl's listings %.1f s; "+
		"ratio %.2f (%.2f to %.2f in %d pairs; target: %s)\n", what, p.audits[0].requests, p.audits[0].findings, wall,
		floor, middle, low, high, len(ratios), target)
}

// medianWithin returns the median and the interval between two of the values that contains the true median with a
// probability of at least 95 %. With fewer than 6 values, there is no such interval, and it returns the extremes.
func medianWithin(values []float64) (middle, low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	below, term := 0.0, 1.0 // the probability of at most k of n tosses
	for range n {
		term /= 2
	}
	k := 0
	for ; k < n/2; k++ {
		if below += term; below > 0.025 {
			break
		}
		term = term * float64(n-k) / float64(k+1)
	}
	k = max(k-1, 0)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[k], sorted[n-1-k]
}
