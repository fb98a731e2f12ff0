package auditpage

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var update = flag.Bool("update", false, "write the golden data of pages, and the images in docs")

// blocks returns the data elements on a page, and their names.
func blocks(t interface{ Fatalf(string, ...any) }, page string) (names []string, data []map[string]any) {
	elements := regexp.MustCompile(`(?s)<script type="application/json" (\S+?)>(.*?)</script`)
	for _, found := range elements.FindAllStringSubmatch(page, -1) {
		var v map[string]any
		if err := json.Unmarshal([]byte(found[2]), &v); err != nil {
			t.Fatalf("%s: %v", found[1], err)
		}
		names, data = append(names, found[1]), append(data, v)
	}
	return names, data
}

// unfold turns columns back into rows.
func unfold(table any) []map[string]int {
	columns := table.(map[string]any)
	rows := make([]map[string]int, int(columns["rows"].(float64)))
	for i := range rows {
		rows[i] = map[string]int{}
		for name, column := range columns {
			if list, ok := column.([]any); ok {
				column = list[i]
			}
			rows[i][name] = int(column.(float64))
		}
	}
	return rows
}

func pageOf(t interface{ Fatalf(string, ...any) }, models []audited) string {
	var b bytes.Buffer
	if err := writePage(&b, models); err != nil {
		t.Fatalf("write page: %v", err)
	}
	return b.String()
}

// Every string is read back unchanged, and none of them opens or closes an element.
func TestPage_TextsRoundTrip(t *testing.T) {
	empty := pageOf(t, nil)
	texts := rapid.OneOf(rapid.StringN(0, 40, 120), rapid.Custom(func(t *rapid.T) string {
		return strings.ToValidUTF8(
			format.Truncate(
				strings.Join(rapid.SliceOfN(rapid.SampledFrom(payloads), 0, 3).Draw(t, "payloads"), ""),
				250,
			),
			"?",
		)
	}))
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) string { return texts.Draw(t, name) }
		v := registry.Version{
			Number:      rapid.IntRange(1, 9000).Draw(t, "number"),
			RunID:       draw("run"),
			Source:      draw("source"),
			Stage:       draw("stage"),
			Status:      draw("status"),
			Description: draw("description"),
			Tags:        map[string]string{draw("key"): draw("value")},
		}
		a := audit.Snapshot{
			Model:    registry.Model{Name: draw("name"), Description: draw("about")},
			Versions: []registry.Version{v},
		}
		f := audit.Finding{
			Rule:        draw("rule"),
			Severity:    audit.High,
			Model:       a.Model.Name,
			Version:     v.Number,
			Message:     draw("message"),
			Fix:         draw("fix"),
			Alias:       draw("alias"),
			Fingerprint: draw("fingerprint"),
		}
		page := pageOf(t, []audited{{a, []audit.Finding{f}}})
		if got, want := strings.Count(page, "<"), strings.Count(empty, "<")+2; got != want {
			t.Fatalf("%d characters <, want %d", got, want)
		}
		_, data := blocks(t, page)
		m := data[1]
		word := func(i int) string { return m["words"].([]any)[i].(string) }
		list := func(i int) (out []string) {
			for _, n := range m["lists"].([]any)[i].([]any) {
				out = append(out, word(int(n.(float64))))
			}
			return out
		}
		row, found := unfold(m["versions"])[0], unfold(m["findings"])[0]
		got := []string{
			m["name"].(string),
			word(row["run"]),
			strings.Join(list(row["source"]), v.RunID),
			word(row["stage"]),
			word(row["status"]),
			word(row["description"]),
			strings.Join(list(row["tags"]), "|"),
			word(
				found["rule"],
			),
			word(found["message"]),
			word(found["fix"]),
			word(found["alias"]),
			word(found["fingerprint"]),
		}
		if about, ok := m["description"].(string); ok {
			got = append(got, about)
		} else {
			got = append(got, "")
		}
		want := []string{
			a.Model.Name,
			v.RunID,
			address(v.Source),
			v.Stage,
			v.Status,
			v.Description,
			strings.Join(pairsOf(v.Tags), "|"),
			f.Rule,
			f.Message,
			f.Fix,
			f.Alias,
			f.Fingerprint,
			a.Model.Description,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func pairsOf(tags map[string]string) (out []string) {
	for k, v := range tags {
		if k != registry.TagRequest && k != registry.TagRecord && k != registry.TagAnchor {
			out = append(out, k, v)
		}
	}
	return out
}

func TestPage_HostileTextIsData(t *testing.T) {
	empty, page := pageOf(t, nil), pageOf(t, hostileModels())
	if got, want := strings.Count(page, "<"), strings.Count(empty, "<")+2*len(payloads); got != want {
		t.Errorf("%d characters <, want %d", got, want)
	}
	if strings.Contains(page, "secret") {
		t.Error("the page contains a login or a key")
	}
	var b bytes.Buffer
	p := New(&b, &b, `https://user:secret@mlflow.example/</script>"?x=secret`)
	if err := errors.Join(p.Rules(nil), p.Totals(audit.Totals{Server: "</noscript><script>"})); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(b.String(), "<"), strings.Count(empty, "<"); got != want ||
		strings.Contains(b.String(), "secret") {
		t.Errorf("%d characters <, want %d: %s", got, want, b.String()[strings.Index(b.String(), "application/json"):])
	}
}

func TestPage_Golden(t *testing.T) {
	page := pageOf(t, sampleModels()[:2])
	got := page[strings.Index(page, `<script type="application/json"`):]
	const golden = "testdata/page.html.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	if pageOf(t, sampleModels()[:2]) != page {
		t.Error("the same audit gives two different pages")
	}
}

