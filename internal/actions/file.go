package actions

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// File is written piece by piece and is there, whole, once it is closed: a step that comes later finds either the file
// of this run or none of it.
type File struct {
	name, temporary string
	root            *os.Root
	file            *os.File
	clean           *cleaner
	err             error
}

// CreateReport begins a new file in the workspace; the * in the pattern becomes something unique.
func (r *Runner) CreateReport(pattern string) (*File, error) {
	if !filepath.IsLocal(pattern) || strings.ContainsAny(pattern, `/\`) {
		return nil, fmt.Errorf("write report %q: not a plain file name", pattern)
	}
	return r.CreateWorkspace(strings.Replace(pattern, "*", randomHex(), 1))
}

// CreateWorkspace begins a file that an input names, in the place of one that is there. In a job it must lie in the
// workspace, also after symlinks; on a laptop it may be anywhere. Folders on the way to it are made.
func (r *Runner) CreateWorkspace(name string) (*File, error) {
	f, err := r.createWorkspace(name)
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	return f, nil
}

func (r *Runner) createWorkspace(name string) (*File, error) {
	base := r.workspace()
	within := name
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
	f := &File{name: within, temporary: within + "." + randomHex() + ".part", root: root}
	err = root.MkdirAll(path.Dir(within), 0o755)
	if info, statErr := root.Stat(within); err == nil && statErr == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file")
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

// Name is the file's path in the workspace.
func (f *File) Name() string { return f.name }

// Write adds to the file. After an error every further one is the same.
func (f *File) Write(text []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.clean.Write(text)
	}
	if f.err != nil {
		return 0, fmt.Errorf("write %q: %w", f.name, plain(f.err))
	}
	return len(text), nil
}

// Own is for what is the program's own and must stand in the file as it is, whatever the secrets are: the script of a
// page. Its errors are those of the file.
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
		return 0, fmt.Errorf("write %q: %w", f.name, plain(f.err))
	}
	return len(text), nil
}

// Close puts the file into its place.
func (f *File) Close() error {
	defer f.root.Close()
	f.err = errors.Join(f.err, f.clean.flush())
	giveToOwner(f.root, f.file)
	f.err = errors.Join(f.err, f.file.Close())
	if f.err == nil {
		f.err = f.root.Rename(f.temporary, f.name)
	}
	if f.err != nil {
		_ = f.root.Remove(f.temporary)
		return fmt.Errorf("write %q: %w", f.name, plain(f.err))
	}
	return nil
}

// Discard leaves nothing behind.
func (f *File) Discard() {
	f.file.Close()
	_ = f.root.Remove(f.temporary)
	f.root.Close()
}

// cleaner hides secrets in a text that comes in pieces: it holds back what may be the beginning of one.
type cleaner struct {
	runner *Runner
	to     io.Writer
	held   []byte
}

// piece is how much is looked through at a time.
const piece = 64 << 10

func (c *cleaner) Write(text []byte) (int, error) {
	c.held = append(c.held, text...)
	if len(c.held) < piece {
		return len(text), nil
	}
	return len(text), c.pass(false)
}

func (c *cleaner) flush() error { return c.pass(true) }

// pass hands on what is held, at its end without what may belong to a secret that goes on.
func (c *cleaner) pass(all bool) error {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	text := string(c.held)
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
	c.held = append(c.held[:0], text[end:]...)
	_, err := io.WriteString(c.to, c.runner.secrets.hide(text[:end]))
	return err
}

// DataStream prints one JSON text for a program to read, like Data, piece by piece. Nothing else may be printed before
// it is closed.
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

// asciiJSON writes whole characters of JSON in printable ASCII. A # becomes an escape as well: with another and a
// bracket it would begin a workflow command, and the three may come in different pieces.
type asciiJSON struct{ to io.Writer }

func (a asciiJSON) Write(text []byte) (int, error) {
	var b strings.Builder
	for _, c := range string(text) {
		if c == '\n' { // between two values: within one it is escaped already
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
