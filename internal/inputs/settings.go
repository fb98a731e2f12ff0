package inputs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
)

// Settings are the checked values of the inputs. If Problems is not empty, the other fields must not be used.
type Settings struct {
	Server      Server
	Secrets     []string
	Intent      plan.Intent
	Judging     Judging
	Against     string // version to compare with: a number, an alias or a stage
	PolicyTests string // folder
	Doctor      Doctor
	DryRun      bool
	Allow       trigger.Allowance
	Timeout     time.Duration
	Ledger      string // auto, required or off
	History     History
	Audit       Audit
	Approved    Approval
	Expected    Expected
	GitHub      GitHub
	Notify      Notify

	Problems []Problem
}

// Server are the inputs about the MLflow servers and how to connect to them.
type Server struct {
	Tracking, Registry string      // addresses without credentials
	Header             http.Header // for every request
	TrackingHeader     http.Header // credentials from the address of the tracking server
	RegistryHeader     http.Header // credentials from the address of the registry
	Workspace          string
	Basic              bool   // a user name and a password are sent
	Login              string // the user name; "" if it is a credential itself
	CAs, ClientCert    []byte
	InsecureTLS        bool
	InsecureHTTP       bool
}

// Judging are the inputs about gates.
type Judging struct {
	Gates        []policy.Gate
	Waivers      []policy.Waiver
	Identities   map[string]string // MLflow user -> GitHub login
	PolicyFile   string            // "" = it is searched for
	NeedsPolicy  bool              // a missing policy file is an error
	Evidence     map[string]string // path of a workspace file by the name that a gate gives the document
	From         string            // stage that the candidate must come from, "" = any
	OfIncumbents bool              // check the versions that the policy's targets point to, not a candidate
}

// Doctor are the inputs about repairs.
type Doctor struct {
	Repair []string
	Reset  string // reason for a new ledger; "" = start none
}

// History are the inputs of the command history.
type History struct {
	At, Until time.Time    // the given time, or the start and end of the given day
	Saved     SavedHistory // history to show without a server
	Kept      SavedHistory // saved history to compare with the one on the server
	Statement int          // entry to write as a statement, 0 = none
}

// Expected is the input expected-previous: the version that the target must point to before the move.
type Expected struct {
	Given   bool
	Version int // 0 = none
}

// Problem is one problem of one input. Saw is the value, or "" if it is missing or secret. Want says what is wrong, and
// after a semicolon what to write instead.
type Problem struct{ Input, Saw, Want string }

func (p Problem) String() string {
	if p.Saw == "" {
		return p.Input + ": " + p.Want
	}
	return fmt.Sprintf("%s: %s: %s", p.Input, strconv.Quote(p.Saw), p.Want)
}

// reader turns the texts of the inputs into settings and collects all problems.
type reader struct {
	command Command
	value   func(name string) string
	file    func(path string, limit int64) ([]byte, error)
	env     func(name string) string
	out     Settings
}

// problem adds a problem. It is not inlined, because eighty calls would make the binary larger.
//
//go:noinline
func (r *reader) problem(input, saw, want string) {
	r.out.Problems = append(r.out.Problems, Problem{input, shorten(saw), want})
}

// shorten cuts off a long value, such as a whole file, so that the message stays readable.
func shorten(text string) string {
	if utf8.RuneCountInString(text) > 120 {
		return string([]rune(text)[:119]) + "…"
	}
	return text
}

// Read reads and checks all inputs of the command. value returns an input, file reads a file of the workspace, and env
// returns an environment variable.
func Read(
	c Command, value func(string) string, file func(string, int64) ([]byte, error), env func(string) string,
) Settings {
	r := &reader{command: c, value: value, file: file, env: env}
	r.out.Judging.PolicyFile = value("policy-file")
	r.out.Judging.NeedsPolicy = r.valueIfTaken("require-policy") != "" && r.bool("require-policy")
	r.out.Timeout = r.duration("timeout")
	r.out.Intent.Command = c.Name
	c.read(r)
	return r.out
}

// readDoctor reads the inputs of doctor.
func readDoctor(r *reader) {
	readServer(r)
	readRepair(r)
}

