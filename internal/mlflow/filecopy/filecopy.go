package filecopy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Reader reads one file of a model's folder and writes it to the writer that open returns. It calls open for each
// attempt, which makes data from earlier attempts void. It returns the number of bytes, and fails if the file does not
// have the given size.
type Reader func(ctx context.Context, f registry.File, open func() io.Writer) (int64, error)

// FromServer reads files from a location on a server.
func FromServer(c *mlflow.Client, in mlflow.Location) Reader {
	return func(ctx context.Context, f registry.File, open func() io.Writer) (int64, error) {
		return c.Artifacts.Content(ctx, in, f, open)
	}
}

// Progress is how far a copy has got. A file counts when its content at the target has been checked, and its bytes
// count when they have been sent, or compared with what the target has.
type Progress struct {
	Files, OfFiles int
	Bytes, OfBytes int64
}

// atOnce is the number of files that are copied at the same time.
const atOnce = 8

// interval is the shortest time between two reports of progress.
const interval = 200 * time.Millisecond

// Copy uploads all files that the target does not have with the same content, and reads each one back from the target.
// It returns the SHA-256 of each file in hex, by path. It fails if the target contains other files. report may be nil.
func Copy(
	ctx context.Context, from Reader, files []registry.File, to Target, report func(Progress),
) (map[string]string, error) {
	if err := checkFiles(files); err != nil {
		return nil, err
	}
	goal := newUploads(to)
	there, err := goal.list(ctx, files)
	if err != nil {
		return nil, err
	}
	each := func(ctx context.Context, f registry.File, p *progress) (string, error) {
		c := &copying{from: from, to: goal, file: f, progress: p, there: lists(there, f)}
		return c.run(ctx)
	}
	sums, err := all(ctx, files, each, report)
	if err != nil {
		return nil, err
	}
	there, err = goal.list(ctx, files)
	if err != nil {
		return nil, err
	}
	return sums, complete(there, files)
}

// complete returns an error unless the target lists all files with their sizes.
func complete(there map[string]int64, files []registry.File) error {
	for _, f := range files {
		if !lists(there, f) {
			return failed(fmt.Sprintf("check the copied files: the target does not list %s with %d bytes",
				shown(f.Path), f.Size))
		}
	}
	return nil
}

func lists(there map[string]int64, f registry.File) bool {
	size, ok := there[f.Path]
	return ok && size == f.Size
}

// all calls each for every file, several at a time, and returns the results by path. If there is a small file, it comes
// first and alone: it finds out which ways to read and write the servers offer. The largest follow, so that none of
// them is left for the end.
func all(
	ctx context.Context, files []registry.File, each func(context.Context, registry.File, *progress) (string, error),
	report func(Progress),
) (map[string]string, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b registry.File) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path))
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := newProgress(files, report)
	sums := make(map[string]string, len(files))
	var (
		mu    sync.Mutex
		first error
	)
	do := func(f registry.File) {
		sum, err := each(ctx, f, p)
		mu.Lock()
		defer mu.Unlock()
		if sums[f.Path] = sum; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	if last := len(files) - 1; last >= 0 && files[last].Size <= small {
		do(files[last])
		files = files[:last]
	}
	next := make(chan registry.File)
	var workers sync.WaitGroup
	for range min(atOnce, len(files)) {
		workers.Go(func() {
			for f := range next {
				do(f)
			}
		})
	}
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		next <- f
	}
	close(next)
	workers.Wait()
	if first == nil && ctx.Err() != nil {
		first = mlflow.Explain("copy the files", context.Cause(ctx))
	}
	if first != nil {
		return nil, first
	}
	p.end()
	return sums, nil
}

// copying is one file on its way to the target.
type copying struct {
	from     Reader
	to       *uploads
	file     registry.File
	progress *progress
	there    bool // the target lists a file of the same size
	sent     atomic.Int64
}

