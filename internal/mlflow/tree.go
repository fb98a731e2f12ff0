package mlflow

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The limits for listing the files of one model. A Spark pipeline with 30 stages has 91 folders.
const (
	maxListings = 5000    // requests: one per folder, or more if the server sends pages
	maxFiles    = 100_000 // files in the model
	maxDepth    = 100     // levels of nested folders
	MaxPath     = 4096    // bytes in one path
	MaxFileSize = 1 << 45 // bytes; small enough for the sum of maxFiles sizes to fit into an int64
)

// Location is where the files of a model are: either a logged model, or a folder in a run's artifacts.
type Location struct{ Model, Run, Path string }

// FilesOf returns the location of the files that a source refers to, which is a folder in the run's artifacts or a
// logged model. If the files cannot be listed, why is the reason.
func FilesOf(source string, run registry.Run, logged registry.Known[registry.LoggedModel]) (p Location, why string) {
	if path, ok := registry.ArtifactPath(source, run); ok {
		return Location{Run: run.ID, Path: path}, ""
	}
	id := registry.LoggedIn(source)
	m, known := logged.Get()
	switch {
	case id != "" && (source == "models:/"+id || known && m.ID == id && m.IsAt(source)):
		return Location{Model: id}, ""
	case id != "" && known:
		return p, fmt.Sprintf("the source %s is not the location of logged model %s", source, id)
	case id != "":
		return p, fmt.Sprintf("the source %s is logged model %s, which cannot be read: %s", source, id, logged.Why())
	case run.ID == "":
		return p, "the source " + source + " is not a logged model, and its run cannot be read"
	}
	return p, fmt.Sprintf("the source %s is neither a logged model nor in the artifacts of run %s", source, run.ID)
}

// Source returns the registration request for a version's model. When MLflow copies a version, it copies the tags
// too, so the tag promote.request alone does not prove that this program registered the version. The tag must also be
// the digest of this source.
func (p Location) Source(v registry.Version) registry.Source {
	return registry.Source{RunID: v.RunID, ModelID: p.Model, Path: p.Path, URI: v.Source}
}

// Tree lists all files at a location, without folders, sorted by path. Paths are relative to the location, and sizes
// are in bytes. Each level of folders takes one round of requests. Tree fails if a limit is exceeded, or if a list
// contains something that is not in its folder.
func (s Artifacts) Tree(ctx context.Context, where Location) ([]registry.File, error) {
	return s.TreeFrom(ctx, where, nil)
}

