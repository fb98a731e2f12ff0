package realtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is a child in its own process group, which is killed when this process ends.
type process struct {
	name    string
	log     string // the path of its log
	group   int
	done    chan struct{} // closed when the child has ended
	watcher *exec.Cmd
	leash   *os.File // closing it makes the watcher kill the group
}

// launch describes how to start a child. log is the file for the child's output, and env is the child's whole
// environment.
type launch struct {
	name, dir, log string
	env            []string
	as             *syscall.Credential
}

// start runs argv until stop is called, ctx is done or this process ends.
func (l launch) start(ctx context.Context, argv ...string) (*process, error) {
	out, err := os.Create(l.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = l.dir, l.env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: l.as}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	p := &process{name: l.name, log: l.log, group: cmd.Process.Pid, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the log shows how the child ended
		close(p.done)
	}()
	if err := p.watch(); err != nil {
		p.stop(syscall.SIGKILL)
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = syscall.Kill(-p.group, syscall.SIGKILL) })
	return p, nil
}

// watch starts a shell that waits for this process to end and then kills the group. A parent-death signal would not be
// enough: it reaches the child but not the workers that the child starts, and it is sent even if only one of this
// process's threads ends.
func (p *process) watch() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	p.leash = w
	p.watcher = exec.Command("/bin/sh", "-c", `read -r _; kill -s KILL -- "-$1"`, "watch", fmt.Sprint(p.group))
	p.watcher.Stdin = r
	p.watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.watcher.Start(); err != nil {
		w.Close()
		p.watcher = nil
		return fmt.Errorf("watch %s: %w", p.name, err)
	}
	return nil
}

// stop sends the signal to the whole group, and SIGKILL after five seconds. It returns once no process is left in the
// group.
func (p *process) stop(sig syscall.Signal) {
	began := time.Now()
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			sig = syscall.SIGKILL
		}
		if err := syscall.Kill(-p.group, sig); errors.Is(err, syscall.ESRCH) || time.Since(began) > 10*time.Second {
			break
		}
		if sig != syscall.SIGKILL {
			sig = 0 // send the signal only once, because a second one may have a different meaning
		}
		time.Sleep(wait)
	}
	<-p.done
	if p.watcher != nil {
		_ = p.watcher.Process.Kill()
		_ = p.watcher.Wait()
		p.leash.Close()
	}
}

// ended reports whether the child has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// failure returns err with the last lines of the child's output.
func (p *process) failure(err error) error {
	return fmt.Errorf("%s: %w; its output ends:\n%s", p.name, err, tail(p.log, 25))
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// Environment returns this process's environment with the given variables added, and without variables that change how
// MLflow behaves.
func Environment(set ...string) []string {
	env := []string{"MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "NO_PROXY=127.0.0.1,localhost"}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "MLFLOW_"), strings.HasPrefix(name, "PYTHON"), strings.HasPrefix(name, "GITHUB_"),
			name == "DO_NOT_TRACK", name == "NO_PROXY", name == "no_proxy":
		default:
			env = append(env, kv)
		}
	}
	return append(env, set...) // if a name occurs twice, the last value counts
}