// run copies the file and returns the SHA-256 of its content in hex.
func (c *copying) run(ctx context.Context) (string, error) {
	if c.there {
		sum, err := c.compare(ctx)
		if err != nil || sum != "" {
			return sum, err
		}
	}
	for try := 0; ; try++ {
		sum, err := c.send(ctx)
		if err == nil {
			c.progress.file()
			return sum, nil
		}
		if try > 0 || ctx.Err() != nil || !passing(err) || !pause(ctx, c.to.client, err) {
			return "", explain(c.file, err)
		}
		c.progress.add(-c.sent.Swap(0))
	}
}

// compare returns the SHA-256 of the file if the target has it with the same content, and "" if the content differs.
func (c *copying) compare(ctx context.Context) (string, error) {
	var want, have string
	var wantErr, haveErr error
	var both sync.WaitGroup
	both.Go(func() { want, wantErr = sumOf(ctx, c.from, c.file) })
	both.Go(func() { have, haveErr = sumOf(ctx, c.to.reader(), c.file) })
	both.Wait()
	switch {
	case wantErr != nil:
		return "", explain(c.file, &sourceError{wantErr})
	case haveErr != nil || have != want: // what cannot be read back is sent again
		return "", nil
	}
	c.progress.add(c.file.Size)
	c.progress.file()
	return want, nil
}

// send uploads the file and reads it back. If the response to the upload is lost, the content shows whether the upload
// has succeeded.
func (c *copying) send(ctx context.Context) (string, error) {
	sum, sendErr := c.upload(ctx)
	if sendErr != nil && (sum == "" || !mlflow.Unclear(sendErr) || ctx.Err() != nil) {
		return "", sendErr
	}
	have, err := sumOf(ctx, c.to.reader(), c.file)
	switch {
	case sendErr != nil && (err != nil || have != sum):
		return "", sendErr
	case err != nil:
		return "", &readBackError{err}
	case have != sum:
		return "", &readBackError{fmt.Errorf("its SHA-256 is %s, and that of the source is %s", have, sum)}
	}
	return sum, nil
}

// sumOf reads a file and returns the SHA-256 of its content in hex.
func sumOf(ctx context.Context, from Reader, f registry.File) (string, error) {
	var h hash.Hash
	n, err := from(ctx, f, func() io.Writer { h = sha256.New(); return h })
	switch {
	case err != nil:
		return "", err
	case n != f.Size || h == nil:
		return "", fmt.Errorf("it is %d bytes, not %d as listed", n, f.Size)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// passing reports whether a file may arrive if it is sent again.
func passing(err error) bool {
	if errors.As(err, new(*readBackError)) || errors.Is(err, errVoid) || errors.Is(err, errUnsummed) {
		return true
	}
	e := mlflow.Remote(err)
	return e != nil && e.Passing()
}

// pause waits before a file is sent again, for as long as the server asked for. It returns false if ctx ends.
func pause(ctx context.Context, c *mlflow.Client, err error) bool {
	if e := mlflow.Remote(err); e != nil && e.RetryAfter() > 0 {
		wait := time.NewTimer(e.RetryAfter())
		defer wait.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-wait.C:
		}
	}
	return c.Pause(ctx, 1)
}

// progress counts what has been copied, and reports it.
type progress struct {
	report func(Progress)

	mu  sync.Mutex
	now Progress
	// wait is true until enough time has passed since the last report
	wait bool
}

func newProgress(files []registry.File, report func(Progress)) *progress {
	p := &progress{report: report}
	p.now.OfFiles, p.now.OfBytes = registry.Sizes(files)
	return p
}

// add counts bytes. It is negative for bytes that are sent again.
func (p *progress) add(n int64) { p.count(0, n) }

// file counts a file whose content has been checked.
func (p *progress) file() { p.count(1, 0) }

func (p *progress) count(files int, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Files += files
	p.now.Bytes += bytes
	if p.report == nil || p.wait {
		return
	}
	p.wait = true
	p.report(p.now)
	time.AfterFunc(interval, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.wait = false
	})
}

// end reports the final state.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.report != nil {
		p.report(p.now)
	}
	p.wait = true
}

func shown(path string) string { return format.Truncate(path, 200) }
