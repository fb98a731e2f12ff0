//go:build browser

package auditpage

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/browsertest"
)

var (
	wide  = browsertest.View{Width: 1280, Height: 9000} // tall enough for the whole page
	dark  = browsertest.View{Width: 1280, Height: 9000, Dark: true}
	phone = browsertest.View{Width: 390, Height: 30_000}
)

//go:embed testdata/look.js
var look string

// shown is a page that is open in a browser.
type shown struct {
	*browsertest.Page
	t *testing.T
}

// show writes a page with these models to disk and opens the page in the browser.
func show(t *testing.T, models []audited) shown {
	t.Helper()
	return showFile(t, []byte(pageOf(t, models)))
}

func showFile(t *testing.T, page []byte) shown {
	t.Helper()
	b, err := browsertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	p, err := b.Page(wide)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "audit.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	s := shown{p, t}
	s.must(p.Open(file))
	s.settle()
	return s
}

func (s shown) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// settle waits until the plots have been drawn. Drawing takes one more frame after their size is known.
func (s shown) settle() {
	s.t.Helper()
	s.must(s.Run(`new Promise(done => requestAnimationFrame(
  () => requestAnimationFrame(() => requestAnimationFrame(() => done(1)))))`, nil))
}

// follow opens the view that the hash refers to.
func (s shown) follow(hash string) {
	s.t.Helper()
	s.must(s.Run(fmt.Sprintf(`new Promise(done => {
  if (location.hash === %[1]q) return done(1);
  addEventListener("hashchange", () => done(1), {once: true});
  location.hash = %[1]q
})`, hash), nil))
	s.settle()
}

// text evaluates an expression that returns a string.
func (s shown) text(expression string) string {
	s.t.Helper()
	var out string
	s.must(s.Run(expression, &out))
	return out
}

// clean fails the test if the page has loaded anything but itself or has logged an error.
func (s shown) clean() {
	s.t.Helper()
	if got := s.Errors(); len(got) > 0 {
		s.t.Errorf("errors: %q", got)
	}
	if got := s.Requests(); len(got) != 1 || !strings.HasPrefix(got[0].URL, "file:///") {
		s.t.Errorf("requests: %v", got)
	}
}

// top takes a screenshot of the top of the page.
func (s shown) top(width, height int) []byte {
	s.t.Helper()
	var shot struct{ Data []byte }
	s.must(s.Call("Page.captureScreenshot", map[string]any{
		"format": "png", "captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
	}, &shot))
	return shot.Data
}

func modelHash(name string) string { return "#/model/" + url.PathEscape(name) }

func TestPage_Readable_Browser(t *testing.T) {
	s := show(t, sampleModels())
	views := []string{
		"#/",
		"#/findings",
		"#/findings?rule=champion-stale&severity=medium",
		"#/findings?state=fixed",
		"#/models",
		"#/versions?page=2",
		"#/inventory",
		"#/exceptions?state=",
		modelHash("search-ranking"),
		modelHash("search-ranking") + "?version=3",
		modelHash("warehouse-slotting"),
		modelHash("churn"),
		"#/model/none",
		"#/nowhere",
	}
	for name, v := range map[string]browsertest.View{"light": wide, "dark": dark, "phone": phone} {
		s.must(s.Look(v))
		for _, hash := range views {
			s.follow(hash)
			var problems []string
			s.must(s.Run(look, &problems))
			for _, p := range problems {
				t.Errorf("%s %s: %s", name, hash, p)
			}
		}
	}
	s.clean()
	if *update {
		s.must(s.Look(browsertest.View{Width: 1040, Height: 800}))
		for name, hash := range map[string]string{"audit-overview": "#/", "audit-model": modelHash("credit-limit")} {
			s.follow(hash)
			s.must(os.WriteFile("../../docs/images/"+name+".png", s.top(1040, 1000), 0o644))
		}
	}
}

