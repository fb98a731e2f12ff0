package browsertest

import (
	"context"
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

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Browser is a running headless Chromium.
type Browser struct {
	ctx           context.Context
	stopAllocator func()
}

// Start runs Chromium with an empty profile. The caller must call Stop.
func Start() (*Browser, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"),
		chromedp.NoSandbox, // root, as in containers, cannot use the sandbox
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("start Chromium: %w; tools/setup chromium installs it", err)
	}
	return &Browser{ctx, stop}, nil
}

// Stop ends the browser and removes its profile.
func (b *Browser) Stop() {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	_ = chromedp.Cancel(ctx) // a browser that does not exit is killed below
	b.stopAllocator()
}

// View is the size of the window and the preferred colour scheme.
type View struct {
	Width, Height int // in CSS pixels; default 1280 by 800
	Dark          bool
}

// Page is one tab in the browser.
type Page struct {
	ctx context.Context

	mu       sync.Mutex
	errors   []string
	requests []Request
}

// Request is an address that a page has requested. It may be the address of a file.
type Request struct {
	URL  string
	Kind string // Document, Image, Script, Fetch …
	id   network.RequestID
}

// Page opens an empty tab.
func (b *Browser) Page(v View) (*Page, error) {
	ctx, _ := chromedp.NewContext(b.ctx) // the tab is closed together with the browser
	p := &Page{ctx: ctx}
	if err := chromedp.Listen(ctx, p.keep); err != nil {
		return nil, err
	}
	focus := emulation.SetFocusEmulationEnabledParams{Enabled: true} // as if the tab were in the foreground
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, focus)
	return p, errors.Join(err, p.Look(v))
}

// Call sends the page a DevTools command that has no method of its own here, and decodes the result into out, which may
// be nil.
func (p *Page) Call(method string, params, out any) error {
	var result json.RawMessage
	call := func(ctx context.Context, tab *chromedp.Target) error { return tab.Call(ctx, method, params, &result) }
	if err := chromedp.Do(p.ctx, chromedp.Func(call)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(result, out)
}

// Look sets the size of the window and the preferred colour scheme.
func (p *Page) Look(v View) error {
	if v.Width == 0 {
		v.Width, v.Height = 1280, 800
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	_, sized := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(v.Width), Height: int64(v.Height), DeviceScaleFactor: 1,
	})
	_, preferred := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	return errors.Join(sized, preferred)
}

// Open shows an address or a file, and returns after the load event. It discards the errors and requests of the
// previous page.
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
	if err := chromedp.Do(p.ctx, chromedp.Navigate(address)); err != nil {
		return fmt.Errorf("open %s: %w", address, err)
	}
	return nil
}

// keep collects errors and requests from the browser's events.
func (p *Page) keep(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fail := func(words ...string) { p.errors = append(p.errors, strings.TrimSpace(strings.Join(words, " "))) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, Request{e.Request.URL, string(e.Type), e.RequestID})
	case *network.EventLoadingFailed:
		if e.BlockedReason == network.BlockedReasonCsp { // blocked, so the request was never sent
			p.requests = slices.DeleteFunc(p.requests, func(r Request) bool { return r.id == e.RequestID })
		}
	case *network.EventWebSocketCreated:
		p.requests = append(p.requests, Request{URL: e.URL, Kind: "WebSocket"})
	case *runtime.EventExceptionThrown:
		fail((&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			words := []string{"console." + string(e.Type) + ":"}
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			fail(words...)
		}
	case *log.EventEntryAdded: // the browser's own messages, for example about a failed request
		if e.Entry.Level == log.EntryLevelError {
			fail(string(e.Entry.Source)+":", e.Entry.Text, e.Entry.URL)
		}
	}
}

// Errors returns the errors that the page and the browser have logged since Open: exceptions, calls to console.error,
// failed requests, and violations of the content security policy.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.errors)
}

// Requests returns the requests since Open, including the one for the page itself. A request that was blocked by a
// content security policy is in Errors instead.
func (p *Page) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Run evaluates an expression in the page and decodes its JSON value into out, which may be nil. If the value is a
// promise, Run waits for it. Run works under any content security policy.
func (p *Page) Run(expression string, out any) error {
	asUser := func(e *runtime.EvaluateParams) { gesture := true; e.UserGesture = &gesture }
	action := chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise, asUser)
	value, err := chromedp.Run(p.ctx, action)
	switch {
	case err != nil:
		return fmt.Errorf("run %.80q: %w", expression, err)
	case out == nil:
		return nil
	case value == nil:
		return fmt.Errorf("run %.80q: no value", expression)
	}
	return json.Unmarshal(value, out)
}

// keys maps the name of each key that does not produce a character to the key's code.
var keys = map[string]string{
	"Tab":       kb.Tab,
	"Enter":     kb.Enter,
	"Escape":    kb.Escape,
	"Space":     " ",
	"PageUp":    kb.PageUp,
	"PageDown":  kb.PageDown,
	"End":       kb.End,
	"Home":      kb.Home,
	"ArrowDown": kb.ArrowDown,
	"ArrowUp":   kb.ArrowUp,
}

// Press presses and releases keys, one after the other. A key is a single character or a name: Tab, Enter, ArrowDown …
func (p *Page) Press(names ...string) error {
	for _, name := range names {
		key, ok := keys[name]
		if !ok {
			key = name
		}
		for _, r := range key {
			if err := p.press(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// press sends the character in the key-down event. chromedp would send it in a separate event, which a page that
// handles the key could not suppress.
func (p *Page) press(key rune) error {
	events := kb.Encode(key)
	if len(events) == 3 {
		events[0].Text = events[1].Text
		events = slices.Delete(events, 1, 2)
	}
	for _, e := range events {
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, *e); err != nil {
			return err
		}
	}
	return nil
}

// Screenshot writes an image of the whole page, including the parts outside the window, as a PNG file.
func (p *Page) Screenshot(path string) error {
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o644)
}
