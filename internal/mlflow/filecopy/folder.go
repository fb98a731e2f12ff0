package filecopy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// FromFolder reads files from a folder. It refuses links and everything else that is not a regular file.
func FromFolder(root *os.Root) Reader {
	return func(ctx context.Context, f registry.File, open func() io.Writer) (int64, error) {
		file, err := Open(root, f.Path)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		n, err := io.Copy(open(), &untilDone{ctx, io.LimitReader(file, f.Size+1)})
		if err == nil && n != f.Size {
			err = fmt.Errorf("it is not %d bytes as listed", f.Size)
		}
		return n, err
	}
}

// ErrSpecial is the error for links and everything else that is not a regular file.
var ErrSpecial = errors.New("it is not a regular file")

// Open opens a regular file in a folder. It checks the kind before it opens the file, because opening a pipe would wait
// for its writer.
func Open(root *os.Root, name string) (*os.File, error) {
	local := filepath.FromSlash(name)
	info, err := root.Lstat(local)
	if err == nil && !info.Mode().IsRegular() {
		err = ErrSpecial
	}
	if err != nil {
		return nil, err
	}
	file, err := root.Open(local)
	if err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err == nil && !info.Mode().IsRegular() {
		err = ErrSpecial
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// untilDone stops reading when its context ends.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

func (r *untilDone) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}

// List returns all files in a folder, without folders. It fails if there are links or other special files.
func List(root *os.Root) ([]registry.File, error) {
	var files []registry.File
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
			return err
		case !d.Type().IsRegular():
			return invalid(name, "it is not a regular file")
		}
		info, err := d.Info()
		if err == nil {
			files = append(files, registry.File{Path: name, Size: info.Size()})
		}
		return err
	})
	return files, err
}

// ToFolder writes the files into a folder and returns the SHA-256 of each in hex, by path. It fails if the folder
// contains other files. report may be nil.
func ToFolder(
	ctx context.Context, from Reader, files []registry.File, root *os.Root, report func(Progress),
) (map[string]string, error) {
	if err := checkFiles(files); err != nil {
		return nil, err
	}
	if _, err := listFolder(root, files); err != nil {
		return nil, err
	}
	sums, err := all(ctx, files, func(ctx context.Context, f registry.File, p *progress) (string, error) {
		e := &export{from: from, to: root, file: f, progress: p}
		return e.run(ctx)
	}, report)
	if err != nil {
		return nil, err
	}
	there, err := listFolder(root, files)
	if err != nil {
		return nil, err
	}
	return sums, complete(there, files)
}

func listFolder(root *os.Root, files []registry.File) (map[string]int64, error) {
	listed, err := List(root)
	if err != nil {
		return nil, err
	}
	return only(listed, files, "list the files of the folder", root.Name())
}

// export is one file on its way into a folder.
type export struct {
	from     Reader
	to       *os.Root
	file     registry.File
	progress *progress
	sent     int64
}

func (e *export) run(ctx context.Context) (string, error) {
	for try := 0; ; try++ {
		sum, err := e.write(ctx)
		if err == nil {
			e.progress.file()
			return sum, nil
		}
		if try > 0 || ctx.Err() != nil || !passing(err) {
			return "", explain(e.file, err)
		}
		e.progress.add(-e.sent)
		e.sent = 0
	}
}

// write writes the file and reads it back.
func (e *export) write(ctx context.Context) (sum string, err error) {
	local := filepath.FromSlash(e.file.Path)
	if err := e.to.MkdirAll(filepath.FromSlash(path.Dir(e.file.Path)), 0o755); err != nil {
		return "", err
	}
	// A new file replaces one from an earlier attempt. It cannot be a link.
	if err := e.to.Remove(local); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	file, err := e.to.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	out := &hashed{e: e, file: file}
	n, err := e.from(ctx, e.file, out.open)
	closed := file.Close()
	switch {
	case out.err != nil:
		return "", out.err
	case err != nil:
		return "", &sourceError{err}
	case closed != nil:
		return "", closed
	case n != e.file.Size || out.hash == nil:
		return "", &sourceError{fmt.Errorf("it is %d bytes, not %d as listed", n, e.file.Size)}
	}
	sum = hex.EncodeToString(out.hash.Sum(nil))
	have, err := sumOf(ctx, FromFolder(e.to), e.file)
	if err == nil && have != sum {
		err = fmt.Errorf("its SHA-256 is %s, and that of the source is %s", have, sum)
	}
	if err != nil {
		return "", &readBackError{err}
	}
	return sum, nil
}

// hashed writes a file and computes its SHA-256.
type hashed struct {
	e    *export
	file *os.File
	hash hash.Hash
	err  error // of the folder, not of the source
}

// open starts again at the beginning of the file.
func (h *hashed) open() io.Writer {
	h.hash = sha256.New()
	h.e.progress.add(-h.e.sent)
	h.e.sent = 0
	if h.err == nil {
		_, h.err = h.file.Seek(0, io.SeekStart)
	}
	if h.err == nil {
		h.err = h.file.Truncate(0)
	}
	return h
}

func (h *hashed) Write(p []byte) (int, error) {
	if h.err != nil {
		return 0, h.err
	}
	n, err := h.file.Write(p)
	h.hash.Write(p[:n])
	h.e.sent += int64(n)
	h.e.progress.add(int64(n))
	h.err = err
	return n, err
}
