package inputs

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/dialect"
)

var serverInputs = []Input{
	{
		Name:  "tracking-uri",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_URI",
		Help: "Address of the MLflow server, such as `https://mlflow.example`. It may include a path. For a " +
			"Databricks workspace, write `databricks` and set the variable `DATABRICKS_HOST`.",
	},
	{
		Name:  "registry-uri",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_REGISTRY_URI",
		Help:  "Address of the model registry, if it is on a different server. `databricks-uc` is Unity Catalog.",
	},
	{
		Name:  "username",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_USERNAME",
		Help:  "User name for basic authentication. Set `password` too.",
	},
	{
		Name:   "password",
		Group:  "server",
		For:    onServer,
		Env:    "MLFLOW_TRACKING_PASSWORD",
		Secret: true,
		Help:   "Password for basic authentication. Set `username` too.",
	},
	{
		Name:   "token",
		Group:  "server",
		For:    onServer,
		Env:    "MLFLOW_TRACKING_TOKEN",
		Secret: true,
		Help:   "Bearer token. It is ignored if `username` and `password` are set, as in MLflow's Python client.",
	},
	{
		Name:  "audience",
		Group: "server",
		For:   onServer,
		Help: "Log in with a token that GitHub issues to this job, for this audience. The server must accept such " +
			"tokens, and the job needs the permission `id-token: write` (see docs/logins.md).",
	},
	{
		Name:  "role-to-assume",
		Group: "server",
		For:   onServer,
		Help: "AWS role for MLflow on Amazon SageMaker, assumed with a token that GitHub issues to this job. " +
			"Default: the credentials that `aws-actions/configure-aws-credentials` sets.",
	},
	{
		Name:   "headers",
		Group:  "server",
		For:    onServer,
		Kind:   Headers,
		Secret: true,
		Help: "Extra HTTP headers for every request, one `Name: value` per line, for example for a login proxy. " +
			"The values are masked.",
	},
	{
		Name:  "ca-file",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_SERVER_CERT_PATH",
		Help:  "PEM file with CA certificates to trust, in addition to the system's.",
	},
	{
		Name:  "client-cert",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_TRACKING_CLIENT_CERT_PATH",
		Help:  "PEM file with a client certificate and its private key.",
	},
	{
		Name:  "workspace",
		Group: "server",
		For:   onServer,
		Env:   "MLFLOW_WORKSPACE",
		Help:  "MLflow workspace. Requires MLflow 3.10 or later with workspaces enabled on the server.",
	},
	{
		Name:    "insecure-tls",
		Group:   "server",
		For:     onServer,
		Kind:    Bool,
		Default: "false",
		Env:     "MLFLOW_TRACKING_INSECURE_TLS",
		Help:    "Accept any TLS certificate. Use `ca-file` instead if you can.",
	},
	{
		Name:    "allow-insecure-http",
		Group:   "server",
		For:     onServer,
		Kind:    Bool,
		Default: "false",
		Help:    "Allow credentials to be sent to another machine over plain HTTP.",
	},
}

// Server contains the inputs that say where the MLflow servers are and how to connect to them.
type Server struct {
	Tracking, Registry string                     // addresses without credentials
	Header             http.Header                // sent with every request
	TrackingHeader     http.Header                // credentials from the address of the tracking server
	RegistryHeader     http.Header                // credentials from the address of the registry
	Audience           string                     // of the tokens that GitHub issues; "" for a fixed login
	Role               string                     // ARN of the AWS role to assume; "" for the environment's credentials
	SageMaker          map[string]login.SageMaker // servers whose requests are signed, keyed by address
	Databricks         string                     // address of the Databricks workspace; "" if neither server is one
	Dialect            dialect.Dialect            // of the registry
	Workspace          string
	Basic              bool   // whether a user name and a password are sent
	Login              string // the user name; "" if it is itself a credential
	CAs, ClientCert    []byte
	InsecureTLS        bool
	InsecureHTTP       bool
	Stall              time.Duration // how long a transfer of a file may stand still; 0 for the default
	Source             *Server       // the server that the candidate is on; nil if it is this one
}

