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
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Limit is the maximum size of a page in bytes. Browsers open files of this size quickly.
const Limit = 25_000_000

// Page is an audit.Sink that writes a single HTML file with the style, the script and the data. It keeps no models in
// memory, so its memory use does not grow with the registry.
//
// All data is JSON in script elements of a type that browsers do not run. Every "<" is escaped, so data cannot close
// its element. The script displays the data as text nodes. The content security policy allows only this script and this
// style, by digest.
type Page struct {
	data, own io.Writer
	link      string
	n         int   // number of bytes written
	err       error // the first write error
	omitted   omitted
}

// omitted counts what did not fit on the page.
type omitted struct {
	Details  int `json:"details"`  // versions without their description, tags, source and run
	Versions int `json:"versions"` // versions left out entirely
	Findings int `json:"findings"`
	Models   int `json:"models"`
}

//go:embed page
var pageFiles embed.FS

// pageScripts lists the scripts in the order in which they are joined.
var pageScripts = []string{
	"text.js", "read.js", "table.js", "chart.js", "timeline.js", "lineage.js", "overview.js", "plots.js", "lists.js",
	"registers.js", "model.js", "route.js",
}

// pageFrame returns the parts of the page before and after its data.
var pageFrame = sync.OnceValues(func() (before, after string) {
	style, script := pageFile("page.css"), ""
	for _, name := range pageScripts {
		script += pageFile(name)
	}
	before, after, _ = strings.Cut(pageFile("page.html"), "{{data}}")
	before = strings.NewReplacer(
		"{{style-digest}}", cspDigest(style), "{{script-digest}}", cspDigest(script),
		"{{style}}", style, "{{script}}", script,
	).Replace(before)
	return before, after
})

func pageFile(name string) string {
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // cannot happen, because the file is embedded
	}
	return string(text)
}

// cspDigest returns an element's digest in the format of a content security policy.
func cspDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// New returns a writer for one page. Text from outside is written to data; the page's own script, style and elements
// are written to own. Both writers lead to the same file, but data may mask secrets. If a password such as "mlflow"
// were masked in the script, the script's digest would change and browsers would refuse to run it. The page links to
// MLflow at the address link. If link is not a web address, the page contains no links.
func New(data, own io.Writer, link string) *Page {
	return &Page{data: data, own: own, link: webAddress(link)}
}

func (p *Page) write(to io.Writer, text []byte) {
	if p.err == nil {
		_, p.err = to.Write(text)
		p.n += len(text)
	}
}

// Rules writes the start of the page.
func (p *Page) Rules(rules []audit.Rule) error {
	before, _ := pageFrame()
	p.write(p.own, []byte(before))
	p.block("id", "rules", encode(struct {
		Rules []audit.Rule `json:"rules"`
		Link  string       `json:"link"`
	}{rules, p.link}))
	return p.err
}

// webAddress removes the login, the query and a trailing slash from an address. It returns "" for anything but a web
// address.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
}

// Model adds a model and its findings. It also accepts findings about the server, or about a model that was not read.
func (p *Page) Model(a audit.Snapshot, findings []audit.Finding) error {
	if a.Model.Created.IsZero() && len(a.Versions) == 0 && a.Unreadable == "" {
		p.findings(findings, a.Exceptions)
		return p.err
	}
	for d := everything; d < nothing; d++ {
		if p.n >= room[d] {
			continue
		}
		m := newPageModel(a, findings, d)
		if text := encode(m); p.n+len(text) <= room[d] {
			p.block("class", "model", text)
			p.omitted.Details += m.bare
			p.omitted.Versions += len(a.Versions) - m.Versions.rows
			return p.err
		}
	}
	p.omitted.Models++
	p.omitted.Versions += len(a.Versions)
	p.omitted.Findings += len(findings)
	return p.err
}

// findings adds findings about models that are not on the page.
func (p *Page) findings(findings []audit.Finding, exceptions []audit.Exception) {
	const batch = 1000
	for len(findings) > 0 {
		n := min(batch, len(findings))
		text := encode(newPageFindings(findings[:n], exceptions))
		if p.n+len(text) > roomForFindings {
			p.omitted.Findings += len(findings)
			return
		}
		p.block("class", "findings", text)
		findings, exceptions = findings[n:], nil
	}
}

// Totals writes the end of the page. It returns the first write error.
func (p *Page) Totals(t audit.Totals) error {
	p.block("id", "totals", encode(struct {
		audit.Totals
		Left omitted `json:"left"`
	}{t, p.omitted}))
	_, after := pageFrame()
	p.write(p.own, []byte("<noscript><p>"))
	p.write(p.data, []byte(html.EscapeString(pageSummary(t))))
	p.write(p.own, []byte("</p></noscript>"+after))
	return p.err
}

// pageSummary returns the text shown by browsers without JavaScript.
func pageSummary(t audit.Totals) string {
	const text = "Audit of %s: %d models, %d versions; findings: %d high, %d medium, %d low. " +
		"Tables and plots need JavaScript."
	high, medium, low := t.Findings[audit.High], t.Findings[audit.Medium], t.Findings[audit.Low]
	return fmt.Sprintf(text, doc.Clean(t.Server), t.Models, t.Versions, high, medium, low)
}

// block writes a data element. attribute and name must be constants in this package.
func (p *Page) block(attribute, name string, text []byte) {
	p.write(p.own, []byte(`<script type="application/json" `+attribute+`="`+name+`">`))
	p.write(p.data, text)
	p.write(p.own, []byte("</script>\n"))
}

// encode returns v as JSON. encoding/json escapes "<", ">" and "&", so data cannot open or close an element. It also
// replaces invalid UTF-8.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot happen, because the values are strings, numbers and valid times
	}
	return text
}
