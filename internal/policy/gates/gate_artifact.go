package gates

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var artifactKind = Kind{
	Name:   "artifact",
	Passes: "the model has all its files, and its flavours, formats, input example and versions are allowed",
	Notes: "The MLmodel file, the files it names and the files its flavours need must exist. None may be empty or " +
		"smaller than the MLmodel file says. Loading the model must not fetch anything from elsewhere. The gate " +
		"itself loads and unpickles nothing. `digest` downloads every file and compares the digest with a tag of " +
		"the run. If this tool registered the version and the version has the tag too, both must match.",
	key: tree.OneOf("complete: check names and sizes; digest: check the content too", "complete", "digest"),
	more: []tree.Field{
		tree.Optional("digest-tag",
			tree.Text("tag with the expected digest, on the run or on a version that this tool registered")),
		tree.Optional("flavors",
			tree.List("the only flavours allowed besides python_function", tree.Text("a flavour such as sklearn"))),
		tree.Optional("deny", tree.List("formats that are not allowed", tree.OneOf("a format", formatNames...))),
		tree.Optional("input-example", tree.Bool("whether the model must have an input example")),
		tree.Optional("python", tree.Pattern("a range of Python versions such as >=3.10 <3.14", compare.VersionRange)),
		tree.Optional("mlflow", tree.Pattern("a range of MLflow versions such as >=2.9 <4", compare.VersionRange)),
	},
	Example: "artifact: complete\nflavors: [sklearn]\ndeny: [pickle]\npython: '>=3.9 <3.15'",
	Facts: `candidate:
  flavors: [python_function, sklearn]
  python: "3.12.3"
  files: {MLmodel: 900, model.skops: 52000}`,
	build: buildArtifact,
}

// formats lists, for each format, the file name suffixes and the names by which it is recognised. Flavours declare
// their serialisation format by name.
var formats = map[string][]string{
	"pickle":      {".pkl", ".pickle", ".cloudpickle", "pickle", "cloudpickle"},
	"joblib":      {".joblib", "joblib"},
	"torch":       {".pt", ".pth", ".bin"},
	"hdf5":        {".h5", ".hdf5"},
	"keras":       {".keras"},
	"onnx":        {".onnx"},
	"skops":       {".skops", "skops"},
	"safetensors": {".safetensors"},
}

var formatNames = slices.Sorted(maps.Keys(formats))

func buildArtifact(n *tree.Node) (Gate, error) {
	a := artifactGate{
		tag: n.Str("digest-tag"), flavors: n.Texts("flavors"), deny: n.Texts("deny"), example: n.Yes("input-example"),
		python: n.Str("python"), mlflow: n.Str("mlflow"),
	}
	if (n.Str("artifact") == "digest") != (a.tag != "") {
		return Gate{}, n.Problem("artifact", "artifact: digest and digest-tag must be used together")
	}
	wanted := []string{n.Str("artifact")}
	for name, v := range map[string]string{"flavors ": strings.Join(a.flavors, ", "), "no ": strings.Join(a.deny, ", "),
		"python ": a.python, "mlflow ": a.mlflow} {
		if v != "" {
			wanted = append(wanted, name+v)
		}
	}
	if a.example {
		wanted = append(wanted, "input example")
	}
	slices.Sort(wanted[1:])
	return Gate{Wanted: strings.Join(wanted, "; "), Needs: fact.Needs{Files: true, Digest: a.tag != ""},
		Check: a.check}, nil
}

type artifactGate struct {
	tag, python, mlflow string
	flavors, deny       []string
	example             bool
}

func (a artifactGate) check(f fact.Facts) verdict.Finding {
	out := verdict.Finding{Candidate: "?"}
	m, described := f.Candidate.MLmodel.Get()
	files, listed := f.Candidate.Files.Get()
	var parts []verdict.Finding
	if !described {
		parts = append(parts, unknown(out,
			f.Candidate.MLmodel, "the MLmodel file is not known: "+f.Candidate.MLmodel.Why(), ""))
	}
	if !listed {
		parts = append(parts, unknown(out,
			f.Candidate.Files, "the model's files are not known: "+f.Candidate.Files.Why(), ""))
	}
	if described && listed {
		_, total := registry.Sizes(files)
		out.Candidate = fmt.Sprintf("%d files, %d bytes", len(files), total)
		parts = append(parts, a.contents(m, files, out)...)
	}
	if a.tag != "" {
		parts = append(parts, a.digest(f, out))
	}
	return mostSevere(append(parts, passed(out))...)
}

// contents returns a finding for each problem with the model and its files.
func (a artifactGate) contents(m registry.MLmodel, files []registry.File,
	out verdict.Finding) (wrong []verdict.Finding) {
	for _, step := range []func(registry.MLmodel, []registry.File, verdict.Finding) *verdict.Finding{a.complete,
		a.flavours, a.formats, a.versions} {
		if end := step(m, files, out); end != nil {
			wrong = append(wrong, *end)
		}
	}
	return wrong
}