// The policy allows only the page's own style and script, by digest.
func TestPage_ContentSecurityPolicy(t *testing.T) {
	page := pageOf(t, nil)
	csp := regexp.MustCompile(`content="(default-src [^"]*)"`).FindStringSubmatch(page)
	if csp == nil {
		t.Fatal("the page has no content security policy")
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)[1]
	script := regexp.MustCompile(`(?s)<script type="module">(.*?)</script>`).FindStringSubmatch(page)[1]
	want := "default-src 'none'; style-src " + cspDigest(
		style,
	) + "; script-src " + cspDigest(
		script,
	) + "; img-src data:; base-uri 'none'; form-action 'none'"
	if csp[1] != want {
		t.Errorf("%s\nwant %s", csp[1], want)
	}
	for _, api := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(",
		"XMLHttpRequest", "import(", "WebSocket", "localStorage", ".src", "{{",
	} {
		if strings.Contains(script, api) {
			t.Errorf("the script uses %s", api)
		}
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style sheet loads something")
	}
}

func TestPage_ContainsEveryFile(t *testing.T) {
	want := append([]string{"page.css", "page.html"}, pageScripts...)
	slices.Sort(want)
	var got []string
	err := fs.WalkDir(pageFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			got = append(got, path.Base(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPage_Link(t *testing.T) {
	for link, want := range map[string]string{
		"https://mlflow.example": "https://mlflow.example", "https://mlflow.example/": "https://mlflow.example",
		"http://host:5000/ml/flow/":                "http://host:5000/ml/flow",
		"https://user:password@mlflow.example?x#y": "https://mlflow.example", "javascript:alert(1)": "",
		"file:///etc": "", "databricks": "", "": "", "https://": "", "//mlflow.example": "", "https://a b": "",
	} {
		if got := webAddress(link); got != want {
			t.Errorf("%q: %q, want %q", link, got, want)
		}
	}
}

func TestAddress_NoSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"s3://bucket/a": "s3://bucket/a", "https://u:p@host/a?sig=1#x": "https://host/a?…",
		"models:/m-1": "models:/m-1", "what?": "what?", "": "",
	} {
		if got := address(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPointsSince(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 5, day, 12, 0, 0, 0, time.UTC) }
	move := func(day int, outcome, ref, was, now string) ledger.Entry {
		return ledger.Entry{
			Outcome: outcome,
			Ended:   at(day),
			Record:  ledger.Record{Moves: []registry.Shift{registry.ParseShift(ref, was, now)}},
		}
	}
	ledger := registry.Is(ledger.Chain{Entries: []ledger.Entry{
		move(1, ledger.EntryDone, "@champion", "", "1"),
		move(2, ledger.EntryDone, "@champion", "1", "2"),
		move(3, ledger.EntryAborted, "@champion", "2", "1"),
		move(4, ledger.EntryDone, "Production", "1", "1,2"),
		move(5, ledger.EntryDone, "Production", "1,2", "1,2,3"),
	}})
	for _, c := range []struct {
		when, ref, tag string
		version        int
		want           int64
	}{
		{"the entry that moved it", "@champion", "", 2, at(2).Unix()},
		{"an aborted entry does not count", "@champion", "", 1, at(1).Unix()},
		{"a stage that another version joined later", "Production", "", 2, at(4).Unix()},
		{"the tag, because the ledger has no entry", "@canary", "2026-05-09T12:00:00Z", 1, at(9).Unix()},
		{"neither ledger nor valid tag", "@canary", "yesterday", 1, 0},
	} {
		if got := pointsSince(ledger, registry.ParseRef(c.ref), c.version, c.tag); got != c.want {
			t.Errorf("%s: %d, want %d", c.when, got, c.want)
		}
	}
}

// The page's size is limited, and the page counts what it omits.
func TestPage_Size(t *testing.T) {
	long := strings.Repeat("lorem ipsum <dolor> ", 90)
	describe := func(a *audited) {
		for i := range a.Versions {
			a.Versions[i].Description = strconv.Itoa(i) + a.Model.Name + long
		}
	}
	for _, c := range []struct {
		registry         string
		models, versions int
		change           func(*audited)
		complete         bool
	}{
		{"1,000 models of 100 versions", 1000, 100, func(*audited) {}, true},
		{"long descriptions", 150, 100, describe, false},
		{"one model of 12,000 versions", 1, 12_000, describe, false},
		{"10,000 models", 10_000, 6, func(a *audited) { a.Model.Description = a.Model.Name + long }, false},
		{"15,000 long findings", 150, 100, func(a *audited) {
			a.findings = nil
			for _, v := range a.Versions {
				a.findings = append(a.findings, audit.Finding{
					Rule: "x", Severity: audit.Low, Model: a.Model.Name, Version: v.Number, Fingerprint: v.RunID,
					Message: a.Model.Name + strconv.Itoa(v.Number) + long, Fix: v.RunID + long,
				})
			}
		}, false},
	} {
		var b countingWriter
		p := New(&b, &b, "https://mlflow.example")
		err := p.Rules(sampleRules)
		versions, findings := 0, 0
		for i := range c.models {
			a := sampleLarge(i, c.versions)
			c.change(&a)
			versions, findings = versions+len(a.Versions), findings+len(a.findings)
			err = errors.Join(err, p.Model(a.Snapshot, a.findings))
		}
		about := []audit.Finding{{Rule: "server-vulnerable", Severity: audit.High, Message: "MLflow 2.1.0"}}
		if err := errors.Join(err, p.Model(audit.Snapshot{}, about), p.Totals(audit.Totals{})); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: page bytes: %d, bytes a version: %d; omitted: %+v", c.registry, b, int(b)/versions, p.omitted)
		if int(b) > Limit || int(b) != p.n {
			t.Errorf("%s: %d bytes, counted %d", c.registry, b, p.n)
		}
		if complete := p.omitted == (omitted{}); complete != c.complete {
			t.Errorf("%s: omitted: %+v", c.registry, p.omitted)
		}
		if p.omitted.Details+p.omitted.Versions > versions || p.omitted.Findings > findings ||
			p.omitted.Models > c.models {
			t.Errorf("%s: more was omitted than existed: %+v", c.registry, p.omitted)
		}
	}
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

// With less detail, a model has fewer rows, and the page counts the omitted details.
func TestPage_OmittedMatchesMissing(t *testing.T) {
	a := sampleLarge(1, 40)
	a.findings = []audit.Finding{{Rule: "x", Version: 3, Severity: audit.Low}}
	for d, want := range map[detail]struct{ rows, bare int }{
		everything: {40, 0}, lean: {40, 38}, notable: {2, 0}, nameOnly: {0, 0},
	} {
		m := newPageModel(a.Snapshot, a.findings, d)
		if m.Versions.rows != want.rows || m.bare != want.bare || m.Findings.rows != 1 || m.Read != 40 {
			t.Errorf(
				"detail %d: %d rows, %d bare, %d findings of %d read",
				d,
				m.Versions.rows,
				m.bare,
				m.Findings.rows,
				m.Read,
			)
		}
	}
}

// Only the newest entries are written, together with the versions that the targets pointed to before them.
func TestPage_OldPromotionsOmitted(t *testing.T) {
	l := ledger.Chain{Before: registry.States{
		registry.StageRef("Staging"): registry.PointsTo(1), registry.AliasRef("champion"): registry.PointsTo(2),
	}}
	for n := range 60 {
		ref := "@champion"
		if n == 3 {
			ref = "@canary"
		}
		l.Entries = append(
			l.Entries,
			ledger.Entry{
				Epoch:   n + 1,
				Outcome: ledger.EntryDone,
				Record:  ledger.Record{Moves: []registry.Shift{registry.ParseShift(ref, "", strconv.Itoa(n))}},
			},
		)
	}
	staging, champion := registry.StageRef("Staging"), registry.AliasRef("champion")
	for d, want := range map[detail]registry.States{
		everything: {staging: registry.PointsTo(1), champion: registry.PointsTo(2)},
		notable: {
			staging: registry.PointsTo(1), champion: registry.PointsTo(39),
			registry.AliasRef("canary"): registry.PointsTo(3),
		},
	} {
		m := newPageModel(audit.Snapshot{Ledger: registry.Is(l)}, nil, d)
		if diff := cmp.Diff(want, m.Before); diff != "" || m.Entries.rows != min(60, manyEntries[d]) ||
			m.Promotions != 60 {
			t.Errorf("detail %d: %d of %d entries\n%s", d, m.Entries.rows, m.Promotions, diff)
		}
	}
}

func TestPage_WriteErrors(t *testing.T) {
	full := errors.New("disk full")
	if err := writePage(failing{full}, nil); !errors.Is(err, full) {
		t.Errorf("at the end: %v", err)
	}
	p, large := New(failing{full}, failing{full}, ""), sampleLarge(1, 1000)
	err := errors.Join(p.Rules(nil), p.Model(large.Snapshot, nil), p.Model(large.Snapshot, nil))
	if !errors.Is(err, full) {
		t.Errorf("at the first model: %v", err)
	}
	if err := p.Totals(audit.Totals{}); !errors.Is(err, full) {
		t.Errorf("at the end: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func BenchmarkAuditPage(b *testing.B) {
	models := make([]audited, 100)
	for i := range models {
		models[i] = sampleLarge(i, 100)
	}
	for b.Loop() {
		if err := writePage(io.Discard, models); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/version")
}

// Browsers reject times outside the calendar, so such times are stored as unknown.
func TestSeconds_OutsideCalendar(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{time.Time{}, 0}, {time.UnixMilli(math.MaxInt64), 0}, {time.UnixMilli(math.MinInt64), 0},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), 0}, {time.Date(2026, 5, 3, 0, 0, 0, 0, time.UTC), 1777766400},
	} {
		if got := seconds(c.at); got != c.want {
			t.Errorf("%v: %d, want %d", c.at, got, c.want)
		}
	}
}
