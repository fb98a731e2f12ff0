package realtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Nginx is a running nginx with a configuration from the caller.
type Nginx struct {
	dir     string
	process *process
}

// StartNginx starts nginx with the given text in its http block, and waits until it listens on all of the ports. File
// names in the configuration are relative to dir, which the caller must remove.
func StartNginx(ctx context.Context, dir, http string, ports ...string) (*Nginx, error) {
	if err := Setup(ctx, "nginx"); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`worker_processes 1;
daemon off;
pid %[1]s/nginx.pid;
error_log stderr;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s
}
`, dir, http)
	if os.Geteuid() == 0 {
		text = "user root;\n" + text // nginx's workers must be able to read this test's files
	}
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return nil, err
	}
	n := &Nginx{dir: dir}
	var err error
	n.process, err = launch{
		name: "nginx",
		dir:  dir,
		log:  filepath.Join(dir, "nginx.log"),
		env:  Environment(),
	}.start(ctx,
		"/usr/sbin/nginx", "-p", dir, "-c", path, "-e", "stderr")
	if err != nil {
		return nil, err
	}
	for _, port := range ports {
		if err := n.listens(ctx, port); err != nil {
			n.Stop()
			return nil, n.process.failure(err)
		}
	}
	return n, nil
}

// Stop stops nginx.
func (n *Nginx) Stop() { n.process.stop(syscall.SIGTERM) }

func (n *Nginx) listens(ctx context.Context, port string) error {
	for !n.process.ended() {
		if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			conn.Close()
			return listens(port, n.process.group)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("ended before it listened")
}

// FreePort returns a port on this machine that is currently free.
func FreePort() (string, error) { return freePort("127.0.0.1") }
