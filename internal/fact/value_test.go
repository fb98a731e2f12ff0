package fact

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

const (
	goodID = "m-00000000000000000000000000000001"
	badID  = "m-00000000000000000000000000000002"
)

func clock(n int64) time.Time { return time.UnixMilli(n).UTC() }

// row is a value of the metric `acc` that a run logged on a model.
func row(run string, value float64, step, at int64, data ...string) registry.ModelMetric {
	m := registry.ModelMetric{Key: "acc", RunID: run, Point: point(value, step, at)}
	if len(data) > 0 {
		m.Dataset = registry.DataRef{Name: data[0], Digest: data[1]}
	}
	return m
}

func point(value float64, step, at int64) registry.Point {
	p := registry.Point{Value: value, Step: step, Time: clock(at)}
	p.Raw = p.String()
	return p
}

// subject returns a logged model that is the oldest one in run r1.
func subject(runValue registry.Point, rows []registry.ModelMetric, others ...registry.LoggedModel) Subject {
	run := registry.Run{
		ID: "r1", ExperimentID: "1", Metrics: map[string]registry.Point{"acc": runValue},
		Outputs: []registry.ModelOutput{{ModelID: goodID}},
	}
	for _, m := range others {
		run.Outputs = append(run.Outputs, registry.ModelOutput{ModelID: m.ID})
	}
	return Subject{
		Ref: "models:/churn/2", Run: registry.Is(run), Siblings: registry.Is(
			others,
		),
		Evaluations: registry.Is(map[string]Evaluation{
			"eval": {RunID: "eval", Status: "FINISHED", Own: true}, "later": {
				RunID: "later", Status: "FINISHED", Own: true,
			},
			"failed": {RunID: "failed", Status: "FAILED", Own: true}, "elsewhere": {
				RunID: "elsewhere", Status: "FINISHED", Named: []string{"nightly"},
			},
		}),
		Logged: registry.Is(
			registry.LoggedModel{
				ID: goodID, Name: "good", ExperimentID: "1", SourceRunID: "r1", Created: clock(1), Metrics: rows,
			},
		),
	}
}

func nan(step, at int64) registry.Point {
	return registry.Point{Value: math.NaN(), Raw: "NaN", Step: step, Time: clock(at)}
}

// evaluated returns a subject whose only value is a 0, logged by an evaluation run. last is the run's own last value.
func evaluated(last registry.Point) Subject {
	s := subject(registry.Point{}, []registry.ModelMetric{row("eval", 0, 0, 6)})
	e := s.Evaluations.OrZero()["eval"]
	e.Metrics = map[string]registry.Point{"acc": last}
	s.Evaluations = registry.Is(map[string]Evaluation{"eval": e})
	return s
}

// unlisted returns a model in a folder of a run's artifacts. The run has no tag that lists its models.
func unlisted(others registry.Known[[]string]) Subject {
	run := registry.Run{ID: "r1", Metrics: map[string]registry.Point{"acc": point(.9, 0, 1)}}
	return Subject{
		Path: "a/model", Run: registry.Is(run), OtherPaths: others,
		Logged: registry.Absent[registry.LoggedModel]("no"),
	}
}

func sibling(created int64, rows ...registry.ModelMetric) registry.LoggedModel {
	return registry.LoggedModel{
		ID: badID, Name: "bad", ExperimentID: "1", SourceRunID: "r1", Created: clock(created), Metrics: rows,
	}
}

