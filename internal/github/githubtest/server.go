// Package githubtest is an in-memory GitHub double for tests and demos. It implements the parts of GitHub that this
// program uses: repositories with commits, runs, pull requests, reviews, comments, deployments and issues, as well as
// events sent to repositories.
//
// Its responses follow GitHub's OpenAPI description. The necessary part of the description is in testdata, and package
// openapitest checks requests and responses against it. The package opens no socket: serve it with net/http/httptest,
// or use Server.Transport in a testing/synctest bubble.
package githubtest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Server is one GitHub server. It is safe for concurrent use and handles requests one at a time.
type Server struct {
	api   *description
	paths string // prefix for every path: "" or /api/v3
	now   func() time.Time
	check Check

	mu         sync.Mutex
	repos      map[string]*repository // by owner/name
	tokens     map[string]Token
	ids        int64
	requests   []Request
	writes     []Write
	events     []Event
	faults     []*activeFault
	late       []*late
	violations []string
}

// Token is an account and its permissions.
type Token struct {
	Login       string            // github-actions[bot] for a job's token
	Permissions map[string]string // scope -> read or write, as in a workflow; nil for all
	Repository  string            // the only accessible repository; "" for all
}

// Check checks one request and its response, and returns an error that says what is wrong with them. The status is 0 if
// a fault replaced the server's response.
type Check func(r *http.Request, body []byte, status int, header http.Header, answer []byte) error

// Option configures a new server.
type Option func(*Server)

// Enterprise makes the server an Enterprise Server: paths start with /api/v3, and some limits are lower.
func Enterprise() Option {
	return func(s *Server) { s.api, s.paths = load("ghes-3.17"), "/api/v3" }
}

// Clock sets the clock for timestamps and the Date header.
func Clock(now func() time.Time) Option { return func(s *Server) { s.now = now } }

// Checked makes the server check every request and response. Violations returns the errors.
func Checked(c Check) Option { return func(s *Server) { s.check = c } }

// Tokens sets the known tokens. Without this option, every token counts as a job's token with all permissions.
func Tokens(known map[string]Token) Option { return func(s *Server) { s.tokens = known } }

// New returns a GitHub server without repositories.
func New(options ...Option) *Server {
	s := &Server{api: load("api.github.com"), now: time.Now, repos: map[string]*repository{}, ids: 1000}
	for _, o := range options {
		o(s)
	}
	return s
}

// ServeHTTP handles one request, or breaks the connection if a fault requires it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := s.serve(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// Transport returns a transport that does not need a socket.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a, err := t.serve(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(strings.NewReader(string(a.body))), ContentLength: int64(len(a.body)),
		Request: r,
	}, nil
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// serve handles a request and applies a fault if one matches.
func (s *Server) serve(r *http.Request) (answer, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return answer{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(r, body)
	f := s.matchFault(r)
	var a answer
	var err error
	switch {
	case f == nil:
		a = s.handle(r, body)
		s.checkExchange(r, body, a)
	default:
		a, err = s.applyFault(*f, r, body)
		s.checkExchange(r, body, answer{})
	}
	if err == nil {
		a.header.Set("Date", s.now().UTC().Format(http.TimeFormat))
		s.requests[len(s.requests)-1].Status = a.status
	}
	return a, err
}

func (s *Server) checkExchange(r *http.Request, body []byte, a answer) {
	if s.check == nil || strings.HasSuffix(r.URL.Path, "/graphql") {
		return // GraphQL has no OpenAPI description
	}
	if err := s.check(r, body, a.status, a.header, a.body); err != nil {
		s.violations = append(s.violations, fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, err))
	}
}

// Violations returns the errors that Checked has found so far.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.violations...)
}

// exchange is a request that is being handled, together with its response.
type exchange struct {
	*Server
	request *http.Request
	token   Token
	repo    *repository
	path    map[string]string // values for the route's {placeholders}
	in      map[string]any    // the body
	op      *operation
	route   *route
}

