// Package modelparts lists the files that a model consists of, according to its MLmodel file.
//
// It knows the flavours of MLflow and nothing about servers.
package modelparts

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// fileKeys contains the keys under which flavours name files and folders, in MLflow clients from 1.30 to 3.17 and in
// flavours from other projects.
var fileKeys = []string{
	"adapter_weights", "artifacts", "code", "config_path", "data", "env", "extra_files", "model_binary",
	"model_code_path",
	"model_config", "model_data", "model_path", "peft_adaptor", "pickled_model", "python_model", "requirements_file",
	"saved_model_dir", "serialized_explainer",
}

// special lists the flavours that name or load files in their own way. The sources are the load functions in
// mlflow/FLAVOUR/__init__.py, transformers/model_io.py, keras/load.py, langchain/model.py and llama_index/model.py, as
// well as spaCy's own util.py.
var special = map[string]func(p *partList, f, pyfunc map[string]any){
	"crate":        func(p *partList, f, _ map[string]any) { p.add("crate.model", f["model"]) },
	"diffusers":    diffusersParts,
	"gluon":        func(p *partList, _, _ map[string]any) { p.oneOf("gluon", "data") },
	"keras":        kerasParts,
	"langchain":    langChainParts,
	"llama_index":  llamaIndexParts,
	"paddle":       paddleParts,
	"promptflow":   func(p *partList, f, _ map[string]any) { p.add("promptflow.entry", f["entry"]) },
	"pytorch":      pyTorchParts,
	"shap":         shapParts,
	"spacy":        spacyParts,
	"tensorflow":   kerasParts,
	"transformers": transformersParts,
}

// Of lists the parts of a model: the files that its flavours name and load, its input example, and the packages
// stored with it (wheels). Each part is listed only once.
func Of(flavors map[string]map[string]any, example map[string]any, wheels bool) []registry.Part {
	var p partList
	pyfunc := flavors["python_function"]
	for _, flavor := range slices.Sorted(maps.Keys(flavors)) {
		f := flavors[flavor]
		for _, key := range fileKeys {
			p.add(flavor+"."+key, valueOf(flavor, key, f))
		}
		if more := special[flavor]; more != nil {
			more(&p, f, pyfunc)
		}
	}
	p.add("saved_input_example_info.artifact_path", example["artifact_path"])
	p.add("saved_input_example_info.serving_input_path", example["serving_input_path"])
	if wheels { // the requirements refer to files in this folder
		p.oneOf("MLmodel.wheels", "wheels")
	}
	return p.parts
}

