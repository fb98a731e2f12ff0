//go:build container

package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	imageName   = "mlflow-promote:test"
	runnerImage = "local/runner:bookworm"
	runnerUser  = 1001       // owns the files on a hosted runner
	maxImage    = 22_000_000 // in bytes; generous, so that the code does not have to save kilobytes
)

// engine is shared by all tests in this file: a copy of the repository that looks like a checkout, and its image.
// Containers and this machine reach the engine's server at the same address.
type engine struct {
	server *Server
	copy   string
}

var start = sync.OnceValues(func() (e engine, err error) {
	ctx := context.Background() // must outlive the first test that uses the engine
	if err := Setup(ctx, "docker", "act"); err != nil {
		return e, err
	}
	if e.copy, err = os.MkdirTemp("", "mlflow-promote-copy-"); err != nil {
		return e, err
	}
	atEnd = append(atEnd, func() { os.RemoveAll(e.copy) })
	if err := checkout(e.copy); err != nil {
		return e, err
	}
	build := exec.Command("docker", "build", "--tag", imageName, e.copy)
	build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // like the oldest runners, and act
	if out, err := build.CombinedOutput(); err != nil {
		return e, fmt.Errorf("docker build: %w\n%s", err, out)
	}
	gateway, err := Bridge()
	if err != nil {
		return e, err
	}
	if e.server, err = MLflow(ctx, Options{Workers: 1, Host: gateway}); err != nil {
		return e, err
	}
	atEnd = append(atEnd, e.server.Stop)
	return e, nil
})

// checkout copies the repository, including uncommitted changes, to a branch named main.
func checkout(dir string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	const script = `git ls-files -z --cached --others --exclude-standard |
			tar --create --null --ignore-failed-read --files-from - | tar --extract --directory "$1"
		cd "$1" && git init --quiet --initial-branch main && git add --all &&
			git -c user.name=test -c user.email=test@example.com commit --quiet --message test`
	cmd := exec.Command("bash", "-c", script, "copy", dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy the repository: %w\n%s", err, out)
	}
	return nil
}

