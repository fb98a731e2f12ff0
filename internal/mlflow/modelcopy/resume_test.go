package modelcopy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// cut is a connection that breaks at one request, before or after the server has carried it out.
type cut struct {
	to    http.RoundTripper
	at    int // the request at which it breaks, counted from 1
	after bool
	kill  context.CancelFunc // if not nil, the process dies at that point
	seen  int
	last  string
}

func (c *cut) RoundTrip(r *http.Request) (*http.Response, error) {
	c.seen++
	if c.seen < c.at || c.seen > c.at && c.kill == nil {
		return c.to.RoundTrip(r)
	}
	if c.seen == c.at {
		c.last = r.Method + " " + r.URL.Path
		if c.after {
			if resp, err := c.to.RoundTrip(r); err == nil {
				resp.Body.Close()
			}
		}
	}
	if c.kill != nil {
		c.kill()
	}
	return nil, syscall.ECONNRESET
}

// patient returns a client whose waits take time, for use in a bubble.
func patient(t testing.TB, transport http.RoundTripper) *mlflow.Client {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return mlflow.New(wire, wire, mlflow.About{Address: "http://localhost"}, func() float64 { return 1 })
}

// state describes all copies on a server: runs with all they contain, and logged models with values and files. Instead
// of ids, it contains the originals of the copies.
func (w *world) state(logged bool) string {
	w.t.Helper()
	var lines []string
	names := map[string]string{}
	runs := w.runs(w.copies())
	part := func(tags []mlflow.Pair) string { return mlflow.Pairs(tags)[tagPart] }
	for _, r := range runs {
		names[r.Info.ID] = part(r.Data.Tags)
	}
	var models []modelJSON
	if logged {
		models = w.models(w.copies())
	}
	for _, m := range models {
		names[m.Info.ID] = part(m.Info.Tags)
	}
	slices.SortFunc(runs, func(a, b runJSON) int { return strings.Compare(names[a.Info.ID], names[b.Info.ID]) })
	for _, r := range runs {
		lines = append(lines, fmt.Sprintf("run %s: %s %s %s %d %d, params %v, tags %v", names[r.Info.ID], r.Info.Name,
			r.Info.User, r.Info.Status, r.Info.Start, r.Info.End, mlflow.Pairs(r.Data.Params), mlflow.Pairs(r.Data.Tags)))
		slices.SortFunc(r.Data.Metrics, func(a, b pointJSON) int { return strings.Compare(a.Key, b.Key) })
		for _, m := range r.Data.Metrics {
			text := fmt.Sprintf("  %s = %s at %d %d:", m.Key, m.Value, m.Step, m.Time)
			for p, err := range history(context.Background(), w.c, r.Info.ID, m.Key) {
				if err != nil {
					w.t.Fatal(err)
				}
				text += fmt.Sprintf(" %s at %d %d", p.Value, p.Step, p.Time)
			}
			lines = append(lines, text)
		}
		for _, d := range r.Inputs.Datasets {
			lines = append(lines, "  input "+compact(d))
		}
		for _, o := range r.Outputs.Models {
			lines = append(lines, fmt.Sprintf("  output %s at %d", names[o.ID], o.Step))
		}
	}
	slices.SortFunc(models, func(a, b modelJSON) int { return cmp.Compare(names[a.Info.ID], names[b.Info.ID]) })
	for _, m := range models {
		lines = append(lines, fmt.Sprintf("model %s: %s %s %v of %s, params %v, tags %v", names[m.Info.ID], m.Info.Name,
			m.Info.Type, m.Info.Status, names[m.Info.SourceRunID], mlflow.Pairs(m.Data.Params), mlflow.Pairs(m.Info.Tags)))
		for _, v := range m.Data.Metrics {
			lines = append(lines, fmt.Sprintf("  %s = %s at %d %d by %s on %s %s", v.Key, v.Value, v.Step, v.Time,
				names[v.RunID], v.DatasetName, v.DatasetDigest))
		}
		files, err := w.c.Artifacts.Tree(context.Background(), mlflow.Location{Model: m.Info.ID})
		lines = append(lines, fmt.Sprint("  files ", files, err))
	}
	return strings.Join(lines, "\n")
}

// A copy that is interrupted at any request, before or after its effect, is completed by the next attempt. The result is
// the same as without the interruption, and nothing exists twice. A further attempt changes nothing.
func TestCopy_Killed(t *testing.T) {
	kinds := []string{"one model", "several models", "an evaluation", "no run", "not finite", "a folder"}
	interruptions := 0
	for _, name := range kinds {
		for _, version := range []string{"3.17.2", "2.22.5", "1.30.1"} {
			logged := version == "3.17.2"
			if version == "2.22.5" && name != "one model" || version == "1.30.1" && name == "several models" {
				continue // the requests are those to the other version
			}
			t.Run(name+" to "+version, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					in, want, requests := uninterrupted(t, name, version, logged)
					for at := 1; at <= requests; at++ {
						for _, after := range []bool{false, true} {
							for _, kill := range []bool{false, true} {
								if !kill && !after {
									continue // the client sends the request again
								}
								interrupted(t, in, version, want, cut{at: at, after: after}, kill)
								interruptions++
							}
						}
					}
				})
			})
		}
	}
	t.Logf("%d interruptions: lost, doubled or different 0", interruptions)
}

// uninterrupted makes a copy, and returns what was copied, the state of the target, and the number of requests.
func uninterrupted(t *testing.T, name, version string, logged bool) (Carried, string, int) {
	from, to := newWorld(t, "3.17.2", mlflowtest.IDs(7)), newWorld(t, version)
	source, run := cases[name](from)
	in, err := Read(t.Context(), from.c, source, run)
	if err != nil {
		t.Fatal(err)
	}
	count := &cut{to: to.server.Transport(), at: 1 << 30}
	if _, err := Copy(t.Context(), patient(t, count), in, asked, to.upload); err != nil {
		t.Fatal(explained(err))
	}
	return in, to.state(logged), count.seen
}

func interrupted(t *testing.T, in Carried, version, want string, c cut, kill bool) {
	t.Helper()
	to := newWorld(t, version)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.to = to.server.Transport()
	if kill {
		c.kill = cancel
	}
	first, err := Copy(ctx, patient(t, &c), in, asked, to.upload)
	if err == nil && kill {
		t.Fatalf("%s: the copy was not interrupted", c.last)
	}
	if err != nil && !kill && registry.ReasonOf(err) != registry.Unknown {
		t.Fatalf("%s, answer lost: %s", c.last, explained(err))
	}
	made, err := Copy(t.Context(), patient(t, to.server.Transport()), in, asked, to.upload)
	if err != nil {
		t.Fatalf("after %s: %s", c.last, explained(err))
	}
	if !kill && first.URI != "" && made != first {
		t.Errorf("after %s: the source is %v, was %v", c.last, made, first)
	}
	if got := to.state(version == "3.17.2"); got != want {
		t.Errorf("after %s (carried out %t, killed %t):\n%s\nwant:\n%s", c.last, c.after, kill, got, want)
	}
	to.server.Forget()
	again, err := Copy(t.Context(), patient(t, to.server.Transport()), in, asked, to.upload)
	if err != nil || again != made || len(to.server.Writes()) > 0 {
		t.Errorf("after %s, a third attempt: %v, %v, writes %v", c.last, again, err, to.server.Writes())
	}
}
