package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Canaries are made-up credentials. Some of them contain characters that are escaped in URLs or in JSON.
const (
	canaryToken    = "Kq7Zp3vX9mB2cN5tR8wY1sD4gH6j"
	canarySigns    = `W4x/Lm+9pQ"z3&vT<6bN%2cR8yS=1d`
	canaryRegistry = "Rj5Fh8kL2pVw9XzB4nM7qTc3YsD6"
	canaryHeader   = "Hd3Gs7Yt1Rk9Wm5Xb2Nc8Vq4Lz6P"
	canaryGitHub   = "ghs_Gx4Bv8Nm2Lk6Jh1Fd9Sa3Pq7Wz5Rt"
	canarySlack    = "Sk2Tz6Wp9Xv4Bn8Mq1Lr5Jh7Gf3D"
	canaryHook     = "Hk9Vb3Nx7Mz1Qw5Ec8Rt2Yp6Lj4S"
	canarySigning  = "Sg1Pd5Lw9Zk3Xm7Vc2Bn6Qr8Tj4H"
	canaryPEM      = "Pm6Wr2Xk8Zb4Vn1Tq9Lc5Jy3Gh7F"
	canarySeed     = "Seed-7Yx2Qk9Wv4Zb8Nm1Lr6Tj3Ph5Rt"
)

// fragments maps every sequence of twelve characters, in any form of a secret, to the secret's name.
type fragments map[string]string

const fragmentSize = 12

// add adds the forms in which a secret could leave the process. Case is ignored, because servers may change it.
func (f fragments) add(name string, secrets ...string) {
	for _, secret := range secrets {
		quoted, _ := json.Marshal(secret)
		forms := []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
			strings.Trim(strconv.Quote(secret), `"`),
		}
		for before := range 3 {
			for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				encoded := e.EncodeToString([]byte(strings.Repeat("x", before) + secret))
				forms = append(forms, encoded[(before*8+5)/6:(before+len(secret))*8/6])
			}
		}
		for _, form := range forms {
			form = strings.ToLower(form)
			for i := 0; i+fragmentSize <= len(form); i++ {
				f[form[i:i+fragmentSize]] = name
			}
		}
	}
}

// find returns the name of a secret if the text contains any part of that secret. It also returns the text around that
// part. Otherwise, it returns "".
func (f fragments) find(text string, allowed ...string) (name, around string) {
	low := strings.ToLower(text)
	for i := 0; i+fragmentSize <= len(low); i++ {
		if name, ok := f[low[i:i+fragmentSize]]; ok && !slices.Contains(allowed, name) {
			return name, text[max(0, min(i, len(text))-60):min(len(text), i+60)]
		}
	}
	return "", ""
}

// canaryCase is one way in which projects pass credentials to the program.
type canaryCase struct {
	inputs  map[string]string
	secrets map[string][]string // values by name; none of them may be shown
	refused bool                // whether the inputs are invalid, so that nothing is sent
}

func addressed(userinfo string) string { return "https://" + userinfo + "@mlflow.example" }

