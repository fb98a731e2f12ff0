package modelcopy

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Read and Missing list what a copy loses, and nothing is written for that.
func TestMissing(t *testing.T) {
	for name, c := range map[string]struct {
		build         func(w *world) (source, run string)
		version       string
		inRun         bool
		lost, missing string // words; "" for nothing besides permissions
	}{
		"nothing":              {cases["one model"], "3.17.2", false, "", ""},
		"datasets":             {cases["one model"], "1.30.1", false, "", "1 dataset input"},
		"datasets stay":        {cases["one model"], "2.22.5", false, "", "the logged model"},
		"of values":            {cases["values on datasets"], "2.22.5", false, "", "the datasets of 4 metric values"},
		"in the run":           {cases["values on datasets"], "3.17.2", true, "", "the datasets of 4 metric values"},
		"evaluations":          {cases["an evaluation"], "2.22.5", false, "1 value", "3 evaluation runs"},
		"several models":       {cases["several models"], "2.22.5", false, "the other models of the run", "several models"},
		"values of the others": {cases["several models"], "3.17.2", false, "may belong to another model", ""},
		"not ended":            {cases["a run that has not ended"], "3.17.2", false, "RUNNING", ""},
		"other artifacts":      {cases["one of two folders"], "3.17.2", false, `1 other artifact of the run: "other"`, ""},
		"nested": {func(w *world) (string, string) {
			source, run := cases["one model"](w)
			w.post("runs/set-tag", object{"run_id": run, "key": registry.RunTagParent, "value": "p1"})
			return source, run
		}, "3.17.2", false, `the parent run "p1"`, ""},
		"nested runs": {func(w *world) (string, string) {
			source, run := cases["one model"](w)
			child := w.run("1", "child")
			w.post("runs/set-tag", object{"run_id": child, "key": registry.RunTagParent, "value": run})
			return source, run
		}, "3.17.2", false, "the nested runs", ""},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newWorld(t, "3.17.2"), newWorld(t, c.version)
			source, run := c.build(from)
			from.server.Forget()
			in, err := Read(t.Context(), from.c, source, run)
			if err != nil {
				t.Fatal(explained(err))
			}
			missing, err := Missing(t.Context(), to.c, in, c.inRun)
			if err != nil {
				t.Fatal(explained(err))
			}
			lost := strings.Join(in.Lost, "; ")
			if !strings.Contains(lost, c.lost) || (c.lost == "") != (len(in.Lost) == 1) ||
				!strings.Contains(lost, "permissions and aliases") {
				t.Errorf("lost: %s", lost)
			}
			if got := strings.Join(missing, "; "); !strings.Contains(got, c.missing) || (c.missing == "") != (got == "") {
				t.Errorf("missing: %s", got)
			}
			if len(from.server.Writes())+len(to.server.Writes()) > 0 {
				t.Error("something was written")
			}
		})
	}
}
