package registry

// Target is what a promotion moves: an alias, a stage, or both.
type Target struct {
	Alias           string `json:"alias,omitempty"`
	Stage           string `json:"stage,omitempty"`
	ArchiveExisting bool   `json:"archive_existing,omitempty"` // of the stage's other holders
}

// Empty reports whether nothing would be moved.
func (t Target) Empty() bool { return t.Alias == "" && t.Stage == "" }

func (t Target) String() string {
	switch {
	case t.Alias != "" && t.Stage != "":
		return "@" + t.Alias + " and " + t.Stage
	case t.Alias != "":
		return "@" + t.Alias
	}
	return t.Stage
}

// Incumbent is the key of the target's own holder in Facts.Holders: of the alias where there is one, else of the stage.
const Incumbent = ""

// Assignment gives an alias to a version, or removes it: version 0.
type Assignment struct {
	Alias   string `json:"alias"`
	Version int    `json:"version,omitempty"`
}

// Query says what a command is about; Needs what its gates want to know. Together they decide what is fetched.
type Query struct {
	Model     string
	Candidate Candidate
	Target    Target
	Aliases   []Assignment // of the command alias
}

// Needs is the union of the facts that the gates of a decision ask for.
type Needs struct {
	Holders []string // "@alias" or a stage: whose run is compared with
}

// Subject is a version under judgement: the candidate, or a holder it is compared with.
type Subject struct {
	Ref     string // how to name it to people: runs:/ID/model, models:/churn/7
	Version Known[Version]
	Run     Known[Run]
	MLmodel Known[MLmodel]
}

// Facts is everything a decision may depend on, gathered before anything is decided.
type Facts struct {
	Server       string // address of the registry, without credentials
	Model        Known[Model]
	Candidate    Subject
	Source       Source                    // what registering the candidate would send; empty where it is a version already
	Twins        []int                     // other versions registered from the same run and artifact
	Holders      map[string]Known[Subject] // by Incumbent, "@alias" or stage; absent = confirmed that there is none
	StageHolders []int                     // all versions in the target's stage, ascending
	Unmarked     []int                     // those twins that this program registered and has not marked yet
	Newest       int                       // highest version number seen; 0 = none
	Ledger       Ledger                    // of the model
	Best         *BestRun                  // how the candidate "best" was found; nil for any other
	Fallback     *Fallback                 // the server has no aliases; nil where it has
	Versions     map[int]Known[Version]    // versions asked for by number
}

// Fallback is how aliases are kept on a server that has none: as tags of versions. Where several versions carry the
// tag, the one with the highest number holds the alias; that keeps every state on the way from one to the next
// readable.
type Fallback struct {
	Server  string           // what people call it: MLflow 2.2.2
	Holders map[string][]int // alias -> versions that carry its tag, ascending
}

// Incumbent is the version the target names now.
func (f Facts) Incumbent() Known[Subject] { return f.Holders[Incumbent] }

// Number is the candidate's version number, 0 while it is not registered.
func (f Facts) Number() int { return f.Candidate.Version.OrZero().Number }
