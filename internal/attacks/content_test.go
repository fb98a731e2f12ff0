//go:build real

package attacks

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// changedFiles replaces the model's files between approval and apply.
var changedFiles = kind{
	name:    "files replaced after the approval",
	reasons: []registry.Reason{registry.PlanChanged, registry.Blocked, registry.Conflict},
	most:    12, few: 5,
	fields: []field{
		{"MLmodel", []who{editor}, everyDoor, []when{between}, nil, replace("MLmodel")},
		{"a longer model.pkl", []who{editor}, everyDoor, []when{between}, nil, replace("longer")},
		{"a shorter model.pkl", []who{editor}, everyDoor, []when{between}, nil, replace("shorter")},
		{"a file more", []who{editor}, everyDoor, []when{between}, nil, replace("more")},
		{"a file more, in a folder", []who{editor}, everyDoor, []when{between}, nil, replace("folder")},
		{
			"model.pkl of the same size, with a digest gate",
			[]who{editor}, everyDoor, []when{between}, nil, replace("content"),
		},
	},
}

// replace makes the change after a dry run. The mark in the MLmodel file stays the same, so any promotion counts as a
// failure.
func replace(what string) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		o := s.goodModel()
		o.commit = s.commit
		gates := s.gates(false)
		if what == "content" {
			files := map[string][]byte{"MLmodel": mlmodel(o.mark, ""), "model.pkl": []byte("pickle " + o.mark)}
			o.tags = map[string]string{"files.sha256": digestOf(files)}
			gates = s.policy(fmt.Sprintf(
				"- metric: %s\n  min: 0.9\n- artifact: digest\n  digest-tag: files.sha256", s.metric,
			))
		}
		m := s.train(o)
		candidate := s.through(a.door, entry{made: m, by: s.honest})
		dry := s.promotes(candidate, gates, inputs{"dry-run": "true"})
		s.change(what, m)
		return s.run("promote", candidate, gates, inputs{"plan-digest": dry.outputs["plan-digest"]})
	}
}

// change writes to the model's folder as the attacker.
func (s *trial) change(what string, m made) {
	s.Helper()
	text := "pickle good"
	switch what {
	case "MLmodel":
		s.put(s.other, m.files, "MLmodel", []byte(string(mlmodel("good", ""))+"metadata:\n  note: other\n"))
	case "longer":
		s.put(s.other, m.files, "model.pkl", []byte(text+strings.Repeat("!", 1+s.chance.IntN(1000))))
	case "shorter":
		s.put(s.other, m.files, "model.pkl", []byte(text[:1+s.chance.IntN(len(text)-1)]))
	case "more":
		s.put(s.other, m.files, "loader.py", []byte("import os"))
	case "folder":
		s.put(s.other, m.files, "code/deep/loader.py", []byte("import os"))
	case "content":
		s.put(s.other, m.files, "model.pkl", []byte("pickle evil"))
	}
}

// editedTags edits a tag on the version so that a gate passes.
var editedTags = kind{
	name:    "an edited tag",
	reasons: []registry.Reason{registry.Blocked, registry.PlanChanged},
	most:    8, few: 5,
	fields: []field{
		{
			"time under an alias",
			[]who{editor}, []door{byVersion, byAlias}, []when{before, between}, nil, soakTag("challenger"),
		},
		{"time in a stage", []who{editor}, []door{byVersion}, []when{before, between}, nil, soakTag("Staging")},
		{
			"digest of the files, on the version",
			[]who{editor}, []door{byVersion, byAlias, byCopy}, []when{before, between}, nil, digestTag,
		},
	},
}

// soakTag promotes a version to an alias or stage in which it must stay for 30 days. The attacker then backdates the
// time in the version's tag.
func soakTag(in string) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		m := s.train(s.goodModel())
		first := inputs{"alias": in}
		tag := registry.AliasTimeTag(in)
		if registry.StageTimeTag(in) != "" {
			first, tag = inputs{"alias": "", "stage": in}, registry.StageTimeTag(in)
		}
		run := inputs{"candidate": "runs:/" + m.run + "/model"}
		number := s.promotes(run, first, inputs{"thresholds": s.metric + " >= 0.5"}).outputs["version"]
		s.exists()
		candidate := inputs{"candidate": "models:/" + s.model + "/" + number}
		if a.door == byAlias {
			candidate["candidate"] = "models:/" + s.model + "@" + in
		}
		gates := s.policy(fmt.Sprintf("- metric: %s\n  min: 0.9\n- age: any\n  soak: 30d\n  in: %s", s.metric, in))
		more := s.planned(a, candidate, gates)
		s.attack("model-versions/set-tag", object{
			"name": s.model, "version": number, "key": tag, "value": s.pastDate(),
		}, nil)
		return s.run("promote", candidate, gates, more)
	}
}

