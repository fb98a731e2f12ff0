//go:build browser

package cli

import (
	_ "embed"
	"fmt"
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
)

// pageWidth is how wide GitHub's pages are, commentWidth the text of a comment on a pull request.
const (
	pageWidth    = 1012
	commentWidth = 760
)

// markdown is one summary, as a script's run wrote it.
type markdown struct{ script, text string }

// Every summary that any script writes, as GitHub would show it: rendered by GitHub's own Markdown library, styled by its
// style sheet, the diagrams drawn by Mermaid, in a real browser. Whatever names and words the servers of the scripts
// have, nothing loads, links or runs that should not, and nothing is cut off at the side.
func TestSummariesInABrowser(t *testing.T) {
	all := summaries(t)
	if len(all) < 50 {
		t.Fatalf("only %d summaries", len(all))
	}
	v := newViewer(t)
	drawn := 0
	for _, m := range all {
		drawn += v.check(t, m, pageWidth, false)
	}
	t.Logf("%d summaries of the scripts, %d diagrams", len(all), drawn)
	if drawn < 3 {
		t.Errorf("only %d diagrams were drawn", drawn)
	}
}

// summaries runs all scripts and returns what each wrote, in order.
func summaries(t *testing.T) []markdown {
	t.Helper()
	var mu sync.Mutex
	var all []markdown
	t.Run("scripts", func(t *testing.T) { // which run beside one another, and have ended when this has
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

// viewer turns Markdown into pages and looks at them.
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
	gfm := exec.Command("cmark-gfm", "--unsafe", "-e", "table", "-e", "strikethrough", "-e", "autolink", "-e", "tagfilter", "-e", "tasklist")
	gfm.Stdin = strings.NewReader(m.text)
	body, err := gfm.Output()
	if err != nil {
		t.Fatal(err)
	}
	v.pages++
	path := filepath.Join(v.dir, fmt.Sprintf("%d.html", v.pages))
	html := strings.NewReplacer("{{assets}}", v.assets, "{{width}}", fmt.Sprint(width), "{{body}}", string(body)).Replace(frame)
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

// seen is what the page holds when all is drawn.
type seen struct {
	Links    []string // addresses
	Loading  []string // elements that load or run something
	Handlers []string // attributes that run something
	Mentions []string // words outside code that GitHub would link
	Wide     []string // elements that go over the side, or scroll
	Labels   [][]string
	Width    int
}

//go:embed testdata/look.js
var look string

// check shows a summary and holds it to what must be so; it returns the number of diagrams.
func (v *viewer) check(t *testing.T, m markdown, width int, dark bool) int {
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
		if err != nil || u.Scheme != "file" && u.Scheme != "data" && u.Scheme != "blob" || u.Scheme == "file" && !strings.HasPrefix(u.Path, v.dir) && !strings.HasPrefix(u.Path, v.assets) {
			problem("asks for %s %s", r.Kind, r.URL)
		}
	}
	for _, l := range s.Links {
		if u, err := url.Parse(l); err != nil || u.Scheme != "https" || u.Host != "mlflow.example" && u.Host != "github.example" {
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
	if len(s.Wide) > 0 {
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

// labels lists the labels of each diagram, sorted.
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
