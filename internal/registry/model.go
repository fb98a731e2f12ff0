package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Model is a registered model.
type Model struct {
	Name        string
	Description string
	Tags        map[string]string
	Aliases     map[string]int // alias -> version number; before MLflow 3, the version may not exist
	Hidden      bool           // a version is marked as a prompt by mistake, which hides the model from searches
	Latest      []Version      // the newest version in each stage, with only its number, source and run
	Newest      int            // highest version number; 0 if none exists or it is not known
	Created     time.Time
	Updated     time.Time
}

// Version is a version of a registered model.
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
	Unread        string // why the tags are not known; "" if they are
	Created       time.Time
	Updated       time.Time
	Job           JobState // of the model's deployment job; the zero value if none exists
}

// JobState is how far a deployment job of Databricks is with a version, in the words of the server.
type JobState struct {
	JobID, RunID string
	Run          string // such as RUNNING, APPROVAL, SUCCEEDED or FAILED
	Task         string // the current task
}

// Run is a tracking run, with the latest point for each metric.
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
	// the run's logged models (MLflow 3) in the server's order; nil if the response does not include them, as in a
	// search before 3.16
	Outputs     []ModelOutput
	ModelInputs []string // ids of logged models that the run measured but did not log
}

// HasEnded reports whether the run has ended, successfully or not.
func (r Run) HasEnded() bool { return r.Status != "RUNNING" && r.Status != "SCHEDULED" }

// Artifact returns the URI for a path relative to the run's artifacts.
func (r Run) Artifact(path string) string { return strings.TrimSuffix(r.ArtifactURI, "/") + "/" + path }

// LoggedPaths returns the paths, in sorted order, of the models that an MLflow 1 or 2 client logged. For MLflow 3, see
// Outputs.
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

// String returns the shortest text that represents the value exactly, or the server's text if the value is not a
// number.
func (p Point) String() string {
	if !p.Finite() {
		return p.Raw
	}
	return strconv.FormatFloat(p.Value, 'g', -1, 64)
}

// Finite reports whether the value can be compared. SQL stores save ±Inf as ±1.7976931348623157e308 (the largest
// float64), so that number is not a measurement either.
func (p Point) Finite() bool {
	return !math.IsNaN(p.Value) && math.Abs(p.Value) < math.MaxFloat64
}

// Dataset is one of the dataset inputs of a run.
type Dataset struct {
	Name, Digest, SourceType, Source string
	Context                          string // training, validation, test …; "" if not tagged
	Rows                             int    // number of rows that its profile states; 0 if it states none
}

// ModelOutput links a run to a logged model.
type ModelOutput struct {
	ModelID string
	Step    int64
}

// LoggedModel is an MLflow 3 logged model, which is an object of its own.
type LoggedModel struct {
	ID, Name, ExperimentID, ArtifactURI, Status, SourceRunID string
	Created                                                  time.Time
	Tags                                                     map[string]string
	Metrics                                                  []ModelMetric // every value that a run has logged on it
}

// File is an artifact. Path is relative to the run's artifacts, and Size is in bytes.
type File struct {
	Path string
	Dir  bool
	Size int64
}

// MLmodel is a model's MLmodel file. Any field may be empty, because older clients leave out most of them.
type MLmodel struct {
	Flavors       map[string]map[string]any
	Signature     Signature
	Parts         []Part   // other files that the model needs
	InputExample  string   // file that contains an example; "" if none exists
	Resources     []string // what the model declares that it needs for serving, as kind:name; sorted
	Unclear       string   // what is not understood of the resources; "" if all of them are
	RunID         string
	ModelID       string
	MLflowVersion string
	PythonVersion string
	Created       string // utc_time_created, in UTC without a time zone
	SizeBytes     int64
	Sha256        string // digest of the file, in hex
}

// Signature is a model's signature. Each part is the JSON text from the file, or "".
type Signature struct{ Inputs, Outputs, Params string }

// Empty reports whether the model has no signature.
func (s Signature) Empty() bool { return s == Signature{} }

