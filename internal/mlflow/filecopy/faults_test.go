package filecopy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// spoiled changes requests and responses for files on their way. Each function may be nil.
type spoiled struct {
	down func(path string, content []byte) []byte // of a 200 response to a GET
	up   func(path string, content []byte) []byte // of a PUT
}

func (s *spoiled) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, file, _ := strings.Cut(r.URL.Path, "-artifacts/artifacts/")
		switch {
		case r.Method == http.MethodPut && s.up != nil:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			body = s.up(file, body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		case r.Method == http.MethodGet && s.down != nil && strings.Contains(r.URL.Path, "-artifacts/artifacts/"):
			kept := &kept{header: http.Header{}}
			next.ServeHTTP(kept, r)
			body := s.down(file, kept.body.Bytes())
			for name, v := range kept.header {
				w.Header()[name] = v
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.WriteHeader(kept.status)
			w.Write(body)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// flip changes one byte of a file.
func flip(path string) func(string, []byte) []byte {
	return func(at string, content []byte) []byte {
		if strings.HasSuffix(at, path) && len(content) > 0 {
			content = bytes.Clone(content)
			content[len(content)/2] ^= 1
		}
		return content
	}
}

func onceOnly(f func(string, []byte) []byte) func(string, []byte) []byte {
	var done atomic.Bool
	return func(at string, content []byte) []byte {
		out := f(at, content)
		if !bytes.Equal(out, content) && done.Swap(true) {
			return content
		}
		return out
	}
}

// Every file that arrives with the wrong content or size is found. What is wrong only once is sent again.
func TestCopy_Spoiled(t *testing.T) {
	page := func(path string) func(string, []byte) []byte {
		return func(at string, content []byte) []byte {
			if strings.HasSuffix(at, path) {
				return []byte("<!DOCTYPE html><title>Sign in</title>")
			}
			return content
		}
	}
	cut := func(path string) func(string, []byte) []byte {
		return func(at string, content []byte) []byte {
			if strings.HasSuffix(at, path) {
				return content[:len(content)/2]
			}
			return content
		}
	}
	longer := func(path string) func(string, []byte) []byte {
		return func(at string, content []byte) []byte {
			if strings.HasSuffix(at, path) {
				return append(bytes.Clone(content), 'x')
			}
			return content
		}
	}
	for _, file := range []string{"model.pkl", "requirements.txt"} {
		for name, c := range map[string]struct {
			source, target spoiled
			says           string // "" for success
		}{
			"source: cut":                     {source: spoiled{down: cut(file)}, says: file},
			"source: longer":                  {source: spoiled{down: longer(file)}, says: file},
			"source: a page":                  {source: spoiled{down: page(file)}, says: file},
			"upload: flipped":                 {target: spoiled{up: flip(file)}, says: "read back from the target"},
			"upload: cut":                     {target: spoiled{up: cut(file)}, says: "read back from the target"},
			"upload: longer":                  {target: spoiled{up: longer(file)}, says: "read back from the target"},
			"upload: flipped once":            {target: spoiled{up: onceOnly(flip(file))}},
			"upload: cut once":                {target: spoiled{up: onceOnly(cut(file))}},
			"read back: flipped":              {target: spoiled{down: flip(file)}, says: "read back from the target"},
			"read back: cut":                  {target: spoiled{down: cut(file)}, says: "read back from the target"},
			"read back: flipped once":         {target: spoiled{down: onceOnly(flip(file))}},
			"source: changed while it copies": {source: spoiled{down: onceOnly(flip(file))}}, // each content is a valid one
		} {
			t.Run(file+"/"+name, func(t *testing.T) {
				t.Parallel()
				from, to, model := startDouble(t, "3.17.2", c.source.wrap), startDouble(t, "3.17.2", c.target.wrap), aModel()
				model.put(from)
				sums, err := copyAll(t.Context(), t, from, to, model)
				if c.says == "" {
					if err != nil {
						t.Fatal(err)
					}
					if strings.HasPrefix(name, "source") {
						return
					}
					model.check(t, to)
					return
				}
				if err == nil || sums != nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// A failure that passes is survived, on either side and before or after its effect.
func TestCopy_Faults(t *testing.T) {
	for _, kind := range []faults.Fault{
		{Kind: faults.Reset}, {Kind: faults.Reset, After: true}, {Kind: faults.Status, Status: 502},
		{Kind: faults.Status, Status: 503, After: true}, {Kind: faults.Status, Status: 500}, {Kind: faults.Truncate},
		{Kind: faults.Status, Status: 429, Header: http.Header{"Retry-After": {"1"}}},
	} {
		for _, at := range []faults.Fault{
			{Method: "PUT", Path: "model.pkl"}, {Method: "PUT", Path: "MLmodel"}, {Method: "PUT", Path: "empty"},
			{Method: "GET", Path: "/api/2.0/mlflow-artifacts/artifacts/*/models/*/artifacts/*", Nth: 2}, {Method: "GET", Path: "directories"},
		} {
			for _, side := range []string{"source", "target"} {
				if side == "source" && at.Method == "PUT" {
					continue
				}
				f := kind
				f.Method, f.Path, f.Nth = at.Method, at.Path, max(at.Nth, 1)
				t.Run(fmt.Sprintf("%s %s %s %s %d after=%t", side, f.Method, f.Path, f.Kind, f.Status, f.After), func(t *testing.T) {
					t.Parallel()
					from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), aModel()
					model.put(from)
					if side == "source" {
						from.Fault(f)
					} else {
						to.Fault(f)
					}
					if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
						t.Fatal(err)
					}
					model.check(t, to)
					for path, n := range to.sent() {
						if n > 2 || n > 1 && !strings.HasSuffix(path, f.Path) && f.Method == "PUT" {
							t.Errorf("%s was sent %d times", path, n)
						}
					}
				})
			}
		}
	}
}

// What lasts ends the copy with a reason, and without a second try of the other files.
func TestCopy_LastingFailures(t *testing.T) {
	for name, c := range map[string]struct {
		fault  faults.Fault
		reason registry.Reason
		says   string
	}{
		"forbidden": {faults.Fault{Method: "PUT", Kind: faults.Status, Status: 403}, registry.Forbidden, "upload to the target"},
		"login page": {
			faults.Fault{Method: "PUT", Kind: faults.LoginPage}, registry.NotMLflow, "upload to the target",
		},
		"redirect": {faults.Fault{Method: "PUT", Kind: faults.Redirect}, registry.NotMLflow, "redirects"},
		"too large": {
			faults.Fault{Method: "PUT", Kind: faults.Status, Status: 413}, registry.Unsupported, "refuses files of",
		},
		"broken": {faults.Fault{Method: "PUT", Kind: faults.Reset}, registry.Unreachable, "the connection broke"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), aModel()
			model.put(from)
			c.fault.Path = "/api/2.0/mlflow-artifacts/artifacts/*/models/*/artifacts/*"
			to.Fault(c.fault)
			_, err := copyAll(t.Context(), t, from, to, model)
			if registry.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", registry.ReasonOf(err), err)
			}
			if n := len(to.sent()); n > 2 {
				t.Errorf("%d files were sent", n)
			}
		})
	}
}

// Files are read through the artifact proxy, which is the fastest way. If it is not reachable, others are used.
func TestCopy_WithoutProxyReads(t *testing.T) {
	for _, f := range []faults.Fault{
		{Kind: faults.LoginPage}, {Kind: faults.Redirect}, {Kind: faults.Status, Status: 404, Body: "<h1>none</h1>"},
		{Kind: faults.Status, Status: 403, Body: "<h1>no</h1>"},
	} {
		from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), aModel()
		model.put(from)
		f.Method, f.Path = "GET", "/api/2.0/mlflow-artifacts/artifacts/*/models/*/artifacts/*"
		from.Fault(f)
		to.Fault(f)
		if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
			t.Errorf("%s %d: %v", f.Kind, f.Status, err)
		}
	}
}

func TestCopy_ExtraFile(t *testing.T) {
	from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	to.PutArtifact(to.uri("code/stranger.py"), []byte("x"))
	_, err := copyAll(t.Context(), t, from, to, model)
	if registry.ReasonOf(err) != registry.Conflict || !strings.Contains(err.Error(), "code/stranger.py") {
		t.Errorf("%v", err)
	}
	if len(to.sent()) > 0 {
		t.Error("files were sent")
	}
	// one that appears during the copy
	to = startDouble(t, "3.17.2", nil)
	from = startDouble(t, "3.17.2", (&spoiled{down: func(_ string, content []byte) []byte {
		to.PutArtifact(to.uri("stranger.py"), []byte("x"))
		return content
	}}).wrap)
	model.put(from)
	_, err = copyAll(t.Context(), t, from, to, model)
	if registry.ReasonOf(err) != registry.Conflict || !strings.Contains(err.Error(), "stranger.py") {
		t.Errorf("%v", err)
	}
}

// What the target already has is compared and kept. Other content of the same size is replaced.
func TestCopy_Again(t *testing.T) {
	from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	model.put(to)
	to.PutArtifact(to.uri("requirements.txt"), []byte("MLFLOW\n"))
	to.PutArtifact(to.uri("model.pkl"), model["model.pkl"][:100])
	if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
		t.Fatal(err)
	}
	model.check(t, to)
	if sent := to.sent(); len(sent) != 2 {
		t.Errorf("sent %v", sent)
	}
}

