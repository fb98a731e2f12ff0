package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Address is the base of the requests that a bundle answers. Nothing is ever sent there.
const Address = "https://bundle.invalid"

// Transport answers MLflow's requests from the bundle, as the server would answer that it was exported from. It answers
// only requests that read the candidate, and nothing leaves this process.
func (b *Bundle) Transport(clock func() time.Time) http.RoundTripper { return transport{b, clock} }

type transport struct {
	*Bundle
	clock func() time.Time
}

// RoundTrip answers one request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	a := t.answer(r)
	if a.body == nil {
		text, err := json.Marshal(a.value)
		if err != nil {
			return nil, err
		}
		a.body, a.size = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	}
	kind := "application/json"
	if a.content {
		kind = "application/octet-stream"
	}
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: a.body, ContentLength: a.size,
		Header: http.Header{"Content-Type": {kind}, "Date": {t.clock().UTC().Format(http.TimeFormat)}},
	}, nil
}

// answer is the answer to a request: a value to encode as JSON, or the content of a file.
type answer struct {
	status  int
	value   any
	content bool
	body    io.ReadCloser
	size    int64
}

func found(value any) answer { return answer{status: http.StatusOK, value: value} }

func refusal(status int, code, message string) answer {
	return answer{status: status, value: map[string]any{"error_code": code, "message": message}}
}

