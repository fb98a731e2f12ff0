package modelcopy_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/bundle"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelcopy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var noon = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

// A gate sees the same value of a model in a bundle as on its server, with the same history. What travels from the
// bundle is what would travel from the server.
func TestBundle_Facts(t *testing.T) {
	for name, build := range modelcopy.Cases {
		for _, version := range []string{"3.17.2", "2.22.5", "1.30.1"} {
			if version != "3.17.2" && !strings.Contains(name, "folder") {
				continue
			}
			t.Run(name+" from "+version, func(t *testing.T) {
				w := modelcopy.NewWorld(t, version)
				source, run := build(w)
				text := source
				if !strings.HasPrefix(source, "models:/") {
					text = "runs:/" + run + source[strings.LastIndex(source, "/"):]
				}
				root, err := os.OpenRoot(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				defer root.Close()
				candidate, err := registry.ParseCandidate(text, "churn")
				if err != nil {
					t.Fatal(err)
				}
				_, err = bundle.Export{
					Client: w.Client(), Query: fact.Query{Model: "churn", Candidate: candidate}, To: root,
					Now: func() time.Time { return noon },
				}.Write(t.Context())
				if bad := name == "a failed run" || name == "a run that has not ended"; bad != (err != nil) {
					t.Fatalf("export: %v", err)
				} else if bad {
					return
				}
				b, err := bundle.Open(t.Context(), root, bundle.Check{Now: noon})
				if err != nil {
					t.Fatal(err)
				}
				c := modelcopy.Over(t, b.Transport(func() time.Time { return noon }))
				there, place := located(t, c, w.Client(), b.Candidate)
				modelcopy.SameValues(t, name, modelcopy.Values(t, w.Client(), source, run), modelcopy.Values(t, c, place, run))
				want, got := stored(t, w.Client(), source, run), stored(t, c, place, run)
				if want != got {
					t.Errorf("from the server:\n%s\nfrom the bundle:\n%s", want, got)
				}
				if there.Run.OrZero().ID != run && name != "no run" {
					t.Errorf("run %q", there.Run.OrZero().ID)
				}
			})
		}
	}
}

// located returns the candidate as a promotion reads it, and the location of its files.
func located(t *testing.T, from, to *mlflow.Client, candidate registry.Candidate) (fact.Subject, string) {
	t.Helper()
	facts, err := gather.FactsFrom(t.Context(), from, to, fact.Query{Model: "churn", Candidate: candidate},
		fact.Needs{Files: true})
	if err != nil || facts.Barred != nil {
		t.Fatal(err, facts.Barred)
	}
	if facts.Source.ModelID != "" {
		return facts.Candidate, "models:/" + facts.Source.ModelID
	}
	return facts.Candidate, facts.Source.ArtifactURI
}

// stored returns the stored form of what travels, without the texts for people.
func stored(t *testing.T, c *mlflow.Client, source, run string) string {
	t.Helper()
	in, err := modelcopy.Read(t.Context(), c, source, run)
	if err != nil {
		t.Fatal(err)
	}
	if in.Lost = nil; in.Run != nil && len(in.Run.Others) > 0 {
		in.Run.Others = []string{"others"}
	}
	var text, points bytes.Buffer
	if err := in.Write(t.Context(), &text, &points); err != nil {
		t.Fatal(err)
	}
	return text.String() + points.String()
}
