package unitycatalog

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Facade is a Databricks workspace in front of an MLflow server. It is safe for concurrent use.
type Facade struct {
	Server string            // address of the MLflow server
	Via    http.RoundTripper // sends requests to the server; nil for http.DefaultTransport
	Token  string            // the only login that is accepted

	Address string // where clients reach the façade; "" for a client in the same process

	mu      sync.Mutex
	log     []Request
	pending map[string]bool // versions that have not been finalised, each as model and number
	foreign map[string]bool // models that the login does not own
	jobs    map[string]any  // states of deployment jobs, by model and number
	hidden  bool            // whether the files of versions are not offered by name
}

// Request is one request to the façade.
type Request struct {
	Method, Path string
	Query        url.Values
	Body         string
	Status       int
}

// Requests returns all requests so far.
func (f *Facade) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Request(nil), f.log...)
}

// Pend makes a version look as if its files were still being uploaded.
func (f *Facade) Pend(model, version string, pending bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending == nil {
		f.pending = map[string]bool{}
	}
	f.pending[model+" "+version] = pending
}

// Disown sets whether the login is one that does not own the model.
func (f *Facade) Disown(model string, disowned bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.foreign == nil {
		f.foreign = map[string]bool{}
	}
	f.foreign[model] = disowned
}

// Deploy sets the state of the deployment job for a version. A nil state removes it.
func (f *Facade) Deploy(model, version string, state map[string]any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.jobs == nil {
		f.jobs = map[string]any{}
	}
	f.jobs[model+" "+version] = state
	if state == nil {
		delete(f.jobs, model+" "+version)
	}
}

// HideFiles sets whether the workspace hides the files of versions, so that they are not offered by name.
func (f *Facade) HideFiles(hidden bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hidden = hidden
}

// namesFiles reports whether the files of versions are offered by name.
func (f *Facade) namesFiles() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.hidden
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func failure(status int, code, message string) answer {
	return data(status, object{"error_code": code, "message": message})
}

func data(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot happen, because the values come from JSON
	}
	return answer{status, http.Header{"Content-Type": {"application/json"}}, body}
}

// ServeHTTP implements http.Handler.
func (f *Facade) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := f.serve(r)
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// RoundTrip implements http.RoundTripper, for a client in the same process.
func (f *Facade) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	a := f.serve(in)
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

func (f *Facade) serve(r *http.Request) answer {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return failure(http.StatusBadRequest, "BAD_REQUEST", err.Error())
	}
	a := f.route(&call{r: r, query: r.URL.Query(), body: body})
	if a.header == nil {
		a.header = http.Header{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, Request{r.Method, r.URL.Path, r.URL.Query(), string(body), a.status})
	return a
}

// call is one request and what is passed on to the server.
type call struct {
	r     *http.Request
	query url.Values
	body  []byte
	in    object // fields of the body or the query
}

const (
	api      = "/api/2.0/mlflow/"
	catalog  = api + "unity-catalog/"
	files    = "/api/2.0/fs/files/Models/"
	notThere = "No API found for "
)

// route selects the handler for a request and returns its response.
func (f *Facade) route(c *call) answer {
	path := c.r.URL.Path
	if c.r.Header.Get("Authorization") != "Bearer "+f.Token {
		return failure(http.StatusUnauthorized, "UNAUTHENTICATED", "Credential was not sent or is not valid")
	}
	if endpoint, ok := strings.CutPrefix(path, catalog); ok {
		return f.registry(c, endpoint)
	}
	if place, ok := strings.CutPrefix(path, files); ok && c.r.Method == http.MethodGet {
		return f.file(c, place)
	}
	if endpoint, ok := strings.CutPrefix(path, api); ok && f.tracks(endpoint) {
		return f.tracking(c, endpoint)
	}
	return failure(http.StatusNotFound, "ENDPOINT_NOT_FOUND", notThere+"'"+c.r.Method+" "+path+"'")
}

// tracks reports whether an endpoint belongs to Databricks' tracking server.
func (f *Facade) tracks(endpoint string) bool {
	subject, _, _ := strings.Cut(endpoint, "/")
	switch subject {
	case "experiments", "runs", "metrics", "logged-models":
		return true
	}
	return endpoint == "artifacts/list"
}

// tracking passes a request on. Experiment names are paths in the workspace.
func (f *Facade) tracking(c *call, endpoint string) answer {
	var in struct{ Name string }
	_ = json.Unmarshal(c.body, &in) // the server refuses a body that is not JSON
	switch {
	case endpoint == "experiments/create" && !strings.HasPrefix(in.Name, "/"):
		return failure(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Got an invalid experiment name '"+in.Name+
			"'. An experiment name must be an absolute path within the Databricks workspace")
	case endpoint == "experiments/get-by-name" && !strings.HasPrefix(c.query.Get("experiment_name"), "/"):
		return failure(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "there is no such experiment")
	}
	return f.ask(c, c.r.Method, api+endpoint, c.query, c.body)
}

// file sends one of a version's files. Its address is CATALOG/SCHEMA/MODEL/VERSION/PATH.
func (f *Facade) file(c *call, place string) answer {
	parts := strings.SplitN(place, "/", 5)
	if len(parts) < 5 || !f.namesFiles() {
		return failure(http.StatusNotFound, "NOT_FOUND", "The file does not exist")
	}
	query := url.Values{"name": {strings.Join(parts[:3], ".")}, "version": {parts[3]}, "path": {parts[4]}}
	a := f.ask(c, http.MethodGet, "/model-versions/get-artifact", query, nil)
	if a.status >= 400 {
		return failure(http.StatusNotFound, "NOT_FOUND", "The file does not exist")
	}
	a.header = http.Header{"Content-Type": {"application/octet-stream"}}
	return a
}

// ask sends a request to the server.
func (f *Facade) ask(c *call, method, path string, query url.Values, body []byte) answer {
	address := f.Server + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(c.r.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		return failure(http.StatusInternalServerError, "INTERNAL_ERROR", err.Error())
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	via := f.Via
	if via == nil {
		via = http.DefaultTransport
	}
	response, err := via.RoundTrip(r)
	if err != nil {
		return failure(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", err.Error())
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return failure(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", err.Error())
	}
	header := http.Header{}
	for _, name := range []string{"Content-Type", "Date"} {
		if v := response.Header.Get(name); v != "" {
			header.Set(name, v)
		}
	}
	return answer{response.StatusCode, header, text}
}

// versionIn returns the number of the version in a response, or "" if none exists.
func versionIn(a answer) string {
	var out struct {
		Version struct{ Version string } `json:"model_version"`
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &out) != nil {
		return ""
	}
	return out.Version.Version
}
