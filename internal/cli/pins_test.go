package cli

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlflow-promote/mlflow-promote/internal/actions/actionstest"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/hiddenplan"
	"github.com/mlflow-promote/mlflow-promote/internal/pintest"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Each file with pins belongs to a script.
func TestPins_BelongToScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/pins/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if _, err := os.Stat(filepath.Join("testdata/script", name+".txtar")); err != nil {
			t.Errorf("%s has no script: %v", file, err)
		}
	}
}

var pin = flag.Bool("pin", false, "write to testdata/pins what programs see of every run in the scripts")

// pins records what other programs see of the runs in one script, with a section of lines for each run. Sentences for
// people are left out (see pintest.Sentences).
type pins struct {
	sections []string
	had      map[string]string // the files before the run, keyed by path

	mu   sync.Mutex
	sent map[string]*asked // the requests that the run sent, keyed by host
}

// asked contains the requests to one host.
type asked struct {
	reads  int
	writes []string // in the order in which they were sent
}

// sameAsResult takes the place of a document that is equal to the run's result.
const sameAsResult = "the result"

// pin compares a script's pins with its file, or writes that file, when the script ends.
func (p *pins) pin(env *testscript.Env, file string) {
	t := env.T().(testing.TB) // testscript passes a *testing.T
	env.Defer(func() {
		if *pin {
			if t.Failed() { // a script that failed has not made all of its runs
				return
			}
			if err := os.WriteFile(file, []byte(strings.Join(p.sections, "\n")), 0o644); err != nil {
				t.Error(err)
			}
			return
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v; write the pins of a new script with -pin", err)
		} else if changes := p.changes(string(want), t.Failed()); changes != "" {
			t.Errorf("%s: programs see a change; see \"Pins\" in .github/CONTRIBUTING.md\n%s", file, changes)
		}
	})
}

// changes returns the differences from the pinned sections, separately for each run if the number of runs is the same.
// If the script stopped early, the comparison also stops there.
func (p *pins) changes(pinned string, short bool) string {
	was := strings.Split(strings.TrimSuffix(pinned, "\n"), "\n\n")
	if short && len(was) > len(p.sections) {
		was = was[:len(p.sections)]
	}
	if len(was) != len(p.sections) {
		return string(diff.Diff("pinned", []byte(pinned), "now", []byte(strings.Join(p.sections, "\n"))))
	}
	var out strings.Builder
	for i, now := range p.sections {
		if d := diff.Diff("pinned", []byte(was[i]+"\n"), "now", []byte(now)); d != nil {
			title, _, _ := strings.Cut(now, "\n")
			fmt.Fprintf(&out, "run %d: %s\n%s", i+1, title, d)
		}
	}
	return out.String()
}

// begin begins the section for a run.
func (p *pins) begin(s *scriptState) {
	p.had, p.sent = s.files(), map[string]*asked{}
}

// request records a request.
func (p *pins) request(r *http.Request, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.sent[r.URL.Host]
	if to == nil {
		to = &asked{}
		p.sent[r.URL.Host] = to
	}
	path := strings.TrimPrefix(r.URL.RequestURI(), "/api/2.0/mlflow/")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads || strings.HasSuffix(path, "/search") || path == "/graphql" {
		to.reads++
		return
	}
	facts := append([]string{""}, pintest.Facts(" ", requestBody(r.URL.Host, body))...)
	to.writes = append(to.writes, r.Method+" "+path+strings.Join(facts, "\n"))
}

// end completes the section for a run.
func (p *pins) end(s *scriptState, args, environ []string, result report.Result, stdout string) error {
	var lines []string
	add := func(where string, doc any) { lines = append(lines, pintest.Facts(where, doc)...) }
	lines = append(lines, strings.TrimSpace("mlflow-promote "+commandLine(args)))
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		add(name, value)
	}
	add("exit", s.status)
	var own any
	if result.Command != "" { // there is no result after --help or invalid flags
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		own = document(pintest.Result, string(text))
		add("result", own)
	}
	unless := func(doc any) any {
		if same(doc, own) {
			return sameAsResult
		}
		return doc
	}
	if strings.HasPrefix(stdout, "{") {
		add("stdout", unless(document(pintest.Result, stdout)))
	}
	files := s.files()
	for _, path := range sortedKeys(files) {
		switch had, there := p.had[path]; {
		case there && had == files[path]:
		case path == "file_commands_output":
			outputs, err := actionstest.Outputs([]byte(files[path][len(had):]), nil)
			if err != nil {
				return err
			}
			for _, name := range sortedKeys(outputs) {
				if name == "result" {
					text := strings.ReplaceAll(outputs[name], "$MLFLOW_TRACKING_URI", address)
					add("output result", unless(document(pintest.Result, text)))
				} else {
					add("output "+name, steady(outputs[name]))
				}
			}
		case !strings.HasPrefix(path, "file_commands_"):
			add("file "+steady(path), unless(fileContent(path, files[path])))
		}
	}
	for _, host := range sortedKeys(p.sent) {
		to := p.sent[host]
		add("reads from "+host, to.reads)
		for _, w := range settled(to.writes) {
			lines = append(lines, "write to "+host+": "+w)
		}
	}
	p.sections = append(p.sections, strings.Join(lines, "\n")+"\n")
	return nil
}

