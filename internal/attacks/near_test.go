//go:build real

package attacks

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// nearPlaces lists the servers for near misses. Only near misses are tried on old servers and on servers that keep
// artifacts in a local folder.
var nearPlaces = []place{
	{"3.17.2", true, realtest.Options{Workers: 1}},
	{"2.22.5", false, realtest.Options{Version: "2.22.5", Workers: 1}},
	{"3.4.0", false, realtest.Options{Version: "3.4.0", Workers: 1}},
	{"1.30.1", false, realtest.Options{Version: "1.30.1", Workers: 1}},
	{"2.22.5 with ./mlruns", false, realtest.Options{Version: "2.22.5", Workers: 1, Args: localRoot}},
	{"3.17.2 with ./mlruns", false, realtest.Options{Workers: 1, Args: localRoot}},
}

var localRoot = []string{"--no-serve-artifacts", "--default-artifact-root", "./mlruns"}

// near is a near miss: an honest situation that looks like an attack.
type near struct {
	name  string
	doors []door
	on    func(place) bool
	few   int // the number of doors that are tried without -whole
	play  func(s *trial, d door) ended
}

// nearMisses lists all near misses, in the order in which the table shows them.
var nearMisses = []near{
	{"a plain model", everyDoor, nil, 2, plain},
	{"log_artifacts of another run's model", append(runDoors, versionDoors...), stored, 2, logArtifacts},
	{"one folder with a model among others", append(runDoors, versionDoors...), stored, 1, amongFolders},
	{"imported from another server", append(runDoors, versionDoors...), stored, 1, imported},
	{"a version whose source is a file:// address", []door{byVersion, byAlias}, localV2, 1, fileAddress},
	{"artifacts that moved to another root", versionDoors, stored, 1, movedRoots},
	{"one model in a run, metrics of the run alone", everyDoor, nil, 1, runAlone},
	{"metrics logged before the model", []door{byRun, byModel, byVersion}, v3, 1, metricsFirst},
	{"the good one of two checkpoints", append(modelDoors, byRun), v3, 1, goodCheckpoint},
	{"the run's value on purpose", append(modelDoors, byRun), v3, 1, ofRun},
	{"an evaluation at step 0 after a training at step 100", append(modelDoors, byRun), v3, 1, evaluation},
	{"an evaluation in an experiment that the gate names", append(modelDoors, byRun), v3, 1, evaluatedIn},
	{"two datasets, one named", append(modelDoors, byRun), v3, 1, namedDataset},
	{"a champion that is evaluated every night", append(modelDoors, byRun), v3, 1, nightly},
	{"a champion's edited value, the recorded one wanted", []door{byRun}, nil, 1, recorded},
	{"a model without a run", modelDoors, v3, 2, withoutRun},
	{"a laptop's and a CI run of one commit", []door{byCommit}, nil, 1, twoRunsOfCommit},
	{"a nested run", []door{byRun, byModel, byVersion}, nil, 1, nested},
	{"promoted again", everyDoor, nil, 1, again},
	{"approved and applied", everyDoor, nil, 1, approved},
	{"a sibling alias", []door{byRun, byVersion}, withAliases, 1, sibling},
	{"every file is there", everyDoor, stored, 1, complete},
	{"a pipeline of 30 stages", []door{byRun, byModel, byVersion}, stored, 1, pipeline},
}

// stored reports whether clients reach the artifacts through the server.
func stored(p place) bool { return !local(p) }

func local(p place) bool { return len(p.start.Args) > 0 }

func localV2(p place) bool { return local(p) && v2(p) }

func withAliases(p place) bool { return !strings.HasPrefix(p.start.Version, "1.") }

// An honest promotion succeeds even if it looks like an attack.
func TestNearMisses(t *testing.T) {
	binary := program(t)
	t.Logf("seed %d", *seed)
	tally := nearTally{}
	for _, p := range nearPlaces {
		if !p.short && !*whole {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			w := newWorld(t, p, binary)
			for _, n := range nearMisses {
				for _, d := range n.doorsOn(p) {
					t.Run(n.name+", as "+string(d), func(t *testing.T) {
						t.Parallel()
						tally.add(p, n, pass(t, w, n, d))
					})
				}
			}
		})
	}
	t.Logf("\n%s", tally.markdown())
	if *whole && tally.cases < 60 {
		t.Errorf("%d near misses, want at least 60", tally.cases)
	}
}

// doorsOn returns the doors to try on a server. Without -whole, it draws only a few of them.
func (n near) doorsOn(p place) []door {
	if n.on != nil && !n.on(p) {
		return nil
	}
	var open []door
	for _, d := range n.doors {
		if d.open(p, nobody) && (withAliases(p) || d != byAlias && d != byCopyAlias) {
			open = append(open, d)
		}
	}
	chance := random(p.name, n.name)
	chance.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	if !*whole {
		open = open[:min(n.few, len(open))]
	}
	return open
}

