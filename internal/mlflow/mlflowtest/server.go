// Package mlflowtest is an MLflow tracking server and model registry in memory, for tests and demos.
//
// It responds like a real server of the requested version, with the same routes, status codes, error codes, defaults,
// limits and surprises. Tests in this package compare its responses with those of real servers. If they differ, the
// real server is right.
//
// It starts no goroutine and opens no socket: serve it with net/http/httptest, or pass Server.Transport to a client
// inside of a testing/synctest bubble.
package mlflowtest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is one MLflow server, safe for concurrent use. It carries out requests one at a time, like one database. Fault
// can make two of them overlap.
type Server struct {
	cfg config
	sw  switches

	mu         sync.Mutex
	spaces     map[string]*space // by workspace
	files      map[string][]byte // artifact URI -> content
	users      map[string]*user
	nextExp    int
	ids        int
	log        journal
	faults     []*armed
	landing    []landing
	promotions []*overlap
}

// space is one workspace, with everything that two workspaces do not share.
type space struct {
	name        string
	models      map[string]*model
	experiments []*experiment
	runs        []*run
	logged      []*loggedModel
}

// New returns an empty server that behaves like this version of MLflow. The version is one of Versions, or has the same
// release line (2.22, 3.17) as one of them. New panics on any other version, because such a test would prove nothing.
func New(version string, opts ...Option) *Server {
	sw, ok := lookup(version)
	if !ok {
		panic(fmt.Sprintf("mlflowtest: MLflow %q is not supported: use one of %v", version, Versions()))
	}
	s := &Server{
		cfg:    config{version: version, store: "sqlite", now: time.Now},
		sw:     sw,
		spaces: map[string]*space{},
		files:  map[string][]byte{},
		users:  map[string]*user{},
	}
	for _, o := range opts {
		o(s)
	}
	s.addSpace(defaultWorkspace)
	addDefaultExperiment(s)
	return s
}

// ServeHTTP handles one request like a real server, unless a fault applies.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(r).writeTo(w, r)
}

// Transport sends requests to the server within the process, without socket or goroutine. Broken connections are
// reported with the errors of net/http.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	return t.server.serve(in).toResponse(r)
}

// answer carries out one request. The caller must not hold the lock.
func (s *Server) answer(r *http.Request, body []byte) (response, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Server: s, request: r, body: body}
	return c.dispatch(), c.wrote
}

// call is one request on its way through the server.
type call struct {
	*Server
	request *http.Request
	body    []byte
	route   *route
	path    map[string]string // values of the route's {placeholders}
	in      *message          // decoded parameters
	space   *space
	user    *user // nil on a server without logins
	wrote   bool  // the request changed state
	now     int64
	seen    map[*version]string // set if this request overlaps with another one
}

// dispatch passes the request through the layers of a real server in their order: Host and Origin checks, login,
// routes, workspace header, handler.
func (c *call) dispatch() response {
	if refusal, stop := c.checkHost(); stop {
		return refusal
	}
	path, ok := c.stripPrefix(c.request.URL.EscapedPath())
	if !ok {
		return pageNotFound()
	}
	if err := c.chooseWorkspace(path); err != nil {
		return c.failure(err)
	}
	if plain, ok := c.probe(path); ok {
		return plain
	}
	if refusal, stop := c.login(path); stop {
		return refusal
	}
	r, vars, found := c.match(path)
	switch {
	case !found && c.sw.hidesUnknown && c.user != nil && !c.user.Admin:
		return c.failure(errForbidden)
	case !found:
		return pageNotFound()
	case r == nil:
		return pageNotAllowed()
	}
	c.route, c.path = r, vars
	if refusal, stop := c.switchedOff(); stop {
		return refusal
	}
	return c.handle()
}

func (c *call) handle() response {
	if err := c.authorize(); err != nil {
		return c.failure(err)
	}
	in, err := c.decode(c.route.fields)
	if err != nil {
		return c.failure(err)
	}
	c.in = in
	out, err := c.route.do(c)
	if err != nil {
		return c.failure(err)
	}
	c.wrote = c.wrote || c.route.writes
	if ready, ok := out.(response); ok {
		return ready
	}
	return asJSON(http.StatusOK, out)
}

// probe handles the two routes outside of the API, which need no workspace and send no JSON.
func (c *call) probe(path string) (response, bool) {
	if c.request.Method != http.MethodGet {
		return response{}, false
	}
	switch {
	case path == "/health":
		return text(http.StatusOK, c.sw.healthType, "OK"), true
	case path == "/version" && c.sw.versionRoute && !c.cfg.basicAuth:
		return text(http.StatusOK, "text/html; charset=utf-8", c.cfg.version), true
	}
	return response{}, false
}

// stripPrefix removes the static prefix of the server. Newer servers serve only the files of the artifact proxy without
// it. Older ones use the prefix only for what the browser loads.
func (c *call) stripPrefix(path string) (string, bool) {
	if c.cfg.staticPrefix == "" {
		return path, true
	}
	rest, inside := strings.CutPrefix(path, c.cfg.staticPrefix)
	switch {
	case c.sw.prefixesAPI:
		return rest, inside || strings.HasPrefix(path, "/api/2.0/mlflow-artifacts/artifacts/")
	case inside:
		return rest, forBrowsers(rest)
	}
	return path, !forBrowsers(path)
}

func forBrowsers(path string) bool {
	return strings.HasPrefix(path, "/ajax-api/") || strings.HasSuffix(path, "/get-artifact")
}

func (s *Server) millis() int64 { return s.cfg.now().UnixMilli() }

// millis returns one time for everything that a request changes.
func (c *call) millis() int64 {
	if c.now == 0 {
		c.now = c.Server.millis()
	}
	return c.now
}

func (s *Server) addSpace(name string) *space {
	sp := &space{name: name, models: map[string]*model{}}
	s.spaces[name] = sp
	return sp
}
