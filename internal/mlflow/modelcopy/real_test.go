//go:build real

package modelcopy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// runsPy prints what the stock client says about runs.
const runsPy = `
import json, sys
from mlflow.tracking import MlflowClient

client = MlflowClient()
sys.stdin.readline()
out = []
for run in %s:
    r = client.get_run(run)
    datasets = getattr(getattr(r, "inputs", None), "dataset_inputs", None) or []
    out.append({
        "info": [r.info.user_id, r.info.status, r.info.start_time, r.info.end_time],
        "params": r.data.params,
        "tags": {k: v for k, v in r.data.tags.items() if not k.startswith("promote.")},
        "last": {k: repr(v) for k, v in r.data.metrics.items()},
        "history": {
            k: sorted([m.step, m.timestamp, repr(m.value)] for m in client.get_metric_history(run, k))
            for k in r.data.metrics
        },
        "datasets": sorted(
            [d.dataset.name, d.dataset.digest, d.dataset.source, d.dataset.schema, {t.key: t.value for t in d.tags}]
            for d in datasets
        ),
    })
print(json.dumps(out))
`

// realWorld starts a server.
func realWorld(t *testing.T, version string) (*world, *realtest.Server) {
	t.Helper()
	server, err := realtest.MLflow(t.Context(), realtest.Options{Version: version, Workers: 1})
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	t.Cleanup(server.Stop)
	wire, err := rest.New(rest.Config{Base: server.URL})
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	about := mlflow.About{Address: server.URL}
	w := &world{t: t, c: mlflow.New(wire, wire, about, func() float64 { return 1 })}
	w.put = func(uri string, content []byte) {
		body := bytes.NewReader(content)
		req, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL+"/"+w.behind(uri), body)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode >= 300 {
					err = fmt.Errorf("%s", resp.Status)
				}
			}
		}
		if err != nil {
			t.Errorf("put %s: %v", uri, err)
		}
	}
	return w, server
}

// behind returns the path of a file behind the artifact proxy.
func (w *world) behind(uri string) string {
	scheme, rest, _ := strings.Cut(uri, ":/")
	id, file, _ := strings.Cut(rest, "/")
	switch scheme {
	case "runs":
		return w.behind(w.uri(id) + "/" + file)
	case "models":
		m, err := getModel(context.Background(), w.c, id)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.behind(m.Info.ArtifactURI + "/" + file)
	}
	return "api/2.0/mlflow-artifacts/artifacts/" + (&url.URL{Path: rest}).EscapedPath()
}

// Runs with values of all kinds are copied between real servers. Gates and the stock client see the same there.
func TestCopy_Real(t *testing.T) {
	begin := time.Now()
	var newer, older *world
	servers := map[*world]*realtest.Server{}
	var starting sync.WaitGroup
	var mu sync.Mutex
	for version, w := range map[string]**world{"3.17.2": &newer, "1.30.1": &older} {
		starting.Go(func() {
			at, server := realWorld(t, version)
			mu.Lock()
			defer mu.Unlock()
			*w, servers[at] = at, server
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("servers after %s", time.Since(begin).Round(time.Second))

	ids := map[*world][]string{} // the runs of each server to read with its client
	type pair struct {
		name           string
		from, to       *world
		original, copy int // index in ids
	}
	var pairs []pair
	alike := []string{"a failed run", "a run that has not ended", "the other of several models"}
	toOlder := []string{"one model", "several models", "not finite", "no run"}
	for i, name := range slices.Sorted(maps.Keys(cases)) {
		for _, route := range [][2]*world{{newer, newer}, {newer, older}, {older, newer}} {
			from, to := route[0], route[1]
			folder := strings.Contains(name, "folder")
			skipped := to == older && !slices.Contains(toOlder, name) || slices.Contains(alike, name)
			if folder != (from == older) || skipped {
				continue
			}
			from.suffix = fmt.Sprintf("-%d-%p", i, to)
			source, run := cases[name](from)
			in, err := Read(t.Context(), from.c, source, run)
			if err != nil {
				t.Fatalf("%s: %s", name, explained(err))
			}
			r := asked
			r.Digest = "d1e5" + from.suffix
			upload := func(_ context.Context, at filecopy.Target) (map[string]string, error) {
				root := at.Root
				if at.In.Path != "" {
					root += "/" + at.In.Path
				}
				to.put(root+"/MLmodel", []byte("flavors: {}"))
				return nil, nil
			}
			made, err := Copy(t.Context(), to.c, in, r, upload)
			if err != nil {
				t.Fatalf("%s: %s", name, explained(err))
			}
			again, err := Copy(t.Context(), to.c, in, r, upload)
			if err != nil || again != made {
				t.Errorf("%s, again: %v, %v, was %v", name, again, err, made)
			}
			if to == newer {
				sameValues(t, name, values(t, from, source, run, metrics), values(t, to, made.URI, made.RunID, metrics))
			}
			several := in.Run != nil && len(in.Run.Others) > 0 && in.Model != nil && to == older
			if run == "" || several { // there is no such run to compare with
				continue
			}
			pairs = append(pairs, pair{name, from, to, len(ids[from]), 0})
			ids[from] = append(ids[from], run)
			pairs[len(pairs)-1].copy = len(ids[to])
			ids[to] = append(ids[to], made.RunID)
		}
	}
	t.Logf("%d runs copied after %s", len(pairs), time.Since(begin).Round(time.Second))

	said := map[*world][]map[string]any{}
	var asking sync.WaitGroup
	for w, runs := range ids {
		asking.Go(func() {
			list, _ := json.Marshal(runs)
			ask, stop, err := servers[w].Converse(t.Context(), fmt.Sprintf(runsPy, list))
			if err != nil {
				t.Error(err)
				return
			}
			defer stop()
			line, err := ask()
			var out []map[string]any
			if err == nil {
				err = json.Unmarshal([]byte(line), &out)
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			said[w] = out
		})
	}
	asking.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, p := range pairs {
		want, got := said[p.from][p.original], said[p.to][p.copy]
		for key := range want {
			if key == "datasets" && p.to == older {
				continue // MLflow 1 has none
			}
			if key == "info" && p.name == "a run that has not ended" {
				continue
			}
			if key == "tags" {
				for _, tags := range []any{want[key], got[key]} {
					delete(tags.(map[string]any), registry.RunTagModels)
				}
			}
			if a, b := compact(want[key]), compact(got[key]); a != b {
				t.Errorf("%s, %s:\n  source: %.600s\n  target: %.600s", p.name, key, a, b)
			}
		}
	}
	t.Logf("%d runs compared by the stock client after %s", len(pairs), time.Since(begin).Round(time.Second))
}
