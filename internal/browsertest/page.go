package browsertest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// View is how a page is looked at.
type View struct {
	Width, Height int // in CSS pixels; default 1280 by 800
	Dark          bool
}

// Page is one tab.
type Page struct {
	b       *Browser
	session string

	mu       sync.Mutex
	loaded   map[string]bool // by loader
	changed  chan struct{}   // closed at the next event
	errors   []string
	requests []Request
}

// Request is something a page asked the network for; a file is asked for too.
type Request struct {
	URL  string
	Kind string // Document, Image, Script, Fetch …
	id   string
}

// Page opens an empty tab.
func (b *Browser) Page(v View) (*Page, error) {
	var made struct {
		Target string `json:"targetId"`
	}
	if err := b.call("", "Target.createTarget", object{"url": "about:blank"}, &made); err != nil {
		return nil, err
	}
	var attached struct {
		Session string `json:"sessionId"`
	}
	if err := b.call("", "Target.attachToTarget", object{"targetId": made.Target, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	p := &Page{b: b, session: attached.Session, loaded: map[string]bool{}, changed: make(chan struct{})}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		if err := p.Call(domain+".enable", nil, nil); err != nil {
			return nil, err
		}
	}
	return p, errors.Join(
		p.Call("Page.setLifecycleEventsEnabled", object{"enabled": true}, nil),
		p.Call("Emulation.setFocusEmulationEnabled", object{"enabled": true}, nil), // as if it were the tab in front
		p.Look(v),
	)
}

type object = map[string]any

// Call sends any other command of the DevTools protocol to the page; out may be nil.
func (p *Page) Call(method string, params, out any) error {
	return p.b.call(p.session, method, params, out)
}

// Look sets the size of the window and the scheme of colours the reader prefers.
func (p *Page) Look(v View) error {
	if v.Width == 0 {
		v.Width, v.Height = 1280, 800
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	media := object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}
	return errors.Join(
		p.Call("Emulation.setDeviceMetricsOverride", object{"width": v.Width, "height": v.Height, "deviceScaleFactor": 1, "mobile": false}, nil),
		p.Call("Emulation.setEmulatedMedia", media, nil),
	)
}

// Open shows an address, or a file, and returns when it and everything it asked for have arrived. What earlier pages of
// the tab logged and asked for is forgotten.
func (p *Page) Open(address string) error {
	if !strings.Contains(address, ":") {
		path, err := filepath.Abs(address)
		if err != nil {
			return err
		}
		address = (&url.URL{Scheme: "file", Path: path}).String()
	}
	p.mu.Lock()
	p.errors, p.requests = nil, nil
	p.mu.Unlock()
	var gone struct {
		Loader string `json:"loaderId"`
		Error  string `json:"errorText"`
	}
	if err := p.Call("Page.navigate", object{"url": address}, &gone); err != nil {
		return err
	}
	if gone.Error != "" {
		return fmt.Errorf("open %s: %s", address, gone.Error)
	}
	return p.await("open "+address, func() bool { return p.loaded[gone.Loader] })
}

// await waits until done, which is asked after every event, under the lock.
func (p *Page) await(what string, done func() bool) error {
	late := time.After(patience)
	for {
		p.mu.Lock()
		ok, changed := done(), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-p.b.ended:
			return fmt.Errorf("%s: Chromium has ended", what)
		case <-late:
			return fmt.Errorf("%s: not done within %s", what, patience)
		}
	}
}

