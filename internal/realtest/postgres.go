package realtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Postgres is a PostgreSQL server with one empty database.
type Postgres struct {
	URI string // the database's URI, in SQLAlchemy form
	Log string // the path of the server's log

	dir     string
	process *process
	once    sync.Once
}

// PostgreSQL starts a server in a new cluster. The server does not flush its data to disk, because tests do not need
// this and it would slow down every commit.
func PostgreSQL(ctx context.Context) (_ *Postgres, err error) {
	if err := Setup(ctx, "postgres"); err != nil {
		return nil, err
	}
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mlflow-promote-postgres-")
	if err != nil {
		return nil, err
	}
	pg := &Postgres{dir: dir, Log: filepath.Join(dir, "log")}
	defer func() {
		if err != nil {
			pg.Stop()
		}
	}()
	cluster := filepath.Join(dir, "cluster")
	if err := errors.Join(os.Mkdir(cluster, 0o700), os.Chmod(dir, 0o755)); err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(cluster, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", cluster, "--username", "mlflow",
		"--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
	initdb.Dir = cluster
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		return nil, err
	}
	pg.process, err = launch{name: "postgres", dir: cluster, log: pg.Log, env: Environment(), as: as}.start(ctx,
		filepath.Join(bin, "postgres"), "-D", cluster, "-p", port, "-k", cluster, "-h", "127.0.0.1",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	if err != nil {
		return nil, err
	}
	if err := pg.ready(ctx, cluster); err != nil {
		return nil, pg.process.failure(err)
	}
	pg.URI = fmt.Sprintf("postgresql+psycopg2://mlflow@127.0.0.1:%s/postgres", port)
	return pg, nil
}

// Stop stops the server and removes its folder.
func (pg *Postgres) Stop() {
	pg.once.Do(func() {
		if pg.process != nil {
			pg.process.stop(syscall.SIGINT) // SIGINT does not wait for clients to disconnect
		}
		os.RemoveAll(pg.dir)
	})
}

// ready waits until the server's own cluster reports that it is ready, because a different server might be using the
// port.
func (pg *Postgres) ready(ctx context.Context, cluster string) error {
	for !pg.process.ended() {
		state, _ := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
		if lines := strings.Split(string(state), "\n"); len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("ended before it was ready")
}

// postgresPrograms returns the folder that contains initdb and postgres: Debian's newest, or otherwise the one on PATH.
func postgresPrograms() (string, error) {
	newest, best := "", 0
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, path := range found {
		dir := filepath.Dir(path)
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && n > best {
			newest, best = dir, n
		}
	}
	if newest != "" {
		return newest, nil
	}
	path, err := exec.LookPath("initdb")
	return filepath.Dir(path), err
}

// unprivileged returns the user to run PostgreSQL as, because PostgreSQL refuses to run as root. It returns nil if this
// process does not run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// freePort returns a port on host that is currently free.
func freePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
