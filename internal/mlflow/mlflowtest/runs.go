package mlflowtest

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

type run struct {
	id          string
	experiment  string
	name        string
	user        string
	status      string
	start       int64
	end         int64
	artifactURI string
	lifecycle   string
	metrics     []point // all logged values in order
	params      tags
	tags        tags
	inputs      []datasetInput
	outputs     []modelOutput
}

// point is one logged value of a metric.
type point struct {
	Key       string        `json:"key"`
	Value     decimalNumber `json:"value"`
	Timestamp int64         `json:"timestamp"`
	Step      int64         `json:"step"`
}

type modelOutput struct {
	ModelID string `json:"model_id"`
	Step    int64  `json:"step"`
}

type datasetInput struct {
	Tags    tags    `json:"tags,omitempty"`
	Dataset dataset `json:"dataset"`
}

type dataset struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

type runInfoJSON struct {
	UUID        string `json:"run_uuid"`
	Experiment  string `json:"experiment_id"`
	Name        string `json:"run_name,omitempty"`
	User        string `json:"user_id"`
	Status      string `json:"status"`
	Start       int64  `json:"start_time"`
	End         int64  `json:"end_time,omitempty"`
	ArtifactURI string `json:"artifact_uri"`
	Lifecycle   string `json:"lifecycle_stage"`
	ID          string `json:"run_id"`
}

type runJSON struct {
	Info runInfoJSON `json:"info"`
	Data struct {
		Metrics []point `json:"metrics,omitempty"`
		Params  tags    `json:"params,omitempty"`
		Tags    tags    `json:"tags,omitempty"`
	} `json:"data"`
	Inputs  *runInputsJSON  `json:"inputs,omitempty"`
	Outputs *runOutputsJSON `json:"outputs,omitempty"`
}

type runInputsJSON struct {
	Datasets []datasetInput `json:"dataset_inputs,omitempty"`
}

type runOutputsJSON struct {
	Models []modelOutput `json:"model_outputs,omitempty"`
}

func (r *run) info() runInfoJSON {
	return runInfoJSON{
		UUID: r.id, ID: r.id, Experiment: r.experiment, Name: r.name, User: r.user, Status: r.status,
		Start: r.start, End: r.end, ArtifactURI: r.artifactURI, Lifecycle: r.lifecycle,
	}
}

func runToJSON(c *call, r *run, whole bool) runJSON {
	out := runJSON{Info: r.info()}
	out.Data.Metrics, out.Data.Params, out.Data.Tags = r.latest(), r.params, r.tags
	if c.sw.datasets && (c.sw.createInputs || whole) {
		out.Inputs = &runInputsJSON{r.inputs}
	}
	if c.sw.loggedModels && whole {
		out.Outputs = &runOutputsJSON{r.outputs}
	}
	return out
}

// latest returns the last value of each metric: the greatest by step, then time, then value.
func (r *run) latest() []point {
	var out []point
	for _, p := range r.metrics {
		i := slices.IndexFunc(out, func(q point) bool { return q.Key == p.Key })
		switch {
		case i < 0:
			out = append(out, p)
		case later(p, out[i]):
			out[i] = p
		}
	}
	return out
}

func later(a, b point) bool {
	return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Timestamp, b.Timestamp),
		cmp.Compare(comparable64(a.Value), comparable64(b.Value))) > 0
}

// comparable64 returns the value that a database compares. It stores NaN as zero.
func comparable64(v decimalNumber) float64 {
	if math.IsNaN(float64(v)) {
		return 0
	}
	return float64(v)
}

func (sp *space) run(id string) *run {
	for _, r := range sp.runs {
		if r.id == id {
			return r
		}
	}
	return nil
}

func findRun(c *call, id string) (*run, error) {
	if r := c.space.run(id); r != nil {
		return r, nil
	}
	if c.cfg.store == "file" {
		return nil, missing("Run '%s' not found", id)
	}
	return nil, missing("Run with id=%s not found", id)
}

func requestedRun(c *call) (*run, error) { return findRun(c, requestedRunID(c)) }

// requestedRunID also accepts the older name of the field.
func requestedRunID(c *call) string { return cmp.Or(c.in.str("run_id"), c.in.str("run_uuid")) }

