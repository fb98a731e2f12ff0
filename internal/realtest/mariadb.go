package realtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// MariaDB is a MariaDB server with one empty database.
type MariaDB struct {
	URI string // the database's URI, in SQLAlchemy form
	Log string // the path of the server's log

	dir     string
	process *process
	once    sync.Once
}

// StartMariaDB starts a server with an empty data directory. The server has no grant tables, so every user on this
// machine has full access.
func StartMariaDB(ctx context.Context) (_ *MariaDB, err error) {
	if err := Setup(ctx, "mariadb"); err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mlflow-promote-mariadb-")
	if err != nil {
		return nil, err
	}
	db := &MariaDB{dir: dir, Log: filepath.Join(dir, "log")}
	defer func() {
		if err != nil {
			db.Stop()
		}
	}()
	data := filepath.Join(dir, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chmod(dir, 0o755)); err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(data, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	install := exec.CommandContext(
		ctx, "mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal",
		"--skip-test-db",
	)
	install.Dir = data
	install.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		return nil, err
	}
	// MLflow creates its tables in an existing database, so this creates an empty one.
	begin := filepath.Join(data, "begin.sql")
	if err := os.WriteFile(begin, []byte("CREATE DATABASE mlflow CHARACTER SET utf8mb4;\n"), 0o644); err != nil {
		return nil, err
	}
	socket := filepath.Join(data, "socket")
	db.process, err = launch{name: "mariadb", dir: data, log: db.Log, env: Environment(), as: as}.start(ctx,
		"/usr/sbin/mariadbd", "--no-defaults", "--datadir="+data, "--port="+port, "--bind-address=127.0.0.1",
		"--socket="+socket,
		"--pid-file="+filepath.Join(data, "pid"), "--skip-grant-tables", "--skip-networking=OFF", "--init-file="+begin,
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M")
	if err != nil {
		return nil, err
	}
	if err := db.ready(ctx, socket); err != nil {
		return nil, db.process.failure(err)
	}
	db.URI = fmt.Sprintf("mysql+pymysql://root@127.0.0.1:%s/mlflow", port)
	return db, nil
}

// Stop stops the server and removes its folder.
func (db *MariaDB) Stop() {
	db.once.Do(func() {
		if db.process != nil {
			db.process.stop(syscall.SIGKILL) // the server's files are deleted anyway
		}
		os.RemoveAll(db.dir)
	})
}

// ready waits until the server listens on the socket in its own folder, which happens only after the database has been
// created.
func (db *MariaDB) ready(ctx context.Context, socket string) error {
	for !db.process.ended() {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("ended before it was ready")
}
