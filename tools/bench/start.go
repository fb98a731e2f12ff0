package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

const benchImage = "mlflow-promote:bench"

// runStart prints how long a job waits before the program's first request, with the action and with the setup action.
func runStart(ctx context.Context, repeat int) error {
	root, err := realtest.Root()
	if err != nil {
		return err
	}
	fmt.Println(imageSize(ctx, root))
	return startOfJob(ctx, os.Stdout, root, repeat)
}

// startOfJob measures the start of a job, and prints medians with the minimum and the maximum.
func startOfJob(ctx context.Context, w io.Writer, root string, repeat int) error {
	dir, err := os.MkdirTemp("", "mlflow-promote-start-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(w, "\nstart of a job; medians of %d, minimum and maximum; load is %s\n\n", repeat, load())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	row := func(title string, once func() (time.Duration, error)) error {
		var all []time.Duration
		for range repeat + 1 {
			d, err := once()
			if err != nil {
				return fmt.Errorf("measure %s: %w", title, err)
			}
			all = append(all, d)
		}
		all = all[1:] // the first one only warms up
		slices.Sort(all)
		fmt.Fprintf(t, "%s\t%.0f ms\t(%.0f to %.0f)\n", title, ms(all[len(all)/2]), ms(all[0]), ms(all[len(all)-1]))
		return nil
	}

	if exec.CommandContext(ctx, "docker", "image", "inspect", benchImage).Run() != nil {
		fmt.Fprintln(t, "container start to first request\tnot measured, there is no image")
	} else if err := row("container start to first request", func() (time.Duration, error) {
		return containerStart(dir)
	}); err != nil {
		return err
	}

	machine, err := newSetup(ctx, dir, root)
	if err != nil {
		return err
	}
	defer machine.mirror.Close()
	cold := fmt.Sprintf("setup, cold: download of %.1f MB from this machine, verification", float64(machine.size)/1e6)
	if err := row(cold, func() (time.Duration, error) {
		if err := os.RemoveAll(machine.tools()); err != nil {
			return 0, err
		}
		return machine.install(ctx)
	}); err != nil {
		return err
	}
	if err := row("setup, warm: verification of the tool cache", func() (time.Duration, error) {
		return machine.install(ctx)
	}); err != nil {
		return err
	}
	return row("program start to first request, in a step after setup", func() (time.Duration, error) {
		return programStart(ctx, machine)
	})
}

// listener is a server that notes when its first request comes, and has no models.
type listener struct {
	url   string
	close func() error
	first func() time.Time
}

func listen(address string) (listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return listener{}, err
	}
	var mu sync.Mutex
	var first time.Time
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if first.IsZero() {
			first = time.Now()
		}
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}`)
	})}
	go server.Serve(l)
	return listener{url: "http://" + l.Addr().String(), close: server.Close, first: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return first
	}}, nil
}

// untilFirst runs the command, which must send a request. Its exit code does not matter.
func (l listener) untilFirst(cmd *exec.Cmd) (time.Duration, error) {
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if l.first().IsZero() {
		return 0, fmt.Errorf("no request was sent: %v\n%s", err, out)
	}
	return l.first().Sub(began), nil
}

// containerStart measures from the runner's own docker run to the first request. The image is already there.
func containerStart(dir string) (time.Duration, error) {
	address, err := realtest.Bridge()
	if err != nil {
		return 0, err
	}
	l, err := listen(address)
	if err != nil {
		return 0, err
	}
	defer l.close()
	inputs, err := realtest.Defaults()
	if err != nil {
		return 0, err
	}
	inputs["command"], inputs["tracking-uri"] = "validate", l.url
	inputs["model"], inputs["candidate"], inputs["thresholds"] = "churn", "7", "acc >= 0.9"
	c, err := realtest.NewContainer(filepath.Join(dir, "job"), benchImage, inputs)
	if err != nil {
		return 0, err
	}
	return l.untilFirst(c.Command())
}

// setup is a machine with the setup action of a release, and a mirror with its files.
type setup struct {
	dir    string
	mirror *httptest.Server
	size   int64 // of the archive
}

// releaseFiles makes the files of a release for this machine, and its setup action.
const releaseFiles = `
	cp -r "$ROOT/setup" setup
	mkdir -p "dist/$FOLDER"
	(cd "$ROOT" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -buildid= -X main.version=v0.0.1' -o "$OUT/dist/$FOLDER/" .)
	cd dist
	tar -czf "$FOLDER.tar.gz" "$FOLDER"
	echo none >mlflow-promote_v0.0.1_image.tar
	sha256sum "$FOLDER.tar.gz" "$FOLDER/mlflow-promote" mlflow-promote_v0.0.1_image.tar >../setup/checksums.txt`

func newSetup(ctx context.Context, dir, root string) (setup, error) {
	s := setup{dir: dir}
	folder := "mlflow-promote_v0.0.1_" + runtime.GOOS + "_" + runtime.GOARCH
	cmd := exec.CommandContext(ctx, "bash", "-euc", releaseFiles)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "ROOT="+root, "OUT="+dir, "FOLDER="+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return s, fmt.Errorf("make release files: %w\n%s", err, out)
	}
	info, err := os.Stat(filepath.Join(dir, "dist", folder+".tar.gz"))
	if err != nil {
		return s, err
	}
	s.size = info.Size()
	s.mirror = httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "dist"))))
	return s, nil
}

func (s setup) tools() string { return filepath.Join(s.dir, "tools") }

// install runs the script of the setup action, as the action does.
func (s setup) install(ctx context.Context) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(s.dir, "setup", "install.sh"))
	cmd.Env = realtest.Environment("VERSION=", "DOWNLOAD_URL="+s.mirror.URL, "RUNNER_TOOL_CACHE="+s.tools(),
		"GITHUB_PATH="+filepath.Join(s.dir, "path"), "GITHUB_OUTPUT="+filepath.Join(s.dir, "output"))
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "installed mlflow-promote v0.0.1") {
		return 0, fmt.Errorf("install: %v\n%s", err, out)
	}
	return time.Since(began), nil
}

func programStart(ctx context.Context, s setup) (time.Duration, error) {
	l, err := listen("127.0.0.1")
	if err != nil {
		return 0, err
	}
	defer l.close()
	found, err := filepath.Glob(filepath.Join(s.tools(), "mlflow-promote", "*", "*", "mlflow-promote"))
	if err != nil || len(found) != 1 {
		return 0, fmt.Errorf("find the installed program: %v %v", found, err)
	}
	job, err := realtest.NewJob(filepath.Join(s.dir, "step"))
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, found[0], "validate", "--tracking-uri", l.url, "--model", "churn", "--candidate", "7",
		"--thresholds", "acc >= 0.9")
	cmd.Env = realtest.Environment(job.Env()...)
	return l.untilFirst(cmd)
}
