package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// The cases in cases_test.go are sequences of requests. The responses from real servers are recorded in testdata, one
// file per server, and mlflowtest must respond in the same way. To compare it with the servers themselves, and to
// record their responses again, run
//
// 	go test -tags=real -timeout=30m ./internal/mlflow/mlflowtest/conformance -run Conformance [-update] [-server=3.17.2-sqlite]

// server is a kind of MLflow server that this package is compared with.
type server struct{ version, store string }

func (s server) String() string { return s.version + "-" + s.store }

// servers lists the servers that have recordings.
var servers = []server{
	{"3.17.2", "postgresql"},
	{"3.17.2", "sqlite"},
	{"3.17.2", "mariadb"},
	{"2.22.5", "sqlite"},
	{"2.22.5", "file"},
	{"2.9.2", "sqlite"},
	{"2.2.2", "sqlite"},
	{"1.30.1", "sqlite"},
}

var onlyServer = flag.String("server", "", "compare with this server only")

func (s server) recording() string {
	return filepath.Join("testdata", s.String()+".json")
}

// recording contains the responses from a server, by case.
type recording map[string][]observation

// observation is a response without the parts that differ from run to run.
type observation struct {
	Request string `json:"request"`
	Status  int    `json:"status"`
	Type    string `json:"type"`
	Code    string `json:"error_code,omitempty"`
	Body    any    `json:"body,omitempty"`
}

func TestConformance(t *testing.T) {
	for _, s := range servers {
		if *onlyServer != "" && *onlyServer != s.String() {
			continue
		}
		t.Run(s.String(), func(t *testing.T) {
			want := s.load(t)
			for name := range want {
				if !slices.ContainsFunc(casesFor(s), func(c testCase) bool { return c.name == name }) {
					t.Errorf("the recorded case %s no longer exists", name)
				}
			}
			for _, c := range casesFor(s) {
				t.Run(c.name, func(t *testing.T) {
					got := c.play(t, s, s.double(c.group))
					if len(want[c.name]) == 0 {
						t.Fatal("not recorded; run with -tags=real -update")
					}
					if diff := difference(want[c.name], got); diff != "" {
						t.Errorf("mlflowtest differs from the real server:\n%s", diff)
					}
				})
			}
		})
	}
}