// pass runs a near miss and reports whether the honest model was promoted.
func pass(t *testing.T, w *world, n near, d door) bool {
	t.Helper()
	s := newTrial(t, w, nobody, random(w.name, n.name, string(d)))
	e, barred := attempted(func() ended { return n.play(s, d) })
	if barred != "" {
		t.Fatal(barred)
	}
	live := s.live(s.alias)
	if s.blind && live == "unreadable" {
		live = "good"
	}
	if e.status != 0 || live != "good" {
		t.Errorf("ended with %d, %s; @%s points to a %q model\n%s", e.status, e.reason, s.alias, live, e.log)
		return false
	}
	return true
}

// candidate returns the inputs that specify the model through the door.
func (s *trial) candidate(d door, m made) inputs {
	s.Helper()
	return s.through(d, entry{made: m, by: s.honest})
}

// least returns a policy that has a single metric gate with the given additional keys.
func (s *trial) least(keys ...string) inputs {
	s.Helper()
	gate := fmt.Sprintf("- metric: %s\n  min: 0.9", s.metric)
	for _, key := range keys {
		gate += "\n  " + key
	}
	return s.policy(gate)
}

// marked describes a good model whose run has the job's commit.
func (s *trial) marked() trained {
	s.Helper()
	o := s.goodModel()
	o.commit = s.commit
	return o
}

func plain(s *trial, d door) ended {
	return s.run("promote", s.candidate(d, s.train(s.marked())), s.gates(false))
}

// inFolder logs the model's files as plain artifacts of the run, as log_artifacts does, and logs the metric on the run.
func (s *trial) inFolder(o trained) made {
	s.Helper()
	m := s.begin(o)
	m.name, m.files = "model", m.root+"/model"
	s.upload(o.by, m.files, o)
	s.log(o.by, row{run: m.run, value: o.value})
	s.finish(m, o)
	return m
}

// logArtifacts promotes a model whose files come from a bad run, but were logged in the run with the good value. The
// MLmodel file still contains the bad run's ids.
func logArtifacts(s *trial, d door) ended {
	other := s.train(s.badModel())
	o := s.marked()
	o.flavor = "  python_function:\n    loader_module: mlflow.sklearn\n" +
		"run_id: " + other.run + "\nmodel_id: " + other.id + "\n"
	return s.run("promote", s.candidate(d, s.inFolder(o)), s.gates(false))
}

// amongFolders promotes a model that was logged as plain artifacts, next to plots and data. Its files include a second
// model that the first one uses.
func amongFolders(s *trial, d door) ended {
	o := s.marked()
	m := s.begin(o)
	m.name = pick(s.chance, "model", "out/model")
	m.files = m.root + "/" + m.name
	o.files = map[string][]byte{"artifacts/inner/MLmodel": mlmodel("inner", "")}
	s.upload(o.by, m.files, o)
	s.put(o.by, m.root+"/plots/epochs", "loss.png", []byte("png"))
	s.put(o.by, m.root+"/data", "train.csv", []byte("x"))
	s.log(o.by, row{run: m.run, value: o.value})
	s.finish(m, o)
	return s.run("promote", s.candidate(d, m), s.gates(false))
}

// imported promotes from a run that mlflow-export-import copied from a different server. The new run has tags about the
// old one, and the MLmodel file still contains the id of the old run.
func imported(s *trial, d door) ended {
	o := s.marked()
	old := fmt.Sprintf("%032x", s.chance.Uint64())
	o.flavor = "  python_function:\n    loader_module: mlflow.sklearn\nrun_id: " + old + "\n"
	o.tags = map[string]string{"mlflow_exim.run_info.run_id": old, "mlflow_exim.mlflow_info.mlflow_version": "2.9.2"}
	return s.run("promote", s.candidate(d, s.inFolder(o)), s.gates(false))
}

func fileAddress(s *trial, d door) ended {
	m := s.train(s.goodModel())
	e := entry{made: m, by: s.honest, version: version{source: "file://" + m.files}}
	return s.run("promote", s.through(d, e), s.gates(false))
}

// movedRoots promotes a version whose source is the new location of artifacts that were copied to a different root. The
// policy allows the move until a given date.
func movedRoots(s *trial, d door) ended {
	o := s.goodModel()
	m := s.inFolder(o)
	from := m.root[:strings.Index(m.root, m.run)-1]
	to := "mlflow-artifacts:/moved/" + s.home
	s.blind = s.loggedModels()
	if s.blind { // MLflow 3 does not accept a different folder in its own store
		to = "s3://new-store/" + s.home
	}
	source := strings.Replace(m.files, from, to, 1)
	if !s.blind {
		s.upload(s.honest, source, o)
	}
	roots := fmt.Sprintf("moved-roots:\n  - from: %s\n    to: %s\n    until: %s\n    by: ann\n    why: the store moved",
		from, to, time.Now().AddDate(0, 2, 0).Format(time.DateOnly))
	gates := s.policyFor(s.alias, fmt.Sprintf("- metric: %s\n  min: 0.9", s.metric), roots)
	return s.run("promote", s.through(d, entry{made: m, by: s.honest, version: version{source: source}}), gates)
}