// pastDate returns a time that is one to three years ago, in the format of our tags.
func (s *trial) pastDate() string {
	return fmt.Sprintf("202%d-%02d-%02dT10:00:00Z", 4+s.chance.IntN(2), 1+s.chance.IntN(11), 1+s.chance.IntN(28))
}

// planned makes a dry run if the attack happens after one, and returns the inputs for its plan. If the dry run is
// refused, there is no plan. Gates about time are evaluated at apply.
func (s *trial) planned(a attempt, in ...inputs) inputs {
	s.Helper()
	more := inputs{}
	if a.when != between {
		return more
	}
	dry := s.run("promote", append(in, inputs{"dry-run": "true"})...)
	if digest := dry.outputs["plan-digest"]; digest != "" {
		more["plan-digest"] = digest
	}
	return more
}

// digestTag attacks a version whose run contains the digest of the original files. The attacker replaces a file and
// writes the new digest to a tag on the version.
func digestTag(s *trial, a attempt) ended {
	files := map[string][]byte{"MLmodel": mlmodel("good", ""), "model.pkl": []byte("pickle good")}
	o := s.goodModel()
	o.tags = map[string]string{"files.sha256": digestOf(files)}
	m := s.train(o)
	wrong := []byte("pickle evil")
	s.put(s.other, m.files, "model.pkl", wrong)
	files["model.pkl"] = wrong
	tags := map[string]string{"files.sha256": digestOf(files)}
	e := entry{made: m, by: s.other, version: version{tags: tags}}
	gates := s.policy(fmt.Sprintf("- metric: %s\n  min: 0.9\n- artifact: digest\n  digest-tag: files.sha256", s.metric))
	if a.when == between {
		e.version.tags = nil
	}
	candidate := s.through(a.door, e)
	more := s.planned(a, candidate, gates)
	if a.when == between {
		model, number := named(candidate["candidate"])
		s.attack("model-versions/set-tag", object{
			"name": model, "version": number, "key": "files.sha256", "value": tags["files.sha256"],
		}, nil)
	}
	return s.run("promote", candidate, gates, more)
}

// named returns a candidate's model and version. For an alias, the version is 1.
func named(candidate string) (model, number string) {
	name := strings.TrimPrefix(candidate, "models:/")
	if model, _, ok := strings.Cut(name, "@"); ok {
		return model, "1"
	}
	model, number, _ = strings.Cut(name, "/")
	return model, number
}

// halfChecks is a case without an attacker: the MLmodel file refers to a file that is missing.
var halfChecks = kind{
	name:    "a missing file of the model",
	reasons: []registry.Reason{registry.Blocked},
	most:    8, few: 4,
	fields: []field{
		{"an artifact of a Python function", []who{nobody}, fileDoors, []when{before}, nil, lacking(`  python_function:
    loader_module: mlflow.pyfunc.model
    python_model: model.pkl
    artifacts:
      weights:
        path: artifacts/weights.bin
        uri: /tmp/weights.bin
`)},
		{"one of two artifacts", []who{nobody}, fileDoors, []when{before}, nil, lacking(`  python_function:
    loader_module: mlflow.pyfunc.model
    python_model: model.pkl
    artifacts:
      first:
        path: model.pkl
      weights:
        path: artifacts/weights.bin
`)},
		{"a component of a transformer", []who{nobody}, fileDoors, []when{before}, nil, lacking(`  transformers:
    task: text-classification
    model_binary: model.pkl
    components: [tokenizer]
    tokenizer_type: BertTokenizer
`)},
		{"the 80th folder", []who{nobody}, fileDoors, []when{before}, nil, lacking(`  spark:
    model_data: sparkml
    code: sparkml/79/code
`)},
	},
}

var fileDoors = []door{byRun, byModel, byVersion, byCopy, byCommit}

// lacking logs a model that has this flavour but lacks one of the files that the flavour needs.
func lacking(flavor string) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		o := s.goodModel()
		o.mark, o.flavor, o.commit = "bad", flavor, s.commit
		if strings.Contains(flavor, "spark") {
			o.files = map[string][]byte{}
			for i := range 80 {
				o.files[fmt.Sprintf("sparkml/%d/part", i)] = []byte("x")
			}
		}
		m := s.train(o)
		candidate := s.through(a.door, entry{made: m, by: s.honest})
		return s.run(
			"promote", candidate, s.policy(fmt.Sprintf("- metric: %s\n  min: 0.9\n- artifact: complete", s.metric)),
		)
	}
}