func (s server) load(t *testing.T) recording {
	t.Helper()
	b, err := os.ReadFile(s.recording())
	if err != nil {
		t.Fatal(err)
	}
	out := recording{}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// double returns a mlflowtest server, set up like the real servers for a group of cases.
func (s server) double(group string) endpoint {
	opts := append([]mlflowtest.Option{mlflowtest.Store(s.store), mlflowtest.Clock(ticking())}, groups[group].double...)
	d := mlflowtest.New(s.version, opts...)
	return endpoint{client: &http.Client{Transport: d.Transport()}, url: "http://localhost:5000", prefix: "a1b2"}
}

// ticking returns a clock that never shows the same time twice. Real servers are so slow that every request has a
// different time.
func ticking() func() time.Time {
	now := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// endpoint is a server that receives the requests. The prefix separates the names in one test run from those in earlier
// runs.
type endpoint struct {
	client *http.Client
	url    string
	prefix string
}

// testCase is a sequence of requests, one per line (see step for the format).
type testCase struct {
	name   string
	script string
	group  string                      // the way the server is set up (see groups)
	when   func(*dialect.Dialect) bool // selects the servers for which the case is played
	stores []string                    // the stores for which the case is played; none means all databases
}

func casesFor(s server) []testCase {
	d, _ := dialect.Find(s.version)
	return slices.DeleteFunc(slices.Clone(cases), func(c testCase) bool {
		g := groups[c.group]
		return c.when != nil && !c.when(d) || g.when != nil && !g.when(d) ||
			(len(c.stores) > 0 || s.store == "file") &&
				!slices.Contains(c.stores, s.store) || len(g.stores) > 0 && !slices.Contains(g.stores, s.store)
	})
}

// step is one request in the format
//
//	[!] METHOD path?query [body] [=> name=key.key]
//
// The path is under /api/2.0/mlflow/ unless it starts with a slash. Values in the query need no escaping. $m is a name
// that no other case uses, and $name is a value kept from an earlier response under that name. After "!", only the
// status and error code are compared, because the message quotes a database or Python. A line "with Name: value" adds a
// header to the next request.
type step struct {
	shown   string
	method  string
	path    string
	body    string
	header  http.Header
	capture string
	loose   bool
}

func parseSteps(script string) []step {
	var out []step
	header := http.Header{}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if h, ok := strings.CutPrefix(line, "with "); ok {
			name, value, _ := strings.Cut(h, ":")
			header[http.CanonicalHeaderKey(name)] = []string{strings.TrimSpace(value)}
			continue
		}
		st := parseStep(line)
		st.header = header
		header = http.Header{}
		out = append(out, st)
	}
	return out
}

func parseStep(line string) step {
	st := step{shown: shorten(line)}
	line, st.capture, _ = strings.Cut(line, " => ")
	if rest, ok := strings.CutPrefix(line, "! "); ok {
		line, st.loose = rest, true
	}
	st.method, line, _ = strings.Cut(line, " ")
	st.path = line
	if st.method != http.MethodGet {
		st.path, st.body, _ = strings.Cut(line, " ")
	}
	return st
}

func shorten(s string) string {
	if len(s) > 400 {
		return s[:200] + "…" + s[len(s)-100:]
	}
	return s
}

// playing is a case that is being played. It knows which values to insert into requests and which ones to mask in
// responses.
type playing struct {
	endpoint
	known  map[string]string // value -> name to show in its place
	values map[string]string // name -> value
	strict bool              // compare error messages too
}

// play sends the requests in a case and records the responses.
func (c testCase) play(t *testing.T, s server, e endpoint) []observation {
	t.Helper()
	name := "n" + e.prefix + strings.Map(letters, c.name)
	p := playing{
		endpoint: e, known: map[string]string{name: "$m"}, values: map[string]string{"m": name},
		strict: strings.HasPrefix(s.version, "3."),
	}
	var out []observation
	for _, st := range parseSteps(c.script) {
		o, err := p.send(st)
		if err != nil {
			t.Fatalf("%s: %v", st.shown, err)
		}
		out = append(out, o)
	}
	return out
}

func letters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

func (p playing) send(st step) (observation, error) {
	req, err := p.request(st)
	if err != nil {
		return observation{}, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return observation{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return observation{}, err
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	o := observation{Request: st.shown, Status: resp.StatusCode, Type: media}
	if media == "application/json" {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return o, fmt.Errorf("%s: %w", raw, err)
		}
		p.keep(st.capture, v)
		o.Code, o.Body = p.reduce(v, st.loose)
		return o, nil
	}
	o.Body = p.plain(media, string(raw))
	return o, nil
}

func (p playing) request(st step) (*http.Request, error) {
	target := p.fill(st.path)
	if !strings.HasPrefix(target, "/") {
		target = wire.API + target
	}
	path, query, hasQuery := strings.Cut(target, "?")
	if hasQuery {
		path += "?" + escapeQuery(query)
	}
	req, err := http.NewRequest(st.method, p.url+path, strings.NewReader(p.fill(st.body)))
	if err != nil {
		return nil, err
	}
	if st.method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, vs := range st.header {
		value := p.fill(vs[0])
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
		default:
			req.Header.Set(name, value)
		}
	}
	return req, nil
}

func escapeQuery(q string) string {
	var out []string
	for _, pair := range strings.Split(q, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if ok {
			pair = name + "=" + url.QueryEscape(value)
		}
		out = append(out, pair)
	}
	return strings.Join(out, "&")
}

var variable = regexp.MustCompile(`\$[a-z]+[0-9]?`)

// fill replaces names with their values. It leaves unknown names as they are.
func (p playing) fill(s string) string {
	return variable.ReplaceAllStringFunc(s, func(name string) string {
		if v, ok := p.values[name[1:]]; ok {
			return v
		}
		return name
	})
}

// keep stores a value from a response under a name.
func (p playing) keep(capture string, v any) {
	name, path, ok := strings.Cut(capture, "=")
	if !ok {
		return
	}
	for _, key := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			if len(at) == 0 {
				return
			}
			v = at[0]
		}
	}
	if s, ok := v.(string); ok {
		p.values[name], p.known[s] = s, "$"+name
	}
}

// Times and generated names differ from run to run.
var masked = []string{"creation_timestamp", "last_updated_timestamp", "creation_time", "last_update_time",
	"creation_timestamp_ms", "last_updated_timestamp_ms"}

// Serial numbers depend on what was created before.
var serials = []string{"role_id", "user_id", "id"}

// reduce removes the parts of a response that differ from run to run. It keeps error messages only if they are
// compared.
func (p playing) reduce(v any, loose bool) (string, any) {
	obj, ok := v.(map[string]any)
	if !ok {
		return "", p.neutral(v)
	}
	code, isError := obj["error_code"].(string)
	if !isError {
		return "", p.neutral(v)
	}
	if loose || !p.strict {
		obj["message"] = "…"
	}
	delete(obj, "error_code")
	return code, p.neutral(obj)
}

