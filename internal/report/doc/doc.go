// Package doc is a small model of a page. It renders pages as Markdown, for job summaries and comments, and as text,
// for terminals.
//
// Text from MLflow, inputs and files is hostile. Only this package escapes it, and callers must not write Markdown
// themselves. The package is pure.
package doc

// Page is the content of a page. Markdown and Terminal render it.
type Page []Block

// Block is a Heading, Para, List, Table, Code, Diagram or Details.
type Block interface {
	isBlock()
	mapped(func(string) string) Block // see Page.Map
}

// Line is a piece of running text.
type Line []Span

// Span is a piece of text in one style. Code is for untrusted data.
type Span struct {
	Text string
	Code bool
	URL  string // link target, based on a configured address; only http and https URLs become links
	Long string // shown in a terminal instead of Text
}

type (
	Heading struct{ Line Line }
	Para    struct{ Line Line }
	List    struct{ Items []Line }
	Table   struct {
		Head []string
		Rows [][]Line
	}
	Code struct {
		Lang, Text string
	}
	Diagram struct { // rendered only in Markdown; a table shows the same content
		Mermaid string
	}
	Details struct {
		Title string
		Body  Page
	}
)

func (Heading) isBlock() {}
func (Para) isBlock()    {}
func (List) isBlock()    {}
func (Table) isBlock()   {}
func (Code) isBlock()    {}
func (Diagram) isBlock() {}
func (Details) isBlock() {}

// Map returns the page with f applied to every text and address, except in table heads.
func (d Page) Map(f func(string) string) Page {
	out := make(Page, len(d))
	for i, block := range d {
		out[i] = block.mapped(f)
	}
	return out
}

func (b Heading) mapped(f func(string) string) Block { return Heading{b.Line.mapped(f)} }
func (b Para) mapped(f func(string) string) Block    { return Para{b.Line.mapped(f)} }
func (b List) mapped(f func(string) string) Block    { return List{mappedLines(b.Items, f)} }
func (b Code) mapped(f func(string) string) Block    { return Code{b.Lang, f(b.Text)} }
func (b Diagram) mapped(f func(string) string) Block { return Diagram{f(b.Mermaid)} }
func (b Details) mapped(f func(string) string) Block { return Details{f(b.Title), b.Body.Map(f)} }

func (b Table) mapped(f func(string) string) Block {
	out := Table{Head: b.Head}
	for _, row := range b.Rows {
		out.Rows = append(out.Rows, mappedLines(row, f))
	}
	return out
}

func (l Line) mapped(f func(string) string) Line {
	out := make(Line, len(l))
	for i, s := range l {
		out[i] = Span{f(s.Text), s.Code, f(s.URL), f(s.Long)}
	}
	return out
}

func mappedLines(lines []Line, f func(string) string) []Line {
	out := make([]Line, len(lines))
	for i, l := range lines {
		out[i] = l.mapped(f)
	}
	return out
}

// T returns plain text.
func T(text string) Span { return Span{Text: text} }

// C returns data, shown verbatim as code.
func C(data string) Span { return Span{Text: data, Code: true} }

// H returns a heading. Its parts are joined as in L.
func H(parts ...any) Heading { return Heading{L(parts...)} }

// P returns a paragraph. Its parts are joined as in L.
func P(parts ...any) Para { return Para{L(parts...)} }

// Row returns a table row. Each cell is a string, a span or a line.
func Row(cells ...any) []Line {
	out := make([]Line, len(cells))
	for i, c := range cells {
		out[i] = L(c)
	}
	return out
}

// L joins strings, spans and lines into one line. A string becomes plain text.
func L(parts ...any) Line {
	var out Line
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, T(p))
		case Span:
			out = append(out, p)
		case Line:
			out = append(out, p...)
		}
	}
	return out
}
