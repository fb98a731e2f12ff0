//go:build browser

package browsertest

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, html string, v View) *Page {
	t.Helper()
	b, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := b.Page(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Open(path); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPage_Errors(t *testing.T) {
	p := open(t, `<!doctype html><meta http-equiv="Content-Security-Policy" content="img-src http://allowed.example"><title>x</title>
<img src="http://allowed.example/a.png"><img src="http://blocked.example/b.png">
<script>console.error("said", 7); setTimeout(() => { throw new Error("thrown") }); new WebSocket("ws://socket.example/")</script>`, View{})
	if err := p.Run("new Promise(done => setTimeout(() => done(1)))", nil); err != nil { // after the page's timers
		t.Fatal(err)
	}
	got := strings.Join(p.Errors(), "\n")
	for _, want := range []string{"said", "Error: thrown", "http://allowed.example/a.png", "blocked.example/b.png"} {
		if !strings.Contains(got, want) {
			t.Errorf("errors lack %q:\n%s", want, got)
		}
	}
	var asked []string
	for _, r := range p.Requests() {
		asked = append(asked, r.Kind+" "+r.URL)
	}
	for _, want := range []string{"Image http://allowed.example/a.png", "WebSocket ws://socket.example/"} {
		if !slices.Contains(asked, want) {
			t.Errorf("requests lack %q: %q", want, asked)
		}
	}
	if slices.Contains(asked, "Image http://blocked.example/b.png") {
		t.Errorf("a blocked request was made: %q", asked)
	}
}

func TestPage_WithoutErrors(t *testing.T) {
	p := open(t, `<!doctype html><title>x</title><link rel=icon href="data:,"><style>body { margin: 0; height: 2000px } @media (prefers-color-scheme: dark) { body { background: rgb(1, 2, 3) } }</style><input id=i>`,
		View{Width: 500, Height: 300, Dark: true})
	if got := p.Errors(); len(got) > 0 {
		t.Errorf("errors: %q", got)
	}
	if got := p.Requests(); len(got) != 1 {
		t.Errorf("requests: %v", got)
	}
	if err := p.Press("Tab", "a", "Tab"); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := p.Run(`[document.getElementById("i").value, innerWidth, getComputedStyle(document.body).backgroundColor, document.activeElement.tagName].join(" ")`, &got); err != nil {
		t.Fatal(err)
	}
	if want := "a 500 rgb(1, 2, 3) BODY"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := p.Run(`Promise.reject(new Error("no"))`, nil); err == nil || !strings.Contains(err.Error(), "Error: no") {
		t.Errorf("a rejected promise: %v", err)
	}
	path := filepath.Join(t.TempDir(), "shot.png")
	if err := p.Screenshot(path); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shot, err := png.DecodeConfig(f)
	if err != nil || shot.Width != 500 || shot.Height != 2000 {
		t.Errorf("screenshot of %d by %d, %v", shot.Width, shot.Height, err)
	}
}
