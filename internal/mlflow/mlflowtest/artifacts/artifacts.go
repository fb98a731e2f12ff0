package artifacts

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/location"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

type fileJSON struct {
	Path string `json:"path"`
	Dir  bool   `json:"is_dir"`
	Size int    `json:"file_size,omitempty"`
}

// Listing is the response that lists the files in a folder.
type Listing struct {
	Root  string     `json:"root_uri,omitempty"`
	Files []fileJSON `json:"files,omitempty"`
}

// List lists the files in one folder under root, with paths relative to root.
func List(c *call.Call, root, dir string) ([]fileJSON, error) {
	if err := reachable(c, root); err != nil {
		return nil, err
	}
	base := strings.TrimRight(root, "/") + "/"
	if dir != "" {
		base += strings.Trim(dir, "/") + "/"
	}
	found := map[string]fileJSON{}
	for uri, content := range c.State.Files {
		rest, under := strings.CutPrefix(uri, base)
		if !under {
			continue
		}
		name, _, nested := strings.Cut(rest, "/")
		f := fileJSON{Path: path.Join(dir, name), Dir: nested}
		if !nested {
			f.Size = len(content)
		}
		found[name] = f
	}
	var out []fileJSON
	for _, f := range found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b fileJSON) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

// reachable returns an error unless the server can access a storage location. It can always access its own location,
// and any other only if something has been stored there. A real server fails on a location for which it has no driver
// or credentials.
func reachable(c *call.Call, uri string) error {
	if location.Scheme(uri) == "mlflow-artifacts" && c.Config.Artifacts != call.ArtifactsDirect {
		return nil
	}
	storage := location.Scheme(uri) + "://" + location.Authority(uri)
	for have := range c.State.Files {
		if location.Scheme(have)+"://"+location.Authority(have) == storage {
			return nil
		}
	}
	return wire.ErrCrash
}

// Download sends one file.
func Download(c *call.Call, root, file string) (any, error) {
	if err := reachable(c, root); err != nil {
		return nil, err
	}
	content, ok := c.State.Files[strings.TrimRight(root, "/")+"/"+file]
	if !ok {
		if root == state.OwnStorage {
			return nil, errNoArtifact(c, c.Dialect.MissingProxied, file)
		}
		return nil, errNoArtifact(c, c.Dialect.MissingArtifact, file)
	}
	h := wire.ContentType(artifactType(c, root, file))
	h.Set("Content-Disposition", "attachment; filename="+path.Base(file))
	h.Set("X-Content-Type-Options", "nosniff")
	return wire.Response{Status: http.StatusOK, Header: h, Body: content}, nil
}

// Presign returns an address from which the file can be read without the server. Files in the server's own store have
// no such address.
func Presign(c *call.Call, root, file string) (any, error) {
	switch scheme := location.Scheme(root); scheme {
	case "http", "https", "mlflow-artifacts":
		return nil, wire.Invalid(
			"Presigned download is not supported for runs with proxied artifact storage (artifact URI scheme: %s). "+
				"This endpoint requires a run with a direct cloud storage artifact URI.",
			scheme,
		)
	}
	if err := reachable(c, root); err != nil {
		return nil, err
	}
	content, ok := c.State.Files[strings.TrimRight(root, "/")+"/"+file]
	if !ok {
		return nil, errNoArtifact(c, c.Dialect.MissingArtifact, file)
	}
	return map[string]any{"presigned_url": signed(c, root+"/"+file, nil), "file_size": len(content)}, nil
}

var textFiles = strings.Fields(
	"txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst ipynb " +
		"MLmodel MLproject",
)

// artifactType returns the content type that a server derives from a file name. Every type that the server knows to be
// text becomes plain text.
func artifactType(c *call.Call, root, file string) string {
	base := path.Base(file)
	ext := strings.TrimPrefix(path.Ext(base), ".")
	if root == state.OwnStorage && !c.Dialect.ArtifactTypes {
		return wire.HTMLType
	}
	if slices.Contains(textFiles, ext) || c.Dialect.ArtifactTypes && slices.Contains(textFiles, base) {
		return "text/plain; charset=utf-8"
	}
	return cmp.Or(mime.TypeByExtension("."+ext), "application/octet-stream")
}

func errNoArtifact(c *call.Call, form, file string) error {
	switch form {
	case "404":
		return wire.Missing("No such artifact: '%s'", file)
	case "500 json":
		return wire.Internal("No such artifact: '%s'", file)
	}
	return wire.ErrCrash
}

// SafePath returns a path from the request's parameters. It refuses a path that could leave its root.
func SafePath(c *call.Call, name string) (string, error) {
	if !c.In.Has(name) {
		return "", nil
	}
	return checkPath(c, c.In.Str(name))
}

// QueryPath returns the path for a download. It refuses a missing path, and one that could leave its root.
func QueryPath(c *call.Call, name string) (string, error) {
	q := c.Request.URL.Query()
	if !q.Has(name) && !c.Dialect.PathNeeded {
		return "", wire.ErrCrash
	}
	if !q.Has(name) {
		bad := wire.Page(400, "The browser (or proxy) sent a request that this server could not understand.")
		return "", wire.Refusal{
			Status: http.StatusBadRequest,
			Type:   wire.HTMLType,
			Text:   string(bad.Body),
		}
	}
	return checkPath(c, q.Get(name))
}

// checkPath refuses a path that could leave its root. Newer servers decode the path first, repeatedly if necessary.
func checkPath(c *call.Call, p string) (string, error) {
	for c.Dialect.ArtifactPaths {
		next, err := url.PathUnescape(p)
		if err != nil || next == p {
			break
		}
		p = next
	}
	drive := len(p) > 1 && p[1] == ':' && strings.HasPrefix(p[2:], "/")
	if strings.Contains(p, `\`) || strings.HasPrefix(p, "/") || drive || slices.Contains(strings.Split(p, "/"), "..") ||
		c.Dialect.ArtifactPaths && strings.Contains(p, "#") {
		return "", wire.Invalid("Invalid path")
	}
	return p, nil
}