// canaryCases returns the ways of logging in to MLflow.
func canaryCases() map[string]canaryCase {
	one := func(inputs map[string]string, secrets ...string) canaryCase {
		return canaryCase{inputs: inputs, secrets: map[string][]string{"mlflow": secrets}}
	}
	in := func(userinfo, secret string) canaryCase {
		return one(map[string]string{"tracking-uri": addressed(userinfo)}, secret)
	}
	out := map[string]canaryCase{
		"token":                    one(map[string]string{"token": canaryToken}, canaryToken),
		"token with signs":         one(map[string]string{"token": canarySigns}, canarySigns),
		"password":                 one(map[string]string{"username": "ann", "password": canarySigns}, canarySigns),
		"the name is the password": one(map[string]string{"username": canaryToken, "password": canaryToken}, canaryToken),
		"the name has a part of it": one(
			map[string]string{"username": "ci-" + canaryToken[:14], "password": canaryToken}, canaryToken,
		),
		"the name in another case": one(
			map[string]string{"username": strings.ToUpper(canaryToken), "password": canaryToken}, canaryToken,
		),
		"TOKEN@":               in(canaryToken, canaryToken),
		"TOKEN:@":              in(canaryToken+":", canaryToken),
		"TOKEN with signs@":    in(url.User(canarySigns).String(), canarySigns),
		"user:TOKEN@":          in("ann:"+canaryToken, canaryToken),
		"user:signs@":          in(url.UserPassword("ann", canarySigns).String(), canarySigns),
		"TOKEN:TOKEN@":         in(canaryToken+":"+canaryToken, canaryToken),
		"TOKEN:x-oauth-basic@": in(canaryToken+":x-oauth-basic", canaryToken),
		"x-oauth-basic:TOKEN@": in("x-oauth-basic:"+canaryToken, canaryToken),
		"oauth2:TOKEN@":        in("oauth2:"+canaryToken, canaryToken),
		":TOKEN@":              in(":"+canaryToken, canaryToken),
		"user:TOKEN@x@":        in("ann:"+canaryToken+"@x", canaryToken),
		"x-access-token:TOKEN": in("x-access-token:"+canaryToken, canaryToken),
		"another registry": {
			inputs: map[string]string{
				"tracking-uri": addressed("ann:" + canaryToken),
				"registry-uri": "https://" + canaryRegistry + "@registry.example",
			},
			secrets: map[string][]string{"mlflow": {canaryToken}, "registry": {canaryRegistry}},
		},
		"headers": {
			inputs: map[string]string{
				"headers": "X-Auth: " + canaryHeader + "\nProxy-Authorization: Bearer " + canarySigns,
				"token":   canaryToken,
			},
			secrets: map[string][]string{"mlflow": {canaryToken, canaryHeader, canarySigns}},
		},
		"a header with user and password": one(map[string]string{
			"headers": "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+canarySigns)),
		}, canarySigns),
		"client-cert has the key": one(map[string]string{"client-cert": "client.pem", "token": canaryToken},
			canaryPEM, canaryToken),
	}
	for name, address := range map[string]string{
		"no scheme":                "ann:" + canaryToken + "@mlflow.example",
		"no scheme, token as user": canaryToken + "@mlflow.example",
		"no scheme, as a path":     "//" + canaryToken + "@mlflow.example",
		"one slash":                "https:/ann:" + canaryToken + "@mlflow.example",
		"no slash":                 "https:ann:" + canaryToken + "@mlflow.example",
		"a query":                  "https://mlflow.example/?token=" + canaryToken,
		"a query with user-info":   "https://ann:pw@mlflow.example/?token=" + canaryToken,
		"a fragment":               "https://mlflow.example/#access_token=" + canaryToken,
		"a slash in the password":  "https://ann:/" + canaryToken + "@mlflow.example",
		"a percent sign":           "https://ann:%zz" + canaryToken + "@mlflow.example",
		"a space":                  "https://ann:" + canaryToken + " @mlflow.example",
		"no host":                  "https://ann:" + canaryToken + "@",
		"Databricks":               "databricks://token:" + canaryToken + "@adb.example",
		"a database":               "postgresql://ann:" + canaryToken + "@db.example/mlflow",
		"a port that is none":      "https://mlflow.example:" + canaryToken,
	} {
		c := one(map[string]string{"tracking-uri": address}, canaryToken)
		c.refused = true
		out["address: "+name] = c
	}
	return out
}

// canaryWire responds to requests in place of MLflow, GitHub, Slack and a webhook. It checks that each request contains
// only secrets that are meant for its receiver.
type canaryWire struct {
	mu     sync.Mutex
	double *mlflowtest.Server
	hub    *githubtest.Server
	broken string // the kind of response from MLflow
	tries  map[string]int
	found  fragments
	leaks  []string
	sent   int
}

// receivers maps each host to the secrets that it may receive in headers.
var receivers = map[string]string{
	"mlflow.example": "mlflow", "registry.example": "registry", gitHubHost: "github", hookHost: "hook",
	slackHost: "slack",
}