func TestChoose(t *testing.T) {
	// listedFirst makes the server list the subject's model before a model that was logged earlier
	listedFirst := func(s Subject) Subject {
		m := s.Logged.OrZero()
		m.Created = clock(9)
		s.Logged = registry.Is(m)
		return s
	}
	listedLast := func(s Subject) Subject {
		s = listedFirst(s)
		run := s.Run.OrZero()
		slices.Reverse(run.Outputs)
		s.Run = registry.Is(run)
		return s
	}
	at := func(s Subject, step int64) Subject {
		run := s.Run.OrZero()
		run.Outputs[1].Step = step
		s.Run = registry.Is(run)
		return s
	}
	without := func(s Subject, change func(*Subject)) Subject { change(&s); return s }
	never := registry.Point{}
	for name, c := range map[string]struct {
		s    Subject
		want Selector
		got  string // the value; "" for none
		why  string // part of the expected reason
	}{
		"the only model has the run's value": {subject(point(.9, 3, 5), nil), Selector{}, "0.9", ""},
		"the only model, a value of its own is later": {
			subject(point(.8, 4, 6), []registry.ModelMetric{row("r1", .8, 4, 6)}), Selector{}, "0.8", "",
		},
		"a run with two models, and no value on this": {
			subject(point(.9, 0, 5), nil, sibling(2)), Selector{}, "", "it was not logged on this model",
		},
		"of two models each has its own value": {
			subject(
				point(.1, 0, 6), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2, row("r1", .1, 0, 6)),
			),
			Selector{}, "0.9", "",
		},
		"the other model has the same row": {
			subject(
				point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2, row("r1", .9, 0, 5)),
			),
			Selector{}, "", "bad has the same value",
		},
		"the same value at another time is no same row": {
			subject(
				point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2, row("r1", .9, 0, 6)),
			),
			Selector{}, "0.9", "",
		},
		"the model has two rows of one step": {
			subject(
				point(.9, 0, 6), []registry.ModelMetric{row("r1", .1, 0, 5), row("r1", .9, 0, 6)},
				sibling(2, row("r1", .5, 0, 7)),
			),
			Selector{}, "", "other values at that step",
		},
		"two rows of two steps, the last one counts": {
			at(
				subject(
					point(.9, 1, 6), []registry.ModelMetric{row("r1", .1, 0, 5), row("r1", .9, 1, 6)},
					sibling(2, row("r1", .5, 0, 7)),
				),
				7,
			),
			Selector{}, "0.9", "",
		},
		"the first of two models has the row, the other none": {
			subject(
				point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2),
			),
			Selector{}, "", "may be the run's",
		},
		"made at the same moment is first too": {
			subject(
				point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(1),
			),
			Selector{}, "", "may be the run's",
		},
		"the last made, which the server lists first": {
			listedFirst(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2)),
			),
			Selector{}, "", "may be the run's",
		},
		"the last made and listed": {
			listedLast(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2)),
			),
			Selector{}, "0.9", "",
		},
		"the other model is of another step": {
			at(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2)), 1,
			),
			Selector{}, "0.9", "",
		},
		"the row is of another step than the model": {
			subject(point(.9, 4, 5), []registry.ModelMetric{row("r1", .9, 4, 5)}, sibling(2)), Selector{}, "0.9", "",
		},
		"the row is of the other model's step": {
			at(
				subject(point(.9, 4, 5), []registry.ModelMetric{row("r1", .9, 4, 5)}, sibling(2)), 4,
			),
			Selector{}, "0.9", "",
		},
		"the other model has only values of other runs": {
			subject(
				point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2, row("eval", .9, 0, 5)),
			),
			Selector{}, "", "may be the run's",
		},
		"the models of the run are not known": {
			without(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("r1", .9, 0, 5)}, sibling(2)),
				func(s *Subject) { s.Siblings = registry.Unreadable[[]registry.LoggedModel]("503") },
			),
			Selector{}, "", "the models of run r1 are not known: 503",
		},
		"outputs of other experiments count for nothing": {
			without(
				subject(point(.9, 0, 5), nil, sibling(2)),
				func(s *Subject) { s.Siblings = registry.Is([]registry.LoggedModel{}) },
			),
			Selector{}, "0.9", "",
		},
		"an evaluation in the model's experiment": {
			subject(never, []registry.ModelMetric{row("eval", .7, 0, 5)}), Selector{Run: EvaluationRun}, "0.7", "",
		},
		"an evaluation and the training": {
			subject(point(.9, 0, 5), []registry.ModelMetric{row("eval", .7, 0, 6)}), Selector{}, "", "2 kinds",
		},
		"the training, named": {
			subject(point(.9, 0, 5), []registry.ModelMetric{row("eval", .7, 0, 6)}), Selector{Run: SourceRun}, "0.9",
			"",
		},
		"the evaluation, named": {
			subject(point(.9, 100, 5), []registry.ModelMetric{row("eval", .7, 0, 6)}), Selector{Run: EvaluationRun},
			"0.7", "",
		},
		"a run that is in no known experiment": {
			subject(never, []registry.ModelMetric{row("stranger", .99, 0, 6)}), Selector{Run: EvaluationRun}, "",
			"is not in the model's experiment",
		},
		"a run of another experiment": {
			subject(never, []registry.ModelMetric{row("elsewhere", .99, 0, 6)}), Selector{Run: EvaluationRun}, "",
			"is not in the model's experiment",
		},
		"the other experiment, named": {
			subject(never, []registry.ModelMetric{row("elsewhere", .99, 0, 6)}),
			Selector{Run: EvaluationRun, EvaluatedIn: []string{"nightly"}}, "0.99", "",
		},
		"a named experiment takes the place of the model's": {
			subject(
				never, []registry.ModelMetric{row("eval", .7, 0, 6)},
			),
			Selector{Run: EvaluationRun, EvaluatedIn: []string{"nightly"}}, "", "is not in experiment nightly",
		},
		"an evaluation that failed": {
			subject(never, []registry.ModelMetric{row("failed", .99, 0, 6)}), Selector{Run: EvaluationRun}, "",
			"is FAILED",
		},
		"of two evaluations the newest": {
			subject(never, []registry.ModelMetric{row("later", .6, 0, 8), row("eval", .7, 0, 6)}),
			Selector{Run: EvaluationRun}, "0.6", "",
		},
		"of two evaluations the newest, whatever its step": {
			subject(never, []registry.ModelMetric{row("later", .6, 0, 8), row("eval", .7, 5, 6)}),
			Selector{Run: EvaluationRun}, "0.6", "",
		},
		"of one evaluation the last step": {
			subject(never, []registry.ModelMetric{row("eval", .6, 2, 5), row("eval", .7, 1, 6)}),
			Selector{Run: EvaluationRun}, "0.6", "",
		},
		"of equal steps the last moment": {
			subject(never, []registry.ModelMetric{row("eval", .6, 1, 9), row("eval", .7, 1, 6)}),
			Selector{Run: EvaluationRun}, "0.6", "",
		},
		"evaluations that are not known": {
			without(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("eval", .7, 0, 6)}),
				func(s *Subject) { s.Evaluations = registry.Known[map[string]Evaluation]{} },
			),
			Selector{}, "", "could not be read",
		},
		"the training does not depend on those": {
			without(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("eval", .7, 0, 6)}),
				func(s *Subject) { s.Evaluations = registry.Known[map[string]Evaluation]{} },
			),
			Selector{Run: SourceRun}, "0.9", "",
		},
		"two datasets": {
			subject(
				never, []registry.ModelMetric{row("eval", .7, 0, 6, "val", "d1"), row("eval", .8, 0, 6, "test", "d2")},
			),
			Selector{Run: EvaluationRun}, "", "2 kinds",
		},
		"a dataset by its name": {
			subject(
				never, []registry.ModelMetric{row("eval", .7, 0, 6, "val", "d1"), row("eval", .8, 0, 6, "test", "d2")},
			),
			Selector{Dataset: "val"}, "0.7", "",
		},
		"a dataset by its digest": {
			subject(
				never, []registry.ModelMetric{row("eval", .7, 0, 6, "val", "d1"), row("eval", .8, 0, 6, "test", "d2")},
			),
			Selector{Dataset: "d2"}, "0.8", "",
		},
		"a zero that the run has as NaN": {
			subject(nan(0, 6), []registry.ModelMetric{row("r1", 0, 0, 6)}), Selector{}, "NaN", "",
		},
		"a zero that the run has too": {
			subject(point(0, 0, 6), []registry.ModelMetric{row("r1", 0, 0, 6)}), Selector{}, "0", "",
		},
		"a zero of a dataset, then another": {
			subject(point(.7, 1, 7), []registry.ModelMetric{row("r1", 0, 0, 6, "val", "d1")}), Selector{Dataset: "val"},
			"0 or NaN", "",
		},
		"a zero of a run that logged NaN":  {evaluated(nan(0, 6)), Selector{Run: EvaluationRun}, "NaN", ""},
		"a zero of a run that logged zero": {evaluated(point(0, 0, 6)), Selector{Run: EvaluationRun}, "0", ""},
		"a zero before the last of its run": {
			evaluated(point(.9, 1, 9)), Selector{Run: EvaluationRun}, "0 or NaN", "",
		},
		"a zero at another time than the run": {
			evaluated(point(0, 0, 7)), Selector{Run: EvaluationRun}, "0 or NaN", "",
		},
		"a zero that nobody confirms": {
			subject(never, []registry.ModelMetric{row("eval", 0, 0, 6)}), Selector{Run: EvaluationRun}, "0 or NaN", "",
		},
		"two digests of one name, the newest": {
			subject(
				never, []registry.ModelMetric{row("eval", .7, 0, 6, "val", "d1"), row("later", .8, 0, 9, "val", "d2")},
			),
			Selector{Dataset: "val"}, "0.8", "",
		},
		"a dataset that there is not": {
			subject(never, []registry.ModelMetric{row("eval", .7, 0, 6, "val", "d1")}), Selector{Dataset: "test"}, "",
			"no metric",
		},
		"the run's last value is that of a dataset": {
			subject(point(.7, 0, 6), []registry.ModelMetric{row("r1", .7, 0, 6, "val", "d1")}), Selector{}, "0.7", "",
		},
		"the training on a dataset and without one": {
			subject(
				point(.9, 1, 7), []registry.ModelMetric{row("r1", .7, 0, 6, "val", "d1")},
			),
			Selector{}, "", "2 kinds",
		},
		"a model of the run was deleted": {
			subject(
				point(.99, 0, 6), []registry.ModelMetric{row("r1", .1, 0, 5)}, registry.UnknownModel(badID),
			),
			Selector{}, "", "may be the run's",
		},
		"a model of another step was deleted": {
			at(
				subject(point(.99, 1, 6), []registry.ModelMetric{row("r1", .1, 0, 5)}, registry.UnknownModel(badID)), 1,
			),
			Selector{}, "0.1", "",
		},
		"the run measured another model too": {
			without(subject(point(.95, 0, 6), []registry.ModelMetric{row("r1", .6, 0, 5)}), func(s *Subject) {
				run := s.Run.OrZero()
				run.ModelInputs = []string{badID}
				s.Run, s.Siblings = registry.Is(run), registry.Is(
					[]registry.LoggedModel{sibling(0, row("r1", .95, 0, 6))},
				)
			}), Selector{}, "0.6", "",
		},
		"the run measured another model first, and the client copied that": {
			without(subject(point(.95, 0, 6), []registry.ModelMetric{row("r1", .95, 0, 6)}), func(s *Subject) {
				run := s.Run.OrZero()
				run.ModelInputs = []string{badID}
				s.Run, s.Siblings = registry.Is(run), registry.Is(
					[]registry.LoggedModel{sibling(0, row("r1", .95, 0, 6))},
				)
			}), Selector{}, "", "bad has the same value",
		},
		"a later value of that step was logged on another model": {
			subject(point(.95, 0, 6), []registry.ModelMetric{row("r1", .6, 0, 5)}), Selector{}, "0.6", "",
		},
		"the epochs go on after the step of the model": {
			subject(point(.9, 100, 9), []registry.ModelMetric{row("r1", .2, 0, 5)}), Selector{}, "0.9", "",
		},
		"the run's value on purpose": {
			subject(point(.9, 0, 5), nil, sibling(2)), Selector{OfRun: true}, "0.9", "",
		},
		"the run's value, which there is not": {
			without(subject(never, nil), func(s *Subject) { s.Run = registry.Is(registry.Run{ID: "r1"}) }),
			Selector{OfRun: true}, "", "no metric",
		},
		"the run's value of a run that is no proof": {
			without(
				subject(point(.9, 0, 5), nil),
				func(s *Subject) { s.Run = registry.Unreadable[registry.Run]("it does not belong") },
			),
			Selector{OfRun: true}, "", "it does not belong",
		},
		"a model that does not belong to its run": {
			without(
				subject(point(.9, 0, 5), []registry.ModelMetric{row("eval", .9, 0, 6)}),
				func(s *Subject) { s.Run = registry.Unreadable[registry.Run]("it does not belong") },
			),
			Selector{}, "", "it does not belong",
		},
		"a model without a run has its own values": {
			without(
				subject(never, []registry.ModelMetric{row("eval", .9, 0, 6)}),
				func(s *Subject) { s.Run = registry.Absent[registry.Run]("none") },
			),
			Selector{}, "0.9", "",
		},
		"a model without a run has no run's value": {
			without(subject(never, nil), func(s *Subject) { s.Run = registry.Absent[registry.Run]("none") }),
			Selector{OfRun: true}, "", "not readable",
		},
		"a metric of another name is another metric": {without(subject(never, nil), func(s *Subject) {
			s.Run = registry.Is(registry.Run{ID: "r1", Metrics: map[string]registry.Point{"f1": point(1, 0, 1)}})
		}), Selector{}, "", "no metric"},
		"MLflow 2, one model in the run": {
			Subject{
				Path: "model", Logged: registry.Absent[registry.LoggedModel]("no"),
				Run: registry.Is(
					registry.Run{
						ID: "r1", Metrics: map[string]registry.Point{"acc": point(.9, 0, 1)},
						Tags: map[string]string{
							registry.RunTagModels: `[{"artifact_path":"model"},{"artifact_path":"model"}]`,
						},
					},
				),
			},
			Selector{}, "0.9", "",
		},
		"MLflow 2, two models in the run": {
			Subject{
				Path: "model", Logged: registry.Absent[registry.LoggedModel]("no"),
				Run: registry.Is(
					registry.Run{
						ID: "r1", Metrics: map[string]registry.Point{"acc": point(.9, 0, 1)},
						Tags: map[string]string{
							registry.RunTagModels: `[{"artifact_path":"model"},{"artifact_path":"pre"}]`,
						},
					},
				),
			},
			Selector{}, "", "also has the model pre",
		},
		"files of a run that has a logged model too": {
			Subject{
				Path: "copied", Logged: registry.Absent[registry.LoggedModel]("no"),
				Siblings: registry.Is([]registry.LoggedModel{sibling(1)}),
				Run: registry.Is(
					registry.Run{
						ID: "r1", Outputs: []registry.ModelOutput{{ModelID: badID}},
						Metrics: map[string]registry.Point{"acc": point(.9, 0, 1)},
					},
				),
			},
			Selector{}, "", "also has the model bad",
		},
		"an unlisted folder, the only model": {unlisted(registry.Is([]string{})), Selector{}, "0.9", ""},
		"an unlisted folder, and another one": {
			unlisted(registry.Is([]string{"a/model_copy"})), Selector{}, "", "also has the model a/model_copy",
		},
		"an unlisted folder, and a model above": {
			unlisted(registry.Is([]string{""})), Selector{}, "", "also has the model in the root of its artifacts",
		},
		"an unlisted folder, others are not read": {
			unlisted(registry.Unreadable[[]string]("503")), Selector{}, "",
			"other models in the artifacts of run r1 are not known: 503",
		},
		"an unlisted folder, nobody looked": {
			unlisted(registry.Known[[]string]{}), Selector{}, "", "not gathered",
		},
		"an unlisted folder, the run on purpose": {
			unlisted(registry.Is([]string{"x"})), Selector{OfRun: true}, "0.9", "",
		},
		"a folder that the run lists, nobody looked": {
			without(unlisted(registry.Known[[]string]{}), func(s *Subject) {
				run := s.Run.OrZero()
				run.Tags = map[string]string{registry.RunTagModels: `[{"artifact_path":"a/model"}]`}
				s.Run = registry.Is(run)
			}), Selector{}, "0.9", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.s.Choose("acc", c.want)
			value := ""
			if got.Why == "" {
				value = got.Value.Point.String()
			}
			if value != c.got || c.got == "" && got.Why == "" || !strings.Contains(got.Why, c.why) {
				t.Errorf("%q because %q, want %q because %q", value, got.Why, c.got, c.why)
			}
		})
	}
}