func runAlone(s *trial, d door) ended {
	o := s.marked()
	o.plain = true
	return s.run("promote", s.candidate(d, s.train(o)), s.gates(false))
}

func metricsFirst(s *trial, d door) ended {
	o := s.marked()
	m := s.begin(o)
	s.log(o.by, row{run: m.run, value: s.good})
	m.name = "model"
	m = s.loggedModel(m, o.by, m.experiment, m.run)
	s.upload(o.by, m.files, o)
	s.ready(m, o.by)
	s.post(o.by, "runs/outputs", object{"run_id": m.run, "models": []object{{"model_id": m.id, "step": 0}}}, nil)
	s.finish(m, o)
	return s.run("promote", s.candidate(d, m), s.gates(false))
}

// twoModels logs a run with a good and a bad model. Each has its own value.
func (s *trial) twoModels() made {
	s.Helper()
	good, bad := s.marked(), s.badModel()
	good.name, bad.name = "checkpoint-0", "checkpoint-1"
	m := s.begin(good)
	one, two := m, m
	s.addModel(&one, good)
	s.addModel(&two, bad)
	s.finish(m, good)
	return one
}

func goodCheckpoint(s *trial, d door) ended {
	return s.run("promote", s.candidate(d, s.twoModels()), s.gates(false))
}

func ofRun(s *trial, d door) ended {
	m := s.twoModels()
	s.log(s.honest, row{run: m.run, key: "run_wide", value: 0.97})
	gates := inputs{"thresholds": "run.run_wide >= 0.9"}
	if s.chance.IntN(2) == 0 {
		gates = s.policy("- metric: run_wide\n  min: 0.9\n  of: run")
	}
	return s.run("promote", s.candidate(d, m), gates)
}

func evaluation(s *trial, d door) ended {
	o := s.badModel()
	o.mark = "good"
	m := s.train(o)
	s.log(s.honest, row{run: m.run, model: m.id, value: s.bad, step: 100})
	s.evaluate(m, row{value: s.good})
	return s.run("promote", s.candidate(d, m), s.least("run: evaluation"))
}

func evaluatedIn(s *trial, d door) ended {
	o := s.badModel()
	o.mark = "good"
	m := s.train(o)
	name := "evaluations-" + s.model
	e := s.begin(trained{by: s.honest, experiment: s.experiment(s.honest, name)})
	s.log(s.honest, row{run: e.run, model: m.id, value: s.good})
	s.finish(e, trained{by: s.honest})
	where := pick(s.chance, "evaluated-in: "+name, "evaluated-in: [other, "+name+"]")
	return s.run("promote", s.candidate(d, m), s.least("run: evaluation", where))
}

func namedDataset(s *trial, d door) ended {
	m := s.train(s.marked())
	s.log(s.honest, row{run: m.run, model: m.id, key: "auc", value: 0.6, dataset: "training", digest: "aaaa1111"})
	s.log(s.honest, row{run: m.run, model: m.id, key: "auc", value: 0.95, dataset: "validation", digest: "bbbb2222"})
	set := pick(s.chance, "validation", "bbbb2222")
	gates := inputs{"thresholds": "auc[" + set + "] >= 0.9"}
	if s.chance.IntN(2) == 0 {
		gates = s.policy("- metric: auc\n  min: 0.9\n  dataset: " + set)
	}
	return s.run("promote", s.candidate(d, m), gates)
}

// nightly evaluates the champion every night on newer and harder data, which results in worse values. The candidate has
// no such evaluation.
func nightly(s *trial, d door) ended {
	o := s.badModel()
	o.value = 0.93
	champion := s.train(o)
	s.promotes(s.candidate(byRun, champion), inputs{"thresholds": s.metric + " >= 0.9"})
	s.exists()
	for night := range 3 {
		s.evaluate(champion, row{
			value: 0.7 + float64(night)/100, dataset: fmt.Sprint("night-", night), digest: fmt.Sprintf("%08d", night),
		})
	}
	return s.run("promote", s.candidate(d, s.train(s.marked())), s.better())
}

