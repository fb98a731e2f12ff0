package fact

import (
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Incumbent is the key of the target's own holder in Facts.Holders: of the alias where there is one, else of the stage.
const Incumbent = ""

// Query says what a command is about; Needs what its gates want to know. Together they decide what is fetched.
type Query struct {
	Model     string
	Candidate registry.Candidate
	Target    registry.Target
	Aliases   []registry.Assignment // of the command alias

	MovedRoots []registry.MovedRoot // artifact stores that were moved, from the policy
}

// Needs is the union of the facts that the gates of a decision ask for.
type Needs struct {
	Holders        []string // "@alias", a stage or a version number: who is compared with
	HolderMLmodels bool     // the holders' model descriptors
	Files          bool     // the candidate's model files, with sizes
	Digest         bool     // of the content of all of them: each is downloaded
	EvaluatedIn    []string // experiments, by name or id, whose runs count as evaluations for some gate
	History        []string // metrics of which every point is needed, of the candidate and the holders
	Ledger         bool     // what the promotion ledger recorded
	Evidence       []string // names of documents among the candidate's run artifacts
	Commit         bool     // how the run's commit relates to the one the workflow runs on
	Review         bool     // who made the change and who approved it
	Environments   []string // whose approvals count
	Since          []string // "@alias" or a stage: since when it points to the candidate, by the ledger
}

// Subject is a version under judgement: the candidate, or a holder it is compared with.
type Subject struct {
	Ref     string // how to name it to people: runs:/ID/model, models:/churn/7
	Version registry.Known[registry.Version]
	Run     registry.Known[registry.Run] // unreadable too if the model does not belong to it, see BelongsToRun
	Path    string                       // of the model below the run's artifacts; "" of a logged model
	InPlace bool                         // Path is where the run lists it: its artifact store was not moved
	Places  []string                     // names of where the files of a version are; nil if that is not known
	MLmodel registry.Known[registry.MLmodel]

	Logged      registry.Known[registry.LoggedModel]   // absent if the version is no logged model of MLflow 3
	Siblings    registry.Known[[]registry.LoggedModel] // the other models of the run that its outputs list, in its experiment
	Evaluations registry.Known[map[string]Evaluation]  // by run, those that logged values on the model and may count
	OtherPaths  registry.Known[[]string]               // other models among the run's artifacts; only gathered if Unlisted

	Files   registry.Known[[]registry.File]             // of the model, paths relative to it
	Digest  registry.Known[string]                      // see FilesDigest
	History map[string]registry.Known[[]registry.Point] // by metric, ascending by step and time

	// Registered says that this program registered the version from this run and these files. Only gathered with Digest.
	Registered bool
}

// Facts is everything a decision may depend on, gathered before anything is decided.
type Facts struct {
	Server       string          // address of the registry, without credentials
	Target       registry.Target // asked for
	Model        registry.Known[registry.Model]
	Candidate    Subject
	Source       registry.Source                          // what registering the candidate would send; empty where it is a version already
	Namesakes    []string                                 // other logged models of the run that have the candidate's name
	Twins        []int                                    // other versions registered from the same run and artifact
	Holders      map[string]registry.Known[Subject]       // by Incumbent, "@alias" or stage; absent = confirmed that there is none
	StageHolders []int                                    // all versions in the target's stage, ascending
	Shared       map[string][]int                         // versions of the stages asked for that several hold, ascending: none is the incumbent
	Unmarked     []int                                    // those twins that this program registered and has not marked yet
	Newest       int                                      // highest version number seen; 0 = none
	Ledger       ledger.Chain                             // of the model
	Best         *BestRun                                 // how the candidate "best" was found; nil for any other
	OfCommit     *registry.CommitRun                      // how the candidate "commit" was found
	Fallback     *Fallback                                // the server has no aliases; nil where it has
	Versions     map[int]registry.Known[registry.Version] // versions asked for by number
	Whole        bool                                     // Versions are all there are
	ModelTwin    string                                   // the model that the database takes the absent Model for; "" = none
	NearModels   []string                                 // registered models that may be meant, if Model is absent; the twin first
	Taken        map[string]string                        // absent aliases that the database takes for another one: that one

	Words      Words                             // of the candidate's version, as they are or as the plan will write them
	Commit     Commit                            // the workflow's
	Review     registry.Known[Review]            // who approved
	Identities map[string]string                 // MLflow user -> GitHub login, from the policy
	Evidence   map[string]registry.Known[string] // documents by name, as text
	Now        time.Time                         // the server's clock: waivers and ages must not depend on the runner's
	Skew       time.Duration                     // how far the server's clock is ahead of the runner's
}

// Words are what a version says about itself.
type Words struct {
	Description string
	Tags        map[string]string
}

// Commit is what the workflow runs on.
type Commit struct {
	Repository string               // owner/name; "" outside a workflow
	Heads      []string             // full digests that count as the head: of the branch, the pull request, its merge
	Contains   registry.Known[bool] // whether the head descends from the run's commit
}

// Fallback is how aliases are kept on a server that has none: as tags of versions. Where several versions carry the
// tag, the one with the highest number holds the alias; that keeps every state on the way from one to the next
// readable.
type Fallback struct {
	Server  string           // what people call it: MLflow 2.2.2
	Holders map[string][]int // alias -> versions that carry its tag, ascending
}

// Recorded lists what the ledger recorded of a metric of a version when it was promoted: of each run and dataset the
// first record, because a value of one run on one dataset does not change.
func (f Facts) Recorded(version int, metric string) []verdict.Used {
	var out []verdict.Used
	for _, e := range f.Ledger.Entries {
		if e.Outcome != ledger.EntryDone || e.Record.To != version || version == 0 {
			continue
		}
		for _, u := range e.Record.Values {
			known := slices.ContainsFunc(out, func(have verdict.Used) bool { return have.Measures(u) })
			if u.Metric == metric && !known {
				out = append(out, u)
			}
		}
	}
	return out
}

// Incumbent is the version the target names now.
func (f Facts) Incumbent() registry.Known[Subject] { return f.Holders[Incumbent] }

// AliasNames are the aliases that the model has, sorted: its own, or what stands for them on a server without.
func (f Facts) AliasNames() []string {
	if f.Fallback != nil {
		return slices.Sorted(maps.Keys(f.Fallback.Holders))
	}
	return slices.Sorted(maps.Keys(f.Model.OrZero().Aliases))
}

// Number is the candidate's version number, 0 while it is not registered.
func (f Facts) Number() int { return f.Candidate.Version.OrZero().Number }
