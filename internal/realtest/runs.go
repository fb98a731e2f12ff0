package realtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed models.py
var modelsPy string

// Spec is a run to log. The zero value is a finished run without a model.
type Spec struct {
	Name       string            `json:"name"`
	Experiment string            `json:"experiment"` // default "realtest"
	State      string            `json:"state"`      // finished (default), running, failed, killed, deleted
	Metrics    map[string]string `json:"metrics"`    // as text, so that "NaN" and "inf" are possible
	Params     map[string]string `json:"params"`
	Tags       map[string]string `json:"tags"` // may include lineage tags, for example mlflow.source.git.commit

	// If Model is set, Train logs a model under this name, with the metrics test_accuracy and test_f1 and with the
	// datasets that were used for training and testing.
	Model     string `json:"model"`
	Data      string `json:"data"`      // breast_cancer (default) or wine
	Estimator string `json:"estimator"` // centroid, bayes or logistic (default), from worst to best
	Bare      bool   `json:"bare"`      // log neither a signature nor an input example
}

func (s Spec) complete() Spec {
	s.Experiment = cmp.Or(s.Experiment, "realtest")
	s.State = cmp.Or(s.State, "finished")
	s.Data = cmp.Or(s.Data, "breast_cancer")
	s.Estimator = cmp.Or(s.Estimator, "logistic")
	for _, m := range []*map[string]string{&s.Metrics, &s.Params, &s.Tags} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	return s
}

// Logged contains what was logged for a Spec.
type Logged struct {
	RunID        string             `json:"run_id"`
	ExperimentID string             `json:"experiment_id"`
	ArtifactURI  string             `json:"artifact_uri"`
	ModelID      string             `json:"model_id"`  // the logged model's id; only in MLflow 3
	ModelURI     string             `json:"model_uri"` // the model's URI, as the client returns it
	Metrics      map[string]float64 `json:"metrics"`   // the trained model's metrics
}

// Train logs the runs with the Python client from the server's own release, all in a single Python process. The first
// run takes five seconds, and every further run takes hardly any time.
func (s *Server) Train(ctx context.Context, specs ...Spec) ([]Logged, error) {
	for i := range specs {
		specs[i] = specs[i].complete()
	}
	in, err := json.Marshal(specs)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.python, "-c", modelsPy)
	cmd.Env = s.clientEnvironment()
	cmd.Dir = s.Dir // outside any repository, because the client would record the repository's commit
	var out, trouble bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &trouble
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("log models: %w\n%s", err, trouble.Bytes())
	}
	var logged []Logged
	// the client may print other lines to standard output before the answer
	answer := out.Bytes()[bytes.LastIndexByte(bytes.TrimRight(out.Bytes(), "\n"), '\n')+1:]
	if err := json.Unmarshal(answer, &logged); err != nil {
		return nil, fmt.Errorf("log models: %w in %q", err, out.Bytes())
	}
	return logged, nil
}

// clientEnvironment returns the variables that the Python client needs to reach the server.
func (s *Server) clientEnvironment() []string {
	env := Environment("MLFLOW_TRACKING_URI="+s.URL, "GIT_PYTHON_REFRESH=quiet",
		"PATH="+filepath.Dir(s.python)+string(os.PathListSeparator)+os.Getenv("PATH"))
	if s.User != "" {
		env = append(env, "MLFLOW_TRACKING_USERNAME="+s.User, "MLFLOW_TRACKING_PASSWORD="+s.Password)
	}
	if s.Token != "" {
		env = append(env, "MLFLOW_TRACKING_TOKEN="+s.Token)
	}
	if s.Workspace != "" {
		env = append(env, "MLFLOW_WORKSPACE="+s.Workspace)
	}
	return env
}

// Converse starts a program that uses the Python client and answers each line on its standard input with a line. ask
// sends a line and returns the answer.
func (s *Server) Converse(ctx context.Context, program string) (ask func() (string, error), stop func(), err error) {
	say, stop, err := s.converse(ctx, program)
	return func() (string, error) { return say("") }, stop, err
}

// converse is like Converse, but ask takes the line to send, and the program takes arguments.
func (s *Server) converse(ctx context.Context, program string, args ...string) (
	ask func(line string) (string, error), stop func(), err error,
) {
	cmd := exec.CommandContext(ctx, s.python, append([]string{"-W", "ignore", "-u", "-c", program}, args...)...)
	cmd.Env, cmd.Dir = s.clientEnvironment(), s.Dir
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	lines := bufio.NewReader(out)
	ask = func(line string) (string, error) {
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			return "", fmt.Errorf("ask Python: %w\n%s", err, trouble.String())
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			_ = cmd.Wait()
			return "", fmt.Errorf("ask Python: %w\n%s", err, trouble.String())
		}
		return line, nil
	}
	stop = func() {
		in.Close()
		_ = cmd.Wait() // the output has already been read
	}
	return ask, stop, nil
}

