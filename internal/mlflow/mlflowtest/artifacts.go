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

// listRunArtifacts lists one folder of a run, with paths relative to the run. It is empty for a run of MLflow 3 whose
// model is a logged model.
func listRunArtifacts(c *call) (any, error) {
	dir, err := safePath(c, "path")
	if err != nil {
		return nil, err
	}
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	files, err := listFiles(c, r.artifactURI, dir)
	return listing{Root: r.artifactURI, Files: files}, err
}

type listing struct {
	Root  string     `json:"root_uri,omitempty"`
	Files []fileJSON `json:"files,omitempty"`
}

func listModelArtifacts(c *call) (any, error) {
	dir, err := safePath(c, "artifact_directory_path")
	if err != nil {
		return nil, err
	}
	m, err := findLoggedModel(c, c.path["model_id"])
	if err != nil {
		return nil, err
	}
	files, err := listFiles(c, m.artifactURI, dir)
	return listing{Root: m.artifactURI, Files: files}, err
}

// listProxy lists a folder of the artifact proxy, with base names.
func listProxy(c *call) (any, error) {
	dir, err := safePath(c, "path")
	if err != nil {
		return nil, err
	}
	files, err := listFiles(c, artifactRoot+"/"+dir, "")
	for i := range files {
		files[i].Path = path.Base(files[i].Path)
	}
	return listing{Files: files}, err
}

// listFiles lists one folder below root, with paths relative to root.
func listFiles(c *call, root, dir string) ([]fileJSON, error) {
	if err := reachable(c, root); err != nil {
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

// reachable reports whether the server can access a storage: always its own, and others only if something was stored
// there. A real server fails on a storage without a driver or credentials.
func reachable(c *call, uri string) error {
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
func download(c *call, root, file string) (any, error) {
	if err := reachable(c, root); err != nil {
		return nil, err
	}
	content, ok := c.files[strings.TrimRight(root, "/")+"/"+file]
	if !ok {
		if root == artifactRoot {
			return nil, errNoArtifact(c, c.sw.missingProxied, file)
		}
		return nil, errNoArtifact(c, c.sw.missingArtifact, file)
	}
	h := contentType(artifactType(c, root, file))
	h.Set("Content-Disposition", "attachment; filename="+path.Base(file))
	h.Set("X-Content-Type-Options", "nosniff")
	return response{status: http.StatusOK, header: h, body: content}, nil
}

var textFiles = strings.Fields(
	"txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst ipynb " +
		"MLmodel MLproject",
)

// artifactType returns the content type that a server gives a file name. Everything that it knows to be text is plain
// text.
func artifactType(c *call, root, file string) string {
	base := path.Base(file)
	ext := strings.TrimPrefix(path.Ext(base), ".")
	if root == artifactRoot && !c.sw.artifactTypes {
		return htmlType
	}
	if slices.Contains(textFiles, ext) || c.sw.artifactTypes && slices.Contains(textFiles, base) {
		return "text/plain; charset=utf-8"
	}
	return cmp.Or(mime.TypeByExtension("."+ext), "application/octet-stream")
}

func errNoArtifact(c *call, form, file string) error {
	switch form {
	case "404":
		return missing("No such artifact: '%s'", file)
	case "500 json":
		return internal("No such artifact: '%s'", file)
	}
	return errCrash
}

func getRunArtifact(c *call) (any, error) {
	file, err := queryPath(c, "path")
	if err != nil {
		return nil, err
	}
	q := c.request.URL.Query()
	r, err := findRun(c, cmp.Or(q.Get("run_id"), q.Get("run_uuid")))
	if err != nil {
		return nil, err
	}
	return download(c, r.artifactURI, file)
}

func getVersionArtifact(c *call) (any, error) {
	file, err := queryPath(c, "path")
	if err != nil {
		return nil, err
	}
	q := c.request.URL.Query()
	v, err := findVersion(c, q.Get("name"), q.Get("version"))
	if err != nil {
		return nil, err
	}
	return download(c, v.download, file)
}

func getModelArtifact(c *call) (any, error) {
	if c.request.URL.Query().Get("artifact_file_path") == "" {
		return nil, fail("BAD_REQUEST", `Request must include the "artifact_file_path" query parameter.`)
	}
	file, err := queryPath(c, "artifact_file_path")
	if err != nil {
		return nil, err
	}
	m, err := findLoggedModel(c, c.path["model_id"])
	if err != nil {
		return nil, err
	}
	return download(c, m.artifactURI, file)
}

func getProxied(c *call) (any, error) {
	file, err := checkPath(c, c.path["path"])
	if err != nil {
		return nil, err
	}
	return download(c, artifactRoot, file)
}

func putProxied(c *call) (any, error) {
	file, err := checkPath(c, c.path["path"])
	if err != nil {
		return nil, err
	}
	c.files[artifactRoot+"/"+file] = c.body
	if c.sw.asyncProxy {
		return response{status: http.StatusOK, header: http.Header{}}, nil
	}
	return struct{}{}, nil
}

func deleteProxied(c *call) (any, error) {
	file, err := checkPath(c, c.path["path"])
	if err != nil {
		return nil, err
	}
	if !c.sw.proxyDeletes {
		return nil, errCrash
	}
	for uri := range c.files {
		if within(uri, artifactRoot+"/"+file) {
			delete(c.files, uri)
		}
	}
	return struct{}{}, nil
}

func safePath(c *call, name string) (string, error) {
	if !c.in.has(name) {
		return "", nil
	}
	return checkPath(c, c.in.str(name))
}

func queryPath(c *call, name string) (string, error) {
	q := c.request.URL.Query()
	if !q.Has(name) && !c.sw.pathNeeded {
		return "", errCrash
	}
	if !q.Has(name) {
		return "", refusal{
			http.StatusBadRequest,
			htmlType,
			string(page(400, "The browser (or proxy) sent a request that this server could not understand.").body),
		}
	}
	return checkPath(c, q.Get(name))
}

// checkPath refuses a path that could leave its root. Newer servers decode it first, as often as necessary.
func checkPath(c *call, p string) (string, error) {
	for c.sw.artifactPaths {
		next, err := url.PathUnescape(p)
		if err != nil || next == p {
			break
		}
		p = next
	}
	drive := len(p) > 1 && p[1] == ':' && strings.HasPrefix(p[2:], "/")
	if strings.Contains(p, `\`) || strings.HasPrefix(p, "/") || drive || slices.Contains(strings.Split(p, "/"), "..") ||
		c.sw.artifactPaths && strings.Contains(p, "#") {
		return "", invalid("Invalid path")
	}
	return p, nil
}