// TreeFrom is like Tree, but does not request the lists of folders that are already known, as the server sent them.
// Their keys are paths from the root of the run or logged model.
func (s Artifacts) TreeFrom(
	ctx context.Context, where Location, known map[string][]registry.File,
) ([]registry.File, error) {
	t := treeReader{c: s.c, where: where, known: known}
	for depth, level := 0, []string{""}; len(level) > 0; depth++ {
		if depth > maxDepth {
			return nil, fmt.Errorf("the model's folders are more than %d levels deep", maxDepth)
		}
		var err error
		if level, err = t.read(ctx, level); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(t.files, func(a, b registry.File) int { return cmp.Compare(a.Path, b.Path) })
	return t.files, nil
}

// treeReader collects the files of a model and counts the requests that this takes.
type treeReader struct {
	c        *Client
	where    Location
	known    map[string][]registry.File
	files    []registry.File
	listings int
}

// read lists the folders on one level and returns their subfolders. It checks the limits between batches of requests.
func (t *treeReader) read(ctx context.Context, level []string) (next []string, err error) {
	for batch := range slices.Chunk(level, atOnce) {
		found, pages := make([][]registry.File, len(batch)), make([]int, len(batch))
		left := maxListings - t.listings
		asks := make([]func() error, len(batch))
		for i, dir := range batch {
			asks[i] = func() (err error) {
				found[i], pages[i], err = t.folder(ctx, dir, left/len(batch))
				return err
			}
		}
		if err := parallel.Do(asks...); err != nil {
			return nil, err
		}
		for i := range batch {
			t.listings += pages[i]
			for _, f := range found[i] {
				if f.Dir {
					next = append(next, f.Path)
				} else {
					t.files = append(t.files, f)
				}
			}
		}
		switch {
		case len(t.files) > maxFiles:
			return nil, fmt.Errorf("the model has more than %d files", maxFiles)
		case t.listings+len(next) > maxListings:
			return nil, fmt.Errorf("the model has more than %d folders", maxListings)
		}
	}
	return next, nil
}

// otherFolders is the number of folders in a run that are searched for other models.
const otherFolders = 20

// OtherModels lists the folders in a run's artifacts that contain an MLmodel file, except for the model's own folder.
// "" is the root. It does not search inside a model's folder. The result is unreadable if the run has too many folders.
func (s Artifacts) OtherModels(ctx context.Context, run, own string) registry.Known[[]string] {
	t := treeReader{c: s.c, where: Location{Run: run}}
	found := []string{}
	for level, looked := []string{""}, 0; len(level) > 0; {
		if looked += len(level); looked > 1+otherFolders {
			return registry.Unreadable[[]string](fmt.Sprintf("there are more than %d folders", otherFolders))
		}
		next, err := t.read(ctx, level)
		if err != nil {
			return registry.Unreadable[[]string](Short(err))
		}
		found = found[:0]
		for _, f := range t.files {
			if dir, name := path.Split(f.Path); name == "MLmodel" {
				found = append(found, strings.TrimSuffix(dir, "/"))
			}
		}
		level = slices.DeleteFunc(next, func(dir string) bool {
			parent, _ := path.Split(dir)
			return dir == own || slices.Contains(found, strings.TrimSuffix(parent, "/"))
		})
	}
	slices.Sort(found)
	return registry.Is(found)
}

// atOnce is the number of parallel requests for the files of one model, which is one for each connection to the server.
const atOnce = 8

// folder lists one folder. dir and the returned paths are relative to the model. most limits the number of requests.
func (t *treeReader) folder(ctx context.Context, dir string, most int) (files []registry.File, pages int, err error) {
	asked := path.Join(t.where.Path, dir)
	files, known := t.known[asked]
	if !known {
		if files, pages, err = t.request(ctx, asked, dir, most); err != nil {
			return nil, pages, err
		}
	}
	files, err = entries(asked, files)
	for i := range files {
		files[i].Path = strings.TrimPrefix(strings.TrimPrefix(files[i].Path, t.where.Path), "/")
	}
	return files, pages, err
}

// request requests the list of one folder.
func (t *treeReader) request(
	ctx context.Context, asked, dir string, most int,
) (files []registry.File, pages int, err error) {
	next := "" // the token for the page to request
	ask := func(token string) (out listingJSON, err error) {
		if token != "" && (len(files) > maxFiles || pages > most) {
			const what = "folder %s has more than %d files, or its listing more than %d pages"
			return out, fmt.Errorf(what, shownFolder(dir), maxFiles, most)
		}
		next = token
		pages++
		return t.c.list(ctx, t.where, asked, token, rest.Artifact)
	}
	after := func(page listingJSON) (string, int64, error) {
		if page.Next == next {
			return "", 0, nil
		}
		return page.Next, 0, nil
	}
	for page, err := range Pages(Bounds{Pages: 2 * maxListings}, ask, after) {
		if err != nil {
			return nil, pages, err
		}
		files = append(files, page.Decode()...)
	}
	return files, pages, nil
}

// entries checks the list of a folder and returns its entries with clean paths. MLflow lists paths relative to the root
// of the run or logged model, but some artifact proxies list only names. Some object stores list the folder itself,
// which MLflow's client also skips. entries fails if a path is outside the folder, a name is repeated, or a size is
// impossible.
func entries(folder string, listed []registry.File) ([]registry.File, error) {
	prefix := strings.TrimPrefix(folder+"/", "/")
	bare := bareNames(folder, listed)
	var files []registry.File
	seen := map[string]bool{}
	for _, f := range listed {
		clean := path.Clean(f.Path)
		if !bare && (clean == folder || clean == ".") {
			continue
		}
		name, below := strings.CutPrefix(clean, prefix)
		refused := ""
		switch {
		case !below && !bare, name == ".", name == "..", strings.Contains(name, "/"):
			refused = "which is outside the folder"
		case len(prefix)+len(name) > MaxPath:
			refused = fmt.Sprintf("a path of more than %d bytes", MaxPath)
		case seen[name]:
			refused = "twice"
		case f.Size < 0 || f.Size > MaxFileSize:
			refused = fmt.Sprintf("with a size of %d bytes", f.Size)
		}
		if refused != "" {
			const what = "invalid list of folder %s: it contains %q, %s"
			return nil, fmt.Errorf(what, shownFolder(folder), format.Truncate(f.Path, 200), refused)
		}
		seen[name] = true
		files = append(files, registry.File{Path: prefix + name, Dir: f.Dir, Size: f.Size})
	}
	return files, nil
}

// bareNames reports whether a list contains names rather than paths relative to the root.
func bareNames(folder string, listed []registry.File) bool {
	other := false
	for _, f := range listed {
		name := strings.TrimSuffix(f.Path, "/")
		if strings.Contains(name, "/") {
			return false
		}
		other = other || name != folder
	}
	return other && folder != ""
}

func shownFolder(dir string) string {
	return fmt.Sprintf("%q", format.Truncate(cmp.Or(dir, "."), 200))
}

// listingJSON is one page of a folder's contents. Only Databricks sends several pages.
type listingJSON struct {
	Files []struct {
		Path string `json:"path"`
		Dir  bool   `json:"is_dir"`
		Size Int    `json:"file_size"` // the server leaves out 0
	} `json:"files"`
	Next string `json:"next_page_token"`
}

func (j listingJSON) Decode() []registry.File {
	var files []registry.File
	for _, f := range j.Files {
		files = append(files, registry.File{Path: f.Path, Dir: f.Dir, Size: int64(f.Size)})
	}
	return files
}

// contentLimit is the maximum total size in bytes of a model whose content is read for a digest.
const contentLimit = 64 << 30

// Digest downloads all files and returns the digest of their content (see [registry.FilesDigest]). It keeps only the
// checksums in memory.
func (s Artifacts) Digest(ctx context.Context, where Location, files []registry.File) registry.Known[string] {
	if _, total := registry.Sizes(files); total > contentLimit {
		const what = "the files are %d bytes in total, more than the limit for a digest (%d)"
		return registry.Unreadable[string](fmt.Sprintf(what, total, contentLimit))
	}
	type sum struct{ path, hex string }
	read := func(ctx context.Context, f registry.File) (sum, error) {
		hex, err := s.sum(ctx, where, f)
		return sum{f.Path, hex}, err
	}
	sums := map[string]string{}
	for s, err := range parallel.Map(ctx, parallel.Values(files), atOnce, read) {
		if err != nil {
			return registry.Unreadable[string](err.Error())
		}
		sums[s.path] = s.hex
	}
	return registry.Is(registry.FilesDigest(sums))
}

// sum returns the SHA-256 of one file in hex.
func (s Artifacts) sum(ctx context.Context, where Location, f registry.File) (string, error) {
	var h hash.Hash
	_, err := s.content(ctx, artifact{in: where, path: f.Path}, f.Size, func() io.Writer { h = sha256.New(); return h })
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Content reads a file and writes it to the writer that open returns. It calls open for each attempt, which makes data
// from earlier attempts void. It fails if the size differs from the listed size, and if a page takes the file's place.
func (s Artifacts) Content(ctx context.Context, in Location, f registry.File, open func() io.Writer) (int64, error) {
	return s.content(ctx, artifact{in: in, path: f.Path, bulk: true}, f.Size, open)
}

func (s Artifacts) content(ctx context.Context, f artifact, size int64, open func() io.Writer) (int64, error) {
	web := strings.HasPrefix(strings.ToLower(path.Ext(f.path)), ".htm")
	page := func(html bool, came int64, untyped bool) bool { return html && (came != size || !untyped && !web) }
	came, err := s.c.read(ctx, f, contents{max(size, excerpt) + 1, open, page})
	switch e := Remote(err); {
	case err == nil && came > size, e != nil && e.Kind == rest.TooLarge:
		return came, fmt.Errorf("%s is larger than the listed %d bytes", f.path, size)
	case err != nil:
		return came, &failedRead{f.path, err}
	case came != size:
		return came, fmt.Errorf("%s is %d bytes, not %d as listed", f.path, came, size)
	}
	return came, nil
}

// excerpt is larger than all login pages, so that a page in place of a small file is recognised as one.
const excerpt = 64 << 10

// failedRead is the error for a file of a model that could not be read.
type failedRead struct {
	path  string
	cause error
}

func (e *failedRead) Error() string { return e.path + " could not be read: " + unreadText(e.cause) }
func (e *failedRead) Unwrap() error { return e.cause }
