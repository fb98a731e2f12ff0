//go:build browser

package cli

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/browsertest"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// pageWidth is the width of a page on GitHub, and commentWidth is the width of a comment on a pull request.
const (
	pageWidth    = 1012
	commentWidth = 816
)

// markdown is a job summary that was written by a run in a script.
type markdown struct{ script, text string }

// A real browser shows every summary from every script as GitHub would: rendered by GitHub's Markdown library, with its
// style sheet, and with diagrams drawn by Mermaid. Whatever names the scripts use, no page loads, links to or runs
// anything that it should not, and nothing is cut off.
func TestSummaries_Browser(t *testing.T) {
	all := summaries(t)
	if len(all) < 50 {
		t.Fatalf("only %d summaries", len(all))
	}
	v := newViewer(t)
	drawn := 0
	for _, m := range all {
		drawn += v.check(t, m, pageWidth, false, still)
	}
	t.Logf("%d summaries of the scripts, %d diagrams", len(all), drawn)
	if drawn < 3 {
		t.Errorf("only %d diagrams were drawn", drawn)
	}
}

// sights contains those summaries from the tour that are shown in the docs, with their names and widths. The key is the
// position in the tour.
var sights = map[int]struct {
	name  string
	width int
}{2: {"summary", pageWidth}, 3: {"comment", commentWidth}, 4: {"lineage", pageWidth}}

// posted is the number of summaries at the beginning of the tour that are also posted as comments.
const posted = 4

// What a team sees in a week is easy to read, both on a page and in a comment, and in both light and dark mode. With
// -update, the test regenerates the pictures in the docs.
func TestTour_Browser(t *testing.T) {
	tour := slices.DeleteFunc(summaries(t), func(m markdown) bool { return m.script != "tour" })
	if len(tour) < 8 {
		t.Fatalf("only %d summaries of the tour", len(tour))
	}
	v := newViewer(t)
	for i, m := range tour {
		for _, dark := range []bool{false, true} {
			v.check(t, m, pageWidth, dark, still)
			if i < posted {
				v.check(t, m, commentWidth, dark, still)
			}
			if sight, shown := sights[i]; shown {
				v.picture(t, m, sight.name, sight.width, dark)
			}
		}
	}
}

// maxPicture is the size limit, in bytes, for a picture in the docs.
const maxPicture = 150_000

