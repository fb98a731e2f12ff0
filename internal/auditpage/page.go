package auditpage

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Limit is the size of the largest page in bytes: what a browser opens from disk without thinking about it.
const Limit = 25_000_000

// Page writes the one HTML file of an audit: style, script and data, nothing that is fetched. It is a
// Sink: it is given one model at a time and keeps none, so its memory does not grow with the registry.
//
// All data is JSON in script elements of a type that no browser runs, with every "<" escaped, so that none of it can
// end its element. The page's own script makes text nodes of it. A policy within the page forbids everything but this
// script and this style, by their digests.
type Page struct {
	data, own io.Writer
	link      string
	n         int   // bytes
	err       error // the first; nothing is written after it
	left      leftOut
}

// leftOut is what a page has no room for, for its readers.
type leftOut struct {
	Details  int `json:"details"`  // versions shown without description, tags, source and run
	Versions int `json:"versions"` // versions not shown
	Findings int `json:"findings"`
	Models   int `json:"models"`
}

//go:embed page
var pageFiles embed.FS

// pageScripts are one script, in this order: no step builds it.
var pageScripts = []string{
	"text.js", "read.js", "table.js", "chart.js", "timeline.js", "lineage.js", "overview.js", "plots.js", "lists.js", "model.js", "route.js",
}

// pageFrame is the page without its data: what stands before it, and after.
var pageFrame = sync.OnceValues(func() (before, after string) {
	style, script := pageFile("page.css"), ""
	for _, name := range pageScripts {
		script += pageFile(name)
	}
	before, after, _ = strings.Cut(pageFile("page.html"), "{{data}}")
	before = strings.NewReplacer(
		"{{style-digest}}", cspDigest(style), "{{script-digest}}", cspDigest(script), "{{style}}", style, "{{script}}", script,
	).Replace(before)
	return before, after
})

func pageFile(name string) string {
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it was compiled in
	}
	return string(text)
}

// cspDigest names an element by its content, as a content security policy does.
func cspDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// New writes a page: what comes from outside to data, and the program's own script, style and elements to own.
// Both lead to one file. They differ where data hides secrets: a password like "mlflow" would be cut out of the script
// as well, and a script that was changed is none that the page lets run. link is the address of MLflow's own pages, the
// only place that the page links to; there are no links where it is no address of the web.
func New(data, own io.Writer, link string) *Page {
	return &Page{data: data, own: own, link: webAddress(link)}
}

func (p *Page) write(to io.Writer, text []byte) {
	if p.err == nil {
		_, p.err = to.Write(text)
		p.n += len(text)
	}
}

// Rules begins the page.
func (p *Page) Rules(rules []audit.Rule) error {
	before, _ := pageFrame()
	p.write(p.own, []byte(before))
	p.block("id", "rules", encode(struct {
		Rules []audit.Rule `json:"rules"`
		Link  string       `json:"link"`
	}{rules, p.link}))
	return p.err
}

// webAddress is the address without login, query and final slash; "" where it is none of the web.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
}

// Model adds a model and what was found about it, or what was found about none that was read.
func (p *Page) Model(a audit.Snapshot, findings []audit.Finding) error {
	if a.Model.Created.IsZero() && len(a.Versions) == 0 && a.Unreadable == "" {
		p.findings(findings)
		return p.err
	}
	for d := everything; d < nothing; d++ {
		if p.n >= room[d] {
			continue
		}
		m := newPageModel(a, findings, d)
		if text := encode(m); p.n+len(text) <= room[d] {
			p.block("class", "model", text)
			p.left.Details += m.bare
			p.left.Versions += len(a.Versions) - m.Versions.rows
			return p.err
		}
	}
	p.left.Models++
	p.left.Versions += len(a.Versions)
	p.left.Findings += len(findings)
	return p.err
}

// findings adds what was found about the server, or about models that are gone.
func (p *Page) findings(findings []audit.Finding) {
	const batch = 1000
	for len(findings) > 0 {
		n := min(batch, len(findings))
		text := encode(newPageFindings(findings[:n]))
		if p.n+len(text) > roomForFindings {
			p.left.Findings += len(findings)
			return
		}
		p.block("class", "findings", text)
		findings = findings[n:]
	}
}

// Totals ends the page. Its error is the first of all that was written.
func (p *Page) Totals(t audit.Totals) error {
	p.block("id", "totals", encode(struct {
		audit.Totals
		Left leftOut `json:"left"`
	}{t, p.left}))
	_, after := pageFrame()
	p.write(p.own, []byte("<noscript><p>"))
	p.write(p.data, []byte(html.EscapeString(pageSummary(t))))
	p.write(p.own, []byte("</p></noscript>"+after))
	return p.err
}

// pageSummary is for readers whose browser runs no script.
func pageSummary(t audit.Totals) string {
	return fmt.Sprintf("Audit of %s: %d models, %d versions; findings: %d high, %d medium, %d low. Tables and plots need JavaScript.",
		report.Clean(t.Server), t.Models, t.Versions, t.Findings[audit.High], t.Findings[audit.Medium], t.Findings[audit.Low])
}

// block writes one element that holds data. The attribute and its value are our own words.
func (p *Page) block(attribute, name string, text []byte) {
	p.write(p.own, []byte(`<script type="application/json" `+attribute+`="`+name+`">`))
	p.write(p.data, text)
	p.write(p.own, []byte("</script>\n"))
}

// encode relies on what encoding/json does by default: "<", ">" and "&" are written as escapes, so that no data opens
// or closes an element, and what is no UTF-8 is replaced.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only texts and numbers: times are those of a server's clock, within four digits of years
	}
	return text
}
