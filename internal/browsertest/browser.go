package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Browser is a running Chromium without a window.
type Browser struct {
	cmd     *exec.Cmd
	profile string
	out     io.WriteCloser
	ended   chan struct{}

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	pages   map[string]*Page // by session
}

// flags are what a browser needs in a container, as root, and what keeps it from talking to anybody of its own accord.
var flags = []string{
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
	"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-default-apps", "--disable-extensions", "--force-color-profile=srgb", "--hide-scrollbars",
	"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
}

// Start runs Chromium with an empty profile. The caller stops it.
func Start() (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("start Chromium: %w; tools/setup chromium installs it", err)
	}
	profile, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		return nil, err
	}
	b := &Browser{profile: profile, ended: make(chan struct{}), waiting: map[int]chan message{}, pages: map[string]*Page{}}
	if err := b.launch(path); err != nil {
		os.RemoveAll(profile)
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	return b, nil
}

func (b *Browser) launch(path string) error {
	in, out, err := os.Pipe() // what we write, the browser's descriptor 3
	if err != nil {
		return err
	}
	defer in.Close()
	answers, answer, err := os.Pipe() // what we read, its descriptor 4
	if err != nil {
		out.Close()
		return err
	}
	defer answer.Close()
	b.out = out
	b.cmd = exec.Command(path, append(flags, "--user-data-dir="+b.profile, "about:blank")...)
	b.cmd.ExtraFiles = []*os.File{in, answer}
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := b.cmd.Start(); err != nil {
		out.Close()
		answers.Close()
		return err
	}
	go b.read(answers)
	return nil
}

// Stop ends the browser and removes its profile.
func (b *Browser) Stop() {
	b.out.Close() // it ends by itself when nobody can tell it anything any more
	select {
	case <-b.ended:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	_ = b.cmd.Wait() // killed or not: it is gone
	os.RemoveAll(b.profile)
}

// message is what goes over the pipes: a command, its answer, or an event.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
		Data    string `json:"data"`
	} `json:"error,omitempty"`
}

// read hands out answers and events until the browser ends. Messages end with a zero byte.
func (b *Browser) read(from io.ReadCloser) {
	defer close(b.ended)
	defer from.Close()
	for r := bufio.NewReaderSize(from, 1<<20); ; {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		waiting, page := b.waiting[m.ID], b.pages[m.Session]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		switch {
		case m.ID != 0 && waiting != nil:
			waiting <- m
		case m.ID == 0 && page != nil:
			page.note(m)
		}
	}
}

// patience is how long a command may take before the browser counts as hung, on the slowest of machines.
const patience = 5 * time.Minute

// call sends a command and waits for its answer.
func (b *Browser) call(session, method string, params, out any) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("no answer from Chromium"))
	defer cancel()
	if params == nil {
		params = struct{}{}
	}
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	b.mu.Lock()
	b.last++
	m := message{ID: b.last, Session: session, Method: method, Params: text}
	b.waiting[m.ID] = answer
	line, err := json.Marshal(m)
	if err == nil {
		_, err = b.out.Write(append(line, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m = <-answer:
	case <-b.ended:
		return fmt.Errorf("%s: Chromium has ended", method)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, context.Cause(ctx))
	}
	if m.Error != nil {
		return fmt.Errorf("%s: %s %s", method, m.Error.Message, m.Error.Data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(m.Result, out)
}