// The overview and the tables show the same numbers as the audit.
func TestPage_Numbers_Browser(t *testing.T) {
	models := sampleModels()
	sum := totals(models)
	s := show(t, models)
	n := sum.Findings
	want := fmt.Sprintf("%d high %d medium %d low", n[audit.High], n[audit.Medium], n[audit.Low])
	tiles := `[...document.querySelectorAll(".tile")]
  .map(tile => tile.querySelector("b").textContent + " " + tile.querySelector("span").textContent).join(" ")`
	if got := s.text(tiles); got != want {
		t.Errorf("tiles: %s, want %s", got, want)
	}
	byRule := `[1, 2, 3].map(i => {
  const rows = [...document.querySelectorAll("table[aria-label='Findings by rule and severity'] tbody tr")];
  const n = rows.reduce((sum, row) => sum + (Number(row.children[i].textContent) || 0), 0);
  return n + " " + ["high", "medium", "low"][i - 1];
}).join(" ")`
	if got := s.text(byRule); got != want {
		t.Errorf("table of rules: %s, want %s", got, want)
	}
	status := `document.querySelector("[role=status]").textContent`
	for hash, want := range map[string]string{
		"#/findings?severity=high": fmt.Sprintf("%d findings of %d", n[audit.High], sum.Total()),
		"#/models":                 "14 models",
		"#/versions":               fmt.Sprintf("1–50 of %d versions", sum.Versions),
		"#/versions?live=yes":      fmt.Sprintf("%d versions of %d", sum.Live, sum.Versions),
		"#/versions?q=search-ranking+validation&live=": fmt.Sprintf(
			"1–50 of %d versions of %d", len(models[10].Versions), sum.Versions),
		"#/versions?q=no-such-model": fmt.Sprintf("No match in %d versions.", sum.Versions),
	} {
		s.follow(hash)
		if got := s.text(status); got != want {
			t.Errorf("%s: %s, want %s", hash, got, want)
		}
	}
	s.follow(modelHash("churn"))
	targets := s.text(`document.querySelector("dl ul").textContent`)
	champion := fmt.Sprintf("@champion → version %d", models[0].Model.Aliases["champion"])
	if !strings.Contains(targets, champion) {
		t.Errorf("aliases and stages: %s, want %s", targets, champion)
	}
	entries := fmt.Sprint(len(models[0].Ledger.OrZero().Entries))
	rows := `document.querySelector("table[aria-label=Promotions] tbody").childElementCount + ""`
	if got := s.text(rows); got != entries {
		t.Errorf("%s promotions, want %s", got, entries)
	}
	s.clean()
}

