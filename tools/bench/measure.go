package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// measured is the measurement of one process.
type measured struct {
	wall, cpu time.Duration
	rss       int64 // peak memory in bytes
	out       []byte
	// The fields below are set only if there is a proxy.
	requests, rounds int
	first            time.Duration // from the start of the process to its first request
}

// measure runs the command. If there is a proxy, measure also counts requests.
func measure(cmd *exec.Cmd, proxy *realtest.Proxy) (measured, error) {
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if proxy != nil {
		proxy.Reset()
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return measured{}, err
	}
	peak := make(chan int64)
	ended := make(chan struct{})
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	m := measured{wall: time.Since(began), out: out.Bytes()}
	close(ended)
	m.rss = <-peak
	if err != nil {
		return m, fmt.Errorf("%s: %w\n%s%s", cmd.Path, err, stderr.Bytes(), out.Bytes())
	}
	m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if proxy != nil {
		m.requests, m.rounds = len(proxy.Requests()), proxy.Rounds()
		if m.requests > 0 {
			m.first = proxy.Requests()[0].Began.Sub(began)
		}
	}
	return m, nil
}

// watchMemory returns the last peak memory of the process that it could read. The value from wait4 cannot be used,
// because the child is forked from this process and its peak includes this process's memory.
func watchMemory(pid int, ended <-chan struct{}) int64 {
	var peak int64
	for {
		select {
		case <-ended:
			return peak
		case <-time.After(2 * time.Millisecond):
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			if kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64); err == nil {
				peak = kb << 10
			}
		}
	}
}

// median returns the median and the minimum of one value over all runs. The minimum shows what an idle machine can do.
func median(runs []measured, figure func(measured) float64) (middle, least float64) {
	var all []float64
	for _, r := range runs {
		all = append(all, figure(r))
	}
	slices.Sort(all)
	return all[len(all)/2], all[0]
}