func TestChooseLike(t *testing.T) {
	training := Value{Kind: SourceRun}
	onData := func(kind, name, digest string) Value {
		return Value{Kind: kind, Dataset: registry.DataRef{Name: name, Digest: digest}}
	}
	nightly := subject(
		point(.9, 0, 5),
		[]registry.ModelMetric{row("eval", .5, 0, 6, "val", "d1"), row("later", .4, 0, 9, "val", "d2")},
	)
	for name, c := range map[string]struct {
		s    Subject
		want Selector
		with Value
		got  string
		why  string
	}{
		"the training, whatever is evaluated every night": {nightly, Selector{}, training, "0.9", ""},
		"the evaluation on the same data": {
			nightly, Selector{}, onData(EvaluationRun, "val", "d1"), "0.5", "",
		},
		"other data of that name is another kind": {
			nightly, Selector{}, onData(EvaluationRun, "val", "d3"), "",
			"no \"acc\" from the evaluation run on dataset val (d3)",
		},
		"other data of a name that the gate names": {
			nightly, Selector{Dataset: "val"}, onData(EvaluationRun, "val", "d3"), "0.4", "",
		},
		"data of training may differ": {
			subject(point(.7, 0, 6), []registry.ModelMetric{row("r1", .7, 0, 6, "train", "old")}), Selector{},
			onData(SourceRun, "train", "new"), "0.7", "",
		},
		"an evaluation does not compare with the training": {
			subject(point(.9, 0, 5), nil), Selector{}, onData(EvaluationRun, "val", "d1"), "", "from the evaluation run",
		},
		"the training does not compare with data of another": {
			nightly, Selector{}, onData(SourceRun, "val", "d1"), "", "from the source run",
		},
		"the run's value compares with the run's value": {
			nightly, Selector{OfRun: true}, Value{Kind: SourceRun, OfRun: true}, "0.9", "",
		},
		"nothing compares with a run that is no proof": {
			Subject{Run: registry.Unreadable[registry.Run]("gone")}, Selector{}, training, "", "gone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.s.ChooseLike("acc", c.want, c.with)
			value := ""
			if got.Why == "" {
				value = got.Value.Point.String()
			}
			if value != c.got || c.got == "" && got.Why == "" || !strings.Contains(got.Why, c.why) {
				t.Errorf("%q because %q, want %q because %q", value, got.Why, c.got, c.why)
			}
		})
	}
}

