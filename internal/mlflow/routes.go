package mlflow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// route is one way to read a file from a server. There are several, because servers and the proxies in front of them do
// not offer all of them, and because each way requires different facts about the file.
type route struct {
	name string // method and path, as shown in messages
	// request returns the request for a file, and the server to send it to. The server is nil if the route cannot serve
	// the file.
	request func(ctx context.Context, c *Client, f *artifact) (server *rest.Client, r rest.Request)
	// offered returns why the server does not offer the route for a file, or nil. It is nil if the route's own response
	// shows that.
	offered func(ctx context.Context, c *Client, f *artifact) error
	// signed is true if the response is not the file itself, but an address from which to read it.
	signed bool
	// own is true if the route leads only to the server's own store. All other routes read with the server's
	// credentials for the file's store, so if MLflow fails on one of them, it fails on all.
	own bool
	// direct is true if the route reads from the store with the client's own credentials for it.
	direct bool
	// untyped is true if servers before 2.3 send files of all types as text/html.
	untyped bool
}

// routes lists all ways to read a file, in the order in which they are tried. Those that need no further request come
// first. To add a route, add a row here, and cases for it to the conformance table of mlflowtest.
var routes = []route{
	{name: "GET api/2.0/fs/files/Models/PATH", request: throughCatalog, offered: catalogOffers},
	{name: "GET model-versions/get-artifact", request: throughVersion},
	{name: "GET ajax-api/2.0/mlflow/logged-models/ID/artifacts/files", request: throughLoggedModel},
	{name: "GET get-artifact", request: throughRun},
	{name: "GET api/2.0/mlflow-artifacts/artifacts/PATH", request: throughProxy, own: true, untyped: true},
	{name: "POST api/2.0/mlflow/artifacts/presigned-download-url", request: throughPresigned, signed: true},
	{name: "GET from the object store", request: throughStore, direct: true},
}

// throughCatalog reads a version's file from a registry that offers its files under their names.
func throughCatalog(_ context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	v := f.version
	if v.Model == "" || c.Dialect.Files == "" {
		return nil, rest.Request{}
	}
	elements := append(strings.Split(v.Model, "."), strconv.Itoa(v.Number))
	elements = append(elements, strings.Split(f.path, "/")...)
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return c.Registry, rest.Request{Path: c.Dialect.Files + strings.Join(elements, "/")}
}

// catalogOffers asks the registry once whether it offers the files of versions under their names. If it does not, its
// response to every file is that the file does not exist.
func catalogOffers(ctx context.Context, c *Client, f *artifact) error {
	if f.version.Model == "" || c.Dialect.FilesOn == "" {
		return nil
	}
	c.reading.catalog.Do(func() {
		var answer map[string]any
		err := c.FromRegistry(ctx, c.Dialect.FilesOn, nil, "", &answer)
		if on, _ := answer[c.Dialect.FilesKey].(bool); err == nil && !on {
			err = fmt.Errorf("the files of versions are not offered here (%s is not true)", c.Dialect.FilesKey)
		}
		c.reading.noCatalog = err
	})
	return c.reading.noCatalog
}

// throughVersion lets the registry's server find the files of a version. If runs are on a different server, the files
// are there too.
func throughVersion(_ context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	v := f.version
	if v.Model == "" || c.Dialect.Hosted || c.Split() && !IsStore(v.Source) {
		return nil, rest.Request{}
	}
	return c.Registry, rest.Request{
		Path:  "model-versions/get-artifact",
		Query: url.Values{"name": {v.Model}, "version": {fmt.Sprint(v.Number)}, "path": {f.path}},
	}
}

func throughLoggedModel(ctx context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	where := f.place(ctx, c).in
	if where.Model == "" {
		return nil, rest.Request{}
	}
	return c.Tracking, rest.Request{
		Path:  "ajax-api/2.0/mlflow/logged-models/" + url.PathEscape(where.Model) + "/artifacts/files",
		Query: url.Values{"artifact_file_path": {f.path}},
	}
}

func throughRun(ctx context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	where := f.place(ctx, c).in
	if where.Run == "" {
		return nil, rest.Request{}
	}
	return c.Tracking, rest.Request{
		Path:  "get-artifact",
		Query: url.Values{"run_id": {where.Run}, "path": {path.Join(where.Path, f.path)}},
	}
}

// ProxyPath is the address of the artifact proxy.
const ProxyPath = "api/2.0/mlflow-artifacts/artifacts"

