//go:build real

package attacks

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// trial is one case. It has its own registered model, experiment and people.
type trial struct {
	*testing.T
	*world
	chance *rand.Rand

	honest realtest.Client // trains, registers and promotes
	other  realtest.Client // the attacker, or the honest user if there is no attacker

	model      string // the registered model, which is created only when needed
	home       string // the id of the experiment in which the honest user trains
	homeName   string
	metric     string
	good, bad  float64 // values of the metric; only the good one passes
	alias      string  // the alias to move
	commit     string  // the job's commit
	hasModel   bool
	blind      bool // whether the good model's files cannot be read on this server
	dir        string
	job        int // the number of times the program has been run
	foreignDir string

	// meddle runs just before the program's first request to create a version reaches the server.
	meddle func() error
}

// newTrial creates the experiment and gives the editor permission to edit it.
func newTrial(t *testing.T, w *world, by who, chance *rand.Rand) *trial {
	t.Helper()
	word := fmt.Sprintf("%08x", chance.Uint32())
	s := &trial{
		T: t, world: w, chance: chance,
		honest: w.Client, other: w.people[by],
		model: "churn-" + word, homeName: "training-" + word,
		metric: pick(chance, "acc", "test_accuracy", "val/f1"),
		good:   0.95 + float64(chance.IntN(40))/1000,
		bad:    0.1 + float64(chance.IntN(400))/1000,
		alias:  "champion", commit: fmt.Sprintf("%08s%032x", word, chance.Uint64()), dir: t.TempDir(),
	}
	if strings.HasPrefix(w.Version, "1.") {
		s.alias = production
	}
	s.home = s.experiment(s.honest, s.homeName)
	if by == editor {
		s.must(w.Grant(t.Context(), string(editor), "EDIT", "experiment", s.home))
	}
	return s
}

// pick returns one of the values at random.
func pick[T any](chance *rand.Rand, of ...T) T { return of[chance.IntN(len(of))] }

// must ends the test if an honest request failed.
func (s *trial) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// post sends a request that must succeed.
func (s *trial) post(c realtest.Client, path string, in object, out any) {
	s.Helper()
	s.must(c.Call(s.Context(), http.MethodPost, path, in, out))
}

// refused is the panic value for a request from the attacker that the server refuses.
type refused struct{ why string }

// attack sends a request as the attacker. If the server refuses the request, the case ends, because the attack is
// impossible on this server.
func (s *trial) attack(path string, in object, out any) {
	s.Helper()
	s.allowed(s.other.Call(s.Context(), http.MethodPost, path, in, out))
}

func (s *trial) allowed(err error) {
	s.Helper()
	switch {
	case err == nil:
	case strings.Contains(err.Error(), ": 403 "), strings.Contains(err.Error(), ": 400 "):
		panic(refused{err.Error()})
	default:
		s.Fatal(err)
	}
}

// experiment creates an experiment and returns its id.
func (s *trial) experiment(c realtest.Client, name string) string {
	s.Helper()
	var made struct {
		ID string `json:"experiment_id"`
	}
	s.post(c, "experiments/create", object{"name": name}, &made)
	return made.ID
}

// foreign returns an experiment that belongs to the attacker.
func (s *trial) foreign() string {
	s.Helper()
	if s.foreignDir == "" {
		s.foreignDir = s.experiment(s.other, "their-"+s.model)
	}
	return s.foreignDir
}

// trained describes a run with a model that has not been logged yet.
type trained struct {
	by         realtest.Client
	experiment string
	value      float64
	mark       string // text in the model's files: "good" or anything else
	name       string // the model's name; default "model"
	commit     string
	end        time.Time         // default now
	files      map[string][]byte // files other than MLmodel and model.pkl
	flavor     string            // default scikit-learn
	plain      bool              // whether to log the metric only on the run, without model_id
	tags       map[string]string // the run's tags
}

// made is a run with a model that has been logged.
type made struct {
	run, root  string // the run's id, and the URI of its artifacts
	experiment string
	name       string // the model's name
	id         string // the logged model's id; "" before MLflow 3
	files      string // the URI of the model's folder
}

// source returns the source for a version of the model.
func (m made) source() string {
	if m.id != "" {
		return "models:/" + m.id
	}
	return m.files
}

// mlmodel returns an MLmodel file. Its mark shows which model the file belongs to.
func mlmodel(mark, flavor string) []byte {
	if flavor == "" {
		flavor = "  python_function:\n    loader_module: mlflow.sklearn\n    python_version: 3.11.7\n" +
			"  sklearn:\n    pickled_model: model.pkl\n    sklearn_version: 1.5.0\n"
	}
	return []byte("flavors:\n" + flavor + "model_uuid: " + mark + "\n" +
		`signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
`)
}

