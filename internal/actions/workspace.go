package actions

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// workspace returns the folder of the job's checkout, or the working directory outside Actions.
func (r *Runner) workspace() string {
	if w := r.env("GITHUB_WORKSPACE"); w != "" && r.InActions() {
		return w
	}
	return r.dir
}

// ReadWorkspace reads at most limit bytes of a file whose name comes from an input. In a job, the file must be in the
// workspace, even after symlinks have been followed, because a pull request can add symlinks. Outside Actions, any file
// is allowed.
func (r *Runner) ReadWorkspace(path string, limit int64) ([]byte, error) {
	data, err := readWorkspace(r, path, limit)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return data, nil
}

func readWorkspace(r *Runner, path string, limit int64) ([]byte, error) {
	if !r.InActions() {
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.dir, path)
		}
		return readBounded(os.Stat, os.Open, path, limit)
	}
	root, err := os.OpenRoot(r.workspace())
	if err != nil {
		return nil, plain(err)
	}
	defer root.Close()
	if filepath.IsAbs(path) {
		if path, err = filepath.Rel(r.workspace(), path); err != nil {
			return nil, errOutside
		}
	}
	return readBounded(root.Stat, root.Open, path, limit)
}

var errOutside = errors.New("path is outside the workspace")

// readBounded checks a file's type before it opens the file, because opening a pipe would block until something is
// written to it.
func readBounded(
	stat func(string) (os.FileInfo, error), open func(string) (*os.File, error), path string, limit int64,
) ([]byte, error) {
	info, err := stat(path)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := open(path)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plain(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return data, nil
}

// plain returns err without the operation and the path. The caller adds the path as it is written in the input, so that
// absolute paths on the machine stay hidden.
func plain(err error) error {
	inner := (*os.PathError)(nil)
	if !errors.As(err, &inner) {
		return err
	}
	if strings.Contains(inner.Err.Error(), "escapes") { // package os does not export this error
		return errOutside
	}
	return inner.Err
}

// ListWorkspace returns the names of the files in a folder whose name comes from an input, in sorted order. In a job,
// the folder must be in the workspace.
func (r *Runner) ListWorkspace(folder string) ([]string, error) {
	names, err := listWorkspace(r, folder)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", folder, err)
	}
	return names, nil
}

func listWorkspace(r *Runner, folder string) ([]string, error) {
	base := r.workspace()
	if !r.InActions() && filepath.IsAbs(folder) {
		base, folder = folder, "."
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, plain(err)
	}
	defer root.Close()
	f, err := root.Open(folder)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(maxNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	slices.Sort(names)
	return names, nil
}

// maxNames is the maximum number of names that ListWorkspace returns.
const maxNames = 10000

// WriteReport writes data, with secrets hidden, to a new file in the report folder (see CreateReport). It returns the
// path relative to the workspace, because later steps may see the workspace at a different absolute path.
func (r *Runner) WriteReport(pattern string, data []byte) (string, error) {
	f, err := r.CreateReport(pattern)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return f.Name(), nil
}