// A copy that is killed at any request, before or after its effect, is finished by the next one. No file is sent twice,
// except those in flight.
func TestCopy_KilledAnywhere(t *testing.T) {
	clean := startDouble(t, "3.17.2", nil)
	source, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(source)
	if _, err := copyAll(t.Context(), t, source, clean, model); err != nil {
		t.Fatal(err)
	}
	_, total := clean.count()
	if total < 10 {
		t.Fatalf("%d requests", total)
	}
	for k := 1; k < total; k++ { // without the request that looks up the target
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%t", k, after), func(t *testing.T) {
				t.Parallel()
				var n atomic.Int64
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				var mu sync.Mutex
				killed := map[string]bool{} // the files whose upload was in flight
				from := startDouble(t, "3.17.2", nil)
				model.put(from)
				to := startDouble(t, "3.17.2", func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, file, _ := strings.Cut(r.URL.Path, "/artifacts/")
						if r.Method == http.MethodPut {
							mu.Lock()
							killed[file] = true
							mu.Unlock()
							defer func() {
								if ctx.Err() == nil {
									mu.Lock()
									delete(killed, file)
									mu.Unlock()
								}
							}()
						}
						if n.Add(1) == int64(k)+1 {
							if after {
								next.ServeHTTP(&kept{header: http.Header{}}, r)
							}
							kill()
							panic(http.ErrAbortHandler)
						}
						next.ServeHTTP(w, r)
					})
				})
				target := to.target(t)
				_, err := Copy(ctx, FromServer(from.dial(t, nil), from.in()), model.list(), target, nil)
				if err == nil {
					t.Fatal("not killed")
				}
				if _, err := copyAll(t.Context(), t, from, to, model); err != nil {
					t.Fatal(err)
				}
				model.check(t, to)
				mu.Lock()
				defer mu.Unlock()
				for path, n := range to.sent() {
					if n > 2 || n == 2 && !killed[path] {
						t.Errorf("%s was sent %d times", path, n)
					}
				}
			})
		}
	}
}

