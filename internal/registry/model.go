package registry

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Model is a registered model.
type Model struct {
	Name        string
	Description string
	Tags        map[string]string
	Aliases     map[string]int // alias -> version number; may dangle on servers before 3.x
	Hidden      bool           // a version of it is marked as a prompt, which hides all of them from search
	Latest      []Version      // the newest of each stage: number, source and run alone
	Newest      int            // highest number of its versions; 0 = none, or not told
	Created     time.Time
	Updated     time.Time
}

// Version is one version of a registered model.
type Version struct {
	Model         string
	Number        int
	Source        string
	RunID         string
	RunLink       string
	Stage         string // None, Staging, Production or Archived
	Status        string // READY, PENDING_REGISTRATION or FAILED_REGISTRATION
	StatusMessage string
	Description   string
	Tags          map[string]string
	Created       time.Time
	Updated       time.Time
}

// Run is a tracking run, with the latest point of each metric.
type Run struct {
	ID           string
	Name         string
	ExperimentID string
	User         string
	Status       string // RUNNING, SCHEDULED, FINISHED, FAILED or KILLED
	Deleted      bool
	Start, End   time.Time
	ArtifactURI  string
	Metrics      map[string]Point
	Params       map[string]string
	Tags         map[string]string
	Datasets     []Dataset
	Outputs      []ModelOutput // logged models of this run (MLflow 3.x), in the server's order
	ModelInputs  []string      // logged models that it measured and did not log itself, by id
}

// LoggedPaths lists where below the run's artifacts the stock client 1.x and 2.x logged models, sorted. MLflow 3 lists
// models as outputs instead.
func (r Run) LoggedPaths() []string {
	var logged []struct {
		Path string `json:"artifact_path"`
	}
	if json.Unmarshal([]byte(r.Tags[RunTagModels]), &logged) != nil {
		return nil
	}
	paths := map[string]bool{}
	for _, m := range logged {
		if m.Path != "" {
			paths[m.Path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

// Point is one logged value of a metric.
type Point struct {
	Value float64
	Raw   string // as the server sent it: "NaN", "Infinity", 1.7976931348623157e308
	Step  int64
	Time  time.Time
}

// String is the value in the fewest digits that tell it apart, or what the server sent if that is no number.
func (p Point) String() string {
	if !p.Finite() {
		return p.Raw
	}
	return strconv.FormatFloat(p.Value, 'g', -1, 64)
}

// Finite reports whether the value can be compared. SQL stores keep ±Inf as ±1.7976931348623157e308 (the largest
// float64), so that value is not a measurement either.
func (p Point) Finite() bool {
	return !math.IsNaN(p.Value) && math.Abs(p.Value) < math.MaxFloat64
}

// Dataset is one dataset input of a run.
type Dataset struct {
	Name, Digest, SourceType, Source string
	Context                          string // training, validation, test …; "" when untagged
}

// ModelOutput links a run to a logged model.
type ModelOutput struct {
	ModelID string
	Step    int64
}

// LoggedModel is a model logged by MLflow 3.x, an entity of its own beside the run.
type LoggedModel struct {
	ID, Name, ExperimentID, ArtifactURI, Status, SourceRunID string
	Created                                                  time.Time
	Tags                                                     map[string]string
	Metrics                                                  []ModelMetric // every value that any run logged on it
}

// File is one artifact; Path is relative to the run's artifacts, Size in bytes.
type File struct {
	Path string
	Dir  bool
	Size int64
}

// MLmodel is the descriptor beside the model's files. Any field may be empty: old writers leave most of them out.
type MLmodel struct {
	Flavors       map[string]map[string]any
	Signature     Signature
	Parts         []Part // what the model consists of beside this file
	InputExample  string // the file with an example; "" if there is none
	RunID         string
	ModelID       string
	MLflowVersion string
	PythonVersion string
	Created       string // utc_time_created, naive UTC text
	SizeBytes     int64
	Sha256        string // of the file's text, in hex
}

// Thousands writes a number of bytes as people read it: 1,048,576.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Signature is the contract of a model: each part as the file has it, JSON or empty.
type Signature struct{ Inputs, Outputs, Params string }

// Empty reports whether the model is unsigned.
func (s Signature) Empty() bool { return s == Signature{} }

// Source is what model-versions/create is told about where the model's files are.
type Source struct {
	URI     string `json:"uri"`
	RunID   string `json:"run_id,omitempty"`
	ModelID string `json:"model_id,omitempty"` // MLflow 3.x logged model
	Path    string `json:"path,omitempty"`     // artifact path within the run
	// ArtifactURI is where a logged model's files are, for servers that cannot resolve models:/m-…
	ArtifactURI string `json:"-"`
	Request     string `json:"request"` // digest of model, run and logged model or path: the promote.request tag
}