// readServer returns where the server is and how to log in.
func readServer(r *reader) (s Server) {
	for name, what := range map[string]string{
		"MLFLOW_TRACKING_AWS_SIGV4": "request signing for AWS",
		"MLFLOW_TRACKING_AUTH":      "an authentication plugin for MLflow's Python client",
	} {
		if v := r.env(name); v != "" && !strings.EqualFold(v, "false") {
			want := "needs " + what + ", which is not supported; use a token or headers that the server accepts"
			r.problem("variable "+name, v, want)
		}
	}
	header := http.Header{}
	tracking := r.required("tracking-uri", "the address of the MLflow server, such as https://mlflow.example")
	s.TrackingHeader = http.Header{}
	if tracking != "" {
		s.Tracking = s.address(r, "tracking-uri", tracking, s.TrackingHeader)
	}
	s.Registry, s.RegistryHeader = s.Tracking, s.TrackingHeader
	if v := r.value("registry-uri"); v != "" {
		s.RegistryHeader = http.Header{}
		s.Registry = s.address(r, "registry-uri", v, s.RegistryHeader)
	}
	if s.Databricks != "" && s.Registry == s.Databricks {
		s.Dialect = dialect.UnityCatalog
	}
	s.login(r, header)
	s.issued(r)
	r.headers(header)
	if w := r.value("workspace"); w != "" {
		header.Set("X-Mlflow-Workspace", w)
		s.Workspace = w
	}
	s.Header = header
	s.InsecureTLS = r.bool("insecure-tls")
	s.InsecureHTTP = r.bool("allow-insecure-http")
	s.CAs = r.pem("ca-file")
	s.ClientCert = r.pem("client-cert")
	if s.InsecureTLS && r.value("ca-file") != "" {
		r.problem("insecure-tls", "true", "cannot be combined with ca-file; remove one of them")
	}
	return s
}

// address returns a server's address without its credentials, or "" if it is not valid. address moves the
// credentials to the header, so that no message can show them.
func (s *Server) address(r *reader, name, text string, header http.Header) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		r.problem(name, "", "is not an address; write https://HOST or https://HOST:PORT/PATH")
		return ""
	case strings.IndexByte(u.Opaque+u.Path, '@') >= 0:
		r.problem(name, "", "is not an address, but may contain credentials; write https://USER:PASSWORD@HOST, with "+
			"%2F for a / in the user or password, or use the inputs username, password and token")
		return ""
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.basic(r, header, u.User.Username(), password)
		u.User = nil
	}
	if u.Scheme == "arn" {
		return s.sageMaker(r, name, text)
	}
	workspace, want, is := login.Databricks{Env: r.env}.Recognise(u.String(), name == "tracking-uri")
	if is && want == "" && header.Get("Authorization") != "" {
		want = "contains a login, which Databricks does not take from an address; remove it, and set " +
			"DATABRICKS_TOKEN or the variables of another login"
	}
	if is && want == "" {
		s.Databricks = workspace
		return workspace
	}
	if want = cmp.Or(want, hosted(u)); want != "" {
		r.problem(name, u.String(), want)
		return ""
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		r.problem(name, u.String(), "is not an HTTP address; "+
			"start `mlflow server` with that store and use its address, such as https://mlflow.example")
		return ""
	case u.Hostname() == "":
		r.problem(name, u.String(), "has no host; write https://HOST or https://HOST:PORT/PATH")
		return ""
	case u.RawQuery != "" || u.Fragment != "":
		u.RawQuery, u.Fragment = "", "" // these may contain a token
		r.problem(name, u.String(), "contains a query (?) or fragment (#); "+
			"use the address of the server, not of a page")
		return ""
	}
	return strings.TrimRight(u.String(), "/")
}

// hostAndPort matches an address without a scheme, for example mlflow.example:5000.
var hostAndPort = regexp.MustCompile(`^[A-Za-z0-9.-]+:[0-9]+(/.*)?$`)

// hosted says what is wrong with the address of a hosted MLflow or an address without a scheme, and what to write
// instead. It returns "" for other addresses.
func hosted(u *url.URL) string {
	text := u.String()
	switch {
	case u.Scheme == "azureml" || strings.HasSuffix(u.Hostname(), ".api.azureml.ms"):
		return "is an Azure ML workspace, which has no MLflow server of its own and no aliases; use the address of " +
			"a self-hosted MLflow server"
	case u.Scheme == "uc":
		return "is Unity Catalog OSS, which has no aliases or stages; use the address of an MLflow server"
	case hostAndPort.MatchString(text):
		return "has no scheme; write https://" + text + " or, without TLS, http://" + text
	case u.Scheme == "" && u.Host == "" && strings.Contains(u.Path, ".") && !strings.HasPrefix(u.Path, "."):
		return "has no scheme; write https://" + text
	}
	return ""
}

