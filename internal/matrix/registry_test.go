//go:build real

package matrix

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// Runs and artifacts may be on one server and models on another, each with its own login. If the registry would refuse
// files from the other server, the program reports this before it creates anything.
func TestRegistryElsewhere(t *testing.T) {
	onlyWhole(t)
	start := func(o realtest.Options) *realtest.Server {
		o.Workers = 1
		s, err := realtest.MLflow(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		return s
	}
	registries := []*realtest.Server{
		start(realtest.Options{Version: "2.22.5", Login: true}), start(realtest.Options{Version: "3.17.2", Login: true}),
	}
	for _, version := range []string{"2.22.5", "3.17.2"} {
		b := &bench{T: t, server: start(realtest.Options{Version: version})}
		b.train()
		for _, models := range registries {
			t.Run("runs on "+version+", models on "+models.Version, func(t *testing.T) {
				b := &bench{T: t, server: b.server, env: environment(b.server), better: b.better}
				host := strings.TrimPrefix(models.URL, "http://")
				b.env["MLFLOW_REGISTRY_URI"] = "http://" + models.User + ":" + models.Password + "@" + host
				b.promoteElsewhere(models)
			})
		}
	}
}

func (b *bench) promoteElsewhere(models *realtest.Server) {
	model := "of-" + b.server.Version
	gated := []string{
		"--model", model, "--candidate", "runs:/" + b.better.RunID + "/model", "--thresholds", "test_accuracy >= 0.5",
	}
	refuses, judged := models.Version == "3.17.2", "ok"
	if refuses {
		judged = "refused(unsupported)"
	}
	if a := b.run(append([]string{"validate"}, gated...)...); a.cell() != judged {
		b.Errorf("validate: %s\n%s", a.cell(), a.stderr)
	}
	a := b.run(append([]string{"promote", "--alias", "champion"}, gated...)...)
	if strings.Contains(a.stdout+a.stderr, models.Password) {
		b.Error("the password of the registry is shown")
	}
	doctor := b.run("doctor")
	warned := strings.Contains(strings.Join(doctor.result.Server.Warnings, " "), "is not the tracking server")
	if warned != refuses {
		b.Errorf("doctor warns %v: %q", warned, doctor.result.Server.Warnings)
	}
	err := models.Call(
		b.Context(), http.MethodGet, "registered-models/get?name="+url.QueryEscape(model), nil, nil,
	)
	if refuses {
		if a.cell() != "refused(unsupported)" || err == nil {
			b.Errorf("promote: %s, model %v\n%s", a.cell(), err, a.stderr)
		}
		return
	}
	if a.cell() != "ok" || err != nil {
		b.Errorf("promote: %s, model %v\n%s", a.cell(), err, a.stderr)
	}
	if a := b.run("audit", "--model", model); a.cell() != "ok" || strings.Contains(a.stdout, "could not be read") {
		b.Errorf("audit: %s\n%s", a.cell(), a.stdout)
	}
}