// Run logs a run without a model over REST, which takes only milliseconds.
func (s *Server) Run(ctx context.Context, spec Spec) (Logged, error) {
	spec = spec.complete()
	experiment, err := s.experiment(ctx, spec.Experiment)
	if err != nil {
		return Logged{}, err
	}
	var made struct {
		Run struct {
			Info struct {
				RunID       string `json:"run_id"`
				ArtifactURI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"run"`
	}
	now := time.Now().UnixMilli()
	err = s.Call(ctx, http.MethodPost, "runs/create", object{
		"experiment_id": experiment, "run_name": spec.Name, "start_time": now, "tags": pairs(spec.Tags),
	}, &made)
	if err != nil {
		return Logged{}, err
	}
	run := made.Run.Info.RunID
	metrics := []object{}
	for _, key := range slices.Sorted(maps.Keys(spec.Metrics)) {
		metrics = append(metrics, object{
			"key":       key,
			"value":     wireNumber(spec.Metrics[key]),
			"timestamp": now,
			"step":      0,
		})
	}
	err = s.Call(ctx, http.MethodPost, "runs/log-batch", object{
		"run_id": run, "metrics": metrics, "params": pairs(spec.Params),
	}, nil)
	if err != nil {
		return Logged{}, err
	}
	switch spec.State {
	case "running":
	case "deleted":
		err = s.Call(ctx, http.MethodPost, "runs/delete", object{"run_id": run}, nil)
	default:
		err = s.Call(ctx, http.MethodPost, "runs/update", object{
			"run_id": run, "status": strings.ToUpper(spec.State), "end_time": now,
		}, nil)
	}
	return Logged{RunID: run, ExperimentID: experiment, ArtifactURI: made.Run.Info.ArtifactURI}, err
}

// experiment returns the id of the experiment, and creates the experiment if necessary.
func (s *Server) experiment(ctx context.Context, name string) (string, error) {
	var found struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
		ID string `json:"experiment_id"`
	}
	err := s.Call(ctx, http.MethodGet, "experiments/get-by-name?experiment_name="+url.QueryEscape(name), nil, &found)
	if err == nil {
		return found.Experiment.ID, nil
	}
	err = s.Call(ctx, http.MethodPost, "experiments/create", object{"name": name}, &found)
	return found.ID, err
}

// Call sends a request to the server's REST API. It does not use the program's own client, because tests use Call to
// check that client. The path is relative to /api/2.0/mlflow/ unless it begins with a slash.
func (c Client) Call(ctx context.Context, method, path string, in, out any) error {
	if !strings.HasPrefix(path, "/") {
		path = "/api/2.0/mlflow/" + path
	}
	var body []byte
	kind := ""
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body, kind = b, "application/json"
	}
	answer, err := c.send(ctx, method, path, kind, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// Upload puts one file into the artifact store through the server. The URI identifies the folder in the server's own
// form: mlflow-artifacts:/1/…
func (c Client) Upload(ctx context.Context, uri, file string, content []byte) error {
	place := strings.TrimLeft(strings.TrimPrefix(uri, "mlflow-artifacts:"), "/")
	path := "/api/2.0/mlflow-artifacts/artifacts/" + place + "/" + file
	_, err := c.send(ctx, http.MethodPut, path, "application/octet-stream", content)
	return err
}

// Folder uploads a small model to a run's artifacts. It returns the model's location, which can be a version's source.
func (c Client) Folder(ctx context.Context, artifacts, name string) (source string, err error) {
	source = artifacts + "/" + name
	return source, c.Upload(ctx, source, "MLmodel", []byte("flavors: {}\n"))
}

// send sends a request and returns the response body. For a status outside 2xx, it returns an error that contains the
// body.
func (c Client) send(ctx context.Context, method, path, kind string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.User != "" {
		req.SetBasicAuth(c.User, c.Password)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Workspace != "" {
		req.Header.Set("X-MLFLOW-WORKSPACE", c.Workspace)
	}
	resp, err := quick.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s %s", method, path, resp.Status, answer)
	}
	return answer, nil
}

type object = map[string]any

// pairs returns a map as a sorted list of keys and values, in the form that MLflow expects.
func pairs(m map[string]string) []object {
	list := []object{} // MLflow accepts an empty list, but not null
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, object{"key": key, "value": m[key]})
	}
	return list
}

// wireNumber returns a metric's value in the form that MLflow expects. A value that is not finite becomes a string,
// because numbers in JSON are always finite.
func wireNumber(text string) any {
	switch strings.ToLower(text) {
	case "nan":
		return "NaN"
	case "inf", "+inf", "infinity":
		return "Infinity"
	case "-inf", "-infinity":
		return "-Infinity"
	}
	return json.Number(text)
}

// Send is like Call, but takes an encoded body and ignores the response body.
func (c Client) Send(ctx context.Context, method, path, body string) error {
	return c.Call(ctx, method, path, json.RawMessage(body), nil)
}