// In every view, hostile names and descriptions are shown as plain text, complete and visible.
func TestPage_HostileTextIsInert_Browser(t *testing.T) {
	models := hostileModels()
	s := show(t, models)
	views := []string{"#/", "#/findings?state=", "#/models", "#/versions"}
	for _, m := range models {
		hash := modelHash(strings.ToValidUTF8(m.Model.Name, "\ufffd"))
		views = append(views, hash, hash+"?version=1")
	}
	views = append(
		views,
		"#/findings?rule=<img src=x onerror=alert(1)>&q=<b>",
		"#/model/%",
		"#/model/__proto__/x",
		"#/constructor",
		"#/versions?sort=__proto__&page=-1&stage=constructor",
		"#/findings?page=1e999",
	)
	for _, v := range []browsertest.View{wide, phone} {
		s.must(s.Look(v))
		for _, hash := range views {
			s.follow(hash)
			var problems []string
			s.must(s.Run(look, &problems))
			for _, p := range problems {
				t.Errorf("%d %.60s: %s", v.Width, hash, p)
			}
			var foreign []string
			s.must(s.Run(`[...document.querySelectorAll(
  "img, iframe, object, embed, form, base, video, audio, body link, body style, body script",
)].map(e => e.outerHTML)`, &foreign))
			if len(foreign) > 0 {
				t.Errorf("%.60s: %q", hash, foreign)
			}
		}
	}
	if got := s.text(`String(globalThis.hit)`); got != "undefined" {
		t.Errorf("the page ran data as a script: %s", got)
	}
	for name, want := range map[string]string{
		"champion\u202egnp.lmx": "championU+202Egnp.lmx", "zero\u200bwidth": "zeroU+200Bwidth",
		"\x1b[31mred\x00\r\n":                          "U+001B[31mredU+0000U+000DU+000A",
		`</script><script>globalThis.hit = 1</script>`: `</script><script>globalThis.hit = 1</script>`,
		"not\ufffdutf8":                                "notU+FFFDutf8", "مرحبا בעולם": "مرحبا בעולם",
	} {
		s.follow(modelHash(name))
		if got := s.text(`document.querySelector("h1").textContent`); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
	s.clean()
}

func TestPage_Keyboard_Browser(t *testing.T) {
	s := show(t, sampleModels())
	focus := func() string {
		t.Helper()
		return s.text(`(({tagName, className, textContent, type}) =>
  [tagName, type, className, textContent].filter(Boolean).join(" ").slice(0, 60))(document.activeElement)`)
	}
	press := func(keys ...string) {
		t.Helper()
		s.must(s.Press(keys...))
		s.settle()
	}
	want := func(when, wanted string) {
		t.Helper()
		if got := focus(); !strings.HasPrefix(got, wanted) {
			t.Fatalf("%s: the focus is at %q, want %q", when, got, wanted)
		}
	}
	press("Tab")
	want("first", "A skip Skip to content")
	press("Enter", "Tab")
	want("after the skip link", "A tile t-high")
	for n := 0; !strings.HasPrefix(focus(), "BODY"); n++ {
		if n > 200 {
			t.Fatal("the Tab key never leaves the page")
		}
		if got := s.text(`getComputedStyle(document.activeElement).outlineStyle`); got == "none" {
			t.Errorf("the focus at %s is not visible", focus())
		}
		press("Tab")
	}
	s.follow("#/findings")
	want("after a change of view", "H1")
	press("/")
	want("after /", "INPUT search")
	press("s", "e", "a", "r", "c", "h")
	if got := s.text(`location.hash`); got != "#/findings?q=search" {
		t.Errorf("the address is %s", got)
	}
	press("ArrowDown")
	want("down from the search", "TR")
	first := focus()
	press("ArrowDown")
	if second := focus(); second == first || !strings.HasPrefix(second, "TR") {
		t.Errorf("down from %q to %q", first, second)
	}
	press("ArrowUp", "ArrowUp")
	want("up from the first row", "INPUT search")
	press("ArrowDown", "Enter")
	if got := s.text(`location.hash`); !strings.HasPrefix(got, "#/model/search-ranking?version=") {
		t.Errorf("Enter led to %s", got)
	}
	want("after Enter", "H1 search-ranking version")
	s.must(s.Run(`new Promise(done => {
  addEventListener("hashchange", () => done(1), {once: true});
  history.back()
})`, nil))
	s.settle()
	if got := s.text(`document.querySelector("input").value`); got != "search" {
		t.Errorf("back, the search is for %q", got)
	}
	sorted := `[...document.querySelectorAll("th")].filter(th => th.ariaSort)
  .map(th => th.textContent + " " + th.ariaSort).join()`
	s.must(s.Run(`document.querySelector("th button").focus()`, nil))
	press("Enter")
	if got := s.text(sorted); got != "Severity ascending" {
		t.Errorf("sorted by %s", got)
	}
	press("Space")
	if got := s.text(sorted); got != "Severity descending" {
		t.Errorf("sorted by %s", got)
	}
	s.follow("#/versions")
	s.must(s.Run(`document.querySelector("[aria-label='Next page']").focus()`, nil))
	press("Enter")
	want("after a turn of the page", "TR")
	if got := s.text(`document.querySelector("[role=status]").textContent`); !strings.HasPrefix(got, "51–100 of ") {
		t.Errorf("the second page: %s", got)
	}
	s.clean()
}

func TestPage_NoScriptOrPrinted_Browser(t *testing.T) {
	page := []byte(pageOf(t, sampleModels()))
	s := showFile(t, page)
	s.must(s.Call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil))
	controls := `[...document.querySelectorAll("nav, .tools, .pager, .skip")].filter(e => e.checkVisibility())
  .map(e => e.className).join()`
	if got := s.text(controls); got != "" {
		t.Errorf("the printed page has %s", got)
	}
	s.clean()
	end := bytes.LastIndex(page, []byte(`<script type="application/json" id="totals"`)) - 200
	cut := showFile(t, page[:end])
	content := `document.querySelector("main").textContent`
	if got := cut.text(content); !strings.HasPrefix(got, "This page is incomplete") {
		t.Errorf("an incomplete file shows %s", got)
	}
	cut.clean()
	hidden := showFile(t, bytes.ReplaceAll(page, []byte(`"words"`), []byte(`"***"`)))
	if got := hidden.text(content); !strings.HasPrefix(got, "This page cannot be shown") {
		t.Errorf("a page with hidden data shows %s", got)
	}
	hidden.clean()
	s.must(s.Call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil))
	s.must(s.Open(s.Requests()[0].URL))
	want := fmt.Sprintf("Audit of https://mlflow.example: 14 models, %d versions", totals(sampleModels()).Versions)
	if got := s.text(`document.querySelector("noscript").innerText`); !strings.Contains(got, want) {
		t.Errorf("without scripts the page shows %q", got)
	}
}

func TestPage_EmptyRegistry_Browser(t *testing.T) {
	s := show(t, nil)
	got := s.text(`document.querySelector("main").textContent`)
	if !strings.Contains(got, "Nothing to report") || strings.Contains(got, "NaN") ||
		strings.Contains(got, "undefined") {
		t.Errorf("overview: %s", got)
	}
	for hash, want := range map[string]string{
		"#/findings": "No findings.",
		"#/models":   "The server has no registered models.",
		"#/versions": "No versions were read.",
	} {
		s.follow(hash)
		if got := s.text(`document.querySelector("[role=status]").textContent`); got != want {
			t.Errorf("%s: %s", hash, got)
		}
	}
	s.clean()
}

