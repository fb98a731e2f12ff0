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
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
)

// Settings is the inputs, read and checked. If problems is not empty, nothing else of it may be used.
type Settings struct {
	Server      Server
	Secrets     []string
	Intent      plan.Intent
	Judging     Judging
	Against     string // whom to compare with: a version number, an alias or a stage, as given
	PolicyTests string // folder
	Doctor      Doctor
	DryRun      bool
	Allow       trigger.Allowance
	Timeout     time.Duration
	Ledger      string // auto, required or off
	History     History
	Audit       Audit
	Approved    approval
	Expected    Expected
	GitHub      GitHub
	Notify      Notify

	Problems []Problem
}

// Server say where the servers are and how to connect.
type Server struct {
	Tracking, Registry string      // addresses without user-info
	Header             http.Header // of every request
	TrackingHeader     http.Header // credentials from the address of that server
	RegistryHeader     http.Header
	Workspace          string
	Basic              bool   // a user name and a password are sent
	Login              string // that user name; "" if it is a credential itself
	CAs, ClientCert    []byte
	InsecureTLS        bool
	InsecureHTTP       bool
}

// Judging say what a candidate is judged by.
type Judging struct {
	Gates       []gates.Gate
	Waivers     []policy.Waiver
	Identities  map[string]string // MLflow user -> GitHub login
	PolicyFile  string            // "" = it is searched for
	NeedsPolicy bool              // a missing policy file is an error
	Evidence    map[string]string // path of a workspace file by the name that a gate gives the document
	From        string            // stage that the candidate must come from, "" = any
	OfHolders   bool              // validate: the versions that the policy's targets point to are judged, not a candidate
}

// Doctor say what doctor repairs.
type Doctor struct {
	Repair []string
	Reset  string // why doctor begins a new ledger; "" = it does not
}

// History say what the command history shows.
type History struct {
	At, Until time.Time    // the time asked for, or the day
	Saved     SavedHistory // a history to show without a server
	Kept      SavedHistory // a saved history that the server's is compared with
	Statement int          // entry wanted as a statement, 0 = none
}

// Expected is the version that the target must point to before the move.
type Expected struct {
	Given   bool
	Version int // 0 = none
}

// Problem is one thing wrong with one input.
type Problem struct{ Input, Saw, Want string }

func (p Problem) String() string {
	if p.Saw == "" {
		return p.Input + ": " + p.Want
	}
	return fmt.Sprintf("%s: %s: %s", p.Input, strconv.Quote(p.Saw), p.Want)
}

// reader turns the texts of the inputs into settings and collects all problems on the way.
type reader struct {
	command Command
	value   func(name string) string
	file    func(path string, limit int64) ([]byte, error)
	env     func(name string) string
	out     Settings
}

// problem notes what is wrong with an input. It stays out of line, as it is called in eighty places: see report.T.
//
//go:noinline
func (r *reader) problem(input, saw, want string) {
	r.out.Problems = append(r.out.Problems, Problem{input, shortened(saw), want})
}

// shortened keeps an error readable when a whole file was pasted into an input.
func shortened(text string) string {
	if utf8.RuneCountInString(text) > 120 {
		return string([]rune(text)[:119]) + "…"
	}
	return text
}

// Read checks all inputs of the command at once.
func Read(c Command, value func(string) string, file func(string, int64) ([]byte, error), env func(string) string) Settings {
	r := &reader{command: c, value: value, file: file, env: env}
	r.out.Judging.PolicyFile = value("policy-file")
	r.out.Judging.NeedsPolicy = r.own("require-policy") != "" && r.bool("require-policy")
	r.out.Timeout = r.duration("timeout")
	r.out.Intent.Command = c.Name
	c.read(r)
	return r.out
}

// readDoctor: a server, and what to repair there.
func readDoctor(r *reader) {
	readServer(r)
	readRepair(r)
}