func (w *canaryWire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	host := r.URL.Hostname()
	secret := receivers[host]
	w.mu.Lock()
	w.sent++
	w.check("body of a request to "+host, string(body))
	address := r.URL.String()
	if host == hookHost || host == slackHost {
		w.check("address of a request to "+host, address, secret)
	} else {
		w.check("address of a request to "+host, address)
	}
	for name, values := range r.Header {
		what := fmt.Sprintf("header %s of a request to %s", name, host)
		switch name {
		case "Authorization", "X-Auth", "Proxy-Authorization":
			allowed := []string{secret}
			// Credentials from inputs are sent to both servers. Credentials in a server's address are sent only to that
			// server.
			if host == "registry.example" {
				allowed = append(allowed, "inputs")
			}
			w.check(what, strings.Join(values, "\n")+decoded(values), allowed...)
		default:
			w.check(what, strings.Join(values, "\n"))
		}
	}
	key := r.Method + r.URL.Path
	w.tries[key]++
	try := w.tries[key]
	w.mu.Unlock()
	echo := r.Header.Get("Authorization") + decoded(r.Header.Values("Authorization")) + " " + r.Header.Get("X-Auth") +
		" " + r.Header.Get("Proxy-Authorization")
	switch host {
	case gitHubHost:
		if w.broken != "ok" && w.broken != "retries" {
			return reply(r, 500, "application/json", fmt.Sprintf(`{"message":%q}`, echo)), nil
		}
		return w.hub.Transport().RoundTrip(r)
	case hookHost, slackHost:
		return reply(r, 404, "text/plain", "no such hook: "+r.URL.String()), nil
	case "mlflow.example", "registry.example":
	default:
		return nil, fmt.Errorf("dial %s", r.URL)
	}
	return w.mlflow(r, echo, try)
}

func (w *canaryWire) mlflow(r *http.Request, echo string, try int) (*http.Response, error) {
	failure := func(status int, code string) *http.Response {
		text, _ := json.Marshal(map[string]string{"error_code": code, "message": "you sent " + echo})
		return reply(r, status, "application/json", string(text))
	}
	switch w.broken {
	case "401":
		return failure(401, "UNAUTHENTICATED"), nil
	case "403":
		return failure(403, "PERMISSION_DENIED"), nil
	case "500":
		return failure(500, "INTERNAL_ERROR"), nil
	case "a long answer": // wherever this is cut off, the end is in the middle of a secret
		text := strings.Repeat(echo+" ", 1+60000/(1+len(echo)))
		return reply(r, 500, "text/plain", strings.Repeat("x", try*7%31)+text), nil
	case "page":
		return reply(r, 200, "text/html", "<html><head><title>log in, "+echo+"</title></head>"+echo+"</html>"), nil
	case "redirect":
		answer := reply(r, 302, "text/html", echo)
		answer.Header.Set("Location", "https://"+url.PathEscape(echo)+"@login.example/?next="+url.QueryEscape(echo))
		return answer, nil
	case "bad JSON":
		return reply(r, 200, "application/json", `{"registered_model": {"name": "`+echo), nil
	case "duplicate keys":
		text, _ := json.Marshal(echo)
		return reply(r, 200, "application/json", fmt.Sprintf(`{%s: 1, %s: 2}`, text, text)), nil
	case "refused":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "reset":
		return nil, fmt.Errorf("read %s: %w", echo, io.ErrUnexpectedEOF)
	case "retries":
		if try == 1 {
			return reply(r, 503, "text/html", "<html><title>"+echo+"</title>"+echo+"</html>"), nil
		}
	case "writes fail":
		if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/search") {
			return failure(400, "INVALID_PARAMETER_VALUE"), nil
		}
	}
	copied := r.Clone(r.Context())
	copied.URL.Host, copied.Host = "mlflow.example", "mlflow.example"
	return w.double.Transport().RoundTrip(copied)
}

// decoded returns the user name and password from basic authentication.
func decoded(values []string) string {
	out := ""
	for _, v := range values {
		if encoded, ok := strings.CutPrefix(v, "Basic "); ok {
			text, _ := base64.StdEncoding.DecodeString(encoded)
			out += " " + string(text)
		}
	}
	return out
}

func reply(r *http.Request, status int, kind, body string) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	answer := w.Result()
	answer.Request = r
	return answer
}

func (w *canaryWire) check(where, text string, allowed ...string) {
	if name, around := w.found.find(text, allowed...); name != "" {
		w.leaks = append(w.leaks, fmt.Sprintf("the secret %q is in the %s: …%s…", name, where, around))
	}
}

