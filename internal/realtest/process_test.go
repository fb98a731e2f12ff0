package realtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// family is a shell with a child, like a server with workers.
var family = []string{"/bin/sh", "-c", "sleep 1000 & sleep 1000"}

// atEnd contains the functions that stop the servers that this package's tests share.
var atEnd []func()

// TestMain can also run the test binary as a process that starts children, prints their group, and is then killed.
func TestMain(m *testing.M) {
	log := os.Getenv("REALTEST_PARENT_LOG")
	if log == "" {
		status := m.Run()
		for _, end := range slices.Backward(atEnd) {
			end()
		}
		os.Exit(status)
	}
	p, err := launch{name: "family", log: log}.start(context.Background(), family...)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.group)
	select {}
}

func TestProcess_StopEndsGroup(t *testing.T) {
	p, err := launch{name: "family", log: filepath.Join(t.TempDir(), "log")}.start(t.Context(), family...)
	if err != nil {
		t.Fatal(err)
	}
	if !alive(p.group) {
		t.Fatal("the group is not there to begin with")
	}
	p.stop(syscall.SIGTERM)
	if alive(p.group) {
		t.Error("a process of the group is left")
	}
}

func TestProcess_EndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := launch{name: "family", log: filepath.Join(t.TempDir(), "log")}.start(ctx, family...)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-p.done
	p.stop(0)
	if alive(p.group) {
		t.Error("a process of the group is left")
	}
}

func TestProcess_EndsWithParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "REALTEST_PARENT_LOG="+filepath.Join(t.TempDir(), "log"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var group int
	if _, err := fmt.Fscan(out, &group); err != nil || !alive(group) {
		t.Fatalf("group %d is not there to begin with: %v", group, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(10 * time.Second); alive(group); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process of the group is left")
		}
	}
}

func TestServer_PortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	own := syscall.Getpgrp()
	if err := listens(port, own); err != nil {
		t.Errorf("held by this process: %v", err)
	}
	if err := listens(port, own+1); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("held by another process: got %v", err)
	}
}

// alive reports whether the group contains a process that is not a zombie.
func alive(group int) bool {
	if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
		return false
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, _ := os.ReadFile(path)
		// the format is "pid (name) state parent group …"
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 2 && f[0] != "Z" && f[2] == fmt.Sprint(group) {
			return true
		}
	}
	return false
}
