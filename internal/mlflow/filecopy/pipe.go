package filecopy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// small is the size up to which a file is read into memory before it is sent. Its source can then be read again without
// any effect on the target.
const small = 256 << 10

// heldBack is how much of a larger file is held back, so that a page in place of the file does not reach the target.
const heldBack = 64 << 10

const contentType = "application/octet-stream"

// upload sends the file and returns the SHA-256 of what was sent, in hex. If it fails after the whole file has been
// sent, it returns both the sum and the error.
func (c *copying) upload(ctx context.Context) (string, error) {
	if c.file.Size <= small {
		return c.uploadSmall(ctx)
	}
	content := rest.Content{Size: c.file.Size, Type: contentType}
	if c.to.needsSum() {
		sum, err := sumOf(ctx, c.from, c.file)
		if err != nil {
			return "", &sourceError{err}
		}
		content.SHA256 = sum
	}
	var flow *flow // of the latest attempt
	content.Open = func() (io.ReadCloser, error) {
		flow.stop()
		flow = start(ctx, c.from, c.file)
		return &counted{ReadCloser: flow, c: c}, nil
	}
	err := c.to.put(ctx, c.file, content)
	flow.stop()
	sum, sourceErr := flow.result()
	switch {
	case sourceErr != nil:
		return "", &sourceError{sourceErr}
	case err != nil:
		return sum, err
	case sum == "":
		return "", errors.New("the target accepted the file before it was complete")
	}
	return sum, nil
}

func (c *copying) uploadSmall(ctx context.Context) (string, error) {
	var body bytes.Buffer
	n, err := c.from(ctx, c.file, func() io.Writer { body.Reset(); return &body })
	switch {
	case err != nil:
		return "", &sourceError{err}
	case n != c.file.Size || int64(body.Len()) != n:
		return "", &sourceError{fmt.Errorf("it is %d bytes, not %d as listed", body.Len(), c.file.Size)}
	}
	digest := sha256.Sum256(body.Bytes())
	sum := hex.EncodeToString(digest[:])
	err = c.to.put(ctx, c.file, rest.Content{
		Size: n, Type: contentType, SHA256: sum,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body.Bytes())), nil },
	})
	if err == nil {
		c.progress.add(n)
		c.sent.Store(n)
	}
	return sum, err
}

// counted counts the bytes of one attempt as progress.
type counted struct {
	io.ReadCloser
	c *copying
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.c.sent.Add(int64(n))
	r.c.progress.add(int64(n))
	return n, err
}

// errVoid is the error if the source starts again after data has reached the target.
var errVoid = errors.New("the connection to the source broke in the middle of the file")

// errStopped is the error if the target does not want more data.
var errStopped = errors.New("the upload has ended")

// flow passes a file from its source to the body of an upload. The last byte is held back until the source has ended
// without an error, so the target never has a complete file with wrong content from here.
type flow struct {
	*io.PipeReader
	cancel context.CancelCauseFunc
	ended  chan struct{}

	// set when ended is closed
	sum string
	err error
}

func start(ctx context.Context, from Reader, f registry.File) *flow {
	ctx, cancel := context.WithCancelCause(ctx)
	read, write := io.Pipe()
	out := &flow{PipeReader: read, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(out.ended)
		g := &gate{out: write, size: f.Size, void: func() { cancel(errVoid) }}
		n, err := from(ctx, f, g.open)
		if err == nil {
			err = g.finish(n)
		}
		switch cause := context.Cause(ctx); {
		case err == nil:
			out.sum = hex.EncodeToString(g.hash.Sum(nil))
		case errors.Is(cause, errVoid):
			out.err = errVoid
		case !errors.Is(cause, errStopped): // otherwise, the upload says why it has ended
			out.err = err
		}
		write.CloseWithError(err)
	}()
	return out
}

// Close is called when the upload has ended.
func (f *flow) Close() error {
	f.cancel(errStopped)
	return f.PipeReader.Close()
}

// stop ends the flow and waits until the source is no longer read.
func (f *flow) stop() {
	if f != nil {
		f.Close()
		<-f.ended
	}
}

// result returns the SHA-256 of the complete file, or "" if it was not complete, and the error of the source.
func (f *flow) result() (string, error) {
	if f == nil {
		return "", nil
	}
	return f.sum, f.err
}

// gate is the writer at the source's end of a flow.
type gate struct {
	out  io.Writer
	size int64
	void func()

	hash   hash.Hash
	held   []byte // not passed on yet
	came   int64
	passed bool
	closed bool
}

// open starts a new attempt of the source.
func (g *gate) open() io.Writer {
	if g.passed {
		g.closed = true
		g.void()
	}
	g.hash, g.held, g.came = sha256.New(), g.held[:0], 0
	return g
}

func (g *gate) Write(p []byte) (int, error) {
	if g.closed {
		return 0, errVoid
	}
	g.came += int64(len(p))
	if g.came > g.size {
		return len(p), nil // the source's length is wrong, which finish reports
	}
	g.hash.Write(p)
	if !g.passed && len(g.held)+len(p) <= heldBack {
		g.held = append(g.held, p...)
		return len(p), nil
	}
	rest := p
	if g.came == g.size {
		rest = p[:len(p)-1]
	}
	if err := g.pass(rest); err != nil {
		return 0, err
	}
	g.held = append(g.held[:0], p[len(rest):]...)
	return len(p), nil
}

// pass sends what is held back and then p.
func (g *gate) pass(p []byte) error {
	g.passed = true
	for _, part := range [][]byte{g.held, p} {
		if len(part) > 0 {
			if _, err := g.out.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish sends the rest of a file for which the source has reported n bytes.
func (g *gate) finish(n int64) error {
	if n != g.size || g.came != g.size {
		return fmt.Errorf("it is %d bytes, not %d as listed", g.came, g.size)
	}
	return g.pass(nil)
}