// readMove reads the inputs that all commands about one registered model share.
func readMove(r *reader) {
	readServer(r)
	in := &r.out.Intent
	if in.Query.Model = r.value("model"); !aboutIncumbents(r) {
		r.required("model", "the name of the registered model")
	}
	if r.out.Server.InsecureTLS {
		in.Override = append(in.Override, "insecure-tls") // shown and recorded like other safety checks that are off
	}
	r.out.DryRun = r.bool("dry-run")
	r.out.Ledger = r.choice("ledger")
	readAllowance(r)
	readTraffic(r)
	in.Override = append(in.Override, r.words("override")...)
	readApproval(r)
	readExpected(r)
	readGitHub(r)
	readNotification(r)
}

func readAlias(r *reader) {
	readMove(r)
	readAssignments(r)
}

func readRollback(r *reader) {
	readMove(r)
	readTarget(r)
	readRollbackVersion(r)
}

func readCompare(r *reader) {
	readMove(r)
	readCandidate(r)
	readAgainst(r)
}

func readCandidateCommand(r *reader) {
	readMove(r)
	readCandidate(r)
	if r.command.Judges {
		readTarget(r)
		readThresholds(r)
		readEvidence(r)
	}
	in := &r.out.Intent
	in.Description = r.portable("description", registry.MaxDescription)
	in.Tags = r.tags("tags")
	in.ModelDescription = r.portable("model-description", registry.MaxDescription)
	in.ModelTags = r.tags("model-tags")
	in.RegisterIfValid = r.choice("register") == "if-valid"
}

// required returns an input that must not be empty. want completes the message "is missing; give …".
func (r *reader) required(name, want string) string {
	v := r.value(name)
	if v == "" {
		if env := Get(name).Env; env != "" {
			want += " (or the variable " + env + ")"
		}
		r.problem(name, "", "is missing; give "+want)
	}
	return v
}

// readServer reads where the server is and how to log in.
func readServer(r *reader) {
	for name, what := range map[string]string{
		"MLFLOW_TRACKING_AWS_SIGV4": "signing of requests for AWS",
		"MLFLOW_TRACKING_AUTH":      "authentication plugins of MLflow's Python client",
	} {
		if v := r.env(name); v != "" && !strings.EqualFold(v, "false") {
			want := "needs " + what + ", which is not supported; give a token or headers that the server accepts"
			r.problem("variable "+name, v, want)
		}
	}
	header := http.Header{}
	tracking := r.required("tracking-uri", "the address of the MLflow server, such as https://mlflow.example")
	r.out.Server.TrackingHeader, r.out.Server.RegistryHeader = http.Header{}, http.Header{}
	if tracking != "" {
		r.out.Server.Tracking = r.address("tracking-uri", tracking, r.out.Server.TrackingHeader)
	}
	r.out.Server.Registry, r.out.Server.RegistryHeader = r.out.Server.Tracking, r.out.Server.TrackingHeader
	if v := r.value("registry-uri"); v != "" {
		r.out.Server.RegistryHeader = http.Header{}
		r.out.Server.Registry = r.address("registry-uri", v, r.out.Server.RegistryHeader)
	}
	r.login(header)
	r.headers(header)
	if w := r.value("workspace"); w != "" {
		header.Set("X-Mlflow-Workspace", w)
		r.out.Server.Workspace = w
	}
	r.out.Server.Header = header
	r.out.Server.InsecureTLS = r.bool("insecure-tls")
	r.out.Server.InsecureHTTP = r.bool("allow-insecure-http")
	r.out.Server.CAs = r.pem("ca-file")
	r.out.Server.ClientCert = r.pem("client-cert")
	if r.out.Server.InsecureTLS && r.value("ca-file") != "" {
		r.problem("insecure-tls", "true", "cannot be combined with ca-file; remove one of them")
	}
}

// readRepair reads the inputs about repairs of one model.
func readRepair(r *reader) {
	r.out.Intent.Query.Model = r.value("model")
	r.out.Doctor.Repair = r.words("repair")
	r.out.Doctor.Reset = r.portable("reset-ledger", 250)
	r.out.DryRun = r.bool("dry-run")
	readAllowance(r)
	readGitHubToken(r)
	if (len(r.out.Doctor.Repair) > 0 || r.out.Doctor.Reset != "") && r.value("model") == "" {
		r.problem("model", "", "is missing; give the name of the registered model to repair")
	}
}