func activeRun(c *call) (*run, error) {
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	if r.lifecycle != active {
		return nil, invalid("The run %s must be in the 'active' state. Current state is %s.", r.id, r.lifecycle)
	}
	return r, nil
}

const runNameTag = "mlflow.runName"

func createRun(c *call) (any, error) {
	e, err := findExperiment(c, c.in.str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if err := e.mustBeActive(); err != nil {
		return nil, err
	}
	t, name := c.in.tags("tags"), c.in.str("run_name")
	tagged, _ := t.get(runNameTag)
	if name != "" && tagged != "" && name != tagged {
		return nil, invalid(
			"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "+
				"(run_name='%s', mlflow.runName='%s').",
			name,
			tagged,
		)
	}
	r := addRun(c.Server, e, cmp.Or(name, tagged))
	for _, e := range t {
		putTag(c, &r.tags, e.Key, e.Value)
	}
	r.tags.put(runNameTag, r.name)
	r.user, r.start = c.in.str("user_id"), c.in.int("start_time")
	return map[string]any{"run": runToJSON(c, r, false)}, nil
}

func addRun(s *Server, e *experiment, name string) *run {
	id := newID(s, "run")
	if name == "" {
		name = runName(id)
	}
	r := &run{
		id: id, experiment: e.id, name: name, status: "RUNNING", artifactURI: e.root + "/" + id + "/artifacts",
		lifecycle: active,
	}
	for _, sp := range s.spaces {
		if slices.Contains(sp.experiments, e) {
			sp.runs = append(sp.runs, r)
		}
	}
	return r
}

func getRun(c *call) (any, error) {
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"run": runToJSON(c, r, true)}, nil
}

var runStatuses = []string{"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"}

func updateRun(c *call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if c.in.has("status") || c.sw.updateResets {
		r.status = cmp.Or(c.in.str("status"), "RUNNING")
	}
	if c.in.has("end_time") || c.sw.updateResets {
		r.end = c.in.int("end_time")
	}
	if n := c.in.str("run_name"); n != "" {
		r.rename(n)
	}
	return map[string]any{"run_info": r.info()}, nil
}

func (r *run) rename(name string) {
	r.name = name
	r.tags.put(runNameTag, name)
}

func deleteRun(c *call) (any, error)  { return setRunStage(c, deleted) }
func restoreRun(c *call) (any, error) { return setRunStage(c, active) }

func setRunStage(c *call, to string) (any, error) {
	r, err := requestedRun(c)
	if err != nil {
		return nil, err
	}
	r.lifecycle = to
	return struct{}{}, nil
}

func setRunTag(c *call) (any, error) {
	t, err := checkRunTag(c, tag{c.in.str("key"), c.in.str("value")}, "")
	if err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	setTag(c, r, t)
	return struct{}{}, nil
}

func setTag(c *call, r *run, t tag) {
	if t.Key == runNameTag && t.Value != "" {
		r.rename(t.Value)
		return
	}
	putTag(c, &r.tags, t.Key, t.Value)
}

func deleteRunTag(c *call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if !removeTag(c, &r.tags, c.in.str("key")) {
		return nil, missing("No tag with name: %s in run with id %s", c.in.str("key"), r.id)
	}
	return struct{}{}, nil
}

// checkRunTag truncates a value that is too long, or refuses it, depending on the version.
func checkRunTag(c *call, t tag, at string) (tag, error) {
	if err := checkTagKey(c, t.Key, at+"key"); err != nil {
		return t, err
	}
	if err := checkLength(c, at+"key", t.Key, 250); err != nil {
		return t, err
	}
	if c.sw.runTagCut {
		t.Value = cut(t.Value, c.sw.runTagLimit)
	}
	return t, checkLength(c, at+"value", t.Value, c.sw.runTagLimit)
}

func checkParam(c *call, p tag, at string) (tag, error) {
	if err := checkTagKey(c, p.Key, at+"key"); err != nil {
		return p, err
	}
	if err := checkLength(c, "Param key", p.Key, 250); err != nil {
		return p, err
	}
	if c.sw.paramCut {
		p.Value = cut(p.Value, c.sw.paramLimit)
	}
	return p, checkLength(c, "Param value", p.Value, c.sw.paramLimit)
}

