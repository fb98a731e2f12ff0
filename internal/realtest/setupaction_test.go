//go:build container

package realtest

import (
	"os/exec"
	"strings"
	"testing"
)

// releaseScript builds, in a copy of the repository, the files of a release for this machine and the setup action for
// that release.
const releaseScript = `
	folder=mlflow-promote_v0.0.1_linux_$(go env GOARCH)
	mkdir -p dist/$folder
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -buildid= -X main.version=v0.0.1' -o dist/$folder/mlflow-promote .
	cd dist
	tar -czf $folder.tar.gz $folder
	echo none >mlflow-promote_v0.0.1_image.tar
	sha256sum $folder.tar.gz $folder/mlflow-promote mlflow-promote_v0.0.1_image.tar >../setup/checksums.txt
	rm -r $folder`

// A step after the setup action runs the program by its name. It writes the same job summary and outputs as the action.
// The job runs without Docker.
func TestWorkflow_Setup(t *testing.T) {
	e := shared(t)
	logged, err := e.server.Train(t.Context(), Spec{Experiment: "setup", Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	workflow := e.workflow(t, "setup.yml")
	prepare := exec.Command("bash", "-euc", releaseScript)
	prepare.Dir = e.copy
	if out, err := prepare.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := e.actOn(t, thisMachine, workflow, object{
		"tracking-uri": e.server.URL, "candidate": "runs:/" + logged[0].RunID + "/model",
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"seen: installed=v0.0.1 verdict=promote version=1", "### Promoted"} {
		if !strings.Contains(out, want) {
			t.Errorf("the log lacks %q:\n%s", want, out)
		}
	}
}