// address returns the address of a server without the credentials in it, or "" if it is not valid. The credentials go into
// the header, so that no message shows them.
func (r *reader) address(name, text string, header http.Header) string {
	u, err := url.Parse(text)
	if err != nil {
		r.problem(name, "", "is not an address; write https://HOST or https://HOST:PORT/PATH")
		return ""
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r.basic(header, u.User.Username(), password)
		u.User = nil
	}
	switch {
	case strings.HasPrefix(u.Scheme, "databricks"):
		r.problem(name, text, "is a Databricks address, and Databricks has another API; give a self-hosted MLflow server")
		return ""
	case u.Scheme != "http" && u.Scheme != "https":
		r.problem(name, u.String(), "is not an HTTP address; start `mlflow server` with that store and give its address, "+
			"such as https://mlflow.example")
		return ""
	case u.Hostname() == "":
		r.problem(name, u.String(), "has no host; write https://HOST or https://HOST:PORT/PATH")
		return ""
	case u.RawQuery != "" || u.Fragment != "":
		r.problem(name, u.Redacted(), "has a query (?) or fragment (#); give the address of the server, not of a page")
		return ""
	}
	return strings.TrimRight(u.String(), "/")
}

// login sets the header for authentication. As in MLflow's Python client, user name and password take precedence over a
// token.
func (r *reader) login(header http.Header) {
	user, password, token := r.value("username"), r.value("password"), r.value("token")
	switch {
	case user != "" && password != "":
		r.basic(header, user, password)
	case token != "":
		r.secret(token)
		header.Set("Authorization", "Bearer "+token)
	case user != "":
		r.problem("password", "", "is missing; give the password of the username")
	case password != "":
		r.problem("username", "", "is missing; give the user name of the password")
	}
	if strings.ContainsAny(user+password+token, "\r\n\x00") {
		r.problem("username, password or token", "", "has a line break; "+
			"remove it, for example at the end of the file that it was read from")
		header.Del("Authorization")
	}
}

func (r *reader) basic(header http.Header, user, password string) {
	r.out.Server.Basic, r.out.Server.Login = true, user
	if tokenAsName(user, password) {
		r.secret(user)
	}
	if user == "admin" && (password == "password1234" || password == "password") {
		r.problem("password", "", "is MLflow's public default for the user admin; "+
			"set another one on the server (MLFLOW_AUTH_ADMIN_PASSWORD)")
	}
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	r.secret(password, pair)
	header.Set("Authorization", "Basic "+pair)
}

func (r *reader) secret(values ...string) { r.out.Secrets = append(r.out.Secrets, values...) }