// goodModel describes a good model in one of the honest user's runs.
func (s *trial) goodModel() trained {
	return trained{by: s.honest, experiment: s.home, value: s.good, mark: "good"}
}

// badModel describes a bad model in one of the honest user's runs.
func (s *trial) badModel() trained {
	return trained{by: s.honest, experiment: s.home, value: s.bad, mark: "bad"}
}

// train logs a finished run with one model, as the Python client from the server's own release would.
func (s *trial) train(o trained) made {
	s.Helper()
	m := s.begin(o)
	s.addModel(&m, o)
	s.finish(m, o)
	return m
}

// begin creates the run.
func (s *trial) begin(o trained) made {
	s.Helper()
	var out struct {
		Run struct {
			Info struct {
				ID  string `json:"run_id"`
				URI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"run"`
	}
	tags := []object{}
	for _, key := range slices.Sorted(maps.Keys(o.tags)) {
		tags = append(tags, object{"key": key, "value": o.tags[key]})
	}
	if o.commit != "" {
		tags = append(tags, object{"key": registry.RunTagCommit, "value": o.commit})
	}
	now := time.Now().UnixMilli()
	s.post(o.by, "runs/create", object{"experiment_id": o.experiment, "start_time": now, "tags": tags}, &out)
	return made{run: out.Run.Info.ID, root: out.Run.Info.URI, experiment: o.experiment}
}

// addModel logs a model and its metric in the run.
func (s *trial) addModel(m *made, o trained) {
	s.Helper()
	m.name = o.name
	if m.name == "" {
		m.name = "model"
	}
	m.files = m.root + "/" + m.name
	if s.loggedModels() {
		*m = s.loggedModel(*m, o.by, m.experiment, m.run)
	}
	s.upload(o.by, m.files, o)
	if m.id != "" {
		s.ready(*m, o.by)
		s.post(o.by, "runs/outputs", object{"run_id": m.run, "models": []object{{"model_id": m.id, "step": 0}}}, nil)
	}
	if o.plain {
		s.log(o.by, row{run: m.run, value: o.value})
		return
	}
	s.log(o.by, row{run: m.run, model: m.id, value: o.value})
}

// loggedModel creates a logged model that has m's name but no files yet, in any experiment and with any source run.
func (s *trial) loggedModel(m made, c realtest.Client, experiment, sourceRun string) made {
	s.Helper()
	var out struct {
		Model struct {
			Info struct {
				ID  string `json:"model_id"`
				URI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"model"`
	}
	in := object{"experiment_id": experiment, "name": m.name}
	if sourceRun != "" {
		in["source_run_id"] = sourceRun
	}
	s.allowed(c.Call(s.Context(), http.MethodPost, "logged-models", in, &out))
	m.id, m.files = out.Model.Info.ID, out.Model.Info.URI
	return m
}

// ready tells the server that all files of a logged model have been uploaded.
func (s *trial) ready(m made, c realtest.Client) {
	s.Helper()
	body := object{"model_id": m.id, "status": "LOGGED_MODEL_READY"}
	s.must(c.Call(s.Context(), http.MethodPatch, "logged-models/"+m.id, body, nil))
}

// upload puts the model's files into its folder.
func (s *trial) upload(c realtest.Client, folder string, o trained) {
	s.Helper()
	files := map[string][]byte{"MLmodel": mlmodel(o.mark, o.flavor), "model.pkl": []byte("pickle " + o.mark)}
	maps.Copy(files, o.files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s.put(c, folder, name, files[name])
	}
}

// put writes one file into an artifact folder.
func (s *trial) put(c realtest.Client, folder, name string, content []byte) {
	s.Helper()
	if path := localPath(folder); path != "" {
		path += "/" + name
		s.must(os.MkdirAll(filepath.Dir(path), 0o755))
		s.must(os.WriteFile(path, content, 0o644))
		return
	}
	s.allowed(c.Upload(s.Context(), folder, name, content))
}

// localPath returns the path of a URI that is on the server's own file system, or "" for any other URI.
func localPath(uri string) string {
	path := strings.TrimPrefix(uri, "file://")
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	return path
}

// finish ends the run.
func (s *trial) finish(m made, o trained) {
	s.Helper()
	end := o.end
	if end.IsZero() {
		end = time.Now()
	}
	body := object{"run_id": m.run, "status": "FINISHED", "end_time": end.UnixMilli()}
	s.post(o.by, "runs/update", body, nil)
}

// row is one value of the trial's metric.
type row struct {
	run, model      string
	key             string // default the trial's metric
	value           float64
	step            int
	at              time.Time // default now
	dataset, digest string
}

// log logs a value, and ends the test if this fails.
func (s *trial) log(c realtest.Client, r row) {
	s.Helper()
	s.must(c.Call(s.Context(), http.MethodPost, "runs/log-metric", s.body(r), nil))
}

func (s *trial) body(r row) object {
	if r.at.IsZero() {
		r.at = time.Now()
	}
	if r.key == "" {
		r.key = s.metric
	}
	in := object{"run_id": r.run, "key": r.key, "value": r.value, "step": r.step, "timestamp": r.at.UnixMilli()}
	if r.model != "" {
		in["model_id"] = r.model
	}
	if r.dataset != "" {
		in["dataset_name"], in["dataset_digest"] = r.dataset, r.digest
	}
	return in
}

// register creates the registered model, unless it exists already.
func (s *trial) register() {
	s.Helper()
	if s.hasModel {
		return
	}
	s.post(s.honest, "registered-models/create", object{"name": s.model}, nil)
	s.exists()
}

// exists records that the registered model exists, and gives the editor permission to edit it.
func (s *trial) exists() {
	s.Helper()
	s.hasModel = true
	if s.other == s.people[editor] && s.other.User != "" {
		s.must(s.Grant(s.Context(), string(editor), "EDIT", "registered_model", s.model))
	}
}

// version is a version to create. The user who creates it can choose any source and run.
type version struct {
	of                 string // registered model
	source, run, model string
	tags               map[string]string
}

// create registers a version and returns its number.
func (s *trial) create(c realtest.Client, v version) string {
	s.Helper()
	in := object{"name": v.of, "source": v.source}
	if v.run != "" {
		in["run_id"] = v.run
	}
	if v.model != "" {
		in["model_id"] = v.model
	}
	tags := []object{}
	for _, key := range slices.Sorted(maps.Keys(v.tags)) {
		tags = append(tags, object{"key": key, "value": v.tags[key]})
	}
	in["tags"] = tags
	var out struct {
		Version struct {
			Version string `json:"version"`
		} `json:"model_version"`
	}
	s.allowed(c.Call(s.Context(), http.MethodPost, "model-versions/create", in, &out))
	return out.Version.Version
}

// point points an alias to a version.
func (s *trial) point(c realtest.Client, model, alias, number string) {
	s.Helper()
	s.allowed(c.Call(s.Context(), http.MethodPost, "registered-models/alias",
		object{"name": model, "alias": alias, "version": number}, nil))
}

// inputs contains the inputs of a step, keyed by name.
type inputs map[string]string

// ended says how one run of the program ended.
type ended struct {
	status  int
	reason  registry.Reason
	outputs map[string]string
	log     string
}

// policyFile is the path of the policy file in a checkout.
const policyFile = ".github/mlflow-policy.yml"

// run runs the program as a step in a job on the default branch. It writes the `policy` input to the policy file in the
// checkout.
func (s *trial) run(command string, in ...inputs) ended {
	s.Helper()
	s.job++
	job, err := realtest.NewJob(fmt.Sprintf("%s/%d", s.dir, s.job))
	s.must(err)
	address, meddled := s.URL, func() error { return nil }
	if s.meddle != nil {
		address, meddled = s.between(s.meddle)
	}
	env := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}, job.Env()...)
	env = append(env, "GITHUB_SHA="+s.commit, "GITHUB_API_URL=http://127.0.0.1:9", "NO_PROXY=127.0.0.1",
		fmt.Sprintf("GITHUB_RUN_ID=%d", s.chance.Uint32()), "INPUT_COMMAND="+command, "INPUT_TRACKING-URI="+address,
		"INPUT_USERNAME="+s.honest.User, "INPUT_PASSWORD="+s.honest.Password)
	all := inputs{"model": s.model}
	maps.Copy(all, s.target())
	for _, more := range in {
		maps.Copy(all, more)
	}
	for name, value := range all {
		if name == "policy" {
			s.must(job.Add(policyFile, value))
			continue
		}
		env = append(env, "INPUT_"+strings.ToUpper(name)+"="+value)
	}
	cmd := exec.CommandContext(s.Context(), s.binary)
	cmd.Dir, cmd.Env = job.Dir+"/workspace", env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	s.allowed(meddled())
	e := ended{log: out.String()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		e.status = exit.ExitCode()
	} else {
		s.must(err)
	}
	e.outputs, err = job.Outputs()
	s.must(err)
	e.reason = registry.Reason(e.outputs["reason"])
	return e
}