// watch records when the overview is drawn. It must be set up before the page is opened.
const watch = `globalThis.drawn = 0; new MutationObserver((_, observer) => {
  if (document.querySelector(".tiles")) { drawn = performance.now(); observer.disconnect(); }
}).observe(document, {childList: true, subtree: true})`

// The test logs how long a page with 100,000 versions takes to open, but checks only its size, because the machine may
// be slow or busy.
func TestPage_100000Versions_Browser(t *testing.T) {
	var b bytes.Buffer
	models := make([]audited, 1000)
	for i := range models {
		models[i] = sampleLarge(i, 100)
	}
	if err := writePage(&b, models); err != nil {
		t.Fatal(err)
	}
	sum := totals(models)
	if b.Len() > Limit || sum.Versions != 100_000 || sum.Aliases != 1000 {
		t.Errorf("%d bytes for %d versions, %d aliases", b.Len(), sum.Versions, sum.Aliases)
	}
	t.Logf(
		"page of %d versions, %d aliases, %d findings: %.1f MB",
		sum.Versions,
		sum.Aliases,
		sum.Total(),
		float64(b.Len())/1e6,
	)
	measure(t, b.Bytes(), "1–50 of 100,000 versions")
}

// Even the largest possible page opens.
func TestPage_Largest_Browser(t *testing.T) {
	var b bytes.Buffer
	p := New(&b, &b, "https://mlflow.example")
	if err := p.Rules(sampleRules); err != nil {
		t.Fatal(err)
	}
	var sum audit.Totals
	for i := range 4000 {
		m := sampleLarge(i, 80)
		if err := p.Model(m.Snapshot, m.findings); err != nil {
			t.Fatal(err)
		}
		sum.Models, sum.Versions = i+1, sum.Versions+80
	}
	sum.Began, sum.Ended, sum.Scope = sampleEnd.Add(-time.Minute), sampleEnd, audit.ScopeAll
	if err := p.Totals(sum); err != nil {
		t.Fatal(err)
	}
	if b.Len() > Limit || b.Len() < Limit*9/10 || p.omitted.Versions == 0 {
		t.Errorf("%d bytes, omitted: %+v", b.Len(), p.omitted)
	}
	t.Logf("largest page: %.1f MB", float64(b.Len())/1e6)
	s := measure(t, b.Bytes(), "")
	s.follow("#/")
	got := s.text(`document.querySelector(".notice").textContent`)
	if !strings.HasPrefix(got, "The size of this page is limited. Not shown: ") {
		t.Errorf("notice: %s", got)
	}
}

func measure(t *testing.T, page []byte, status string) shown {
	t.Helper()
	b, err := browsertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	p, err := b.Page(browsertest.View{Width: 1280, Height: 800})
	if err != nil {
		t.Fatal(err)
	}
	s := shown{p, t}
	s.must(p.Call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": watch}, nil))
	file := filepath.Join(t.TempDir(), "audit.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	var paint, drawn []float64
	for range 5 {
		s.must(p.Open(file))
		s.settle()
		var at struct{ Paint, Drawn float64 }
		s.must(p.Run(`({paint: performance.getEntriesByName("first-contentful-paint")[0].startTime, drawn})`, &at))
		paint, drawn = append(paint, at.Paint), append(drawn, at.Drawn)
	}
	s.follow("#/versions")
	if got := s.text(`document.querySelector("[role=status]").textContent`); status != "" && got != status {
		t.Errorf("status: %s", got)
	}
	var filter []float64
	s.must(p.Run(`(() => {
  const input = document.querySelector("input[type=search]"), out = [];
  const searches = ["t", "te", "team-03", "team-03 owner", "user4 sklearn", "no such thing", "a b c d e", "", "2026"];
  for (const words of searches) {
    const began = performance.now();
    input.value = words;
    input.dispatchEvent(new Event("input", {bubbles: true}));
    document.body.offsetHeight; // laid out
    out.push(performance.now() - began);
  }
  return out;
})()`, &filter))
	var heap struct{ UsedSize float64 }
	s.must(p.Call("HeapProfiler.collectGarbage", nil, nil))
	s.must(p.Call("Runtime.getHeapUsage", nil, &heap))
	times := map[string][]float64{"first contentful paint": paint, "overview drawn": drawn, "filter": filter}
	for name, of := range times {
		slices.Sort(of)
		t.Logf("%s: median %.0f ms, worst %.0f ms", name, of[len(of)/2], of[len(of)-1])
	}
	t.Logf("heap: %.0f MB", heap.UsedSize/1e6)
	s.clean()
	return s
}
