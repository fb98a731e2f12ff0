package realtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Newest is the newest MLflow release that mlflow-promote is tested with.
const Newest = "3.17.2"

// Options say which MLflow server to start. The zero value is the newest
// release on SQLite with its default number of workers.
type Options struct {
	Version string   // default Newest
	Store   string   // "sqlite" (default), "postgresql", "mariadb" (both started too) or "file"
	Workers int      // 0 is the server's default
	Host    string   // address to listen on, default 127.0.0.1
	Args    []string // more arguments of "mlflow server"
	Env     []string // more variables, NAME=value
	Dir     string   // where the server keeps everything; default a throw-away folder
	Prefix  string   // of the path, as /mlflow; 3.x
	Login   bool     // with the basic-auth app; Server's user is then an administrator

	// Workspace is made and used by Train, Run and Call; 3.10 and later.
	Workspace string
}

// Server is a running MLflow server.
type Server struct {
	URL     string
	Version string
	Store   string
	Log     string // path of the server's output
	Dir     string

	User, Password string // who Train, Run and Call log in as; "" without login
	Workspace      string

	python   string
	uri      string // of the store, as SQLAlchemy takes it
	process  *process
	postgres *Postgres
	mariadb  *MariaDB
	scrap    bool // Dir goes when the server stops
	once     sync.Once
}

// MLflow starts a server and waits until it answers, at most three minutes
// after its parts are installed.
func MLflow(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{Version: cmp.Or(o.Version, Newest), Store: cmp.Or(o.Store, "sqlite"), Dir: o.Dir}
	if s.python, err = Python(ctx, s.Version); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if s.Dir == "" {
		s.scrap = true
		if s.Dir, err = os.MkdirTemp("", "mlflow-promote-server-"); err != nil {
			return nil, err
		}
	}
	s.Log = filepath.Join(s.Dir, "server.log")
	if s.uri, err = s.backend(ctx); err != nil {
		return nil, err
	}
	host := cmp.Or(o.Host, "127.0.0.1")
	port, err := freePort(host)
	if err != nil {
		return nil, err
	}
	s.URL = "http://" + net.JoinHostPort(host, port) + o.Prefix
	bin := filepath.Dir(s.python)
	argv := []string{filepath.Join(bin, "mlflow"), "server", "--host", host, "--port", port, "--backend-store-uri", s.uri,
		"--artifacts-destination", filepath.Join(s.Dir, "artifacts")}
	if strings.HasPrefix(s.Version, "1.") {
		argv = append(argv, "--serve-artifacts", "--default-artifact-root", "mlflow-artifacts:/")
	}
	if o.Prefix != "" {
		argv = append(argv, "--static-prefix", o.Prefix)
	}
	if o.Workspace != "" {
		argv = append(argv, "--enable-workspaces")
	}
	if o.Login {
		argv = append(argv, "--app-name", "basic-auth")
	}
	if o.Workers > 0 {
		argv = append(argv, "--workers", strconv.Itoa(o.Workers))
	}
	env := Environment(append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), // it starts programs of its own by name
		"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false",                       // seven more processes, none in the way of a request
		"MLFLOW_FLASK_SERVER_SECRET_KEY=throw-away", "MLFLOW_AUTH_ADMIN_PASSWORD=" + adminPassword,
		"MLFLOW_ALLOW_FILE_STORE=true", // 3.17 refuses one otherwise
	}, o.Env...)...)
	s.process, err = launch{name: "mlflow " + s.Version, dir: s.Dir, log: s.Log, env: env}.start(ctx, append(argv, o.Args...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("no answer within 3 minutes"))
	defer cancel()
	if err := s.ready(ctx, port); err != nil {
		return nil, s.process.failure(err)
	}
	return s, s.settle(ctx, o)
}

// adminPassword is that of the user admin where the server has logins.
const adminPassword = "throw-away-admin"

// settle logs in, and makes the workspace.
func (s *Server) settle(ctx context.Context, o Options) error {
	if o.Login {
		s.User, s.Password = "admin", adminPassword
		if strings.HasPrefix(s.Version, "2.") { // it knows no variable for the password, and has a default
			s.Password = "password1234"
			body := object{"username": s.User, "password": adminPassword}
			if err := s.Call(ctx, http.MethodPatch, "users/update-password", body, nil); err != nil {
				return err
			}
			s.Password = adminPassword
		}
	}
	if o.Workspace == "" {
		return nil
	}
	err := s.Call(ctx, http.MethodPost, "/api/3.0/mlflow/workspaces", object{"name": o.Workspace}, nil)
	s.Workspace = o.Workspace
	return err
}

// Stop ends the server, and PostgreSQL with it, and removes a throw-away
// folder.
func (s *Server) Stop() {
	s.once.Do(func() {
		if s.process != nil {
			s.process.stop(syscall.SIGTERM)
		}
		if s.postgres != nil {
			s.postgres.Stop()
		}
		if s.mariadb != nil {
			s.mariadb.Stop()
		}
		if s.scrap {
			os.RemoveAll(s.Dir)
		}
	})
}

// Tail is the last lines of the server's output.
func (s *Server) Tail() string { return tail(s.Log, 25) }

// backend prepares the store and is its URI.
func (s *Server) backend(ctx context.Context) (string, error) {
	switch s.Store {
	case "sqlite":
		return "sqlite:///" + filepath.Join(s.Dir, "mlflow.db"), nil
	case "file":
		return filepath.Join(s.Dir, "mlruns"), nil
	case "postgresql":
		var err error
		if s.postgres, err = PostgreSQL(ctx); err != nil {
			return "", err
		}
		return s.postgres.URI, nil
	case "mariadb":
		var err error
		if s.mariadb, err = StartMariaDB(ctx); err != nil {
			return "", err
		}
		return s.mariadb.URI, nil
	}
	return "", fmt.Errorf("start mlflow: unknown store %q", s.Store)
}

// ready waits until /health answers and the answer can only have come from the
// server just started: another one may hold the port.
func (s *Server) ready(ctx context.Context, port string) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for !s.process.ended() {
		if resp, err := client.Get(s.URL + "/health"); err == nil {
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 100))
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK && string(body) == "OK" {
				return listens(port, s.process.group)
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("ended before it answered")
}

// listens checks that the process group holds the listening socket on the
// port.
func listens(port string, group int) error {
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return fmt.Errorf("find who listens on port %s: %w", port, err)
	}
	sockets := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) {
			sockets["socket:["+f[9]+"]"] = true
		}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || !sockets[to] {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
		if of, err := syscall.Getpgid(pid); err == nil && of == group {
			return nil
		}
	}
	return fmt.Errorf("port %s answers, but another process listens on it", port)
}