// Source tells model-versions/create where the model's artifacts are stored.
type Source struct {
	URI     string `json:"uri"`
	RunID   string `json:"run_id,omitempty"`
	ModelID string `json:"model_id,omitempty"` // MLflow 3 logged model
	Path    string `json:"path,omitempty"`     // artifact path in the run
	// ArtifactURI is the location of a logged model, for servers that do not support models:/m-…
	ArtifactURI string `json:"-"`
	Request     string `json:"request"` // the digest for the promote.request tag
}

// Experiment is an experiment in an audit.
type Experiment struct {
	ID, Name string
	Deleted  bool
}

// Blocked reports whether the gates blocked the version when it was last judged, according to its tag.
func (v Version) Blocked() bool { return v.Tags[TagValidation] == ValidationBlocked }

// Promoted returns when the version was last given an alias or a stage, according to its tags, or "" if no tag contains
// such a time.
func (v Version) Promoted() string {
	at := max(v.Tags[StageTimeTag("Staging")], v.Tags[StageTimeTag("Production")])
	for key, value := range v.Tags {
		if strings.HasPrefix(key, TagPrefix+"alias.") && strings.HasSuffix(key, ".at") {
			at = max(at, value)
		}
	}
	return at
}

// Usable returns the reason why the version can be neither promoted nor restored, or "" if it can.
func (v Version) Usable() string {
	switch {
	case v.Unread != "":
		return v.Unread
	case v.Tags[TagDuplicateOf] != "":
		return "it duplicates version " + v.Tags[TagDuplicateOf]
	case v.Status != "READY" && v.Status != "":
		return "its status is " + v.Status
	}
	return ""
}

// Users returns the MLflow users who trained the run, according to the run itself. The MLflow client writes the same
// name in two places, but a trainer could write two different names.
func (r Run) Users() []string {
	var out []string
	for _, user := range []string{r.User, r.Tags[RunTagUser]} {
		if user != "" && !slices.Contains(out, user) {
			out = append(out, user)
		}
	}
	return out
}

// DatasetSource returns where the data came from. MLflow stores the source as JSON, usually with the key uri or url.
func DatasetSource(d Dataset) string {
	var source struct{ URI, URL, Path string }
	if json.Unmarshal([]byte(d.Source), &source) != nil {
		return ""
	}
	for _, s := range []string{source.URI, source.URL, source.Path} {
		if s != "" {
			return format.WithoutUserInfo(s)
		}
	}
	return ""
}

// DataRef identifies the dataset that a value was measured on. The zero value means no dataset.
type DataRef struct {
	Name   string `json:"name,omitempty"`
	Digest string `json:"digest,omitempty"`
}

func (d DataRef) String() string {
	switch {
	case d == DataRef{}:
		return "no dataset"
	case d.Digest == "":
		return "dataset " + d.Name
	}
	return fmt.Sprintf("dataset %s (%s)", d.Name, d.Digest)
}

// Is reports whether text is the name or digest of the dataset.
func (d DataRef) Is(text string) bool { return text != "" && (d.Name == text || d.Digest == text) }

// ModelMetric is a value that a run logged for a metric on a logged model.
type ModelMetric struct {
	Key string
	Point
	RunID   string
	Dataset DataRef
}

// Models returns the ids, in sorted order, of the logged models that the run logged or measured.
func (r Run) Models() []string {
	ids := map[string]bool{}
	for _, o := range r.Outputs {
		ids[o.ModelID] = true
	}
	for _, id := range r.ModelInputs {
		ids[id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

func (p Point) Same(q Point) bool { return p.Raw == q.Raw && p.Step == q.Step && p.Time.Equal(q.Time) }

func (r Run) OutputStep(model string) (step int64, listed bool) {
	for _, o := range r.Outputs {
		if o.ModelID == model {
			return o.Step, true
		}
	}
	return 0, false
}

// FilesDigest returns a single digest for the contents of all files. It equals the output of this command in their
// folder: find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum. sums maps each path to the SHA-256 digest of
// the file, in hex.
func FilesDigest(sums map[string]string) string {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(h, "%s  ./%s\n", sums[path], path)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Sizes returns the number of files and their total size in bytes.
func Sizes(files []File) (n int, bytes int64) {
	for _, f := range files {
		if !f.Dir {
			n, bytes = n+1, bytes+f.Size
		}
	}
	return n, bytes
}