// canaryCommands lists all commands, with arguments for which they succeed on the double.
var canaryCommands = map[string][]string{
	"promote": {
		"--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--policy-file", "policy.yml",
		"--deployment-environment", "prod", "--dispatch", "deploy",
	},
	"promote --dry-run": {
		"--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--policy-file", "policy.yml",
	},
	"register": {"--model", "churn", "--candidate", "runs:/better/model"},
	"validate": {
		"--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--policy-file", "policy.yml",
	},
	"alias": {"--model", "churn", "--assign", "shadow=1", "--policy-file", "policy.yml"},
	"rollback": {
		"--model", "churn", "--alias", "champion", "--candidate", "models:/churn/1", "--policy-file", "policy.yml",
	},
	"import": {
		"--model", "churn", "--justification", "live before", "--policy-file", "policy.yml",
	},
	"history":       {"--model", "churn", "--policy-file", "policy.yml"},
	"history --csv": {"--model", "churn", "--format", "csv", "--policy-file", "policy.yml"},
	"doctor":        {"--model", "churn", "--policy-file", "policy.yml"},
	"doctor --reset-ledger": {
		"--model", "churn", "--reset-ledger", "it was lost", "--policy-file", "policy.yml",
	},
	"compare": {"--model", "churn", "--candidate", "runs:/better/model", "--against", "champion"},
	"lineage": {"--model", "churn", "--candidate", "models:/churn/1"},
	"audit": {
		"--html-file", "page.html", "--sarif-file", "found.sarif", "--inventory-file", "inventory.csv",
		"--exceptions-file", "exceptions.csv", "--policy-file", "policy.yml",
	},
	"ledger repair": {
		"--model", "churn", "--policy-file", "policy.yml",
	},
	"policy check":   {"--policy-file", "policy.yml"},
	"policy explain": {"--model", "churn", "--alias", "champion", "--policy-file", "policy.yml"},
}

var canaryAnswers = []string{
	"ok", "retries", "401", "403", "500", "a long answer", "page", "redirect", "bad JSON", "duplicate keys", "refused",
	"reset", "writes fail",
}

// No credential leaves the process, in any form or in part, except in requests to its own server and in the workflow
// commands that mask it. With PROMOTE_CANARIES, every command is combined with every response.
func TestCanaries(t *testing.T) {
	seed, err := os.ReadFile("testdata/seed/churn.json")
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.Generate(strings.NewReader(canarySeed))
	if err != nil {
		t.Fatal(err)
	}
	whole := os.Getenv("PROMOTE_CANARIES") != ""
	var runs, sinks, done atomic.Int64
	cases := canaryCases()
	t.Run("all", func(t *testing.T) {
		for i, name := range slices.Sorted(maps.Keys(cases)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for j, command := range slices.Sorted(maps.Keys(canaryCommands)) {
					for k, answer := range canaryAnswers {
						if cases[name].refused && answer != "ok" || !whole && answer != "ok" && (i+j+k)%4 != 0 {
							continue
						}
						for _, job := range []bool{true, false} {
							if !job && answer != "ok" && answer != "500" {
								continue
							}
							r := canaryRun{cases[name], command, canaryCommands[command], answer, job, seed, key, nil}
							places, status := r.run(t)
							sinks.Add(int64(places))
							runs.Add(1)
							if status == 0 {
								done.Add(1)
							}
						}
					}
				}
			})
		}
	})
	t.Logf("%d runs, %d of them successful; %d places searched", runs.Load(), done.Load(), sinks.Load())
	if runs.Load() < 1000 || done.Load() < 500 {
		t.Error("too few runs")
	}
}

// canaryRun is one run of a command.
type canaryRun struct {
	canaryCase
	command string
	args    []string
	answer  string
	job     bool
	seed    []byte
	key     signing.KeyPair
	look    func(where, text string) // called for each place that is searched; may be nil
}

