package fact

import (
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Incumbent is the key of the incumbent in Facts.Holders. The incumbent is the version that the alias points to, or
// else the one in the stage.
var Incumbent registry.Ref

// Query has the inputs that say what a command is about. Together with Needs it decides which facts are gathered.
type Query struct {
	Model     string
	Candidate registry.Candidate
	Target    registry.Target
	Aliases   []registry.Assignment // only for the command alias

	MovedRoots []registry.MovedRoot // artifact stores that were moved, from the policy
}

// Needs are the facts that gates ask for.
type Needs struct {
	Holders        []registry.Ref // aliases, stages and versions to compare with
	HolderMLmodels bool           // the MLmodel files of Holders
	Files          bool           // the candidate's model files, with sizes
	Digest         bool           // digest of the content of all files, which needs a download of each file
	EvaluatedIn    []string       // experiments, by name or id, whose runs count as evaluations for some gate
	History        []string       // metrics to read with all points, for the candidate and for Holders
	Ledger         bool           // the entries of the promotion ledger
	Evidence       []string       // names of documents among the candidate's run artifacts
	Commit         bool           // how the run's commit is related to the workflow's commit
	Review         bool           // who made the change and who approved it
	Environments   []string       // environments whose approvals count
	// aliases and stages; the ledger must show how long each has pointed to the candidate
	Since []registry.Ref
}

// With returns the facts that n and m need together.
func (n Needs) With(m Needs) Needs {
	n.Holders = union(n.Holders, m.Holders)
	n.HolderMLmodels = n.HolderMLmodels || m.HolderMLmodels
	n.Files = n.Files || n.Digest || m.Files || m.Digest
	n.Digest = n.Digest || m.Digest
	n.EvaluatedIn = union(n.EvaluatedIn, m.EvaluatedIn)
	n.History = union(n.History, m.History)
	n.Ledger = n.Ledger || m.Ledger
	n.Evidence = union(n.Evidence, m.Evidence)
	n.Commit = n.Commit || m.Commit
	n.Review = n.Review || m.Review
	n.Environments = union(n.Environments, m.Environments)
	n.Since = union(n.Since, m.Since)
	return n
}

// union returns the elements of a, then those of b that a does not have.
func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Subject is the candidate, or a version that it is compared with.
type Subject struct {
	Ref     string // name for people: runs:/ID/model or models:/churn/7
	Version registry.Known[registry.Version]
	Run     registry.Known[registry.Run] // also unreadable if the model does not belong to the run, see BelongsToRun
	Path    string                       // path of the model below the run's artifacts; "" for a logged model
	InPlace bool                         // the run lists the model at Path, so its artifact store was not moved
	Places  []string                     // locations of the files of a version; nil if they are not known
	MLmodel registry.Known[registry.MLmodel]

	Logged registry.Known[registry.LoggedModel] // absent if the version has no logged model, which MLflow has since 3.0
	// the other models of the run that its outputs list, in its experiment
	Siblings registry.Known[[]registry.LoggedModel]
	// evaluation runs that logged values on the model and may count, by run id
	Evaluations registry.Known[map[string]Evaluation]
	// other models among the run's artifacts; gathered only if Unlisted is true
	OtherPaths registry.Known[[]string]

	Files   registry.Known[[]registry.File]             // files of the model; paths are relative to the model
	Digest  registry.Known[string]                      // see FilesDigest
	History map[string]registry.Known[[]registry.Point] // by metric, ascending by step and time

	// Registered says that this program registered the version from this run and these files. It is gathered only with
	// Digest.
	Registered bool
}

// Facts is everything that a decision may depend on. It is gathered before anything is decided.
type Facts struct {
	Server    string          // address of the registry, without credentials
	Target    registry.Target // asked for
	Model     registry.Known[registry.Model]
	Candidate Subject
	Found     Found
	// the registration request for the candidate; empty if the candidate is already a version
	Source registry.Source
	Twins  Twins
	// also by Incumbent; absent only if there is certainly no such version
	Holders      map[registry.Ref]registry.Known[Subject]
	StageHolders registry.Versions // all versions in the target's stage
	// stages with several versions, so that no version is the incumbent
	Shared   map[string]registry.Versions
	Newest   int                                      // highest version number seen; 0 if there is no version
	Ledger   ledger.Chain                             // ledger of the model
	Fallback *Fallback                                // how aliases are kept if the server has none, else nil
	Versions map[int]registry.Known[registry.Version] // versions asked for by number
	Whole    bool                                     // Versions has all versions of the model
	Similar  SimilarNames

	// description and tags of the candidate's version, with the changes of the plan
	Words      Words
	Commit     Commit                            // the commit that the workflow runs on
	Review     registry.Known[Review]            // who changed and who approved
	Identities map[string]string                 // MLflow user -> GitHub login, from the policy
	Evidence   map[string]registry.Known[string] // documents by name, as text
	// time of the server's clock, because waivers and ages must not depend on the runner's clock
	Now  time.Time
	Skew time.Duration // by how much the server's clock is ahead of the runner's
}

// Found says how the candidate was found, if the query does not name exactly one model.
type Found struct {
	Best      *BestRun            // the candidate "best"; nil for any other
	Commit    *registry.CommitRun // the candidate "commit"; nil for any other
	Namesakes []string            // other logged models of the run that have the candidate's name
}

// Twins are other versions registered from the candidate's run and artifact.
type Twins struct {
	All      registry.Versions
	Unmarked registry.Versions // duplicates that this program registered and did not tag yet
}

// SimilarNames are existing names that somebody may have meant if the names in the query do not exist.
type SimilarNames struct {
	ModelTwin string            // the model whose name the database treats as equal; "" if there is none
	Models    []string          // registered models with a similar name; ModelTwin comes first
	Aliases   map[string]string // for each absent alias, the existing alias that the database treats as equal
}

// Words are the description and tags of a version.
type Words struct {
	Description string
	Tags        map[string]string
}

// Commit is the commit that the workflow runs on.
type Commit struct {
	Repository string               // owner/name; "" outside a workflow
	Heads      []string             // full digests that count as the head: the branch, the pull request, or its merge
	Contains   registry.Known[bool] // whether the head descends from the run's commit
}

// Fallback says how aliases are kept on a server that has none: as tags of versions. If several versions have the tag,
// the highest one counts. So the alias is always defined, even in the middle of a move.
type Fallback struct {
	Server  string                       // name of the server in messages, such as MLflow 2.2.2
	Holders map[string]registry.Versions // versions that have the tag, by alias
}

// Recorded returns the values of a metric that the ledger recorded when the version was promoted. It returns the first
// record for each run and dataset, because the value of a run on a dataset does not change.
func (f Facts) Recorded(version int, metric string) []verdict.Used {
	var out []verdict.Used
	for _, e := range f.Ledger.Decisive().Entries {
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

// Incumbent returns the version that the target points to now.
func (f Facts) Incumbent() registry.Known[Subject] { return f.Holders[Incumbent] }

// AliasNames returns the aliases of the model, sorted. On a server without aliases, it returns the aliases that are
// kept as tags.
func (f Facts) AliasNames() []string {
	if f.Fallback != nil {
		return slices.Sorted(maps.Keys(f.Fallback.Holders))
	}
	return slices.Sorted(maps.Keys(f.Model.OrZero().Aliases))
}

// Number returns the candidate's version number; 0 if it is not registered yet.
func (f Facts) Number() int { return f.Candidate.Version.OrZero().Number }