// between starts a proxy in front of the server and returns its address. The proxy calls meddle before it forwards the
// first request that creates a version. end stops the proxy and returns the error from meddle.
func (s *trial) between(meddle func() error) (address string, end func() error) {
	s.Helper()
	to, err := url.Parse(s.URL)
	s.must(err)
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	err = errors.New("the program created no version")
	var once sync.Once
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/model-versions/create") {
			once.Do(func() { err = meddle() })
		}
		pass.ServeHTTP(w, r)
	}))
	return proxy.URL, func() error { proxy.Close(); return err }
}

// promotes runs a promotion, and ends the test if it fails.
func (s *trial) promotes(in ...inputs) ended {
	s.Helper()
	e := s.run("promote", in...)
	if e.status != 0 {
		s.Fatalf("an honest promotion ended with %d, %s:\n%s", e.status, e.reason, e.log)
	}
	return e
}

// live returns the mark of the model that the alias points to or that is in the stage. The mark is "" if there is no
// such model, and "unreadable" if the model's MLmodel file cannot be read.
func (s *trial) live(alias string) string {
	s.Helper()
	var model struct {
		Registered struct {
			Aliases []struct{ Alias, Version string } `json:"aliases"`
			Latest  []struct {
				Stage   string `json:"current_stage"`
				Version string `json:"version"`
			} `json:"latest_versions"`
		} `json:"registered_model"`
	}
	err := s.honest.Call(
		s.Context(), http.MethodGet, "registered-models/get?name="+url.QueryEscape(s.model), nil, &model,
	)
	if err != nil && strings.Contains(err.Error(), ": 404 ") {
		return ""
	}
	s.must(err)
	for _, a := range model.Registered.Aliases {
		if a.Alias == alias {
			return s.markOf(s.model, a.Version)
		}
	}
	for _, v := range model.Registered.Latest {
		if v.Stage == alias {
			return s.markOf(s.model, v.Version)
		}
	}
	return ""
}

