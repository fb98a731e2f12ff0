package mlflowtest

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

type fileJSON struct {
	Path string `json:"path"`
	Dir  bool   `json:"is_dir"`
	Size int    `json:"file_size,omitempty"`
}

// listRunArtifacts lists one directory of a run, paths relative to the run. A run of MLflow 3 whose model was logged
// beside it has nothing there.
func listRunArtifacts(c *call) (any, error) {
	dir, err := c.safePath("path")
	if err != nil {
		return nil, err
	}
	r, err := c.runAsked()
	if err != nil {
		return nil, err
	}
	files, err := c.list(r.artifactURI, dir)
	return listing{Root: r.artifactURI, Files: files}, err
}

type listing struct {
	Root  string     `json:"root_uri,omitempty"`
	Files []fileJSON `json:"files,omitempty"`
}

func listModelArtifacts(c *call) (any, error) {
	dir, err := c.safePath("artifact_directory_path")
	if err != nil {
		return nil, err
	}
	m, err := c.loggedModel(c.path["model_id"])
	if err != nil {
		return nil, err
	}
	files, err := c.list(m.artifactURI, dir)
	return listing{Root: m.artifactURI, Files: files}, err
}

// listProxy lists a directory of the artifact proxy, by base names.
func listProxy(c *call) (any, error) {
	dir, err := c.safePath("path")
	if err != nil {
		return nil, err
	}
	files, err := c.list(artifactRoot+"/"+dir, "")
	for i := range files {
		files[i].Path = path.Base(files[i].Path)
	}
	return listing{Files: files}, err
}

// list is one level of what lies under root/dir, with paths relative to root.
func (c *call) list(root, dir string) ([]fileJSON, error) {
	if err := c.reachable(root); err != nil {
		return nil, err
	}
	base := strings.TrimRight(root, "/") + "/"
	if dir != "" {
		base += strings.Trim(dir, "/") + "/"
	}
	found := map[string]fileJSON{}
	for uri, content := range c.files {
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

// reachable says whether the server can get at a storage: its own always, another only if something was put there.
// A storage without a driver or credentials makes a real server fall over.
func (c *call) reachable(uri string) error {
	if schemeOf(uri) == "mlflow-artifacts" && c.cfg.artifacts != artifactsDirect {
		return nil
	}
	storage := schemeOf(uri) + "://" + authorityOf(uri)
	for have := range c.files {
		if schemeOf(have)+"://"+authorityOf(have) == storage {
			return nil
		}
	}
	return errCrash
}

// download sends one file.
func (c *call) download(root, file string) (any, error) {
	if err := c.reachable(root); err != nil {
		return nil, err
	}
	content, ok := c.files[strings.TrimRight(root, "/")+"/"+file]
	if !ok {
		return nil, c.noArtifact(file)
	}
	kind := mime.TypeByExtension(path.Ext(file))
	if plain := path.Base(file); kind == "" || strings.HasPrefix(kind, "text/") || plain == "MLmodel" {
		kind = cmp.Or(plainType(plain), "application/octet-stream")
	}
	h := contentType(kind)
	h.Set("Content-Disposition", "attachment; filename="+path.Base(file))
	h.Set("X-Content-Type-Options", "nosniff")
	return response{status: http.StatusOK, header: h, body: content}, nil
}

func plainType(base string) string {
	switch path.Ext(base) {
	case "", ".txt", ".yaml", ".yml", ".md", ".csv", ".py":
		return "text/plain; charset=utf-8"
	}
	return ""
}

func (c *call) noArtifact(file string) error {
	switch c.sw.missingArtifact {
	case "404":
		return missing("No such artifact: '%s'", file)
	case "500 json":
		return internal("No such artifact: '%s'", file)
	}
	return errCrash
}

func getRunArtifact(c *call) (any, error) {
	file, err := c.queryPath("path")
	if err != nil {
		return nil, err
	}
	q := c.request.URL.Query()
	r, err := c.run(cmp.Or(q.Get("run_id"), q.Get("run_uuid")))
	if err != nil {
		return nil, err
	}
	return c.download(r.artifactURI, file)
}

func getVersionArtifact(c *call) (any, error) {
	file, err := c.queryPath("path")
	if err != nil {
		return nil, err
	}
	q := c.request.URL.Query()
	v, err := c.versionOf(q.Get("name"), q.Get("version"))
	if err != nil {
		return nil, err
	}
	return c.download(v.download, file)
}

func getModelArtifact(c *call) (any, error) {
	if c.request.URL.Query().Get("artifact_file_path") == "" {
		return nil, fail("BAD_REQUEST", `Request must include the "artifact_file_path" query parameter.`)
	}
	file, err := c.queryPath("artifact_file_path")
	if err != nil {
		return nil, err
	}
	m, err := c.loggedModel(c.path["model_id"])
	if err != nil {
		return nil, err
	}
	return c.download(m.artifactURI, file)
}

func getProxied(c *call) (any, error) {
	file, err := safe(c.path["path"])
	if err != nil {
		return nil, err
	}
	return c.download(artifactRoot, file)
}

func putProxied(c *call) (any, error) {
	file, err := safe(c.path["path"])
	if err != nil {
		return nil, err
	}
	c.files[artifactRoot+"/"+file] = c.body
	return struct{}{}, nil
}

func deleteProxied(c *call) (any, error) {
	file, err := safe(c.path["path"])
	if err != nil {
		return nil, err
	}
	for uri := range c.files {
		if within(uri, artifactRoot+"/"+file) {
			delete(c.files, uri)
		}
	}
	return struct{}{}, nil
}

func (c *call) safePath(name string) (string, error) {
	if !c.in.has(name) {
		return "", nil
	}
	return safe(c.in.str(name))
}

func (c *call) queryPath(name string) (string, error) {
	q := c.request.URL.Query()
	if !q.Has(name) {
		return "", refusal{http.StatusBadRequest, htmlType, string(page(400, "The browser (or proxy) sent a request that this server could not understand.").body)}
	}
	return safe(q.Get(name))
}

// safe refuses a path that could leave its root, also when that shows only after decoding.
func safe(p string) (string, error) {
	for {
		next, err := url.PathUnescape(p)
		if err != nil || next == p {
			break
		}
		p = next
	}
	drive := len(p) > 1 && p[1] == ':' && strings.HasPrefix(p[2:], "/")
	if strings.ContainsAny(p, `#\`) || strings.HasPrefix(p, "/") || drive || slices.Contains(strings.Split(p, "/"), "..") {
		return "", invalid("Invalid path")
	}
	return p, nil
}