// readMove are those of every command about one registered model that may move something.
func readMove(r *reader) {
	readServer(r)
	in := &r.out.Intent
	if in.Query.Model = r.value("model"); !aboutIncumbents(r) {
		r.required("model", "the name of the registered model")
	}
	if r.out.Server.InsecureTLS {
		in.Override = append(in.Override, "insecure-tls") // shown and recorded like any other safety that is off
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
	readBackTo(r)
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

func (r *reader) required(name, want string) string {
	v := r.value(name)
	if v == "" {
		if env := Get(name).Env; env != "" {
			want += " (or the variable " + env + ")"
		}
		r.problem(name, "", "is missing: give "+want)
	}
	return v
}

// readServer reads where the server is and how to log in.
func readServer(r *reader) {
	for name, remedy := range map[string]string{
		"MLFLOW_TRACKING_AWS_SIGV4": "signing requests for AWS is not supported; pass a token or headers that the server accepts",
		"MLFLOW_TRACKING_AUTH":      "authentication plugins of the Python client cannot be used; pass a token or headers that the server accepts",
	} {
		if v := r.env(name); v != "" && !strings.EqualFold(v, "false") {
			r.problem("variable "+name, v, remedy)
		}
	}
	header := http.Header{}
	tracking := r.required("tracking-uri", "the address of the MLflow server, as https://mlflow.example")
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
		r.problem("insecure-tls", "true", "contradicts ca-file; give one of the two")
	}
}

// readRepair reads what doctor is to put right, which is about one model.
func readRepair(r *reader) {
	r.out.Intent.Query.Model = r.value("model")
	r.out.Doctor.Repair = r.words("repair")
	r.out.Doctor.Reset = r.portable("reset-ledger", 250)
	r.out.DryRun = r.bool("dry-run")
	readAllowance(r)
	readGitHubToken(r)
	if (len(r.out.Doctor.Repair) > 0 || r.out.Doctor.Reset != "") && r.value("model") == "" {
		r.problem("model", "", "is missing: name the registered model to repair")
	}
}

// address checks a server's address. Credentials in it go into a header, so that they appear in no message.
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
		r.problem(name, text, "Databricks has another API; this tool speaks to self-hosted MLflow servers")
		return ""
	case u.Scheme != "http" && u.Scheme != "https":
		r.problem(name, u.String(), "is not an http address; start `mlflow server` with that store and give its address, as https://mlflow.example")
		return ""
	case u.Hostname() == "":
		r.problem(name, u.String(), "names no host; write https://HOST or https://HOST:PORT/PATH")
		return ""
	case u.RawQuery != "" || u.Fragment != "":
		r.problem(name, u.Redacted(), "must hold neither a query nor a fragment (what follows ? or #): give the address of the server, not of a page")
		return ""
	}
	return strings.TrimRight(u.String(), "/")
}

// login follows the stock client: a complete pair of user name and password wins over a token.
func (r *reader) login(header http.Header) {
	user, password, token := r.value("username"), r.value("password"), r.value("token")
	switch {
	case user != "" && password != "":
		r.basic(header, user, password)
	case token != "":
		r.secret(token)
		header.Set("Authorization", "Bearer "+token)
	case user != "":
		r.problem("password", "", "is missing: a username was given")
	case password != "":
		r.problem("username", "", "is missing: a password was given")
	}
	if strings.ContainsAny(user+password+token, "\r\n\x00") {
		r.problem("username, password or token", "", "holds a line break; was a file read with its last newline?")
		header.Del("Authorization")
	}
}