// login sets the Authorization header. As in MLflow's Python client, a user name and password take precedence over
// a token.
func (s *Server) login(r *reader, header http.Header) {
	user, password, token := r.value("username"), r.value("password"), r.value("token")
	switch {
	case user != "" && password != "":
		s.basic(r, header, user, password)
	case token != "":
		r.secret(token)
		header.Set("Authorization", "Bearer "+token)
	case user != "":
		r.problem("password", "", "is missing; set it together with username")
	case password != "":
		r.problem("username", "", "is missing; set it together with password")
	}
	if strings.ContainsAny(user+password+token, "\r\n\x00") {
		r.problem("username, password or token", "", "contains a line break; "+
			"remove it, for example at the end of the file that it was read from")
		header.Del("Authorization")
	}
}

// sageMaker returns the address of the server that an ARN refers to.
func (s *Server) sageMaker(r *reader, name, arn string) string {
	server, err := login.ParseARN(arn, strings.TrimRight(r.env("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"), "/"))
	if err != nil {
		r.problem(name, arn, err.Error())
		return ""
	}
	if s.SageMaker == nil {
		s.SageMaker = map[string]login.SageMaker{}
	}
	s.SageMaker[server.Address] = server
	return server.Address
}

// issued reads the inputs for logins that are issued for this job. Only one kind of login can be used.
func (s *Server) issued(r *reader) {
	s.Audience, s.Role = r.value("audience"), r.value("role-to-assume")
	constant := r.value("username")+r.value("password")+r.value("token") != ""
	aws := len(s.SageMaker) > 0
	switch {
	case s.Audience != "" && aws:
		r.problem("audience", s.Audience, "cannot be used with Amazon SageMaker; set role-to-assume")
	case s.Audience != "" && s.Databricks != "" && s.Tracking == s.Registry:
		r.problem("audience", s.Audience, "cannot be used with Databricks; set the variable DATABRICKS_CLIENT_ID, and "+
			"DATABRICKS_TOKEN_AUDIENCE if the federation policy has an audience of its own")
	case s.Audience != "" && constant:
		r.problem("audience", s.Audience, "cannot be combined with username, password or token; remove one of them")
	case aws && constant:
		r.problem("tracking-uri", "", "is on Amazon SageMaker, where requests are signed; remove username, password "+
			"and token")
	case s.Role != "" && !aws:
		r.problem("role-to-assume", s.Role, "is only for Amazon SageMaker; set tracking-uri to the ARN of the server")
	}
	r.secret(r.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	if aws {
		r.secret(r.env("AWS_SECRET_ACCESS_KEY"), r.env("AWS_SESSION_TOKEN"))
	}
}

func (s *Server) basic(r *reader, header http.Header, user, password string) {
	s.Basic, s.Login = true, user
	if tokenAsName(user, password) {
		r.secret(user)
	}
	if user == "admin" && (password == "password1234" || password == "password") {
		r.problem("password", "", "is MLflow's publicly known default for the user admin; "+
			"set a different one on the server (MLFLOW_AUTH_ADMIN_PASSWORD)")
	}
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	r.secret(password, pair)
	header.Set("Authorization", "Basic "+pair)
}

// headerName matches a header name, which is a token as defined in RFC 9110.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (r *reader) headers(header http.Header) {
	for i, l := range format.Lines(r.value("headers")) {
		name, value, ok := strings.Cut(l, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		valid := ok && headerName.MatchString(name) && value != "" && !strings.ContainsFunc(value, unicode.IsControl)
		if !valid {
			r.problem("headers", "", fmt.Sprintf("line %d is not a header; write Name: value", i+1))
			continue
		}
		r.secret(value)
		// in "Bearer …", the token alone is a secret too
		if scheme, token, spaced := strings.Cut(value, " "); spaced {
			r.secret(token)
			if pair, err := base64.StdEncoding.DecodeString(token); err == nil && strings.EqualFold(scheme, "Basic") {
				user, password, _ := strings.Cut(string(pair), ":")
				r.secret(password)
				if tokenAsName(user, password) {
					r.secret(user)
				}
			}
		}
		header.Set(name, value)
	}
}

func (r *reader) pem(name string) []byte {
	path := r.value(name)
	if path == "" {
		return nil
	}
	text, err := r.file(path, FileLimit)
	if err != nil {
		r.problem(name, path, WithoutPath(err, path).Error())
		return nil
	}
	if name == "ca-file" && !x509.NewCertPool().AppendCertsFromPEM(text) {
		r.problem(name, path, "contains no certificate in PEM format; "+
			"use a file that starts with -----BEGIN CERTIFICATE-----")
	}
	if name == "client-cert" {
		if _, err := tls.X509KeyPair(text, text); err != nil {
			r.problem(name, path, "must contain a certificate and its private key, both in PEM format: "+err.Error())
		}
	}
	return text
}