// picture takes a picture of a summary as a reader first sees it. With -update, it saves the picture in the docs.
func (v *viewer) picture(t *testing.T, m markdown, name string, width int, dark bool) {
	t.Helper()
	v.open(t, m, width, dark)
	path := filepath.Join(v.dir, "picture.png")
	if err := v.page.Screenshot(path); err != nil {
		t.Fatal(err)
	}
	small, err := fewColours(path)
	if err != nil {
		t.Fatal(err)
	}
	name += map[bool]string{false: "-light.png", true: "-dark.png"}[dark]
	if len(small) > maxPicture {
		t.Errorf("%s has %d bytes, more than %d", name, len(small), maxPicture)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("../../docs/images", name), small, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fewColours encodes a picture with only its 256 most frequent colours, which reduces its size by two thirds.
func fewColours(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	full, err := png.Decode(f)
	if err != nil {
		return nil, err
	}
	box := full.Bounds()
	count := map[color.Color]int{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			count[full.At(x, y)]++
		}
	}
	palette := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		return cmp.Or(count[b]-count[a], strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	few := image.NewPaletted(box, palette[:min(256, len(palette))])
	draw.Draw(few, box, full, box.Min, draw.Src)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, few)
	return out.Bytes(), err
}

// Even with hostile names everywhere in a lineage, the page loads, links to and runs nothing that it should not. Every
// box in the diagram contains its text, and long tables scroll.
func TestHostileNames_Browser(t *testing.T) {
	v := newViewer(t)
	words := []string{
		`"]; click n1 href "https://evil.example"`, `"] --> x["`, "end", "subgraph x",
		"%%{init: {'theme': 'forest'}}%%", "$$x^2$$", "fa:fa-ban B[fa:fa-spinner]",
		"#quot;#35;&quot;&lt;script&gt;", "`**bold**`", "<script>alert(1)</script>",
		"<img src=https://evil.example/x.png>", "![x](https://evil.example/x.png)", "[x](https://evil.example)",
		"https://evil.example www.evil.example", "@octocat #1 GH-1 acme/churn#7", "</details><!-- --> ```",
		"| a | b |\\|", "javascript:alert(1)", "a\nb\r\n---\n# c", "\u202egnp.exe\u2066",
		"n1@{ shape: rect, img: \"https://evil.example/x.png\" }", "click n1 call alert()",
		":::x classDef x fill:url(https://evil.example)", "模型 é\u0301 🙂", strings.Repeat("long", 64), "::error::x",
	}
	for _, word := range words {
		entry := lineage.Promotion{ID: word, Command: word, At: word, Moves: []lineage.Move{{Ref: "@" + word}},
			Outcome: "done", Actor: word, Workflow: word,
			Gates: []lineage.Gate{
				{Gate: word, Outcome: "pass", Candidate: word},
			},
			Override: []string{word}, From: "ledger"}
		l := lineage.Lineage{
			Model:       word,
			Version:     "7",
			Stage:       "Production",
			Aliases:     []string{word},
			RunID:       word,
			Tags:        map[string]string{word: word},
			Description: word,
			Source:      word,
			Status:      word,
			Copies: []lineage.CopyLink{
				{Model: word, Version: "1", Source: word}, {Model: word, Version: "2", Problem: word},
			},
			Training: &lineage.Training{
				ExperimentID:   word,
				ExperimentName: word,
				RunName:        word,
				User:           word,
				Status:         word,
				Parameters:     map[string]string{word: word},
				Metrics:        map[string]lineage.Number{word: 1},
				Tags:           map[string]string{word: word},
			},
			Code: &lineage.Code{
				Commit:     word,
				Branch:     word,
				Repository: word,
				Script:     word,
			},
			Datasets: []lineage.Dataset{{Name: word, Digest: word, URI: word, Context: word}},
			Logged:   &lineage.Logged{ID: word, Name: word, Status: word}, Files: &lineage.ModelFiles{
				Framework: word,
				Python:    word,
				MLflow:    word,
				SHA256:    word,
				Inputs:    []byte(`"x"`),
			},
			Promotions: []lineage.Promotion{entry},
			Deployment: &lineage.Deployment{To: word, At: word},
			Lost:       []lineage.Lost{{What: "run", Why: word}},
		}
		page := append(doc.Page{doc.H(report.LineageTitle(l))}, report.Lineage(l, address, report.Workflow{Server: "https://github.example", Repository: "acme/churn"})...)
		if v.check(t, markdown{word, doc.Markdown(page)}, pageWidth, false, scrolls) != 1 {
			t.Errorf("%q: no diagram", word)
		}
	}
}

// summaries runs every script, and returns the summaries that they wrote in order.
func summaries(t *testing.T) []markdown {
	t.Helper()
	var mu sync.Mutex
	var all []markdown
	t.Run("scripts", func(t *testing.T) { // the scripts run in parallel, and all of them have ended when Run returns
		play(t, func(script, text string) {
			mu.Lock()
			defer mu.Unlock()
			if text != "" {
				all = append(all, markdown{script, text})
			}
		})
	})
	slices.SortStableFunc(all, func(a, b markdown) int { return strings.Compare(a.script, b.script) })
	return all
}

// viewer renders Markdown as pages and inspects them.
type viewer struct {
	dir, assets string
	page        *browsertest.Page
	pages       int
}

func newViewer(t *testing.T) *viewer {
	t.Helper()
	b, err := browsertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	page, err := b.Page(browsertest.View{})
	if err != nil {
		t.Fatal(err)
	}
	assets, err := filepath.Abs("../../.cache/npm/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	return &viewer{dir: t.TempDir(), assets: assets, page: page}
}

//go:embed testdata/github.html
var frame string

// open renders the text and shows it.
func (v *viewer) open(t *testing.T, m markdown, width int, dark bool) {
	t.Helper()
	gfm := exec.Command(
		"cmark-gfm", "--unsafe", "--github-pre-lang", "-e", "table", "-e", "strikethrough", "-e", "autolink", "-e",
		"tagfilter", "-e", "tasklist",
	)
	gfm.Stdin = strings.NewReader(m.text)
	body, err := gfm.Output()
	if err != nil {
		t.Fatal(err)
	}
	v.pages++
	path := filepath.Join(v.dir, fmt.Sprintf("%d.html", v.pages))
	mermaid := ""
	if strings.Contains(m.text, "```mermaid") {
		mermaid = `<script src="file://` + v.assets + `/mermaid/dist/mermaid.min.js"></script>`
	}
	html := strings.NewReplacer(
		"{{mermaid}}", mermaid, "{{assets}}", v.assets, "{{width}}", fmt.Sprint(width), "{{body}}", string(body),
	).Replace(frame)
	if err := os.WriteFile(path, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := v.page.Look(browsertest.View{Width: width, Height: 800, Dark: dark}); err != nil {
		t.Fatal(err)
	}
	if err := v.page.Open(path); err != nil {
		t.Fatal(err)
	}
	if err := v.page.Run("drawn", nil); err != nil {
		t.Fatalf("%s: a diagram cannot be drawn: %v\n%s", m.script, err, m.text)
	}
}

// seen describes what is on the page once everything has been drawn.
type seen struct {
	Links    []string // addresses
	Loading  []string // elements that load or run something
	Handlers []string // attributes that run something
	Mentions []string // words outside code that GitHub would turn into links
	Wide     []string // elements that scroll or are wider than the page
	Labels   [][]string
	Width    int
}

//go:embed testdata/look.js
var look string

// scrolling says whether tables and code blocks may be wider than the page and scroll.
type scrolling bool

const (
	still   scrolling = false
	scrolls scrolling = true
)

// check shows a summary, checks the rules for every page, and returns the number of diagrams.
func (v *viewer) check(t *testing.T, m markdown, width int, dark bool, may scrolling) int {
	t.Helper()
	v.open(t, m, width, dark)
	var s seen
	if err := v.page.Run(look, &s); err != nil {
		t.Fatal(err)
	}
	problem := func(format string, args ...any) {
		t.Errorf("%s: %s\n%s", m.script, fmt.Sprintf(format, args...), m.text)
	}
	for _, e := range v.page.Errors() {
		problem("the console says: %s", e)
	}
	for _, r := range v.page.Requests() {
		u, err := url.Parse(r.URL)
		if err != nil || u.Scheme != "file" && u.Scheme != "data" && u.Scheme != "blob" ||
			u.Scheme == "file" && !strings.HasPrefix(u.Path, v.dir) && !strings.HasPrefix(u.Path, v.assets) {
			problem("asks for %s %s", r.Kind, r.URL)
		}
	}
	for _, l := range s.Links {
		if u, err := url.Parse(l); err != nil || u.Scheme != "https" ||
			u.Host != "mlflow.example" && u.Host != "github.example" {
			problem("links to %q", l)
		}
	}
	for _, bad := range [][]string{s.Loading, s.Handlers, s.Mentions} {
		if len(bad) > 0 {
			problem("holds %q", bad)
		}
	}
	if s.Width > width {
		problem("is %d pixels wide, more than %d", s.Width, width)
	}
	if len(s.Wide) > 0 && may == still {
		problem("goes over the side: %q", s.Wide)
	}
	wanted := labels(m.text)
	if len(wanted) != len(s.Labels) {
		problem("%d diagrams, drawn are %d", len(wanted), len(s.Labels))
		return 0
	}
	for i := range wanted {
		if !slices.Equal(wanted[i], s.Labels[i]) {
			problem("the boxes say %q, wanted %q", s.Labels[i], wanted[i])
		}
	}
	return len(wanted)
}

var (
	diagram = regexp.MustCompile("(?s)```mermaid\n(.*?)\n```")
	label   = regexp.MustCompile(`(?m)^  n\d+\["(.*)"\]$`)
)

// labels returns the labels of each diagram, in sorted order.
func labels(text string) [][]string {
	var out [][]string
	for _, d := range diagram.FindAllStringSubmatch(text, -1) {
		var list []string
		for _, l := range label.FindAllStringSubmatch(d[1], -1) {
			list = append(list, l[1])
		}
		slices.Sort(list)
		out = append(out, list)
	}
	return out
}
