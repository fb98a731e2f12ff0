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

// Newest is the newest MLflow release that mlflow-promote is tested against.
const Newest = "3.17.2"

// Options describes the MLflow server to start. The zero value starts the newest release on SQLite, with the default
// number of workers.
type Options struct {
	Version string   // default Newest
	Store   string   // "sqlite" (default) or "file"; "postgresql" or "mariadb" starts a database server as well
	Workers int      // 0 for the server's default
	Host    string   // address to listen on; default 127.0.0.1
	Args    []string // additional arguments for "mlflow server"
	Env     []string // additional variables, as NAME=value
	Dir     string   // folder for all of the server's files; default: a temporary folder
	Prefix  string   // path prefix, for example /mlflow; only in 3.x
	Login   bool     // use the basic-auth app, with the Server's user as an administrator
	Issuer  string   // use the mlflow-oidc-auth app, which accepts this issuer's tokens; only with the newest version
	// Environment is the Python environment, for example "logins", which can read S3. The default is the one for the
	// version.
	Environment string

	// Workspace is the workspace that Train, Run and Call use. It is created if it does not exist. Workspaces require
	// MLflow 3.10.
	Workspace string
}

// Client is one login to an MLflow server.
type Client struct {
	URL            string
	User, Password string // "" without a login
	Token          string // sent instead of User and Password
	Workspace      string
}

// Server is a running MLflow server. Train and Run use its own Client.
type Server struct {
	Client
	Version string
	Store   string
	Log     string // the path of the server's log
	Dir     string

	python   string
	uri      string // the store's URI, in SQLAlchemy form
	process  *process
	postgres *Postgres
	mariadb  *MariaDB
	scrap    bool // whether to remove Dir when the server stops
	once     sync.Once
}

// MLflow starts a server and waits until it responds. If necessary, it installs the server first. Once installed, the
// server must respond within three minutes.
func MLflow(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{Version: cmp.Or(o.Version, Newest), Store: cmp.Or(o.Store, "sqlite"), Dir: o.Dir}
	environment := cmp.Or(o.Environment, s.Version)
	if o.Issuer != "" {
		environment = "logins"
	}
	if s.python, err = Python(ctx, environment); err != nil {
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
		if err := os.WriteFile(filepath.Join(s.Dir, "sitecustomize.py"), []byte(quickPasswords), 0o644); err != nil {
			return nil, err
		}
		o.Env = append(o.Env, "PYTHONPATH="+s.Dir)
	}
	if o.Issuer != "" {
		argv = append(argv, "--app-name", "oidc-auth")
		o.Env = append(oidcEnv(o.Issuer, s.Dir), o.Env...)
	}
	if o.Workers > 0 {
		argv = append(argv, "--workers", strconv.Itoa(o.Workers))
	}
	env := Environment(append([]string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), // the server finds its programs on PATH
		// otherwise, the server would start seven processes that no test needs
		"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false",
		"MLFLOW_FLASK_SERVER_SECRET_KEY=throw-away", "MLFLOW_AUTH_ADMIN_PASSWORD=" + adminPassword,
		"MLFLOW_ALLOW_FILE_STORE=true", // otherwise, 3.17 would refuse a file store
	}, o.Env...)...)
	s.process, err = launch{
		name: "mlflow " + s.Version,
		dir:  s.Dir,
		log:  s.Log,
		env:  env,
	}.start(ctx, append(argv, o.Args...)...)
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

// Audience is the audience of the tokens that a server with Options.Issuer accepts.
const Audience = "mlflow"