func shared(t *testing.T) engine {
	t.Helper()
	e, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestImage(t *testing.T) {
	shared(t)
	out, err := exec.Command("docker", "image", "inspect", imageName).Output()
	if err != nil {
		t.Fatal(err)
	}
	var images []struct {
		Size   int64
		Config struct {
			User, WorkingDir string
			Entrypoint, Cmd  []string
		}
	}
	if err := json.Unmarshal(out, &images); err != nil {
		t.Fatal(err)
	}
	image := images[0]
	t.Logf("%.1f MB", float64(image.Size)/1e6)
	if image.Size > maxImage {
		t.Errorf("the image is %d bytes, want at most %d", image.Size, maxImage)
	}
	if image.Config.User != "" || image.Config.WorkingDir != "" {
		t.Errorf(
			"user %q and working directory %q are the runner's to choose", image.Config.User, image.Config.WorkingDir,
		)
	}
	if !slices.Equal(image.Config.Entrypoint, []string{"/mlflow-promote"}) || image.Config.Cmd != nil {
		t.Errorf("entry point %q, command %q", image.Config.Entrypoint, image.Config.Cmd)
	}
}

// The image contains the licences of the program and of everything that is linked into it.
func TestImage_Licences(t *testing.T) {
	shared(t)
	const script = `id=$(docker create "$1") && trap 'docker rm "$id" >/dev/null' EXIT && docker cp --quiet "$id:/licenses" "$2"`
	dir := t.TempDir()
	if out, err := exec.Command("bash", "-euc", script, "copy", imageName, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, want := range map[string]string{
		"LICENSE": "Apache License", "THIRD_PARTY_NOTICES.txt": "github.com/hashicorp/go-retryablehttp v",
	} {
		if text, err := os.ReadFile(filepath.Join(dir, "licenses", name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestContainer_AsRunnerStartsIt(t *testing.T) {
	server := shared(t).server
	logged, err := server.Train(t.Context(),
		Spec{Experiment: "container", Model: "model"},
		Spec{Experiment: "container", Model: "model", Estimator: "centroid"},
	)
	if err != nil {
		t.Fatal(err)
	}
	with := map[string]string{
		"tracking-uri": server.URL, "model": "container", "alias": "champion",
		"thresholds": "test_accuracy >= 0.9\ntest_f1 >= champion",
	}

	good := newContainer(t, with, "candidate", "runs:/"+logged[0].RunID+"/model")
	if status, out := good.run(t); status != 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	good.wrote(t, map[string]string{
		"verdict":   "promote",
		"reason":    "ok",
		"changed":   "true",
		"version":   "1",
		"model-uri": "models:/container@champion",
	})

	bad := newContainer(t, with, "candidate", "runs:/"+logged[1].RunID+"/model")
	if status, out := bad.run(t); status != 1 {
		t.Fatalf("status %d\n%s", status, out)
	}
	bad.wrote(t, map[string]string{"verdict": "block", "reason": "blocked", "version": "2", "previous-version": "1"})

	if got := holderOf(t, server, "container", "champion"); got != "1" {
		t.Errorf("champion is version %s, want 1", got)
	}
}

func TestContainer_CancelledReports(t *testing.T) {
	shared(t)
	asked := make(chan struct{})
	var once sync.Once
	server := onBridge(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		<-r.Context().Done() // never respond
	}))
	c := newContainer(t, map[string]string{
		"tracking-uri": server, "model": "container", "alias": "champion",
		"thresholds": "test_accuracy >= 0.9",
	}, "candidate", "runs:/0123456789abcdef0123456789abcdef/model")
	got, out := c.interrupt(t, asked)
	if got != 130 {
		t.Errorf("status %d, want 130\n%s", got, out)
	}
	c.wrote(t, map[string]string{"reason": "cancelled", "changed": "false"})
}

func TestWorkflow_UsesAction(t *testing.T) {
	e := shared(t)
	server := e.server
	logged, err := server.Train(t.Context(), Spec{Experiment: "workflow", Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	candidate := "runs:/" + logged[0].RunID + "/model"

	out, err := e.selfTest(t, candidate, "test_accuracy >= 0.9")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const promoted = "seen: outcome=success verdict=promote reason=ok changed=true version=1 " +
		"uri=models:/workflow@champion"
	if !strings.Contains(out, promoted) {
		t.Errorf("a later step did not see %q:\n%s", promoted, out)
	}
	if got := holderOf(t, server, "workflow", "champion"); got != "1" {
		t.Errorf("champion is version %s, want 1", got)
	}

	out, err = e.selfTest(t, candidate, "test_accuracy >= 0.999")
	if err == nil {
		t.Errorf("the job succeeds though the action refuses:\n%s", out)
	}
	const refused = "seen: outcome=failure verdict=block reason=blocked "
	if !strings.Contains(out, refused) {
		t.Errorf("a later step did not see %q:\n%s", refused, out)
	}
}

// selfTest runs the workflow that this repository tests itself with.
func (e engine) selfTest(t *testing.T, candidate, threshold string) (string, error) {
	t.Helper()
	return e.act(t, ".github/workflows/selftest.yml", object{
		"model":     "workflow",
		"alias":     "champion",
		"candidate": candidate,
		"threshold": threshold,
	})
}

// workflow copies a workflow from testdata to the copy of this repository, and returns its path there.
func (e engine) workflow(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(".github", "workflows", file)
	if err := os.WriteFile(filepath.Join(e.copy, path), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// act runs a workflow in the copy of this repository and returns its output. The steps run in a container.
func (e engine) act(t *testing.T, workflow string, inputs object) (string, error) {
	t.Helper()
	return e.actOn(t, runnerImage, workflow, inputs)
}

// thisMachine makes act run a job's steps without Docker, as processes on this machine.
const thisMachine = "-self-hosted"

func (e engine) actOn(t *testing.T, platform, workflow string, inputs object) (string, error) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	event, err := json.Marshal(object{"repository": object{"default_branch": "main"}, "inputs": inputs})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, event, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(root, ".cache", "bin", "act"), "workflow_dispatch", "--eventpath", file,
		"--workflows", workflow, "--platform", "ubuntu-latest="+platform,
		"--pull=false", "--action-offline-mode", "--rm", "--secret", "GITHUB_TOKEN=of-no-use",
		"--var", "MLFLOW_TRACKING_URI="+e.server.URL)
	cmd.Dir = e.copy
	cmd.Env = Environment("HOME=" + t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// container is the action as the runner starts it. Its files belong to the runner's user.
type container struct{ Container }

func newContainer(t *testing.T, with map[string]string, more ...string) container {
	t.Helper()
	inputs := defaults(t)
	maps.Copy(inputs, with)
	for pair := range slices.Chunk(more, 2) {
		inputs[pair[0]] = pair[1]
	}
	c, err := NewContainer(t.TempDir(), imageName, inputs)
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		err := filepath.WalkDir(c.Dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, runnerUser, runnerUser)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return container{c}
}

// defaults returns the values that the runner sets for inputs that a workflow does not specify.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	inputs, err := Defaults()
	if err != nil {
		t.Fatal(err)
	}
	return inputs
}

func (c container) run(t *testing.T) (int, string) {
	t.Helper()
	cmd := c.Command()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// interrupt starts the container and sends it the runner's first signal as soon as started is ready. It returns the
// exit code and the output. It fails the test if the container exits too early or too late.
func (c container) interrupt(t *testing.T, started <-chan struct{}) (int, string) {
	t.Helper()
	cmd := c.Command()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("ended before it was to be interrupted: %v\n%s", err, out.Bytes())
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(7500 * time.Millisecond): // when the runner would send SIGTERM
		_ = exec.Command("docker", "kill", c.Name).Run()
		t.Fatalf("still running after 7.5 s\n%s", out.Bytes())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// onBridge serves h at an address that containers can reach.
func onBridge(t *testing.T, h http.Handler) string {
	t.Helper()
	gateway, err := Bridge()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return "http://" + listener.Addr().String()
}

// wrote checks the outputs, the summary and the report file. It also checks that every file belongs to the runner's
// user, so that this user can remove it.
func (c container) wrote(t *testing.T, want map[string]string) {
	t.Helper()
	outputs, err := c.Outputs()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if outputs[name] != value {
			t.Errorf("output %s is %q, want %q", name, outputs[name], value)
		}
	}
	if summary, err := c.Summary(); err != nil || strings.TrimSpace(summary) == "" {
		t.Errorf("summary %q, error %v", summary, err)
	}
	if report := outputs["report-file"]; report == "" || filepath.IsAbs(report) {
		t.Errorf("output report-file is %q, want a path relative to the workspace", report)
	} else if _, err := os.Stat(filepath.Join(c.Dir, workspace, report)); err != nil {
		t.Error(err)
	}
	if os.Geteuid() != 0 {
		return // without root, this user owns all files, even those of a rootless engine
	}
	err = filepath.WalkDir(filepath.Join(c.Dir, workspace), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != runnerUser {
			t.Errorf("%s belongs to user %d, not to the workspace's %d", path, owner, runnerUser)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// holderOf returns the version that an alias points to, according to the server.
func holderOf(t *testing.T, server *Server, model, alias string) string {
	t.Helper()
	var answer struct {
		Version struct {
			Version string `json:"version"`
		} `json:"model_version"`
	}
	err := server.Call(t.Context(), http.MethodGet, "registered-models/alias?name="+model+"&alias="+alias, nil, &answer)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Version.Version
}
