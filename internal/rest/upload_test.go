package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// content returns an upload of a text, and counts how often it was opened.
func content(text string) (Content, *atomic.Int64) {
	opened := new(atomic.Int64)
	return Content{Size: int64(len(text)), Type: "application/x-model", Open: func() (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(strings.NewReader(text)), nil
	}}, opened
}

func TestUpload(t *testing.T) {
	for name, text := range map[string]string{
		"small": "abc", "empty": "", "large": strings.Repeat("0123456789abcdef", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				w.Header().Set("ETag", "x")
			})
			c := client(t, Config{Base: s.URL, Header: http.Header{"Authorization": {"Bearer a"}}})
			up, opened := content(text)
			header, err := c.Upload(background(t), Request{Path: "a%2Fb"}, up)
			if err != nil || header.Get("ETag") != "x" || string(body) != text || opened.Load() > 1 {
				t.Fatalf("%v, %d bytes, opened %d times, %v", header, len(body), opened.Load(), err)
			}
			if got.Method != "PUT" || got.ContentLength != up.Size || got.URL.EscapedPath() != "/a%2Fb" ||
				got.Header.Get("Content-Type") != "application/x-model" || got.Header.Get("Authorization") != "Bearer a" {
				t.Errorf("%s %s %d %v", got.Method, got.URL, got.ContentLength, got.Header)
			}
		})
	}
}

// The caller decides about retries. A response means that the server may have stored something.
func TestUpload_OneAttempt(t *testing.T) {
	for _, status := range []int{500, 502, 503, 429, 413} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		up, _ := content("abc")
		_, err := client(t, Config{Base: s.URL}).Upload(background(t), Request{Path: "x"}, up)
		e := failure(t, err, Status)
		if s.hits.Load() != 1 || e.Passing() != (status != 413) || e.RetryAfter() != 7*time.Second {
			t.Errorf("%d: %d requests, passing %v, wait %s", status, s.hits.Load(), e.Passing(), e.RetryAfter())
		}
	}
	closed := serve(t, nil)
	closed.Close()
	up, opened := content("abc")
	_, err := client(t, Config{Base: closed.URL, Attempts: 3, MinWait: 1}).Upload(background(t), Request{Path: "x"}, up)
	if e := failure(t, err, Refused); e.Attempts != 3 || e.Sent || opened.Load() != 0 {
		t.Errorf("without a connection: %d attempts, opened %d times: %v", e.Attempts, opened.Load(), e)
	}
}

// A large upload asks first, so a refusal costs no content.
func TestUpload_RefusedEarly(t *testing.T) {
	s := serve(t, jsonAnswer(413, `{}`))
	up, opened := content(strings.Repeat("x", 2<<20))
	_, err := client(t, Config{Base: s.URL}).Upload(background(t), Request{Path: "x"}, up)
	if failure(t, err, Status); opened.Load() != 0 {
		t.Error("the content was opened")
	}
}

func TestUpload_NewLogin(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.Header.Get("Authorization") != "Bearer 2" {
			w.WriteHeader(401)
		}
	})
	login := &counting{}
	up, opened := content("abc")
	_, err := client(t, Config{Base: s.URL, Login: login}).Upload(background(t), Request{Path: "x"}, up)
	if err != nil || s.hits.Load() != 2 || opened.Load() != 2 {
		t.Errorf("%d requests, opened %d times, %v", s.hits.Load(), opened.Load(), err)
	}
}

// counting is a login whose credential is the number of times it was renewed.
type counting struct{ forgot atomic.Int64 }

func (l *counting) Apply(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+string(rune('1'+l.forgot.Load())))
	return nil
}

func (l *counting) Forget(*http.Request) bool { l.forgot.Add(1); return true }

func TestUpload_Redirect(t *testing.T) {
	other := serve(t, jsonAnswer(200, `{}`))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	up, _ := content("abc")
	_, err := client(t, Config{Base: s.URL}).Upload(background(t), Request{Path: "x"}, up)
	if failure(t, err, Redirect); other.hits.Load() != 0 {
		t.Error("followed")
	}
}

// A source that ends early or fails breaks the connection, so the server does not store a part.
func TestUpload_Incomplete(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"ends early": strings.NewReader("ab"), "fails": io.MultiReader(strings.NewReader("ab"), failingReader{}),
	} {
		t.Run(name, func(t *testing.T) {
			var complete atomic.Bool
			s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				complete.Store(err == nil)
			})
			up := Content{Size: 3, Open: func() (io.ReadCloser, error) { return io.NopCloser(body), nil }}
			_, err := client(t, Config{Base: s.URL}).Upload(background(t), Request{Path: "x"}, up)
			if err == nil || complete.Load() || s.hits.Load() > 1 {
				t.Errorf("complete %v, %d requests: %v", complete.Load(), s.hits.Load(), err)
			}
			if name == "fails" && !errors.Is(err, errBroken) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

var errBroken = errors.New("broken source")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBroken }

// slow yields single bytes with pauses.
type slow struct {
	left  int
	pause time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	s.left--
	p[0] = 'x'
	return 1, nil
}