// handle carries out a request. The caller must hold the lock.
func (s *Server) handle(r *http.Request, body []byte) answer {
	v := &exchange{Server: s, request: r}
	token, known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case s.tokens == nil:
		token = Token{Login: "github-actions[bot]"}
	case !known:
		return v.failure(http.StatusUnauthorized, "Bad credentials")
	}
	v.token = token
	path := r.URL.EscapedPath()
	if path == strings.TrimSuffix(s.paths, "/v3")+"/graphql" && r.Method == http.MethodPost {
		return v.graphQL(body)
	}
	path, ok := strings.CutPrefix(path, s.paths)
	if !ok {
		return v.failure(http.StatusNotFound, "Not Found")
	}
	if v.route, v.path = find(r.Method, path); v.route == nil {
		return v.failure(http.StatusNotFound, "Not Found")
	}
	v.op = s.api.operation(v.route.method, v.route.path)
	if a, ok := v.authorize(body); !ok {
		return a
	}
	return v.route.do(v)
}

// authorize checks the repository, the token's permissions and the body, in that order.
func (v *exchange) authorize(body []byte) (answer, bool) {
	name := v.path["owner"] + "/" + v.path["repo"]
	v.repo = v.repos[name]
	if v.repo == nil || v.token.Repository != "" && v.token.Repository != name {
		return v.failure(http.StatusNotFound, "Not Found"), false
	}
	have := v.token.Permissions[v.route.scope]
	if v.token.Permissions != nil && have != "write" && (have != "read" ||
		v.route.level == "write") && v.route.scope != "metadata" {
		return v.failure(http.StatusForbidden, "Resource not accessible by integration"), false
	}
	if v.route.method == http.MethodPost || v.route.method == http.MethodPatch {
		if v.in = object(body); v.in == nil {
			return v.failure(http.StatusBadRequest, "Problems parsing JSON"), false
		}
		v.writes = append(v.writes, Write{v.request.Method, v.request.URL.Path, canonical(body)})
	} else if v.route.method == http.MethodDelete {
		v.writes = append(v.writes, Write{v.request.Method, v.request.URL.Path, ""})
	}
	return answer{}, true
}

// graphQL supports the two queries that the program uses: for the token's login, and for the authors of commits.
func (v *exchange) graphQL(body []byte) answer {
	v.in = object(body)
	variables, _ := v.in["variables"].(map[string]any)
	if variables == nil {
		return v.json(http.StatusOK, map[string]any{
			"data": map[string]any{"viewer": map[string]any{"login": v.token.Login}},
		})
	}
	v.repo = v.repos[fmt.Sprintf("%v/%v", variables["owner"], variables["name"])]
	may := v.token.Permissions == nil || v.token.Permissions["contents"] != ""
	if v.repo == nil || !may {
		refused := map[string]any{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}
		return v.json(http.StatusOK, map[string]any{
			"data":   map[string]any{"repository": nil},
			"errors": []any{refused},
		})
	}
	found := map[string]any{}
	for _, m := range objectOf.FindAllStringSubmatch(v.text("query"), -1) {
		found[m[1]] = v.authors(v.repo.commit(m[2]))
	}
	return v.json(http.StatusOK, map[string]any{"data": map[string]any{"repository": found}})
}

var objectOf = regexp.MustCompile(`(\w+): object\(oid: "([0-9a-f]+)"\)`)

// authors returns a commit's author and co-authors in GraphQL's format.
func (v *exchange) authors(c *Commit) any {
	if c == nil {
		return nil
	}
	nodes := []any{}
	for _, who := range append([]string{c.Author}, c.CoAuthors...) {
		var user any
		if who != "" && !strings.Contains(who, "@") {
			user = map[string]any{"login": who}
		}
		nodes = append(nodes, map[string]any{"email": emailOf(who), "user": user})
	}
	return map[string]any{"authors": map[string]any{"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": false}}}
}

// at returns the address of a resource in the API. For an address in the browser, use web.
func (v *exchange) at(format string, args ...any) string {
	return v.origin() + v.paths + fmt.Sprintf(format, args...)
}

func (v *exchange) web(format string, args ...any) string {
	u, _ := url.Parse(v.origin())
	u.Host = strings.TrimPrefix(u.Host, "api.")
	return u.String() + fmt.Sprintf(format, args...)
}

func (v *exchange) origin() string {
	scheme, host := "https", v.request.Host
	if v.request.URL.Host != "" {
		host = v.request.URL.Host
	}
	if strings.HasPrefix(host, "127.0.0.1") || v.request.URL.Scheme == "http" {
		scheme = "http"
	}
	return scheme + "://" + host
}