// Values that outsiders log on a model change nothing if their runs are in other experiments.
func TestChoose_StrangersChangeNothing(t *testing.T) {
	rows := func(run string) *rapid.Generator[registry.ModelMetric] {
		return rapid.Custom(func(t *rapid.T) registry.ModelMetric {
			m := row(
				run, rapid.SampledFrom([]float64{.1, .5, .9}).Draw(t, "value"), rapid.Int64Range(0, 3).Draw(t, "step"),
				rapid.Int64Range(0, 9).Draw(t, "at"),
			)
			m.Dataset.Name = rapid.SampledFrom([]string{"", "val", "test"}).Draw(t, "dataset")
			return m
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		own := rapid.SliceOfN(rows("r1"), 0, 3).Draw(t, "own")
		own = append(own, rapid.SliceOfN(rows("eval"), 0, 3).Draw(t, "evaluations")...)
		strange := append(slices.Clone(own), rapid.SliceOfN(rows("stranger"), 1, 4).Draw(t, "strange")...)
		var others []registry.LoggedModel
		if rapid.Bool().Draw(t, "two models") {
			others = append(others, sibling(2, rapid.SliceOfN(rows("r1"), 0, 2).Draw(t, "sibling's")...))
		}
		want := Selector{
			Run:     rapid.SampledFrom([]string{"", SourceRun, EvaluationRun}).Draw(t, "run"),
			Dataset: rapid.SampledFrom([]string{"", "val"}).Draw(t, "dataset"),
		}
		before, after := subject(point(.5, 1, 4), own, others...).Choose(
			"acc", want,
		), subject(point(.5, 1, 4), strange, others...).Choose("acc", want)
		if before.Value != after.Value || (before.Why == "") != (after.Why == "") {
			t.Fatalf("%v (%s) became %v (%s)", before.Value, before.Why, after.Value, after.Why)
		}
	})
}