// valueOf returns the file name under a key, or nil.
func valueOf(flavor, key string, f map[string]any) any {
	v := f[key]
	text, isText := v.(string)
	switch {
	case key == "model_config" && !isText: // an embedded configuration, not a file
		return nil
	case (key == "model_code_path" || key == "model_config") && text != "":
		// The client writes the path on the machine that trained the model, but looks for a file with that name in the
		// model's folder.
		return path.Base(strings.ReplaceAll(text, `\`, "/"))
	case flavor == "paddle" && key == "pickled_model", f["loader_module"] == "mlflow.paddle" && key == "model_path":
		return nil // a prefix of several names (see paddleParts)
	}
	return v
}

// partList collects parts.
type partList struct{ parts []registry.Part }

// add adds the parts in a value, which is a name, a list or a mapping of names. If a mapping contains a path, only
// the path counts, because the uri only says where the file came from.
func (p *partList) add(key string, value any) {
	switch v := value.(type) {
	case nil:
	case string:
		if v != "" {
			p.name(key, v)
		}
	case []any:
		for i, item := range v {
			p.add(fmt.Sprintf("%s[%d]", key, i), item)
		}
	case map[string]any:
		if named, ok := v["path"].(string); ok {
			p.add(key+".path", named)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			p.add(key+"."+k, v[k])
		}
	default:
		p.elsewhere(key, fmt.Sprint(v), noName, logAgain)
	}
}

var (
	webAddress   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:/`)
	windowsDrive = regexp.MustCompile(`^[A-Za-z]:`)
)

// name adds a file or folder. Models that were logged on Windows contain backslashes in their names.
func (p *partList) name(key, name string) {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	switch {
	case webAddress.MatchString(name):
		p.elsewhere(key, name, "is an address outside the model", logAgain)
	case strings.HasPrefix(clean, "/"), windowsDrive.MatchString(clean):
		p.elsewhere(key, name, onMachine, logAgain)
	case clean == "..", strings.HasPrefix(clean, "../"):
		p.elsewhere(key, name, "leads out of the model's folder", logAgain)
	default:
		p.oneOf(key, clean)
	}
}

// oneOf adds a part that may have any of several names.
func (p *partList) oneOf(key string, names ...string) {
	same := func(have registry.Part) bool { return slices.Equal(have.Names, names) }
	if !slices.ContainsFunc(p.parts, same) {
		p.parts = append(p.parts, registry.Part{Key: key, Names: names})
	}
}

// elsewhere adds a part that is not among the model's files.
func (p *partList) elsewhere(key, name, why, fix string) {
	p.parts = append(p.parts, registry.Part{Key: key, Names: []string{name}, Elsewhere: why, Fix: fix})
}

const (
	fromHub   = "is fetched from a hub when the model is loaded"
	onMachine = "is a path on another machine"
	noName    = "is not the name of a file"

	logAgain = "log the model again with all of its files"
	persist  = "store the weights too: mlflow.transformers.persist_pretrained_model(MODEL_URI), or save_pretrained=True"
	wholeOne = "log the base model with the adapter, as artifacts of a python_function model"
)

// diffusersParts adds the adapter, because the client never stores the base model.
func diffusersParts(p *partList, f, _ map[string]any) {
	weights, _ := f["adapter_weights"].(string)
	if name, ok := f["weight_name"].(string); ok && weights != "" {
		p.name("diffusers.weight_name", path.Join(weights, name))
	}
	if base, ok := f["base_model"].(string); ok {
		why := fromHub
		if strings.HasPrefix(base, "/") || strings.HasPrefix(base, ".") || windowsDrive.MatchString(base) {
			why = onMachine
		}
		p.elsewhere("diffusers.base_model", base, why, wholeOne)
	}
}

// kerasParts adds the model file, whose name in the data folder depends on the versions of Keras and MLflow.
func kerasParts(p *partList, f, _ map[string]any) {
	if data, ok := f["data"].(string); ok && path.Ext(data) == "" { // old clients store the file's name
		p.oneOf("keras", path.Join(data, "model.keras"), path.Join(data, "model"), path.Join(data, "model.h5"))
	}
	if dir, ok := f["saved_model_dir"].(string); ok {
		p.oneOf("tensorflow", path.Join(dir, "saved_model.pb"), path.Join(dir, "saved_model.pbtxt"))
	}
}

func langChainParts(p *partList, f, _ map[string]any) {
	for _, key := range []string{"agent_data", "agent_primitive_data", "loader_fn", "persist_dir", "tools_data"} {
		p.add("langchain."+key, f[key])
	}
}

// llamaIndexParts adds the index. The client stores it unless the model is code.
func llamaIndexParts(p *partList, _, pyfunc map[string]any) {
	p.oneOf("llama_index", "settings.json")
	if pyfunc["model_code_path"] == nil {
		p.oneOf("llama_index", "index")
	}
}

// paddleParts adds the program or the training state. The name in the MLmodel file is a prefix of the actual file
// names.
func paddleParts(p *partList, f, _ map[string]any) {
	if name, ok := f["pickled_model"].(string); ok && name != "" {
		p.oneOf("paddle.pickled_model", name+".pdiparams", name+".pdparams")
	}
}

func pyTorchParts(p *partList, f, _ map[string]any) {
	if data, ok := f["model_data"].(string); ok {
		p.oneOf("pytorch", path.Join(data, "model.pth"), path.Join(data, "model.pt2"))
	}
}

// shapParts adds the explained model, which the client stores only if MLflow knows its flavour.
func shapParts(p *partList, f, _ map[string]any) {
	if flavor := f["underlying_model_flavor"]; flavor != nil && flavor != "unknown" {
		p.oneOf("shap.underlying_model_flavor", "underlying_model/MLmodel")
	}
}

// spacyParts adds the files that every pipeline folder contains. Before version 3, there is no config.cfg.
func spacyParts(p *partList, f, _ map[string]any) {
	data, ok := f["data"].(string)
	if !ok {
		return
	}
	names := []string{"meta.json", "vocab/strings.json"}
	if version, _ := f["spacy_version"].(string); !strings.HasPrefix(version, "2.") {
		names = append(names, "config.cfg")
	}
	for _, name := range names {
		p.oneOf("spacy", path.Join(data, name))
	}
}

// transformersParts adds the parts of a pipeline, which can be stored in three ways. It tells these apart in the same
// way as the client.
func transformersParts(p *partList, f, _ map[string]any) {
	base, _ := f["local_base_model_path"].(string)
	revision, hub := f["source_model_revision"]
	switch {
	case base != "":
		p.elsewhere("transformers.local_base_model_path", base, onMachine, persist)
	case hub:
		if revision == nil {
			revision = "not known"
		}
		name := fmt.Sprintf("%v (revision %v)", f["source_model_name"], revision)
		p.elsewhere("transformers.source_model_name", name, fromHub, persist)
		return // the client also loads the pipeline's components from elsewhere
	case f["model_binary"] == nil: // a model logged before 2.4.1
		p.oneOf("transformers", "pipeline")
	}
	components, isList := f["components"].([]any)
	if !isList && f["components"] != nil {
		p.elsewhere("transformers.components", fmt.Sprint(f["components"]), noName, logAgain)
	}
	for i, c := range components {
		p.name(fmt.Sprintf("transformers.components[%d]", i), path.Join("components", fmt.Sprint(c)))
	}
	if f["processor_type"] != nil {
		p.oneOf("transformers.processor_type", "components/processor")
	}
}
