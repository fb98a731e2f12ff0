package report

import (
	"bufio"
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

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// PageLimit is the size of the largest page in bytes: what a browser opens from disk without thinking about it.
const PageLimit = 25_000_000

// AuditPage writes the one HTML file of an audit: style, script and data, nothing that is fetched. It is a
// registry.AuditSink: it is given one model at a time and keeps none, so its memory does not grow with the registry.
//
// All data is JSON in script elements of a type that no browser runs, with every "<" escaped, so that none of it can
// end its element. The page's own script makes text nodes of it. A policy within the page forbids everything but this
// script and this style, by their digests.
type AuditPage struct {
	w    *counter
	link string
	left left
}

// left is what a page has no room for, for its readers.
type left struct {
	Details  int `json:"details"`  // versions shown without description, tags, source and run
	Versions int `json:"versions"` // versions not shown
	Findings int `json:"findings"`
	Models   int `json:"models"`
}

// counter counts what it passes on, until an error.
type counter struct {
	*bufio.Writer
	n   int
	err error
}

func (c *counter) write(text ...string) {
	for _, t := range text {
		if c.err == nil {
			_, c.err = c.WriteString(t)
			c.n += len(t)
		}
	}
}

//go:embed page
var pageFiles embed.FS

// pageScripts are one script, in this order: no step builds it.
var pageScripts = []string{"text.js", "read.js", "table.js", "chart.js", "timeline.js", "lineage.js", "overview.js", "lists.js", "model.js", "route.js"}

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

// NewAuditPage writes a page to w. link is the address of MLflow's own pages, the only place that the page links to;
// there are no links where it is no address of the web.
func NewAuditPage(w io.Writer, link string) *AuditPage {
	return &AuditPage{w: &counter{Writer: bufio.NewWriterSize(w, 1<<16)}, link: webAddress(link)}
}

// Rules begins the page.
func (p *AuditPage) Rules(rules []registry.AuditRule) error {
	before, _ := pageFrame()
	p.w.write(before)
	p.data("id", "rules", struct {
		Rules []registry.AuditRule `json:"rules"`
		Link  string               `json:"link"`
	}{rules, p.link})
	return p.w.err
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
func (p *AuditPage) Model(a registry.Audited, findings []registry.AuditFinding) error {
	if a.Model.Created.IsZero() && len(a.Versions) == 0 && a.Unreadable == "" {
		p.findings(findings)
		return p.w.err
	}
	for d := everything; d < nothing; d++ {
		if p.w.n >= room[d] {
			continue
		}
		m := newPageModel(a, findings, d)
		if text := encode(m); p.w.n+len(text) <= room[d] {
			p.block("class", "model", text)
			p.left.Details += m.bare
			p.left.Versions += len(a.Versions) - m.Versions.rows
			return p.w.err
		}
	}
	p.left.Models++
	p.left.Versions += len(a.Versions)
	p.left.Findings += len(findings)
	return p.w.err
}

// findings adds what was found about the server, or about models that are gone.
func (p *AuditPage) findings(findings []registry.AuditFinding) {
	const batch = 1000
	for len(findings) > 0 {
		n := min(batch, len(findings))
		text := encode(newPageFindings(findings[:n]))
		if p.w.n+len(text) > roomForFindings {
			p.left.Findings += len(findings)
			return
		}
		p.block("class", "findings", text)
		findings = findings[n:]
	}
}

// Totals ends the page. Its error is the first of all that was written.
func (p *AuditPage) Totals(t registry.AuditTotals) error {
	p.data("id", "totals", struct {
		registry.AuditTotals
		Left left `json:"left"`
	}{t, p.left})
	_, after := pageFrame()
	p.w.write("<noscript><p>", html.EscapeString(pageSummary(t)), "</p></noscript>", after)
	if p.w.err != nil {
		return p.w.err
	}
	return p.w.Flush()
}

// pageSummary is for readers whose browser runs no script.
func pageSummary(t registry.AuditTotals) string {
	return fmt.Sprintf("Audit of %s: %d models, %d versions; findings: %d high, %d medium, %d low. Tables and plots need JavaScript.",
		Clean(t.Server), t.Models, t.Versions, t.Findings[registry.High], t.Findings[registry.Medium], t.Findings[registry.Low])
}

func (p *AuditPage) data(attribute, name string, v any) { p.block(attribute, name, encode(v)) }

// block writes one element that holds data. The attribute and its value are our own words.
func (p *AuditPage) block(attribute, name string, text []byte) {
	p.w.write(`<script type="application/json" `, attribute, `="`, name, `">`, string(text), "</script>\n")
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
