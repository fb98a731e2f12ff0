// Package chart draws lineages.
//
// It is pure.
package chart

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// maxBoxes is the maximum number of datasets, and of aliases, in a chart. A chart with more would not fit on a screen.
const maxBoxes = 4

// Draw draws the data, code, run, copies, version, aliases, stage and deployment from left to right.
func Draw(l lineage.Lineage) *doc.Flow {
	f := &doc.Flow{}
	run := runBox(f, l)
	if n := len(l.Servers); n > 0 {
		at := ""
		for i, s := range l.Servers {
			next := f.Node(fmt.Sprint("server", i), format.Words(s.Ref, "on", s.Server))
			if i > 0 {
				f.Edge(at, next, l.Servers[i-1].Entry == "")
			}
			at = next
		}
		f.Edge(at, run, l.Servers[n-1].Entry == "")
	}
	for i, d := range l.Datasets {
		if i == maxBoxes {
			more := fmt.Sprintf("%d more datasets", len(l.Datasets)-maxBoxes)
			f.Edge(f.Node("more data", more), run, false)
			break
		}
		label := format.Words("data", cmp.Or(d.Name, d.URI), d.Context, format.ShortID(d.Digest))
		f.Edge(f.Node(fmt.Sprint("data", i), label), run, d.From != "run")
	}
	if len(l.Datasets) == 0 {
		f.Edge(f.Node("data", "data unknown"), run, true)
	}
	if l.Code != nil && l.Code.Commit != "" {
		f.Edge(f.Node("code", format.Words("commit", format.ShortID(l.Code.Commit))), run, l.Code.From != "run")
	}
	at, broken := run, l.Training == nil
	step := func(thing, label string) {
		next := f.Node(thing, label)
		f.Edge(at, next, broken)
		at, broken = next, false
	}
	if l.Logged != nil {
		step("logged", format.Words("logged model", format.ShortID(l.Logged.ID)))
	}
	for _, c := range slices.Backward(l.Copies) {
		ref := format.Words(c.Model, "version", c.Version)
		if c.Problem != "" {
			ref += " not followed"
			broken = true
		}
		step("copy "+c.Model+"/"+c.Version, ref)
		broken = c.Problem != ""
	}
	lost := slices.ContainsFunc(l.Lost, func(x lineage.Lost) bool { return x.What == "artifact" })
	broken = broken || lost && l.Files == nil
	step("version", format.Words(l.Model, "version", l.Version))
	version := at
	for i, a := range l.Aliases {
		if i == maxBoxes {
			more := fmt.Sprintf("%d more aliases", len(l.Aliases)-maxBoxes)
			f.Edge(version, f.Node("more aliases", more), false)
			break
		}
		ref := registry.AliasRef(a).String()
		f.Edge(version, f.Node(ref, ref), false)
	}
	if l.Stage != "None" {
		f.Edge(version, f.Node("stage", "stage "+l.Stage), false)
	}
	if l.Deployment != nil {
		f.Edge(version, f.Node("deployment", format.Words("deployed to", cmp.Or(l.Deployment.To, "somewhere"))), false)
	}
	return f
}

func runBox(f *doc.Flow, l lineage.Lineage) string {
	switch {
	case l.RunID == "":
		return f.Node("run", "no run")
	case l.RunProblem != "":
		return f.Node("run", format.Words("run", format.ShortID(l.RunID), "not of this version"))
	case l.Training == nil:
		return f.Node("run", format.Words("run", format.ShortID(l.RunID), "not readable"))
	case l.Training.Deleted:
		return f.Node("run", format.Words("run", cmp.Or(l.Training.RunName, format.ShortID(l.RunID)), "deleted"))
	}
	return f.Node("run", format.Words("run", cmp.Or(l.Training.RunName, format.ShortID(l.RunID))))
}