func (r *reader) basic(header http.Header, user, password string) {
	r.out.Server.Basic, r.out.Server.Login = true, user
	if tokenAsName(user, password) {
		r.secret(user)
	}
	if user == "admin" && (password == "password1234" || password == "password") {
		r.problem("password", "", "is MLflow's well-known default of the user admin, which every attacker tries first: set another one on the server (MLFLOW_AUTH_ADMIN_PASSWORD)")
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
		if !ok || name == "" || value == "" || !headerName.MatchString(name) || strings.ContainsFunc(value, unicode.IsControl) {
			r.problem("headers", "", fmt.Sprintf("line %d is not a header; write Name: value", i+1))
			continue
		}
		r.secret(value)
		if _, token, spaced := strings.Cut(value, " "); spaced { // "Bearer …": the token may turn up alone
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
		r.problem(name, path, err.Error())
		return nil
	}
	if name == "ca-file" && !x509.NewCertPool().AppendCertsFromPEM(text) {
		r.problem(name, path, "holds no certificate in PEM form")
	}
	if name == "client-cert" {
		if _, err := tls.X509KeyPair(text, text); err != nil {
			r.problem(name, path, "must hold a certificate and its key, both in PEM form: "+err.Error())
		}
	}
	return text
}

func readCandidate(r *reader) {
	if r.out.Judging.OfHolders = aboutIncumbents(r); r.out.Judging.OfHolders {
		return
	}
	text := r.required("candidate", "runs:/RUN_ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-…, best or commit")
	if text == "" {
		return
	}
	c, err := registry.ParseCandidate(text)
	if err != nil {
		r.problem("candidate", text, err.Error())
	}
	if c.Best != nil {
		c.Best.Experiment = readOneExperiment(r)
		c.Best.Metric = r.required("metric", "the metric that decides")
		if r.required("goal", "maximize or minimize: which end of the metric is best") != "" {
			c.Best.Goal = r.choice("goal")
		}
		if strings.Contains(c.Best.Metric, "`") {
			r.problem("metric", c.Best.Metric, "holds a backtick, which MLflow's search cannot express")
		}
	}
	if c.Commit != nil {
		c.Commit.Experiments, c.Commit.TrainedBy = readExperiments(r), r.list("trained-by")
		if err == nil && r.env("GITHUB_SHA") == "" {
			r.problem("candidate", text, "means the commit that a job of GitHub Actions runs on, and this is none: name the run, as in runs:/RUN_ID/model, or set the variable GITHUB_SHA to what git rev-parse HEAD prints")
		}
	}
	if c.Commit == nil && r.value("trained-by") != "" {
		r.problem("trained-by", r.value("trained-by"), "narrows the candidate commit alone: leave it empty for any other candidate")
	}
	r.out.Intent.Query.Candidate = c
}

// readOneExperiment is the experiment to look for the best run in.
func readOneExperiment(r *reader) string {
	r.required("experiment", "the name of the experiment to look for the best run in")
	names := r.list("experiment")
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	r.problem("experiment", r.value("experiment"), "names several, and the candidate best looks in one; an experiment with a comma in its name is given by its id")
	return ""
}

// mostExperiments is how many experiments may be named: each is a request.
const mostExperiments = 20

// readExperiments are those to look for the run of the commit in. Without any it is the incumbent's, which takes a target.
func readExperiments(r *reader) []string {
	names := r.list("experiment")
	hasTarget := r.command.needsTarget || r.command.Judges && r.value("alias")+r.value("stage") != ""
	switch {
	case len(names) > mostExperiments:
		r.problem("experiment", "", fmt.Sprintf("names %d experiments; at most %d are searched", len(names), mostExperiments))
	case len(names) == 0 && !hasTarget:
		r.problem("experiment", "", "is missing: without a target there is no incumbent whose experiment could be searched for the run of the commit; name the one that the model is trained in, as in experiment: NAME")
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
			r.problem("stage", text, "is not a stage to promote to; give Staging or Production")
		}
		t.Stage = stage
		t.ArchiveExisting = r.bool("archive-existing")
	}
	readFrom(r, t)
	if r.command.needsTarget && t.Empty() && r.value("stage") == "" {
		r.problem("alias", "", "is missing: give an alias such as champion, or a stage, or both")
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
		r.problem("from", text, "is not a stage; give None, Staging, Production or Archived")
	case r.value("stage") == "":
		r.problem("from", text, "says where the candidate comes from, and no stage says where it goes: give the input stage too")
	case stage == t.Stage:
		r.problem("from", text, "is the stage to move to")
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

// readExplain: a model and a target, without a server.
func readExplain(r *reader) {
	r.out.Intent.Query.Model = r.required("model", "the name of a registered model")
	readTarget(r)
}

func readPolicyTest(r *reader) {
	r.out.PolicyTests = r.required("policy-tests", "the folder with the tests")
}

// readEvidence reads which documents are given as files.
func readEvidence(r *reader) {
	r.out.Judging.Evidence = map[string]string{}
	for _, l := range lines(r.value("evidence-file")) {
		name, path, ok := strings.Cut(l, "=")
		name, path = strings.TrimSpace(name), strings.TrimSpace(path)
		if !ok || name == "" || path == "" {
			r.problem("evidence-file", l, "is not of the form NAME=FILE; write the name a gate of the policy has, as in reports/scan.json=scan.json")
			continue
		}
		r.out.Judging.Evidence[name] = path
	}
}

// portable reads a text that every supported server and database must be able to keep.
func (r *reader) portable(name string, limit int) string {
	v := r.value(name)
	if len(v) > limit {
		r.problem(name, v, fmt.Sprintf("has %d bytes; MLflow's databases keep at most %d", len(v), limit))
	}
	if !utf8.ValidString(v) {
		r.problem(name, "", "is not valid UTF-8")
	}
	return v
}

func (r *reader) tags(name string) map[string]string {
	tags := map[string]string{}
	for _, l := range lines(r.value(name)) {
		key, value, ok := strings.Cut(l, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		_, twice := tags[key]
		switch {
		case !ok || key == "":
			r.problem(name, l, "is not a tag; write key=value, one per line")
		case twice:
			r.problem(name, key, "is given twice")
		case badTagKey(key):
			r.problem(name, key, fmt.Sprintf("is not a tag key: at most %d letters, digits and _ / . - and spaces, no leading /, no '..'", registry.MaxTagKey))
		case registry.Reserved(key):
			r.problem(name, key, "is reserved: keys that begin with promote. or mlflow., and those that say how a version was judged and moved, are written by the tools themselves")
		case len(value) > registry.MaxTagValue:
			r.problem(name, key, fmt.Sprintf("has a value of %d bytes; MLflow's databases keep at most %d", len(value), registry.MaxTagValue))
		}
		tags[key] = value
	}
	return tags
}

// badTagKey holds a key to what all servers from 1.30 on accept.
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
		r.problem(name, v, "want true or false")
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
	r.problem(name, v, "want "+Get(name).Wants())
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
			r.problem(name, w, "want "+Get(name).Wants())
			continue
		}
		out = append(out, w)
	}
	return out
}