// target returns the input for the alias. Servers before 2.3 support only stages.
func (s *trial) target() inputs {
	if s.alias == production {
		return inputs{"stage": production}
	}
	return inputs{"alias": s.alias}
}

// production is the stage that is used in place of an alias on servers without aliases.
const production = "Production"

// markOf returns the mark in the MLmodel file of a version.
func (s *trial) markOf(model, number string) string {
	s.Helper()
	var place struct {
		URI string `json:"artifact_uri"`
	}
	query := "?name=" + url.QueryEscape(model) + "&version=" + number
	s.must(s.honest.Call(s.Context(), http.MethodGet, "model-versions/get-download-uri"+query, nil, &place))
	// before 2.8, servers return the version that a copy was made from
	if of, err := registry.ParseSource(place.URI); err == nil && of.Number != 0 {
		return s.markOf(of.Model, fmt.Sprint(of.Number))
	}
	text := s.download(place.URI + "/MLmodel")
	for line := range strings.Lines(text) {
		if mark, ok := strings.CutPrefix(strings.TrimSpace(line), "model_uuid: "); ok {
			return mark
		}
	}
	return "unreadable"
}

// download reads one file from the artifact store. It returns "" if the file cannot be read.
func (s *trial) download(uri string) string {
	s.Helper()
	if path := localPath(uri); path != "" {
		text, err := os.ReadFile(path)
		s.must(err)
		return string(text)
	}
	path, ok := strings.CutPrefix(uri, "mlflow-artifacts:")
	if !ok {
		return ""
	}
	address := s.URL + "/api/2.0/mlflow-artifacts/artifacts/" + strings.TrimLeft(path, "/")
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, address, nil)
	s.must(err)
	if s.honest.User != "" {
		req.SetBasicAuth(s.honest.User, s.honest.Password)
	}
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	s.must(err)
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// digestOf returns the digest that the gate `artifact: digest` expects for these files. It follows the shell commands
// in the gate's documentation.
func digestOf(files map[string][]byte) string {
	var list bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&list, "%x  ./%s\n", sha256.Sum256(files[name]), name)
	}
	return fmt.Sprintf("%x", sha256.Sum256(list.Bytes()))
}

// quoted returns a string in quotes, for YAML or JSON.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // cannot happen, because every string can be encoded
	}
	return string(b)
}