func (a artifactGate) complete(m registry.MLmodel, files []registry.File, out verdict.Finding) *verdict.Finding {
	missing := m.Lacks(files)
	elsewhere, is := m.Elsewhere()
	var end verdict.Finding
	switch {
	case missing != "":
		end = failed(out, missing, "log the model again with all its files")
	case is:
		end = failed(out, elsewhere.String(), elsewhere.Fix)
	case a.example && m.InputExample == "":
		end = failed(out, "the model has no input example", "log the model with input_example=X[:5]")
	default:
		return nil
	}
	return &end
}

func (a artifactGate) flavours(m registry.MLmodel, _ []registry.File, out verdict.Finding) *verdict.Finding {
	for _, name := range slices.Sorted(maps.Keys(m.Flavors)) {
		if len(a.flavors) > 0 && name != "python_function" && !slices.Contains(a.flavors, name) {
			end := failed(out, fmt.Sprintf("the model has the flavour %s; only %s is allowed", name,
				strings.Join(a.flavors, ", ")), "log the model with an allowed flavour")
			return &end
		}
	}
	if _, generic := m.Flavors["python_function"]; len(a.flavors) > 0 && generic && len(m.Flavors) == 1 &&
		!slices.Contains(a.flavors, "python_function") {
		end := failed(out, "the model has only the flavour python_function",
			"add python_function to flavors, or log the model with an allowed flavour")
		return &end
	}
	return nil
}

func (a artifactGate) formats(m registry.MLmodel, files []registry.File, out verdict.Finding) *verdict.Finding {
	for _, format := range a.deny {
		for _, x := range files {
			if slices.ContainsFunc(formats[format],
				func(end string) bool { return end[0] == '.' && strings.HasSuffix(strings.ToLower(x.Path), end) }) {
				end := failed(out, fmt.Sprintf("%s has the format %s, which is not allowed", x.Path, format),
					"save the model in a different format")
				return &end
			}
		}
		for _, name := range slices.Sorted(maps.Keys(m.Flavors)) {
			if how, _ := m.Flavors[name]["serialization_format"].(string); slices.Contains(formats[format],
				strings.ToLower(how)) {
				end := failed(out, fmt.Sprintf("flavour %s is saved as %s, which is not allowed", name, how),
					"save the model in a different format")
				return &end
			}
		}
	}
	return nil
}

func (a artifactGate) versions(m registry.MLmodel, _ []registry.File, out verdict.Finding) *verdict.Finding {
	parts := []verdict.Finding{passed(out)}
	for _, v := range []struct{ what, wanted, has string }{{"Python", a.python, m.PythonVersion},
		{"MLflow", a.mlflow, m.MLflowVersion}} {
		if v.wanted == "" {
			continue
		}
		ok, err := compare.InRange(v.has, v.wanted)
		switch {
		case v.has == "":
			parts = append(parts, absent(out,
				fmt.Sprintf("the MLmodel file does not contain the version of %s", v.what), ""))
		case err != nil:
			parts = append(parts, inconclusive(out,
				fmt.Sprintf("the version of %s in the MLmodel file is not known: %v", v.what, err), ""))
		case !ok:
			parts = append(parts,
				failed(out, fmt.Sprintf("the model was saved with %s %s; only %s is allowed", v.what, v.has, v.wanted),
					"save the model with an allowed version"))
		}
	}
	if end := mostSevere(parts...); end.Outcome != verdict.Pass {
		return &end
	}
	return nil
}

func (a artifactGate) digest(f fact.Facts, out verdict.Finding) verdict.Finding {
	has, ok := f.Candidate.Digest.Get()
	if !ok {
		return inconclusive(out, "the digest of the files is not known: "+f.Candidate.Digest.Why(), "")
	}
	out.Candidate = "sha256 " + has
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return inconclusive(out, "the run with the expected digest is not readable: "+f.Candidate.Run.Why(), "")
	}
	v := f.Candidate.Version.OrZero()
	wanted := map[string]string{"of run " + run.ID: run.Tags[a.tag]}
	if f.Candidate.Registered {
		wanted[fmt.Sprintf("of version %d", v.Number)] = v.Tags[a.tag]
	}
	maps.DeleteFunc(wanted, func(_, digest string) bool { return digest == "" })
	for _, whose := range slices.Sorted(maps.Keys(wanted)) {
		if digest := wanted[whose]; !strings.EqualFold(digest, has) {
			what := fmt.Sprintf("the files have the digest %s, but tag %s %s says %s", has, a.tag, whose,
				format.Truncate(digest, 100))
			return failed(out, what, "find out who changed the files or the tag, and log the model again")
		}
	}
	if len(wanted) > 0 {
		return passed(out)
	}
	what := fmt.Sprintf("run %s has no tag %s with the expected digest", run.ID, a.tag)
	if v.Tags[a.tag] != "" {
		what += fmt.Sprintf("; the tag of version %d does not count, because this tool did not register it", v.Number)
	}
	end := absent
	if v.Tags[a.tag] != "" {
		end = inconclusive
	}
	return end(out, what,
		"set the tag on the run during training to the output of: find . -type f | LC_ALL=C sort | xargs "+
			"sha256sum | sha256sum")
}