func missing(what string) answer {
	return refusal(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", "the bundle does not contain "+what)
}

// notOffered is the answer for everything that a bundle cannot do, above all for every write.
func notOffered(r *http.Request) answer {
	return refusal(http.StatusNotFound, "ENDPOINT_NOT_FOUND", "a bundle does not offer "+r.Method+" "+r.URL.Path)
}

// endpoints are the requests that a bundle answers, by method and path.
var endpoints = map[string]func(t transport, r *http.Request) answer{
	"GET /api/2.0/mlflow/runs/get":                        transport.getRun,
	"POST /api/2.0/mlflow/runs/search":                    transport.searchRuns,
	"GET /api/2.0/mlflow/metrics/get-history":             transport.history,
	"POST /api/2.0/mlflow/logged-models/search":           transport.searchModels,
	"GET /api/2.0/mlflow/experiments/get-by-name":         transport.noExperiment,
	"GET /api/2.0/mlflow/artifacts/list":                  transport.listRun,
	"GET /api/2.0/mlflow/model-versions/get":              transport.getVersion,
	"GET /api/2.0/mlflow/model-versions/search":           transport.searchVersions,
	"GET /api/2.0/mlflow/model-versions/get-download-uri": transport.downloadURI,
	"GET /api/2.0/mlflow/registered-models/get":           transport.getRegistered,
	"GET /get-artifact":                                   transport.runFile,
	"GET /model-versions/get-artifact":                    transport.versionFile,
}

func (t transport) answer(r *http.Request) answer {
	if do, ok := endpoints[r.Method+" "+r.URL.Path]; ok {
		return do(t, r)
	}
	if r.Method != http.MethodGet {
		return notOffered(r)
	}
	return t.loggedModel(r)
}

// loggedModel answers requests whose path contains the id of a logged model.
func (t transport) loggedModel(r *http.Request) answer {
	root, below, _ := strings.Cut(r.URL.Path, "/mlflow/logged-models/")
	id, rest, _ := strings.Cut(below, "/")
	q := r.URL.Query()
	do := map[string]func() answer{
		"/api/2.0 ":                      func() answer { return found(map[string]any{"model": t.modelJSON()}) },
		"/api/2.0 artifacts/directories": func() answer { return t.list("", q.Get("artifact_directory_path")) },
		"/ajax-api/2.0 artifacts/files":  func() answer { return t.send(r, q.Get("artifact_file_path")) },
	}[root+" "+rest]
	switch m := t.carried.Model; {
	case do == nil || id == "":
		return notOffered(r)
	case m == nil || m.ID != id:
		return missing("the logged model " + id)
	}
	return do()
}

func (t transport) getRun(r *http.Request) answer {
	id := r.URL.Query().Get("run_id")
	for _, run := range t.runs() {
		if run.Info.ID == id {
			return found(map[string]any{"run": run})
		}
	}
	return missing("the run " + id)
}

// searchRuns answers the search for the runs that evaluated the model. The caller takes those that it looks for. There
// are no other runs to find.
func (t transport) searchRuns(r *http.Request) answer {
	var body struct {
		Filter string `json:"filter"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&body); err != nil {
		return refusal(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", err.Error())
	}
	if !strings.HasPrefix(body.Filter, "attributes.run_id IN ") {
		return found(map[string]any{})
	}
	runs := slices.DeleteFunc(t.runs(), func(run runJSON) bool {
		return t.carried.Run != nil && run.Info.ID == t.carried.Run.ID
	})
	return found(map[string]any{"runs": runs})
}

func (t transport) searchModels(*http.Request) answer {
	if t.carried.Model == nil {
		return found(map[string]any{})
	}
	return found(map[string]any{"models": []any{t.modelJSON()}})
}

func (t transport) noExperiment(r *http.Request) answer {
	return missing("the experiment " + r.URL.Query().Get("experiment_name"))
}

// history answers with a page of a metric's points.
func (t transport) history(r *http.Request) answer {
	q := r.URL.Query()
	if t.carried.Run == nil || q.Get("run_id") != t.carried.Run.ID {
		return missing("the run " + q.Get("run_id"))
	}
	most, err := strconv.Atoi(q.Get("max_results"))
	if err != nil || most < 1 || most > historyMost {
		most = historyMost
	}
	from := int64(0)
	if token := q.Get("page_token"); token != "" {
		if from, err = strconv.ParseInt(token, 10, 64); err != nil || from <= 0 {
			return refusal(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "the page token is not valid")
		}
	}
	points, next, err := t.points.page(q.Get("metric_key"), from, most)
	if err != nil {
		return refusal(http.StatusInternalServerError, "INTERNAL_ERROR", err.Error())
	}
	out := map[string]any{"metrics": pointsJSON(points)}
	if next > 0 {
		out["next_page_token"] = strconv.FormatInt(next, 10)
	}
	return found(out)
}

// historyMost is the largest number of points in a page, as on a server.
const historyMost = 25000

func (t transport) isVersion(q url.Values) bool {
	v := t.Version
	return v != nil && q.Get("name") == v.Model && q.Get("version") == strconv.Itoa(v.Number)
}

func (t transport) getVersion(r *http.Request) answer {
	if !t.isVersion(r.URL.Query()) {
		return missing("that version")
	}
	return found(map[string]any{"model_version": t.versionJSON()})
}

func (t transport) searchVersions(*http.Request) answer {
	if t.Version == nil {
		return found(map[string]any{})
	}
	return found(map[string]any{"model_versions": []any{t.versionJSON()}})
}

func (t transport) downloadURI(r *http.Request) answer {
	if !t.isVersion(r.URL.Query()) {
		return missing("that version")
	}
	return found(map[string]any{"artifact_uri": t.home()})
}

func (t transport) getRegistered(r *http.Request) answer {
	if v := t.Version; v == nil || r.URL.Query().Get("name") != v.Model {
		return missing("that registered model")
	}
	return found(map[string]any{"registered_model": map[string]any{
		"name": t.Version.Model, "latest_versions": []any{t.versionJSON()},
	}})
}

// listRun lists a folder in the artifacts of the run.
func (t transport) listRun(r *http.Request) answer {
	q := r.URL.Query()
	if t.carried.Run == nil || q.Get("run_id") != t.carried.Run.ID {
		return missing("the run " + q.Get("run_id"))
	}
	if t.carried.Model != nil {
		return found(map[string]any{"files": []any{}})
	}
	return t.list(t.carried.Path, q.Get("path"))
}

// list lists a folder. The model's files are below a prefix.
func (t transport) list(prefix, folder string) answer {
	type entry struct {
		Path string `json:"path"`
		Dir  bool   `json:"is_dir"`
		Size int64  `json:"file_size,omitempty"`
	}
	files, seen := []entry{}, map[string]bool{}
	for _, f := range t.Files {
		name, ok := strings.CutPrefix(f.Path, filesFolder+"/")
		if name = path.Join(prefix, name); !ok {
			continue
		}
		below := name
		if folder != "" {
			if below, ok = strings.CutPrefix(name, folder+"/"); !ok {
				continue
			}
		}
		child, _, isDir := strings.Cut(below, "/")
		e := entry{Path: path.Join(folder, child), Dir: isDir, Size: f.Size}
		if isDir {
			e.Size = 0
		}
		if !seen[e.Path] {
			seen[e.Path] = true
			files = append(files, e)
		}
	}
	return found(map[string]any{"files": files})
}

func (t transport) runFile(r *http.Request) answer {
	q := r.URL.Query()
	name, ok := strings.CutPrefix(q.Get("path"), t.carried.Path+"/")
	if t.carried.Run == nil || q.Get("run_id") != t.carried.Run.ID || t.carried.Path == "" || !ok {
		return missing("the artifact " + q.Get("path"))
	}
	return t.send(r, name)
}

func (t transport) versionFile(r *http.Request) answer {
	if !t.isVersion(r.URL.Query()) {
		return missing("that version")
	}
	return t.send(r, r.URL.Query().Get("path"))
}

// send sends a file of the model. Its content is compared with the manifest again while it is read.
func (t transport) send(r *http.Request, name string) answer {
	f, ok := t.file(filesFolder + "/" + name)
	if !ok {
		return missing("the file " + name)
	}
	body, err := t.open(r.Context(), f)
	if err != nil {
		return refusal(http.StatusInternalServerError, "INTERNAL_ERROR", err.Error())
	}
	return answer{status: http.StatusOK, content: true, body: body, size: f.Size}
}