// throughProxy reads a file in the server's own store by its location. It works even if only paths under /api are
// reachable.
func throughProxy(ctx context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	inside, ok := InProxy(f.root(ctx, c), c.Tracking.Host())
	if !ok {
		return nil, rest.Request{}
	}
	elements := strings.Split(path.Join(inside, f.path), "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return c.Tracking, rest.Request{Path: ProxyPath + "/" + strings.Join(elements, "/")}
}

// InProxy returns the path of a location in a server's own store.
func InProxy(uri, host string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Contains(uri, "%") {
		return "", false
	}
	inside := strings.TrimPrefix(u.Path, "/")
	switch {
	case u.Scheme == "mlflow-artifacts" && (u.Host == "" || u.Host == host):
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host == host:
		_, below, found := strings.Cut(inside, ProxyPath+"/")
		if inside = below; !found {
			return "", false
		}
	default:
		return "", false
	}
	return inside, inside != ""
}

// throughPresigned requests an address in the object store, which servers provide since MLflow 3.15. The file is then
// read from the store without the server.
func throughPresigned(ctx context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	where := f.place(ctx, c)
	if where.in.Run == "" || !IsStore(where.root(ctx, c)) {
		return nil, rest.Request{}
	}
	return c.Tracking, rest.Request{
		Method: "POST", Path: API + "artifacts/presigned-download-url", Expect: "presigned_url",
		Body: map[string]any{"run_id": where.in.Run, "path": path.Join(where.in.Path, f.path)},
	}
}

// throughStore reads from the object store without the server.
func throughStore(ctx context.Context, c *Client, f *artifact) (*rest.Client, rest.Request) {
	server, inside := c.Store(strings.TrimRight(f.root(ctx, c), "/") + "/" + f.path)
	return server, rest.Request{Path: inside}
}

// noSuchKey reports whether an object store says that a file does not exist.
func noSuchKey(err error) bool {
	e := Remote(err)
	return e != nil && e.Status == 404 && strings.Contains(e.Body, "<Code>NoSuchKey</Code>")
}

// IsStore reports whether a location is in a store that does not belong to a single MLflow server, for example s3://.
func IsStore(uri string) bool {
	scheme, _, found := strings.Cut(uri, "://")
	switch scheme {
	case "mlflow-artifacts", "http", "https", "file", "dbfs":
		return false
	}
	return found
}

// artifact is a file to read. Either the version is set, or the location of the folder that contains the file.
type artifact struct {
	version registry.Version
	in      Location
	path    string // relative to the model's folder
	// unlisted reports whether the file is missing from the list of its folder. It is called if the server responds
	// with status 500, which MLflow before version 3 does if a file does not exist. It is nil if this cannot be
	// determined.
	unlisted func() bool
	bulk     bool // one of all files of a model, so the fastest route comes first
	found    *place
}

// place is a folder that contains files of a model. Its location or its root is empty if not known.
type place struct {
	in   Location
	uri  string
	once sync.Once
}

// place returns the folder that contains the file.
func (f *artifact) place(ctx context.Context, c *Client) *place {
	if f.found == nil {
		f.found = c.reading.place(ctx, c, f)
	}
	return f.found
}

// root returns the location of the folder that contains the file. It may send a request.
func (f *artifact) root(ctx context.Context, c *Client) string {
	source := f.version.Source
	if source == "" || strings.HasPrefix(source, "models:") || strings.HasPrefix(source, "runs:") {
		return f.place(ctx, c).root(ctx, c)
	}
	return source
}

// root returns the location of the folder. It may send a request.
func (p *place) root(ctx context.Context, c *Client) string {
	p.once.Do(func() {
		switch {
		case p.uri != "":
		case p.in.Model != "":
			if m, err := c.LoggedModels.Get(ctx, p.in.Model); err == nil {
				p.uri = m.OrZero().ArtifactURI
			}
		case p.in.Run != "":
			if run, err := c.Runs.Get(ctx, p.in.Run); err == nil && run.OrZero().ArtifactURI != "" {
				p.uri = run.OrZero().Artifact(p.in.Path)
			}
		}
	})
	return p.uri
}

// reading contains what has been learned about a server while reading files from it.
type reading struct {
	mu     sync.Mutex
	closed map[string]error  // the routes that the server does not offer, by name
	failed map[string]bool   // the routes that could not read from a store, by name and store
	works  map[string]string // the route that read the last file in a folder
	places map[string]*place // the folders, by version, logged model or run

	catalog   sync.Once
	noCatalog error // see catalogOffers
}

func newReading() *reading {
	return &reading{
		closed: map[string]error{}, failed: map[string]bool{}, works: map[string]string{}, places: map[string]*place{},
	}
}

// Split reports whether runs and models are on different servers.
func (c *Client) Split() bool { return c.Tracking != c.Registry }

func (f *artifact) key() string {
	if f.version.Model != "" {
		return fmt.Sprintf("version %d %s", f.version.Number, f.version.Model)
	}
	return fmt.Sprintf("%q", f.in)
}

// place finds the folder that contains a file. The source of a version is a folder in its run, a logged model, or
// another version.
func (r *reading) place(ctx context.Context, c *Client, f *artifact) *place {
	key := f.key()
	r.mu.Lock()
	p := r.places[key]
	r.mu.Unlock()
	if p != nil {
		return p
	}
	p = &place{in: f.in}
	if f.version.Model != "" {
		p = c.placeOf(ctx, f.version)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if was := r.places[key]; was != nil {
		return was
	}
	r.places[key] = p
	return p
}

func (c *Client) placeOf(ctx context.Context, v registry.Version) *place {
	for range LongestLineage {
		of, err := registry.ParseCandidate(v.Source, "")
		if err != nil || of.Number == 0 {
			break
		}
		origin, err := c.Versions.Get(ctx, of.Model, of.Number)
		if err != nil || origin.OrZero().Source == "" {
			return &place{}
		}
		v = origin.OrZero()
	}
	if id := registry.LoggedIn(v.Source); id != "" {
		p := &place{in: Location{Model: id}}
		if v.Source != "models:/"+id {
			m, err := c.LoggedModels.Get(ctx, id)
			if known := m.OrZero(); err != nil || !known.IsAt(v.Source) {
				return &place{uri: v.Source}
			}
		}
		return p
	}
	if v.RunID != "" {
		run, err := c.Runs.Get(ctx, v.RunID)
		if inside, ok := registry.ArtifactPath(v.Source, run.OrZero()); err == nil && ok {
			return &place{
				in:  Location{Run: v.RunID, Path: inside},
				uri: run.OrZero().Artifact(inside),
			}
		}
	}
	return &place{uri: v.Source}
}

// unread is the error for a file that no route could read. It lists the response from each route.
type unread struct {
	tried []string
	first error
	sent  int  // the number of routes that were tried this time
	fails bool // whether MLflow could not read the file from its store
}

func (e *unread) Error() string { return strings.Join(e.tried, "; ") }
func (e *unread) Unwrap() error { return e.first }

// unreadText explains for each route why it did not return the file.
func unreadText(err error) string {
	if all := (*unread)(nil); errors.As(err, &all) {
		return all.Error()
	}
	return Short(err)
}

func (e *unread) add(text string, err error) {
	e.tried = append(e.tried, text)
	if e.first == nil {
		e.first = err
	}
}

// contents describes what a caller does with the content of a file.
type contents struct {
	limit int64
	open  func() io.Writer // called for each attempt
	// page reports whether the response is a page from a login form or a proxy rather than the file.
	page func(html bool, came int64, untyped bool) bool
}

// read tries one route after another until one returns the file, and returns the number of bytes. The error is an
// [*unread], unless MLflow says that the file does not exist.
func (c *Client) read(ctx context.Context, f artifact, into contents) (came int64, err error) {
	failure := &unread{}
	for _, way := range c.reading.order(&f) {
		if c.reading.skips(ctx, c, way, &f, failure) {
			continue
		}
		server, r := way.request(ctx, c, &f)
		if server == nil {
			continue
		}
		came, err = way.send(ctx, server, r, into)
		if err == nil {
			c.reading.worked(way, &f)
			return came, nil
		}
		switch {
		case IsMissing(err):
			return came, err
		case way.direct && noSuchKey(err):
			return came, errMissing
		case IsFailure(err) && f.unlisted != nil && f.unlisted():
			return came, errMissing
		}
		failure.sent++
		failure.fails = failure.fails || IsFailure(err)
		what := cmp.Or(r.Method, "GET") + " " + r.Path
		if way.direct {
			what = "GET " + f.root(ctx, c) + "/" + f.path
		}
		failure.add(what+": "+shortRead(err), err)
		if !worthAnother(err) {
			return came, failure
		}
		c.reading.remember(ctx, c, way, &f, err)
	}
	if failure.first == nil {
		return 0, errors.New("its location is neither in a run, a logged model nor a store of this server")
	}
	return came, failure
}

// errMissing is the error for a file that does not exist.
var errMissing = &rest.Error{
	Kind: rest.Status, Status: 404, Code: "RESOURCE_DOES_NOT_EXIST", Message: "there is no such file",
}

// shortRead describes in a few words why a route did not return a file.
func shortRead(err error) string {
	if e := Remote(err); e != nil && e.Kind == rest.NotJSON && e.Method == "" {
		return "an HTML page instead of the file"
	}
	return Short(err)
}

func (way route) send(
	ctx context.Context, server *rest.Client, r rest.Request, into contents,
) (came int64, err error) {
	r.Class = rest.Artifact
	if !way.signed {
		var kind string
		r.Limit, r.Type = into.limit, &kind
		came, err = server.Stream(ctx, r, into.open)
		if err == nil && into.page(strings.HasPrefix(kind, "text/html"), came, way.untyped) {
			err = &rest.Error{Kind: rest.NotJSON, Status: 200, ContentType: "text/html"}
		}
		return came, err
	}
	var out struct {
		Address string            `json:"presigned_url"`
		Header  map[string]string `json:"headers"`
	}
	if err := server.JSON(ctx, r, &out); err != nil {
		return 0, err
	}
	return server.StreamFrom(ctx, out.Address, out.Header, into.limit, into.open)
}

// isClosed reports whether an error means that the server, or a proxy in front of it, does not offer a route at all.
func isClosed(err error) bool {
	e := Remote(err)
	switch {
	case e == nil:
		return false
	case e.Off, e.Kind == rest.Redirect, e.Kind == rest.NotJSON, NoRoute(err):
		return true
	}
	return e.Kind == rest.Status && (e.Status == 401 || e.Status == 403 || e.Status == 405) && !isFromMLflow(e) &&
		!hostRefused(e)
}

// worthAnother reports whether a different route may still be able to read the file. A refusal from MLflow itself is
// final, and so is a server that cannot be reached.
func worthAnother(err error) bool {
	e := Remote(err)
	if e == nil || isClosed(err) {
		return e != nil
	}
	return e.Kind == rest.Status && (e.Status >= 500 || e.Status == 400 || e.Status == 404)
}

// order returns the routes, beginning with the one that read the last file in the folder. For bulk reading, it begins
// with the artifact proxy: since MLflow 3.15, it is about ten times as fast as the others.
func (r *reading) order(f *artifact) []route {
	r.mu.Lock()
	first := r.works[f.workKey()]
	r.mu.Unlock()
	ordered := make([]route, 0, len(routes))
	for _, way := range routes {
		if way.name == first || first == "" && f.bulk && way.own {
			ordered = append([]route{way}, ordered...)
		} else {
			ordered = append(ordered, way)
		}
	}
	return ordered
}

// skips reports whether a route is not tried for a file because of what has been learned earlier. The first route that
// can serve the file is always tried, unless the server does not offer it.
func (r *reading) skips(ctx context.Context, c *Client, way route, f *artifact, so *unread) bool {
	if closed := r.closedBy(way.name); closed != nil {
		so.add(way.name+": "+shortRead(closed), closed)
		return true
	}
	if way.offered != nil {
		if err := way.offered(ctx, c, f); err != nil {
			so.add(way.name+": "+shortRead(err), err)
			return true
		}
	}
	switch {
	case way.direct:
		return c.Store == nil
	case so.sent == 0:
		return false
	case so.fails && (!way.own || registry.IsCopy(f.version.Source)):
		return true // for a copy, callers ask for the original
	}
	store := f.store(ctx, c)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[way.name+" "+store]
}

// store returns the scheme and host of the location where a file is stored.
func (f *artifact) store(ctx context.Context, c *Client) string {
	scheme, rest, _ := strings.Cut(f.root(ctx, c), ":")
	host, _, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	return scheme + "://" + host
}

func (r *reading) worked(way route, f *artifact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.works[f.workKey()] = way.name
}

// workKey is the folder's key in reading.works.
func (f *artifact) workKey() string {
	if f.bulk {
		return "bulk " + f.key()
	}
	return f.key()
}

func (r *reading) remember(ctx context.Context, c *Client, way route, f *artifact, err error) {
	if isClosed(err) && !way.direct {
		r.close(way.name, err)
		return
	}
	if !way.own && IsFailure(err) {
		return
	}
	store := f.store(ctx, c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[way.name+" "+store] = true
}

// closedBy returns the response that showed that the server does not offer a route, or nil.
func (r *reading) closedBy(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed[name]
}

func (r *reading) close(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed[name] = err
}
