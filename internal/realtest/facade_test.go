//go:build real || container

package realtest

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sageMaker starts the façade in front of a server, and returns its address.
func sageMaker(t *testing.T, upstream, arn string, env ...string) string {
	t.Helper()
	python, err := Python(t.Context(), "logins")
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := launch{
		name: "sagemaker", dir: dir, log: filepath.Join(dir, "log"), env: Environment(env...),
	}.start(t.Context(), python, abs(t, "testdata/sagemaker.py"), port, upstream, arn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(9) })
	return accepting(t, p, "127.0.0.1:"+port)
}

// accepting waits until a process accepts connections, and returns its address.
func accepting(t *testing.T, p *process, address string) string {
	t.Helper()
	for range 600 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return "http://" + address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(p.failure(os.ErrDeadlineExceeded))
	return ""
}

func abs(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
