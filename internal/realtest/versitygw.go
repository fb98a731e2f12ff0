package realtest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ObjectStore is an S3 server with one bucket. It checks each signature.
type ObjectStore struct {
	URL    string
	Region string

	process *process
	dir     string
}

// S3 starts an S3 server with one bucket and one login, and waits until it accepts connections.
func S3(ctx context.Context, key, secret, bucket string) (_ *ObjectStore, err error) {
	if err := Setup(ctx, "versitygw"); err != nil {
		return nil, err
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	s := &ObjectStore{Region: "eu-west-1"}
	if s.dir, err = os.MkdirTemp("", "mlflow-promote-s3-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	for _, sub := range []string{"data/" + bucket, "meta"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", port)
	s.URL = "http://" + address
	s.process, err = launch{
		name: "versitygw", dir: s.dir, log: filepath.Join(s.dir, "log"),
		env: Environment("ROOT_ACCESS_KEY="+key, "ROOT_SECRET_KEY="+secret, "VGW_REGION="+s.Region),
	}.start(ctx, filepath.Join(root, ".cache", "bin", "versitygw"), "--port", address, "posix",
		"--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"))
	if err != nil {
		return nil, err
	}
	for range 600 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return s, conn.Close()
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, s.process.failure(os.ErrDeadlineExceeded)
}

// Stop stops the server and removes its files.
func (s *ObjectStore) Stop() {
	if s.process != nil {
		s.process.stop(syscall.SIGKILL)
	}
	os.RemoveAll(s.dir)
}