// recorded logs a different value for the champion. The gate still uses the value that was recorded when the champion
// was promoted.
func recorded(s *trial, d door) ended {
	o := s.badModel()
	o.value = 0.93
	champion := s.train(o)
	s.promotes(s.candidate(byRun, champion), inputs{"thresholds": s.metric + " >= 0.9"})
	s.exists()
	s.log(s.honest, row{run: champion.run, model: champion.id, value: 0.99, step: 3})
	gates := "- metric: %s\n  min: 0.9\n- regression: %s\n  better: higher\n  incumbent: recorded"
	return s.run("promote", s.candidate(d, s.train(s.marked())), s.policy(fmt.Sprintf(gates, s.metric, s.metric)))
}

// withoutRun promotes a model that has no source run but was evaluated by a run in its experiment.
func withoutRun(s *trial, d door) ended {
	m := s.loggedModel(made{name: "model"}, s.honest, s.home, "")
	s.upload(s.honest, m.files, s.goodModel())
	s.ready(m, s.honest)
	s.evaluate(m, row{value: s.good})
	return s.run("promote", s.candidate(d, m), s.gates(false))
}

// twoRunsOfCommit logs two runs for the same commit. The newer one counts.
func twoRunsOfCommit(s *trial, d door) ended {
	laptop, ci := s.badModel(), s.marked()
	laptop.commit, laptop.end = s.commit, time.Now().Add(-time.Hour)
	s.train(laptop)
	return s.run("promote", s.candidate(d, s.train(ci)), s.gates(false))
}

func nested(s *trial, d door) ended {
	o := s.goodModel()
	parent := s.begin(o)
	o.tags = map[string]string{"mlflow.parentRunId": parent.run}
	m := s.train(o)
	s.finish(parent, o)
	return s.run("promote", s.candidate(d, m), s.gates(false))
}

func again(s *trial, d door) ended {
	candidate, gates := s.candidate(d, s.train(s.marked())), s.gates(false)
	s.promotes(candidate, gates)
	e := s.run("promote", candidate, gates)
	if e.reason != registry.Unchanged {
		s.Errorf("the second promotion ended with %s\n%s", e.reason, e.log)
	}
	return e
}

func approved(s *trial, d door) ended {
	candidate, gates := s.candidate(d, s.train(s.marked())), s.gates(false)
	dry := s.promotes(candidate, gates, inputs{"dry-run": "true"})
	return s.run("promote", candidate, gates, inputs{"plan-digest": dry.outputs["plan-digest"]})
}

// sibling promotes to an alias that differs from another alias only in its last part.
func sibling(s *trial, d door) ended {
	s.alias = "champion-de"
	s.promotes(s.candidate(byRun, s.train(s.goodModel())), s.gates(false))
	s.exists()
	s.alias = pick(s.chance, "champion-fr", "champion_at", "challenger")
	return s.run("promote", s.candidate(d, s.train(s.marked())), inputs{"thresholds": s.metric + " >= 0.9"})
}

func complete(s *trial, d door) ended {
	gates := s.policy(fmt.Sprintf("- metric: %s\n  min: 0.9\n- artifact: complete", s.metric))
	return s.run("promote", s.candidate(d, s.train(s.marked())), gates)
}

func pipeline(s *trial, d door) ended {
	o := s.marked()
	o.flavor = "  spark:\n    model_data: sparkml\n    pyspark_version: 3.4.0\n"
	o.files = map[string][]byte{}
	for i := range 30 {
		o.files[fmt.Sprintf("sparkml/stages/%d_x/metadata/part-00000", i)] = []byte("x")
		o.files[fmt.Sprintf("sparkml/stages/%d_x/data/part-00000", i)] = []byte("x")
	}
	gates := s.policy(fmt.Sprintf("- metric: %s\n  min: 0.9\n- artifact: complete", s.metric))
	return s.run("promote", s.candidate(d, s.train(o)), gates)
}

// nearTally counts near misses by situation and server.
type nearTally struct {
	mu    sync.Mutex
	cases int
	rows  map[string][2]int
}

func (t *nearTally) add(p place, n near, promoted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[string][2]int{}
	}
	t.cases++
	row := t.rows[n.name+"\x00"+p.name]
	row[0]++
	if promoted {
		row[1]++
	}
	t.rows[n.name+"\x00"+p.name] = row
}

// markdown returns the table, sorted by situation and server.
func (t *nearTally) markdown() string {
	var b strings.Builder
	b.WriteString("| near miss | server | cases | promoted |\n|---|---|---|---|\n")
	promoted := 0
	for _, n := range nearMisses {
		for _, p := range nearPlaces {
			if row, ok := t.rows[n.name+"\x00"+p.name]; ok {
				promoted += row[1]
				fmt.Fprintf(&b, "| %s | %s | %d | %d |\n", n.name, p.name, row[0], row[1])
			}
		}
	}
	fmt.Fprintf(&b, "| all | | %d | %d |\n", t.cases, promoted)
	return b.String()
}