// The number of requests to the target is two for each file, and a few more.
func TestCopy_Requests(t *testing.T) {
	from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), files{}
	for i := range 300 {
		model[fmt.Sprintf("part-%03d.parquet", i)] = []byte(fmt.Sprint(i))
	}
	model.put(from)
	target := to.target(t)
	to.Forget()
	from.Forget()
	var seen []Progress
	var last time.Time
	_, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), target, func(p Progress) {
		if now := time.Now(); p.Files < p.OfFiles && now.Sub(last) < interval-10*time.Millisecond && len(seen) > 0 {
			t.Errorf("two reports within %s", now.Sub(last))
		}
		last = time.Now()
		seen = append(seen, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, n := to.count(); n > 2*len(model)+20 {
		t.Errorf("%d requests to the target: %s", n, text)
	}
	if text, n := from.count(); n > len(model)+2 {
		t.Errorf("%d requests to the source: %s", n, text)
	}
	if end := seen[len(seen)-1]; end.Files != 300 || end.OfFiles != 300 || end.Bytes != end.OfBytes {
		t.Errorf("the last report is %+v", end)
	}
}

// Paths that leave the folder, or that the target would change, are refused before anything is sent.
func TestCopy_HostilePaths(t *testing.T) {
	from, to := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil)
	target := to.target(t)
	to.Forget()
	for _, bad := range []string{
		"", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "a/", `a\b`, "a\nb", "a\x00b",
		strings.Repeat("x", mlflow.MaxPath+1),
	} {
		_, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), []registry.File{{Path: bad}}, target, nil)
		if registry.ReasonOf(err) != registry.BadInput {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range [][]registry.File{
		{{Path: "a"}, {Path: "a"}}, {{Path: "a"}, {Path: "a/b"}}, {{Path: "a", Size: -1}}, {{Path: "a", Dir: true}},
	} {
		if _, err := Copy(t.Context(), nil, bad, target, nil); registry.ReasonOf(err) != registry.BadInput {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, n := to.count(); n > 0 {
		t.Errorf("%d requests", n)
	}
}

// A file that is larger than memory allows passes through in pieces.
func TestCopy_Memory(t *testing.T) {
	const size = 512 << 20
	var got atomic.Int64
	sparse := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/weights.bin"):
				n, _ := io.Copy(io.Discard, r.Body)
				got.Add(n)
			case strings.HasSuffix(r.URL.Path, "/weights.bin"):
				w.Header().Set("Content-Type", "application/octet-stream")
				io.Copy(w, io.LimitReader(zeros{}, size))
			case strings.HasSuffix(r.URL.Path, "/directories") && got.Load() > 0:
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"files":[{"path":"weights.bin","is_dir":false,"file_size":%d}]}`, size)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	from, to := startDouble(t, "3.17.2", sparse), startDouble(t, "3.17.2", sparse)
	list := []registry.File{{Path: "weights.bin", Size: size}}
	peak := peakHeap(t)
	sums, err := Copy(t.Context(), FromServer(from.dial(t, nil), from.in()), list, to.target(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	io.Copy(h, io.LimitReader(zeros{}, size))
	if want := fmt.Sprintf("%x", h.Sum(nil)); sums["weights.bin"] != want || got.Load() != size {
		t.Errorf("%v, %d bytes sent", sums, got.Load())
	}
	if used := peak(); used > 32<<20 {
		t.Errorf("%d MiB of heap", used>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