// logParam writes a parameter once. The same value again is accepted; another value is refused.
func logParam(c *call) (any, error) {
	p, err := checkParam(c, tag{c.in.str("key"), c.in.str("value")}, "")
	if err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	switch old, ok := findParam(c, r, p.Key); {
	case !ok:
		r.params.put(p.Key, p.Value)
	case sameText(c.Server, old.Value, p.Value):
	case old.Key != p.Key:
		return nil, errDuplicate
	default:
		return nil, invalid(
			"Changing param values is not allowed. Param with key='%s' was already logged with value='%s' for run "+
				"ID='%s'. Attempted logging new value '%s'.",
			p.Key,
			old.Value,
			r.id,
			p.Value,
		)
	}
	return struct{}{}, nil
}

// errDuplicate is the error for two keys that only the database considers equal.
var errDuplicate = fail("BAD_REQUEST", "(pymysql.err.IntegrityError) (1062, \"Duplicate entry for key 'PRIMARY'\")")

func logMetric(c *call) (any, error) {
	p := metricOf(c.in)
	if err := checkMetric(c, p, ""); err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	r.log(p)
	logOnModel(c, r, p, c.in)
	return struct{}{}, nil
}

func metricOf(m *message) point {
	return point{m.str("key"), decimalNumber(m.float("value")), m.int("timestamp"), m.int("step")}
}

func checkMetric(c *call, p point, at string) error {
	if err := checkTagKey(c, p.Key, at+"name"); err != nil {
		return err
	}
	if p.Timestamp < 0 {
		return invalid(
			"Invalid value %d for parameter '%stimestamp' supplied: metric '%s' (value=%s). Timestamp must be a "+
				"nonnegative long (64-bit integer) ",
			p.Timestamp,
			at,
			p.Key,
			pythonFloat(float64(p.Value)),
		)
	}
	return checkLength(c, "Metric name", p.Key, 250)
}

// asStored returns a value as a database stores it, without infinities.
func asStored(p point) point {
	switch f := float64(p.Value); {
	case math.IsInf(f, 1):
		p.Value = math.MaxFloat64
	case math.IsInf(f, -1):
		p.Value = -math.MaxFloat64
	}
	return p
}

// log stores each value once.
func (r *run) log(p point) {
	p = asStored(p)
	same := func(q point) bool {
		return q == p ||
			q.Key == p.Key && q.Step == p.Step && q.Timestamp == p.Timestamp && q.Value != q.Value && p.Value != p.Value
	}
	if !slices.ContainsFunc(r.metrics, same) {
		r.metrics = append(r.metrics, p)
	}
}

// logBatch stores all parameters or none, each only once as in logParam, then the metrics, then the tags. The file
// store writes parameters one by one.
func logBatch(c *call) (any, error) {
	b, err := readBatch(c)
	if err != nil {
		return nil, err
	}
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	if err := logParams(c, r, b.params); err != nil {
		return nil, err
	}
	for i, m := range b.metrics {
		r.log(m)
		logOnModel(c, r, m, c.in.each("metrics")[i])
	}
	for _, t := range b.tags {
		setTag(c, r, t)
	}
	return struct{}{}, nil
}

type batch struct {
	metrics      []point
	params, tags []tag
}

func readBatch(c *call) (batch, error) {
	var b batch
	for i, m := range c.in.each("metrics") {
		p := metricOf(m)
		if err := checkMetric(c, p, at("metrics", i)); err != nil {
			return b, err
		}
		b.metrics = append(b.metrics, p)
	}
	for i, m := range c.in.each("params") {
		p, err := checkParam(c, tag{m.str("key"), m.str("value")}, at("params", i))
		if err != nil {
			return b, err
		}
		b.params = append(b.params, p)
	}
	for i, m := range c.in.each("tags") {
		t, err := checkRunTag(c, tag{m.str("key"), m.str("value")}, at("tags", i))
		if err != nil {
			return b, err
		}
		b.tags = append(b.tags, t)
	}
	return b, b.checkLimits()
}

