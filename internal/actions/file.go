package actions

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// File is written in pieces but appears only when it is closed, so a later step finds either the complete file or no
// file at all.
type File struct {
	shown           string // the path to show: relative to the workspace or, outside Actions, as given
	name, temporary string // in root
	root            *os.Root
	file            *os.File
	clean           *cleaner
	err             error
}

// reportFolder is the folder in the workspace for files whose path is not set by an input. It contains a .gitignore
// file, so that a later step does not commit the files.
const reportFolder = ".mlflow-promote"

// CreateReport begins a new file in the report folder. It replaces the * in pattern with a random string, because
// several steps may run in parallel.
func (r *Runner) CreateReport(pattern string) (*File, error) {
	if !filepath.IsLocal(pattern) || strings.ContainsAny(pattern, `/\`) {
		return nil, fmt.Errorf("write report %q: not a plain file name", pattern)
	}
	if err := ignoreReports(r.workspace()); err != nil {
		return nil, fmt.Errorf("write report %q: %w", pattern, plain(err))
	}
	return r.CreateWorkspace(path.Join(reportFolder, strings.Replace(pattern, "*", randomHex(), 1)))
}

// ignoreReports creates the report folder and its .gitignore file.
func ignoreReports(workspace string) error {
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := makeFolders(root, reportFolder); err != nil {
		return err
	}
	if info, err := root.Lstat(reportFolder); err != nil || !info.IsDir() {
		return cmp.Or(err, errors.New("the path "+reportFolder+" in the workspace is not a folder"))
	}
	name := path.Join(reportFolder, ".gitignore")
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("*\n")
	giveToOwner(root, name)
	return errors.Join(err, f.Close())
}

// makeFolders creates missing folders, and gives each of them to the workspace's owner.
func makeFolders(workspace *os.Root, folder string) error {
	made := ""
	for _, part := range strings.Split(folder, "/") {
		made = path.Join(made, part)
		switch err := workspace.Mkdir(made, 0o755); {
		case err == nil:
			giveToOwner(workspace, made)
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	return nil
}

// CreateWorkspace begins a file whose name comes from an input. It replaces an existing file and creates missing
// folders. In a job, the file must be in the workspace, even after symlinks have been followed. Outside Actions, any
// path is allowed.
func (r *Runner) CreateWorkspace(name string) (*File, error) {
	f, err := createWorkspace(r, name)
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	return f, nil
}

func createWorkspace(r *Runner, name string) (*File, error) {
	base := r.workspace()
	within, shown := name, name
	if filepath.IsAbs(name) && r.InActions() {
		rel, err := filepath.Rel(base, name)
		if err != nil {
			return nil, errOutside
		}
		within = rel
	} else if !r.InActions() {
		if !filepath.IsAbs(name) {
			name = filepath.Join(base, name)
		}
		base, within = filepath.Dir(name), filepath.Base(name)
		if err := os.MkdirAll(base, 0o755); err != nil {
			return nil, plain(err)
		}
	}
	within = filepath.ToSlash(filepath.Clean(within))
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, plain(err)
	}
	if r.InActions() {
		shown = within
	}
	f := &File{shown: shown, name: within, temporary: within + "." + randomHex() + ".part", root: root}
	err = makeFolders(root, path.Dir(within))
	if info, statErr := root.Stat(within); err == nil && statErr == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil {
		f.file, err = root.OpenFile(f.temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	}
	if err != nil {
		root.Close()
		return nil, plain(err)
	}
	f.clean = &cleaner{runner: r, to: f.file}
	return f, nil
}

// Name returns the file's path: relative to the workspace or, outside Actions, as given.
func (f *File) Name() string { return f.shown }

// Write appends to the file. Once a call has failed, every later call returns the same error.
func (f *File) Write(text []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.clean.Write(text)
	}
	if f.err != nil {
		return 0, fmt.Errorf("write %q: %w", f.shown, plain(f.err))
	}
	return len(text), nil
}

// Own returns a writer for fixed text that is part of the program, for example a page's script. Such text is written
// unchanged, even if it contains a secret. If a write fails, later calls to Write and Close fail too.
func (f *File) Own() io.Writer { return ownText{f} }

type ownText struct{ f *File }

func (o ownText) Write(text []byte) (int, error) {
	f := o.f
	if f.err == nil {
		f.err = f.clean.flush()
	}
	if f.err == nil {
		_, f.err = f.file.Write(text)
	}
	if f.err != nil {
		return 0, fmt.Errorf("write %q: %w", f.shown, plain(f.err))
	}
	return len(text), nil
}

// Close moves the file to its final path.
func (f *File) Close() error {
	defer f.root.Close()
	f.err = errors.Join(f.err, f.clean.flush())
	giveToOwner(f.root, f.temporary)
	f.err = errors.Join(f.err, f.file.Close())
	if f.err == nil {
		f.err = f.root.Rename(f.temporary, f.name)
	}
	if f.err != nil {
		_ = f.root.Remove(f.temporary)
		return fmt.Errorf("write %q: %w", f.shown, plain(f.err))
	}
	return nil
}

// Discard removes the unfinished file.
func (f *File) Discard() {
	f.file.Close()
	_ = f.root.Remove(f.temporary)
	f.root.Close()
}

// cleaner hides secrets in text that arrives in pieces. It holds back the end of the text until it is clear that no
// secret begins there.
type cleaner struct {
	runner   *Runner
	to       io.Writer
	buffered []byte
}

// piece is the number of bytes that are searched at once.
const piece = 64 << 10

func (c *cleaner) Write(text []byte) (int, error) {
	c.buffered = append(c.buffered, text...)
	if len(c.buffered) < piece {
		return len(text), nil
	}
	return len(text), c.pass(false)
}

func (c *cleaner) flush() error { return c.pass(true) }

// pass writes the buffered text. Unless all is true, it holds back the end if a secret may begin there.
func (c *cleaner) pass(all bool) error {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	text := string(c.buffered)
	end := len(text)
	if !all {
		end = max(0, end-max(c.runner.secrets.longest, utf8.UTFMax))
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		for _, span := range c.runner.secrets.find(text) {
			if span[0] < end && span[1] > end {
				end = span[1]
			}
		}
	}
	c.buffered = append(c.buffered[:0], text[end:]...)
	_, err := io.WriteString(c.to, c.runner.secrets.hide(text[:end]))
	return err
}

// DataStream prints one JSON document in pieces for another program to parse (see Data). Nothing else may be printed
// until the stream has been closed.
func (r *Runner) DataStream() io.WriteCloser {
	return &dataStream{cleaner{runner: r, to: asciiJSON{r.out.to}}}
}

type dataStream struct{ cleaner }

func (d *dataStream) Close() error {
	if err := d.flush(); err != nil {
		return err
	}
	_, err := io.WriteString(d.runner.out.to, "\n")
	return err
}

// asciiJSON writes JSON in printable ASCII. It also escapes #, because "##[" would begin a workflow command, even if it
// is spread over several pieces.
type asciiJSON struct{ to io.Writer }

func (a asciiJSON) Write(text []byte) (int, error) {
	var b strings.Builder
	for _, c := range string(text) {
		if c == '\n' { // occurs only between values, because it is escaped inside strings
			b.WriteRune(c)
			continue
		}
		escapeJSON(&b, c)
	}
	if _, err := io.WriteString(a.to, b.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}