// note keeps what tests ask about later.
func (p *Page) note(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m.Method {
	case "Page.lifecycleEvent":
		var e struct{ LoaderID, Name string }
		if json.Unmarshal(m.Params, &e) == nil && e.Name == "load" {
			p.loaded[e.LoaderID] = true
		}
	case "Network.requestWillBeSent":
		var e struct {
			RequestID string
			Request   struct{ URL string }
			Type      string
		}
		if json.Unmarshal(m.Params, &e) == nil {
			p.requests = append(p.requests, Request{e.Request.URL, e.Type, e.RequestID})
		}
	case "Network.loadingFailed":
		var e struct{ RequestID, BlockedReason string }
		if json.Unmarshal(m.Params, &e) == nil && e.BlockedReason == "csp" {
			p.requests = slices.DeleteFunc(p.requests, func(r Request) bool { return r.id == e.RequestID })
		}
	case "Network.webSocketCreated":
		var e struct{ URL string }
		if json.Unmarshal(m.Params, &e) == nil {
			p.requests = append(p.requests, Request{URL: e.URL, Kind: "WebSocket"})
		}
	case "Runtime.exceptionThrown":
		var e struct {
			Details struct {
				Text      string
				Exception struct{ Description string }
			} `json:"exceptionDetails"`
		}
		_ = json.Unmarshal(m.Params, &e)
		p.errors = append(p.errors, strings.TrimSpace(e.Details.Text+" "+e.Details.Exception.Description))
	case "Runtime.consoleAPICalled":
		var e struct {
			Type string
			Args []struct {
				Value       any
				Description string
			}
		}
		if json.Unmarshal(m.Params, &e) == nil && (e.Type == "error" || e.Type == "assert") {
			text := "console." + e.Type + ":"
			for _, a := range e.Args {
				text += fmt.Sprintf(" %v%s", a.Value, a.Description)
			}
			p.errors = append(p.errors, text)
		}
	case "Log.entryAdded": // what the browser itself has to say: a blocked request, a breach of the page's policy
		var e struct {
			Entry struct{ Source, Level, Text, URL string }
		}
		if json.Unmarshal(m.Params, &e) == nil && e.Entry.Level == "error" {
			p.errors = append(p.errors, strings.TrimSpace(e.Entry.Source+": "+e.Entry.Text+" "+e.Entry.URL))
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// Errors are what the page and the browser logged as errors since it was opened: exceptions, console.error, requests
// that failed, breaches of the content security policy.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.errors)
}

// Requests is everything asked for since the page was opened, the page itself included. Requests that a content
// security policy blocks are never made; they are among Errors.
func (p *Page) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Run evaluates an expression in the page, waits for it where it is a promise, and decodes its value, which must be
// JSON; out may be nil. It works under any content security policy.
func (p *Page) Run(expression string, out any) error {
	var answer struct {
		Result struct {
			Value json.RawMessage
		}
		Details *struct {
			Text      string
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	ask := object{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}
	if err := p.Call("Runtime.evaluate", ask, &answer); err != nil {
		return err
	}
	if d := answer.Details; d != nil {
		return fmt.Errorf("run %.80q: %s %s", expression, d.Text, d.Exception.Description)
	}
	if out == nil {
		return nil
	}
	if answer.Result.Value == nil {
		return fmt.Errorf("run %.80q: no value", expression)
	}
	return json.Unmarshal(answer.Result.Value, out)
}

// keys that are no characters: their code, and the number of old.
var keys = map[string]int{"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36,
	"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Backspace": 8, "Delete": 46}

// Press presses and releases keys, one after the other: Tab, Enter, ArrowDown …, or a single character.
func (p *Page) Press(names ...string) error {
	for _, name := range names {
		text, key, code := name, name, name
		number, named := keys[name]
		switch {
		case name == "Enter":
			text = "\r"
		case name == "Space":
			text, key = " ", " "
		case named:
			text = ""
		}
		down := object{"type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text}
		up := object{"type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number}
		if text == "" {
			down["type"] = "rawKeyDown"
		}
		if err := errors.Join(p.Call("Input.dispatchKeyEvent", down, nil), p.Call("Input.dispatchKeyEvent", up, nil)); err != nil {
			return err
		}
	}
	return nil
}

// Screenshot writes the page as PNG, whole, not only what the window shows.
func (p *Page) Screenshot(path string) error {
	var layout struct {
		Size struct{ Width, Height float64 } `json:"cssContentSize"`
	}
	if err := p.Call("Page.getLayoutMetrics", nil, &layout); err != nil {
		return err
	}
	var shot struct{ Data string }
	clip := object{"x": 0, "y": 0, "width": layout.Size.Width, "height": layout.Size.Height, "scale": 1}
	if err := p.Call("Page.captureScreenshot", object{"format": "png", "captureBeyondViewport": true, "clip": clip}, &shot); err != nil {
		return err
	}
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o644)
}