// oidcEnv returns settings that make mlflow-oidc-auth accept tokens that look like GitHub's. The user is the token's
// subject, which contains the repository and the environment.
func oidcEnv(issuer, dir string) []string {
	return []string{
		"OIDC_DISCOVERY_URL=" + issuer + "/.well-known/openid-configuration", "OIDC_ISSUER=" + issuer,
		"OIDC_AUDIENCE=" + Audience, "OIDC_CLIENT_ID=of-no-use", "OIDC_CLIENT_SECRET=of-no-use",
		"OIDC_USERNAME_FIELD=sub", "OIDC_GROUPS_ATTRIBUTE=repository", "OIDC_GROUP_NAME=acme/churn",
		"OIDC_PROVISION_ON_BEARER_AUTH=true", "DEFAULT_MLFLOW_PERMISSION=READ",
		"SECRET_KEY=throw-away",
		"OIDC_USERS_DB_URI=sqlite:///" + filepath.Join(dir, "users.db"),
	}
}

// adminPassword is the password of the user admin on servers with logins.
const adminPassword = "throw-away-admin"

// quickPasswords makes the server hash passwords in a single round. The default, scrypt, adds 0.35 s to every request.
const quickPasswords = `import werkzeug.security as s
s.generate_password_hash.__defaults__ = ("pbkdf2:sha256:1", 16)
`

// settle logs in and creates the workspace.
func (s *Server) settle(ctx context.Context, o Options) error {
	if o.Login {
		if err := s.logIn(ctx); err != nil {
			return err
		}
	}
	if o.Workspace == "" {
		return nil
	}
	err := s.Call(ctx, http.MethodPost, "/api/3.0/mlflow/workspaces", object{"name": o.Workspace}, nil)
	s.Workspace = o.Workspace
	return err
}

// logIn sets the administrator's password. Older servers (2.22.5, 3.4.0) start with a default password that no variable
// can change.
func (s *Server) logIn(ctx context.Context) error {
	s.User, s.Password = "admin", adminPassword
	if s.Call(ctx, http.MethodPost, "experiments/search", object{"max_results": 1}, nil) == nil {
		return nil
	}
	s.Password = "password1234"
	body := object{"username": s.User, "password": adminPassword}
	err := s.Call(ctx, http.MethodPatch, "users/update-password", body, nil)
	s.Password = adminPassword
	return err
}

// userPassword is the password of every user that AddUser creates.
const userPassword = "throw-away-password"

// AddUser creates a user and returns the user's login. By default, the server allows the user to READ everything.
func (s *Server) AddUser(ctx context.Context, name string) (Client, error) {
	body := object{"username": name, "password": userPassword}
	err := s.Call(ctx, http.MethodPost, "users/create", body, nil)
	return Client{URL: s.URL, User: name, Password: userPassword, Workspace: s.Workspace}, err
}

// Grant gives a user a permission, for example EDIT, on an "experiment" (by id) or a "registered_model" (by name).
func (s *Server) Grant(ctx context.Context, user, permission, resource, id string) error {
	err := s.Call(ctx, http.MethodPost, "/api/3.0/mlflow/users/permissions/grant", object{
		"username": user, "permission": permission, "resource_type": resource, "resource_id": id,
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "404") {
		return err
	}
	// before some 3.x release, each kind of resource had its own route
	path := map[string]string{"experiment": "experiments", "registered_model": "registered-models"}[resource]
	return s.Call(ctx, http.MethodPost, path+"/permissions/create", object{
		"username": user, "permission": permission, "experiment_id": id, "name": id,
	}, nil)
}

// Stop stops the server and its database, and removes the temporary folder if there is one.
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

// Tail returns the last lines of the server's log.
func (s *Server) Tail() string { return tail(s.Log, 25) }

// backend prepares the store and returns its URI.
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

// ready waits until /health responds. It also checks that the response comes from this server, because a different one
// may be using the port.
func (s *Server) ready(ctx context.Context, port string) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for !s.process.ended() {
		if resp, err := client.Get(s.URL + "/health"); err == nil {
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 100))
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK && strings.Contains(strings.ToLower(string(body)), "ok") {
				return listens(port, s.process.group)
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("ended before it answered")
}

// listens returns an error unless the socket that listens on the port belongs to the process group.
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