func at(list string, i int) string { return list + "[" + digits(int64(i)) + "]." }

func (b batch) checkLimits() error {
	total := len(b.metrics) + len(b.params) + len(b.tags)
	for _, l := range []struct {
		what      string
		have, max int
	}{
		{"metrics", len(b.metrics), 1000},
		{"params", len(b.params), 100},
		{"tags", len(b.tags), 100},
		{"metrics, params, and tags", total, 1000},
	} {
		if l.have > l.max {
			return invalid(
				"A batch logging request can contain at most %d %s. Got %d %s. Please split up %s across multiple "+
					"requests and try again.",
				l.max,
				l.what,
				l.have,
				l.what,
				l.what,
			)
		}
	}
	var seen, twice []string
	for _, p := range b.params {
		if slices.Contains(seen, p.Key) {
			twice = append(twice, p.Key)
		}
		seen = append(seen, p.Key)
	}
	if twice != nil {
		return invalid(
			"Duplicate parameter keys have been submitted: ['%s']. Please ensure the request contains only one param "+
				"value per param key.",
			strings.Join(twice, "', '"),
		)
	}
	return nil
}

func logParams(c *call, r *run, params []tag) error {
	var clashes []string
	for _, p := range params {
		old, ok := r.params.get(p.Key)
		switch {
		case ok && old != p.Value:
			clashes = append(clashes, "{'key': '"+p.Key+"', 'old_value': '"+old+"', 'new_value': '"+p.Value+"'}")
		case !ok && c.cfg.store == "file":
			r.params.put(p.Key, p.Value)
			c.wrote = true
		}
		if clashes != nil && c.cfg.store == "file" {
			break
		}
	}
	if clashes != nil && c.cfg.store == "file" {
		return fail(
			"INTERNAL_ERROR",
			"Changing param values is not allowed. %s was already logged for run ID='%s'.",
			clashes[0],
			r.id,
		)
	}
	if clashes != nil {
		return invalid(
			"Changing param values is not allowed. Params were already logged='[%s]' for run ID='%s'.",
			strings.Join(clashes, ", "),
			r.id,
		)
	}
	for _, p := range params {
		if old, ok := findParam(c, r, p.Key); ok && old.Key != p.Key {
			return errDuplicate
		}
	}
	for _, p := range params {
		r.params.put(p.Key, p.Value)
	}
	return nil
}

// metricHistory lists all values of one metric by time.
func metricHistory(c *call) (any, error) {
	most, paged := c.in.int("max_results"), c.in.has("max_results") && c.sw.historyPaged
	if paged && most <= 0 {
		return nil, invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", most,
		)
	}
	var history []point
	if r := c.space.run(requestedRunID(c)); r != nil {
		for _, p := range r.metrics {
			if p.Key == c.in.str("metric_key") {
				history = append(history, p)
			}
		}
	}
	slices.SortStableFunc(history, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Step, b.Step),
			cmp.Compare(comparable64(a.Value), comparable64(b.Value)))
	})
	offset, err := parseToken(c.in.str("page_token"))
	if err != nil {
		return nil, err
	}
	if !paged {
		most = math.MaxInt32
	}
	var out struct {
		Metrics []point `json:"metrics,omitempty"`
		Next    string  `json:"next_page_token,omitempty"`
	}
	out.Metrics, out.Next = onePage(history, offset, most)
	return out, nil
}

func logOutputs(c *call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	for _, m := range c.in.each("models") {
		r.outputs = append(r.outputs, modelOutput{m.str("model_id"), m.int("step")})
	}
	return struct{}{}, nil
}

func logInputs(c *call) (any, error) {
	r, err := activeRun(c)
	if err != nil {
		return nil, err
	}
	for _, m := range c.in.each("datasets") {
		in := datasetInput{Tags: m.tags("tags")}
		for _, d := range m.each("dataset") {
			in.Dataset = dataset{
				d.str("name"),
				d.str("digest"),
				d.str("source_type"),
				d.str("source"),
				d.str("schema"),
				d.str("profile"),
			}
		}
		r.inputs = append(r.inputs, in)
	}
	return struct{}{}, nil
}