// run runs the command and searches everything that leaves the process. It returns the number of places that it
// searched, and the exit code.
func (k canaryRun) run(t *testing.T) (places, status int) {
	t.Helper()
	dir := t.TempDir()
	w := &canaryWire{broken: k.answer, tries: map[string]int{}, found: fragments{}}
	for name, secrets := range k.secrets {
		w.found.add(name, secrets...)
	}
	w.found.add("github", canaryGitHub)
	w.found.add("slack", canarySlack)
	w.found.add("hook", canaryHook)
	w.found.add("signing", canarySigning)
	w.found.add("ledger-key", canarySeed, strings.TrimPrefix(k.key.Private(), "ed25519-private:"))
	w.double = mlflowtest.New("3.17.2", mlflowtest.AllowedHosts("mlflow.example"))
	if err := w.double.Seed(bytes.NewReader(k.seed)); err != nil {
		t.Fatal(err)
	}
	w.hub = githubtest.New()
	const hub = `{"repositories": [{"name": "acme/churn", "runs": [{"id": 42}], "commits": [
		{"sha": "4f2c1d0a4f2c1d0a4f2c1d0a4f2c1d0a4f2c1d0a"}]}]}`
	if err := w.hub.Seed(strings.NewReader(hub)); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"policy.yml": "version: 1\nledger:\n  keys:\n    prod:\n      public: " + k.key.Public().String() +
			"\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - metric: test_f1\n" +
			"            min: 0.5\n",
		"client.pem": "-----BEGIN PRIVATE KEY-----\n" + canaryPEM + "\n-----END PRIVATE KEY-----\n",
		"event.json": `{"repository":{"default_branch":"main"}}`, "output": "", "summary": "", "env": "", "state": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{}
	if k.job {
		env = map[string]string{
			"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": dir, "GITHUB_EVENT_PATH": filepath.Join(dir, "event.json"),
			"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
			"GITHUB_ENV": filepath.Join(dir, "env"), "GITHUB_STATE": filepath.Join(dir, "state"),
			"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main",
			"GITHUB_SHA": strings.Repeat("4f2c1d0a", 5), "GITHUB_REPOSITORY": "acme/churn", "GITHUB_ACTOR": "ann",
			"GITHUB_TRIGGERING_ACTOR": "ann", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1", "RUNNER_TEMP": dir,
			"GITHUB_SERVER_URL": "https://github.example", "GITHUB_API_URL": "https://api.github.example",
		}
	}
	given := map[string]string{
		"tracking-uri": "https://mlflow.example", "github-token": canaryGitHub, "ledger-key": k.key.Private(),
		"slack-webhook": "https://" + slackHost + "/services/" + canarySlack, "webhook-secret": canarySigning,
		"webhook-url": "https://" + hookHost + "/" + canaryHook + "?key=" + canaryHook,
	}
	for name, value := range k.inputs {
		given[name] = value
	}
	var environ []string
	words := append(strings.Fields(strings.Split(k.command, " --")[0]), k.args...)
	if _, option, ok := strings.Cut(k.command, " --"); ok && option == "dry-run" {
		words = append(words, "--"+option)
	}
	for name, value := range given {
		variable := "INPUT_" + strings.ToUpper(name)
		env[variable] = value
		environ = append(environ, variable+"="+value)
	}
	var stdout, stderr bytes.Buffer
	moment := now
	status = Run(context.Background(), Process{
		Args: asAction(words, true), Environ: environ, Stdout: &stdout, Env: func(name string) string { return env[name] },
		Stderr: &stderr, Dir: dir, Now: func() time.Time { return moment }, Jitter: func() float64 { return 0 },
		Version: "test", User: "ann", Patience: time.Millisecond, Pause: time.Millisecond,
		Nonce: func() string { return "n" }, Random: strings.NewReader(strings.Repeat("a", 32)),
		Wire: rest.Config{Transport: w, MinWait: time.Microsecond, MaxWait: time.Microsecond},
	})
	places = 4
	check := func(where, text string) {
		if w.check(where, text); k.look != nil {
			k.look(where, text)
		}
	}
	check("stdout", unmasked(stdout.String()))
	check("stderr", unmasked(stderr.String()))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "policy.yml" || d.Name() == "client.pem" {
			return err
		}
		text, err := os.ReadFile(path)
		check("file "+d.Name(), string(text))
		places++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	check("state of GitHub", string(w.hub.Dump()))
	var stored bytes.Buffer
	for _, write := range w.double.Writes() {
		fmt.Fprintln(&stored, write.Path, string(write.Body))
	}
	check("state of MLflow", stored.String())
	if k.refused && w.sent > 0 {
		t.Errorf("%s: %d requests were sent to an address that is not valid", k.command, w.sent)
	}
	for _, leak := range slices.Compact(w.leaks) {
		t.Errorf("%s, %s, job %v, status %d: %s", k.command, k.answer, k.job, status, leak)
	}
	return places + w.sent, status
}