// readAllowance reads from where else a write may start.
func readAllowance(r *reader) {
	for _, l := range lines(r.value("allow-refs")) {
		p, err := trigger.ParseRefPattern(l)
		if err != nil {
			r.problem("allow-refs", l, err.Error())
			continue
		}
		r.out.Allow.Refs = append(r.out.Allow.Refs, p)
	}
	for _, name := range strings.FieldsFunc(r.value("allow-events"), func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
		if !eventName.MatchString(name) {
			r.problem("allow-events", name, "is not the name of an event; write it as below on: in a workflow, such as issue_comment")
			continue
		}
		r.out.Allow.Events = append(r.out.Allow.Events, name)
	}
}

// eventName is how GitHub names the events that start workflows.
var eventName = regexp.MustCompile(`^[a-z][a-z_]*$`)

func (r *reader) duration(name string) time.Duration {
	v := r.value(name)
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.problem(name, v, "want "+Get(name).Wants())
	}
	return d
}

// list reads an input with one item per line or separated by commas, and drops repetitions.
func (r *reader) list(name string) []string {
	var out []string
	for _, item := range lines(strings.ReplaceAll(r.value(name), ",", "\n")) {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}

// lines returns the lines that are not empty, trimmed.
func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// FileLimit bounds a file that an input names.
const FileLimit = 1 << 20

// aboutIncumbents reports whether the command judges what the targets name now: a pull request that brings no candidate is
// about the policy alone.
func aboutIncumbents(r *reader) bool {
	return r.command.Name == "validate" && r.value("candidate") == "" && r.env("GITHUB_EVENT_NAME") == "pull_request"
}