// headerName is a token of RFC 9110.
var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (r *reader) headers(header http.Header) {
	for i, l := range lines(r.value("headers")) {
		name, value, ok := strings.Cut(l, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		valid := ok && headerName.MatchString(name) && value != "" && !strings.ContainsFunc(value, unicode.IsControl)
		if !valid {
			r.problem("headers", "", fmt.Sprintf("line %d is not a header; write Name: value", i+1))
			continue
		}
		r.secret(value)
		if _, token, spaced := strings.Cut(value, " "); spaced { // in "Bearer …", the token alone is a secret too
			r.secret(token)
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
		r.problem(name, path, "has no certificate in PEM format; give a file that starts with -----BEGIN CERTIFICATE-----")
	}
	if name == "client-cert" {
		if _, err := tls.X509KeyPair(text, text); err != nil {
			r.problem(name, path, "must have a certificate and its private key, both in PEM format: "+err.Error())
		}
	}
	return text
}

func readCandidate(r *reader) {
	if r.out.Judging.OfIncumbents = aboutIncumbents(r); r.out.Judging.OfIncumbents {
		return
	}
	text := r.required("candidate",
		"runs:/RUN_ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-…, best or commit")
	if text == "" {
		return
	}
	c, err := registry.ParseCandidate(text)
	if err != nil {
		r.problem("candidate", text, err.Error())
	}
	if c.Best != nil {
		c.Best.Experiment = readOneExperiment(r)
		c.Best.Metric = r.required("metric", "the metric that decides which model is best")
		if r.required("goal", "maximize or minimize") != "" {
			c.Best.Goal = r.choice("goal")
		}
		if strings.Contains(c.Best.Metric, "`") {
			r.problem("metric", c.Best.Metric, "has a backtick, which MLflow's search does not support; log it by another name")
		}
	}
	if c.Commit != nil {
		c.Commit.Experiments, c.Commit.TrainedBy = readExperiments(r), r.list("trained-by")
		if err == nil && r.env("GITHUB_SHA") == "" {
			r.problem("candidate", text, "works only in a job of GitHub Actions; name the run, such as "+
				"runs:/RUN_ID/model, or set the variable GITHUB_SHA to the output of git rev-parse HEAD")
		}
	}
	if c.Commit == nil && r.value("trained-by") != "" {
		r.problem("trained-by", r.value("trained-by"), "works only with candidate: commit; leave it empty")
	}
	r.out.Intent.Query.Candidate = c
}

// readOneExperiment returns the experiment to search for the best model.
func readOneExperiment(r *reader) string {
	r.required("experiment", "the name of the experiment to search for the best model")
	names := r.list("experiment")
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	r.problem("experiment", r.value("experiment"), "is more than one experiment, but candidate: best searches only one; "+
		"if the name has a comma, give the id of the experiment")
	return ""
}

// maxExperiments bounds the number of experiments, because each one needs a request.
const maxExperiments = 20

// readExperiments returns the experiments to search for the run of the commit. Without any, the experiment of the
// incumbent is searched, and that needs a target.
func readExperiments(r *reader) []string {
	names := r.list("experiment")
	hasTarget := r.command.needsTarget || r.command.Judges && r.value("alias")+r.value("stage") != ""
	switch {
	case len(names) > maxExperiments:
		r.problem("experiment", "", fmt.Sprintf("has %d experiments; give at most %d", len(names), maxExperiments))
	case len(names) == 0 && !hasTarget:
		r.problem("experiment", "", "is missing; give the experiment that the model is trained in, or an alias or stage: "+
			"then the experiment of its version is searched")
	}
	return names
}

func readTarget(r *reader) {
	t := &r.out.Intent.Query.Target
	t.Alias = r.value("alias")
	if t.Alias != "" {
		if err := registry.CheckAlias(t.Alias); err != nil {
			r.problem("alias", t.Alias, err.Error())
		}
	}
	if text := r.value("stage"); text != "" {
		stage, ok := registry.CanonicalStage(text)
		if !ok || stage == "None" || stage == "Archived" {
			r.problem("stage", text, "is not a stage to promote to; write Staging or Production")
		}
		t.Stage = stage
		t.ArchiveExisting = r.bool("archive-existing")
	}
	readFrom(r, t)
	if r.command.needsTarget && t.Empty() && r.value("stage") == "" {
		r.problem("alias", "", "is missing; give an alias such as champion, a stage, or both")
	}
}

// readFrom reads the stage that the candidate must be in before it moves.
func readFrom(r *reader, t *registry.Target) {
	text := r.value("from")
	if text == "" {
		return
	}
	stage, ok := registry.CanonicalStage(text)
	switch {
	case !ok:
		r.problem("from", text, "is not a stage; write None, Staging, Production or Archived")
	case r.value("stage") == "":
		r.problem("from", text, "needs the input stage; set stage to the stage to promote to")
	case stage == t.Stage:
		r.problem("from", text, "is the same as stage; write another stage")
	}
	r.out.Judging.From = stage
}

func readThresholds(r *reader) {
	gates, problems := policy.Thresholds(r.value("thresholds"), r.out.Intent.Query.Target)
	r.out.Judging.Gates = gates
	for _, p := range problems {
		r.problem("thresholds", "", p)
	}
}

// readExplain reads the model and the target. It needs no server.
func readExplain(r *reader) {
	r.out.Intent.Query.Model = r.required("model", "the name of a registered model")
	readTarget(r)
}

func readPolicyTest(r *reader) {
	r.out.PolicyTests = r.required("policy-tests", "the folder with the tests")
}

// readEvidence reads which reports come from files of the workspace.
func readEvidence(r *reader) {
	r.out.Judging.Evidence = map[string]string{}
	for _, l := range lines(r.value("evidence-file")) {
		name, path, ok := strings.Cut(l, "=")
		name, path = strings.TrimSpace(name), strings.TrimSpace(path)
		if !ok || name == "" || path == "" {
			r.problem("evidence-file", l, "is not of the form NAME=FILE; write the name in the policy's gate and the file, "+
				"such as reports/scan.json=scan.json")
			continue
		}
		r.out.Judging.Evidence[name] = path
	}
}

// portable returns an input that all supported servers and databases can store.
func (r *reader) portable(name string, limit int) string {
	v := r.value(name)
	if len(v) > limit {
		r.problem(name, v, fmt.Sprintf("has %d bytes; write at most %d, the limit of MLflow's databases", len(v), limit))
	}
	if !utf8.ValidString(v) {
		r.problem(name, "", "is not valid UTF-8; save it as UTF-8")
	}
	return v
}

func (r *reader) tags(name string) map[string]string {
	tags := map[string]string{}
	for _, l := range lines(r.value(name)) {
		key, value, ok := strings.Cut(l, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		_, repeated := tags[key]
		switch {
		case !ok || key == "":
			r.problem(name, l, "is not a tag; write key=value, one per line")
		case repeated:
			r.problem(name, key, "is repeated; remove one of the two")
		case badTagKey(key):
			r.problem(name, key, fmt.Sprintf("is not a tag key; write at most %d letters, digits, spaces and _ / . -, "+
				"without an empty part, '.' or '..' between slashes", registry.MaxTagKey))
		case registry.Reserved(key):
			r.problem(name, key, "is reserved for MLflow or this action (promote.*, mlflow.* and keys about validation); "+
				"use another key")
		case len(value) > registry.MaxTagValue:
			r.problem(name, key, fmt.Sprintf("has a value of %d bytes; write at most %d, the limit of MLflow's databases",
				len(value), registry.MaxTagValue))
		}
		tags[key] = value
	}
	return tags
}

// badTagKey reports whether some supported version of MLflow rejects the key.
func badTagKey(key string) bool {
	for _, segment := range strings.Split(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return true
		}
	}
	return len(key) > registry.MaxTagKey || strings.ContainsFunc(key, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_/.- ", c))
	})
}

func (r *reader) bool(name string) bool {
	switch v := r.value(name); v {
	case "true", "True", "TRUE", "1":
		return true
	case "false", "False", "FALSE", "0", "":
		return false
	default:
		r.problem(name, v, "is not a switch; write true or false")
		return false
	}
}

func (r *reader) choice(name string) string {
	v := r.value(name)
	for _, w := range Get(name).Values {
		if v == w {
			return v
		}
	}
	r.problem(name, v, "is not a known value; write "+Get(name).Wants())
	return v
}

func (r *reader) words(name string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(r.value(name), func(c rune) bool { return c == ',' || c == '\n' || c == ' ' }) {
		known := false
		for _, v := range Get(name).Values {
			known = known || v == w
		}
		if !known {
			r.problem(name, w, "is not a known value; write "+Get(name).Wants())
			continue
		}
		out = append(out, w)
	}
	return out
}

// readAllowance reads the additional refs and events that may start a write.
func readAllowance(r *reader) {
	for _, l := range lines(r.value("allow-refs")) {
		p, err := trigger.ParseRefPattern(l)
		if err != nil {
			r.problem("allow-refs", l, err.Error())
			continue
		}
		r.out.Allow.Refs = append(r.out.Allow.Refs, p)
	}
	separator := func(c rune) bool { return c == ',' || unicode.IsSpace(c) }
	for _, name := range strings.FieldsFunc(r.value("allow-events"), separator) {
		if !eventName.MatchString(name) {
			r.problem("allow-events", name, "is not an event; write its name as in a workflow, such as issue_comment")
			continue
		}
		r.out.Allow.Events = append(r.out.Allow.Events, name)
	}
}

// eventName matches the names of GitHub's events.
var eventName = regexp.MustCompile(`^[a-z][a-z_]*$`)

func (r *reader) duration(name string) time.Duration {
	v := r.value(name)
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.problem(name, v, "is not a duration; write "+Get(name).Wants())
	}
	return d
}

// list returns the items of an input, one per line or separated by commas, without duplicates.
func (r *reader) list(name string) []string {
	var out []string
	for _, item := range lines(strings.ReplaceAll(r.value(name), ",", "\n")) {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}

// lines returns the lines of a text, trimmed and without empty ones.
func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// FileLimit bounds the size of a file that an input names, in bytes.
const FileLimit = 1 << 20

// aboutIncumbents reports whether validate checks the versions that the targets point to now. It does so for a pull
// request without a candidate, which can only be about the policy.
func aboutIncumbents(r *reader) bool {
	return r.command.Name == "validate" && r.value("candidate") == "" && r.env("GITHUB_EVENT_NAME") == "pull_request"
}