// A file may take longer than the total timeout, in both directions, as long as bytes move.
func TestTotal_FilesThatMove(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" {
			io.Copy(io.Discard, r.Body)
			return
		}
		for range 30 {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	c := client(t, Config{Base: s.URL, Total: 200 * time.Millisecond, Idle: 10 * time.Second, Attempts: 1})
	up := Content{Size: 30, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&slow{30, 20 * time.Millisecond}), nil
	}}
	if _, err := c.Upload(background(t), Request{Path: "x"}, up); err != nil {
		t.Errorf("upload: %v", err)
	}
	var got bytes.Buffer
	_, err := c.Stream(background(t), Request{Path: "x", Class: Artifact}, func() io.Writer { return &got })
	if err != nil || got.Len() != 30 {
		t.Errorf("download: %d bytes, %v", got.Len(), err)
	}
	got.Reset()
	_, err = c.StreamFrom(background(t), s.URL+"/x", nil, 100, func() io.Writer { return &got })
	if err != nil || got.Len() != 30 {
		t.Errorf("download from elsewhere: %d bytes, %v", got.Len(), err)
	}
	_, err = c.Stream(background(t), Request{Path: "x"}, func() io.Writer { return &got })
	failure(t, err, Timeout)
}

// A pause of the content is not silence of the server.
func TestUpload_SlowContent(t *testing.T) {
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	up := Content{Size: 2, Open: func() (io.ReadCloser, error) { return io.NopCloser(&slow{2, 150 * time.Millisecond}), nil }}
	c := client(t, Config{Base: s.URL, Idle: 50 * time.Millisecond})
	if _, err := c.Upload(background(t), Request{Path: "x"}, up); err != nil {
		t.Error(err)
	}
}

func TestUpload_Silence(t *testing.T) {
	endless := Content{Size: 1 << 30, Open: func() (io.ReadCloser, error) { return io.NopCloser(zeros{}), nil }}
	abc, _ := content("abc")
	release := make(chan struct{})
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		cfg     Config
		up      Content
		says    string
	}{
		"stops reading": {
			func(_ http.ResponseWriter, r *http.Request) {
				io.CopyN(io.Discard, r.Body, 10)
				<-release
			}, Config{Idle: 100 * time.Millisecond}, endless, "stopped accepting",
		},
		"does not respond": {
			func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				<-release
			}, Config{Answer: 100 * time.Millisecond}, abc, "awaiting response headers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(background(t), 20*time.Second)
			defer cancel()
			release = make(chan struct{})
			s := serve(t, c.handler)
			defer close(release)
			c.cfg.Base = s.URL
			_, err := client(t, c.cfg).Upload(ctx, Request{Path: "x"}, c.up)
			if e := failure(t, err, Timeout); !strings.Contains(e.Error(), c.says) || !e.Unclear || e.Attempts != 1 {
				t.Errorf("%v", e)
			}
		})
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close() // never accepts, so the total timeout applies while nothing moves
	c := client(t, Config{Base: "http://" + listen.Addr().String(), Total: 200 * time.Millisecond, Attempts: 1})
	stalled, _ := io.Pipe()
	up := Content{Size: 3, Open: func() (io.ReadCloser, error) { return stalled, nil }}
	_, err = c.Upload(background(t), Request{Path: "x"}, up)
	failure(t, err, Timeout)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// An address in an object store gets exactly the headers that came with it, and no credential of the server.
func TestUploadTo(t *testing.T) {
	var got *http.Request
	store := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		io.Copy(io.Discard, r.Body)
	})
	s := serve(t, nil)
	c := client(t, Config{
		Base: s.URL, Header: http.Header{"Authorization": {"Bearer a"}, "X-Mlflow-Workspace": {"w"}}, Login: nil,
	})
	up, _ := content(strings.Repeat("x", 2<<20))
	up.Type = ""
	const query = "z=1&a=b%20c&X-Amz-Signature=secret%2Fx"
	for range 3 {
		_, err := c.UploadTo(background(t), store.URL+"/b/k%20y?"+query, map[string]string{"X-Store": "yes"}, up)
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Authorization", "X-Mlflow-Workspace", "Content-Type", "Accept"} {
		if got.Header.Get(name) != "" {
			t.Errorf("%s was sent", name)
		}
	}
	if got.Header.Get("X-Store") != "yes" || got.URL.RawQuery != query || got.URL.EscapedPath() != "/b/k%20y" {
		t.Errorf("%v %s", got.Header, got.URL)
	}
	if store.conns.Load() > 2 {
		t.Errorf("%d connections for three uploads", store.conns.Load())
	}
	if _, err := c.UploadTo(background(t), "http://store.example/b?"+query, nil, up); failure(
		t, err, InsecureCredentials,
	) != nil && strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	for _, bad := range []string{"", "/relative", "https://user:pw@store.example/x", "://"} {
		if _, err := c.UploadTo(background(t), bad, nil, up); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := c.UploadTo(background(t), "http://169.254.169.254/x", nil, up); err == nil {
		t.Error("an address of a metadata service was accepted")
	}
}
