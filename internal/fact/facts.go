package fact

import (
	"maps"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Incumbent is the incumbent's key in Facts.Holders. The incumbent is the version that the target's alias points to or,
// if the target has no alias, the version in the stage.
var Incumbent registry.Ref

// Query contains the inputs that say what a command is about. Together with Needs, it determines which facts are
// gathered.
type Query struct {
	Model     string
	Candidate registry.Candidate
	Target    registry.Target
	// the aliases for the `alias` command, or the additional aliases that a promotion sets or removes
	Aliases []registry.Assignment

	MovedRoots []registry.MovedRoot // artifact stores that have moved, according to the policy
}

// Needs lists the facts that gates require.
type Needs struct {
	Holders        []registry.Ref // the aliases, stages and versions that the candidate is compared with
	Tags           []string       // the keys of version tags
	HolderMLmodels bool           // whether to read the MLmodel files of Holders as well
	Files          bool           // the candidate's model files and their sizes
	Digest         bool           // a digest of the contents of all files, for which every file must be downloaded
	EvaluatedIn    []string       // experiments, by name or id, whose runs a gate accepts as evaluations
	History        []string       // metrics whose whole history is read, for the candidate and for Holders
	Ledger         bool           // the entries of the promotion ledger
	Evidence       []string       // the names of documents in the candidate's run artifacts
	Commit         bool           // how the run's commit relates to the workflow's commit
	Review         bool           // who made the change and who approved it
	Environments   []string       // environments whose approvals count
	// aliases and stages for which the ledger must show how long they have pointed to the candidate
	Since []registry.Ref
	// experiments, by name or id, in which to look for evaluation runs with rows, of the candidate and of Holders
	ScoredIn, HolderScores []string
}

// With returns the union of the needs of n and m.
func (n Needs) With(m Needs) Needs {
	n.Holders = union(n.Holders, m.Holders)
	n.Tags = union(n.Tags, m.Tags)
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
	n.ScoredIn = union(n.ScoredIn, m.ScoredIn)
	n.HolderScores = union(n.HolderScores, m.HolderScores)
	return n
}

// union returns the elements of a, followed by the elements of b that are not in a.
func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Subject is the candidate or a version that it is compared with.
type Subject struct {
	Ref     string // the name to show, for example runs:/ID/model or models:/churn/7
	Version registry.Known[registry.Version]
	Run     registry.Known[registry.Run] // also unreadable if the model does not belong to the run (see BelongsToRun)
	// the id of the model's run if the run has been deleted and is therefore unreadable
	DeletedRun string
	Path       string   // the model's path within the run's artifacts; "" for a logged model
	InPlace    bool     // whether the run lists the model at Path, so that its artifact store has not moved
	Places     []string // locations of the version's files; nil if they are not known
	MLmodel    registry.Known[registry.MLmodel]

	Logged registry.Known[registry.LoggedModel] // absent if the version has no logged model, as before MLflow 3
	// models in the run's outputs that are in the model's experiment, other than the model itself
	Siblings registry.Known[[]registry.LoggedModel]
	// evaluation runs that logged values on the model and may count, by run id
	Evaluations registry.Known[map[string]Evaluation]
	// other models among the run's artifacts; gathered only if Unlisted is true
	OtherPaths registry.Known[[]string]
	// newest finished evaluation run, by the experiment as the gate spells it
	Scored map[string]registry.Known[Scored]

	Files   registry.Known[[]registry.File]             // the model's files, with paths relative to the model
	Digest  registry.Known[string]                      // see FilesDigest
	History map[string]registry.Known[[]registry.Point] // by metric; sorted by step, then by time

	// Registered reports whether this program registered the version from this run and these files. It is gathered only
	// together with Digest.
	Registered bool
}

// Facts contains everything that a decision may depend on. All facts are gathered before anything is decided.
type Facts struct {
	Server    string          // the registry's address, without credentials
	Target    registry.Target // the target that the user requested
	Model     registry.Known[registry.Model]
	Candidate Subject
	Found     Found
	// the registration request for the candidate; empty if the candidate already is a version
	Source registry.Source
	Barred error   // why the registry would refuse the registration; nil if no reason is known
	Origin *Origin // the server from which the candidate is copied; nil if it is the registry's
	Twins  Twins
	// also keyed by Incumbent; a subject is absent only if it is certain that there is no such version
	Holders      map[registry.Ref]registry.Known[Subject]
	StageHolders registry.Versions // all versions in the target's stage
	// stages that contain several versions and therefore have no incumbent
	Shared map[string]registry.Versions
	Newest int          // the highest version number seen; 0 if the model has no versions
	Ledger ledger.Chain // the model's ledger
	// how aliases are stored on a server that does not support them; nil on any other server
	Fallback *Fallback
	Versions map[int]registry.Known[registry.Version] // the versions that were requested by number
	Whole    bool                                     // whether Versions contains every version of the model
	Similar  SimilarNames

	// the description and tags that the candidate's version will have after the plan has been applied
	Words      Words
	Commit     Commit                            // the commit that the workflow runs on
	Review     registry.Known[Review]            // who made the change and who approved it
	Identities map[string]string                 // GitHub login for each MLflow user, from the policy
	Evidence   map[string]registry.Known[string] // the text of each document, keyed by name
	// the server's time, so that waivers and ages do not depend on the runner's clock
	Now  time.Time
	Skew time.Duration // how far the server's clock is ahead of the runner's
}

// Origin describes where a candidate comes from that has to be copied from another server.
type Origin struct {
	Server string // address without credentials
	// the candidate's version there; absent if the candidate is a run or a logged model
	Version registry.Known[registry.Version]
	Earlier []registry.Hop // the servers from which that version was copied, according to its tag; oldest first
	Lost    []string       // what cannot be copied, for people
}

// Found describes how the candidate was found, if the query does not identify exactly one model.
type Found struct {
	Best      *BestRun            // for the candidate "best", otherwise nil
	Commit    *registry.CommitRun // for the candidate "commit", otherwise nil
	Namesakes []string            // the run's other logged models that have the candidate's name
	Unseen    string              // why the run's artifacts could not be listed; "" if they contain the candidate
}

// Twins lists the other versions that were registered from the candidate's run and artifact.
type Twins struct {
	All      registry.Versions
	Unmarked registry.Versions // duplicates that this program registered and has not tagged yet
}

// SimilarNames suggests existing names in place of names in the query that do not exist.
type SimilarNames struct {
	// the model whose name the database does not distinguish from the given one; "" if none exists
	ModelTwin string
	Models    []string // registered models with a similar name; ModelTwin comes first
	// for each missing alias, an existing alias that the database does not distinguish from it
	Aliases map[string]string
}

// Words contains the description and tags of a version.
type Words struct {
	Description string
	Tags        map[string]string
}

// Commit is the commit that the workflow runs on.
type Commit struct {
	Repository string // owner/name; "" outside a workflow
	// the full digests that count as the head: that of the branch, the pull request or its merge commit
	Heads    []string
	Contains registry.Known[bool] // whether the head descends from the run's commit
}

// Fallback describes how aliases are stored as version tags on a server that does not support aliases. If several
// versions have the tag, the highest one counts, so the alias always points to exactly one version, even in the middle
// of a move.
type Fallback struct {
	Server  string                       // how messages refer to the server, for example "MLflow 2.2.2"
	Holders map[string]registry.Versions // the versions that have the tag, by alias
}

// Recorded returns the values of a metric that were written to the ledger when the version was promoted. For each run
// and dataset, it returns the first one recorded, because a run's value on a dataset does not change.
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

// AliasNames returns the model's aliases in sorted order. On a server that does not support aliases, these are the
// aliases stored as tags.
func (f Facts) AliasNames() []string {
	if f.Fallback != nil {
		return slices.Sorted(maps.Keys(f.Fallback.Holders))
	}
	return slices.Sorted(maps.Keys(f.Model.OrZero().Aliases))
}

// Number returns the candidate's version number, or 0 if the candidate is not registered yet.
func (f Facts) Number() int { return f.Candidate.Version.OrZero().Number }