// inParallel matches writes that are sent in parallel: tags, descriptions, events, and notification marks.
var inParallel = regexp.MustCompile(`^\S+ \S*(set-tag|model-versions/update|/dispatches)\b` +
	`|^POST runs/log-batch\n( .*\n)* \.params\.s\d`)

// settled sorts adjacent writes that are sent in parallel.
func settled(writes []string) []string {
	out := slices.Clone(writes)
	from := 0
	for i, w := range out {
		if !inParallel.MatchString(w) {
			from = i + 1
		}
		slices.Sort(out[from : i+1])
	}
	return out
}

func same(a, b any) bool { return slices.Equal(pintest.Facts("", a), pintest.Facts("", b)) }

func commandLine(args []string) string {
	var out []string
	for _, a := range args {
		if strings.ContainsAny(a, " \n\"'") || a == "" {
			a = fmt.Sprintf("%q", a)
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}

// document returns a JSON text without its sentences, and any other text unchanged. An audit is recognised by its list
// of rules.
func document(f pintest.Format, text string) any {
	doc, err := pintest.Read([]byte(text))
	if err != nil {
		return text
	}
	if object, ok := doc.(map[string]any); ok && f == pintest.Result && object["rules"] != nil {
		f = pintest.Audit
	}
	return pintest.Plain(f, doc)
}

// requestBody returns those parts of a request that programs use.
func requestBody(host string, body []byte) any {
	doc, err := pintest.Read(body)
	if err != nil {
		return string(body)
	}
	object, _ := doc.(map[string]any)
	switch host {
	case slackHost:
		return pintest.Plain(pintest.Slack, doc)
	case hookHost:
		return pintest.Plain(pintest.Event, doc)
	case gitHubHost:
		if text, ok := object["body"].(string); ok {
			object["body"] = hidden(text)
		}
		return pintest.Plain(pintest.GitHub, doc)
	}
	if key, ok := object["key"].(string); ok { // a tag is identified by its key
		object["tag"] = map[string]any{key: object["value"]}
		delete(object, "key")
		delete(object, "value")
	}
	return pintest.Plain(pintest.MLflow, doc)
}

var htmlComment = regexp.MustCompile(`<!-- .*? -->`)

// hidden returns those parts of a comment or issue that programs use: the markers and the plan.
func hidden(text string) any {
	var out []any
	for _, c := range htmlComment.FindAllString(text, -1) {
		digest, kept := hiddenplan.Decode(c+"\n", address)
		if digest == "" {
			out = append(out, c)
			continue
		}
		found := map[string]any{"plan_digest": digest}
		if packed, err := canonical.JSON(kept); err == nil && kept != nil {
			found["plan"] = document(pintest.Plan, string(packed))
		}
		out = append(out, found)
	}
	return out
}

var random = regexp.MustCompile(`(\.mlflow-promote/[a-z-]+-)[0-9a-f]+(\.json)`)

// steady returns a path with its random part replaced.
func steady(path string) string { return random.ReplaceAllString(path, "${1}N$2") }

var pageData = regexp.MustCompile(`(?s)<script type="application/json" (\S+?)>(.*?)</script`)

// fileContent returns those parts of a file that programs use.
func fileContent(path, text string) any {
	switch {
	case strings.HasSuffix(path, ".sarif"):
		return document(pintest.SARIF, text)
	case strings.Contains(path, "mlflow-promote-predicate-"):
		return document(pintest.Predicate, text)
	case strings.HasSuffix(path, ".json"):
		return document(pintest.Result, text)
	case strings.HasSuffix(path, ".html"):
		var parts []any
		for _, m := range pageData.FindAllStringSubmatch(text, -1) {
			parts = append(parts, map[string]any{m[1]: document(pintest.Page, m[2])})
		}
		return parts
	}
	return text
}

// files returns the script's files, keyed by path.
func (s *scriptState) files() map[string]string {
	out := map[string]string{}
	// files that cannot be read are skipped
	_ = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if rel, inside := strings.CutPrefix(path, s.dir+string(filepath.Separator)); err == nil && inside {
			out[filepath.ToSlash(rel)] = string(text)
		}
		return nil
	})
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