func (p playing) neutral(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, e := range v {
			switch n, isNumber := e.(float64); {
			case slices.Contains(masked, key) && isNumber && n > 1e12:
				out[key] = "<time>"
			case slices.Contains(serials, key) && isNumber:
				out[key] = "<number>"
			case key == "next_page_token" && v["models"] != nil:
				out[key] = "<token>"
			case key == "experiment_id" && p.known[fmt.Sprint(e)] != "":
				out[key] = p.known[fmt.Sprint(e)]
			default:
				out[key] = p.neutral(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = p.neutral(e)
		}
		if unordered(out) {
			slices.SortFunc(out, func(a, b any) int { return strings.Compare(sortKey(a), sortKey(b)) })
		}
		return out
	case string:
		return p.neutralText(v)
	}
	return v
}

// unordered reports whether the order of a list is irrelevant, as for tags, aliases, metrics, and the newest versions
// in stages.
func unordered(list []any) bool {
	return !slices.ContainsFunc(list, func(e any) bool {
		if _, isText := e.(string); isText {
			return false
		}
		obj, ok := e.(map[string]any)
		_, keyed := obj["key"]
		_, alias := obj["alias"]
		return !ok || !keyed && !alias
	})
}

func sortKey(v any) string {
	if obj, ok := v.(map[string]any); ok {
		return fmt.Sprint(obj["key"], obj["alias"], obj["timestamp"], obj["step"], obj["value"])
	}
	return fmt.Sprint(v)
}

var (
	hexID    = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	ownRoot  = regexp.MustCompile(`(mlflow-artifacts:/|s3://bucket/root/|experiment |id=)[0-9]+\b`)
	pySet    = regexp.MustCompile(`\{'[^{}]*'\}`)
	sqlWords = regexp.MustCompile(`(?s)( Error: )\(.*`)
	roleName = regexp.MustCompile(`__user_[0-9]+__`)
	coined   = regexp.MustCompile(`^[a-z]+-[a-z]+-[0-9]+$`)
)

func (p playing) neutralText(s string) string {
	// Short values, for example experiment ids, are masked only in the expected places. The same number may mean
	// something different elsewhere.
	for _, value := range slices.SortedFunc(maps.Keys(p.known), longestFirst) {
		if len(value) > 4 {
			s = strings.ReplaceAll(s, value, p.known[value])
		}
	}
	s = ownRoot.ReplaceAllString(s, "$1<experiment>")
	s = hexID.ReplaceAllString(s, "<id>")
	s = pySet.ReplaceAllString(s, "{…}")
	s = sqlWords.ReplaceAllString(s, "$1…")
	s = roleName.ReplaceAllString(s, "__user_<number>__")
	s = coined.ReplaceAllString(s, "<coined>")
	return shorten(s)
}

// difference shows each pair of responses that differ, one above the other.
func difference(real, double []observation) string {
	var b strings.Builder
	for i := range max(len(real), len(double)) {
		if i >= len(real) || i >= len(double) {
			return fmt.Sprintf("%d responses recorded, %d from this package", len(real), len(double))
		}
		if !cmp.Equal(real[i], double[i]) {
			fmt.Fprintf(&b, "%s\n  real:   %s\n  double: %s\n", real[i].Request, real[i].answer(), double[i].answer())
		}
	}
	return b.String()
}

func (o observation) answer() string {
	return fmt.Sprintf("%d %s %s %s", o.Status, o.Type, o.Code, wire.Compact(o.Body))
}

func longestFirst(a, b string) int {
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	return strings.Compare(a, b)
}

// plain returns what is compared of a response that is not JSON. For an HTML page, that is only the title.
func (p playing) plain(media, body string) any {
	if title := regexp.MustCompile(`<title>(.*)</title>`).FindStringSubmatch(body); title != nil &&
		media == "text/html" {
		return title[0]
	}
	return p.neutralText(body)
}

// write stores a recording with one response per line, so that differences are easy to see.
func (s server) write(r recording) error {
	var b bytes.Buffer
	b.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(r)) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n%s: [", wire.Compact(name))
		for j, o := range r[name] {
			if j > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, "\n %s", wire.Compact(o))
		}
		b.WriteString("\n]")
	}
	b.WriteString("\n}\n")
	if err := os.MkdirAll(filepath.Dir(s.recording()), 0o755); err != nil {
		return err
	}
	return os.WriteFile(s.recording(), b.Bytes(), 0o644)
}
