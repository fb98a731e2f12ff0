package registry

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RecordVersion is the version of the records that this program writes. Records of an older one stay readable: their
// fields keep their names and meanings, and a digest is of the text that is stored.
const RecordVersion = 3

// LedgerRecord is what a promotion is about, written with its claim, before anything moves. Canonical JSON.
type LedgerRecord struct {
	Version   int       `json:"record_version"`
	Epoch     int       `json:"epoch"`
	Previous  string    `json:"prev_record_sha256,omitempty"` // digest of the entry before; "" for the first
	PID       string    `json:"pid"`
	Command   string    `json:"command"`
	Change    string    `json:"change,omitempty"` // initial, replacement, rollback or assignment
	At        string    `json:"at"`               // RFC 3339, UTC
	Server    string    `json:"server"`
	Model     string    `json:"model"`
	From      int       `json:"from,omitempty"`
	To        int       `json:"to"`
	Target    Target    `json:"target"`
	Moves     []Shift   `json:"moves"`
	Archived  []int     `json:"archived,omitempty"` // versions that lose their stage to the new holder
	Candidate string    `json:"candidate"`
	Source    string    `json:"source,omitempty"` // where the model's files are
	RunID     string    `json:"run_id,omitempty"`
	Commit    string    `json:"commit,omitempty"`   // of the training code
	Decision  Decision  `json:"decision,omitempty"` // of the gates
	Mode      Mode      `json:"mode,omitempty"`     // report: not enforced; ungated: no policy was judged
	Gates     []Finding `json:"gates,omitempty"`
	LeftOut   int       `json:"gates_left_out,omitempty"`    // gates that did not fit
	Values    []Used    `json:"values,omitempty"`            // every value of the version's that counted, for later comparisons
	Omitted   []string  `json:"left_out,omitempty"`          // other fields that did not fit
	Waivers   []string  `json:"waivers,omitempty"`           // in words; of records before record/3, whose gates tell it since
	Author    string    `json:"author,omitempty"`            // of the training commit, if a gate asked for it
	Approvers []string  `json:"approvers,omitempty"`         // who approved the pull request or the environment
	Unknown   string    `json:"approvers_unknown,omitempty"` // why it is not known who approved
	Override  []string  `json:"override,omitempty"`
	Hold      []int     `json:"hold,omitempty"`          // versions that a rollback puts on hold
	Outside   []Shift   `json:"moved_outside,omitempty"` // targets that somebody else had moved since the last entry
	TakesOver int       `json:"takes_over,omitempty"`    // epoch of an unfinished entry
	Plan      string    `json:"plan"`                    // digest
	Policy    string    `json:"policy_sha256,omitempty"` // digest of the policy file

	// Rules holds, for each target that the policy file describes, the digest of what it asked there.
	Rules map[string]string `json:"policy_rules,omitempty"`

	Notify []string `json:"notify,omitempty"` // who is to be told once it is done

	Contents
	Return
	Origin
}

// Contents is what the version consists of, as far as it was looked at.
type Contents struct {
	ModelID    string       `json:"model_id,omitempty"` // of the logged model, MLflow 3.x
	Experiment string       `json:"experiment_id,omitempty"`
	Repository string       `json:"commit_repository,omitempty"` // of the training code
	Artifact   string       `json:"artifact_sha256,omitempty"`   // see FilesDigest; only where a gate asked for it
	Files      int          `json:"artifact_files,omitempty"`    // only where a gate had read their sizes
	MLmodel    string       `json:"mlmodel_sha256,omitempty"`    // of the descriptor, which has a new id whenever the model is logged
	Bytes      int64        `json:"artifact_bytes,omitempty"`    // of those files, or what the descriptor says
	Flavors    []string     `json:"flavors,omitempty"`
	Signature  string       `json:"signature_sha256,omitempty"` // of inputs, outputs and parameters, see Digest
	LoggedWith string       `json:"logged_with,omitempty"`      // MLflow version that wrote the model's files
	Datasets   []DatasetRef `json:"datasets,omitempty"`
}

// DatasetRef is a dataset in the record.
type DatasetRef struct {
	Name    string `json:"name"`
	Digest  string `json:"digest,omitempty"`
	Context string `json:"context,omitempty"`
}

// Return is how the move can be undone.
type Return struct {
	To       int    `json:"rollback_to,omitempty"`       // version that a rollback goes to
	Readable string `json:"rollback_readable,omitempty"` // whether its files can be read: yes, absent, unreadable, not-gathered
	None     string `json:"no_rollback,omitempty"`       // none: there is no version to go back to
}

// Origin is who and what carries out a command.
type Origin struct {
	Workflow     string            `json:"workflow_run,omitempty"` // link to the attempt
	Actor        string            `json:"actor,omitempty"`        // who started this attempt
	Initiator    string            `json:"initiator,omitempty"`    // whose event began the workflow run
	Login        string            `json:"login,omitempty"`        // user name at the MLflow server
	Caller       string            `json:"repository,omitempty"`   // repository of the workflow
	SHA          string            `json:"sha,omitempty"`          // of the workflow
	WorkflowRef  string            `json:"workflow_ref,omitempty"`
	JobWorkflow  string            `json:"job_workflow_ref,omitempty"`
	Tool         string            `json:"tool,omitempty"` // version of this program
	Go           string            `json:"go,omitempty"`   // version of Go that built it
	PolicyFile   string            `json:"policy_file,omitempty"`
	ApprovedPlan string            `json:"approved_plan_at,omitempty"` // when the plan was made that somebody approved
	Skew         int64             `json:"server_skew_s,omitempty"`    // seconds that the server's clock is ahead
	Inputs       map[string]string `json:"inputs,omitempty"`           // those that were given, without secrets
}

// Passed reports whether gates judged the promotion and let it pass. With the override ungated the order of stages is no
// judgement.
func (r LedgerRecord) Passed() bool {
	judged := r.LeftOut
	for _, g := range r.Gates {
		if !strings.HasPrefix(g.Gate, "from ") || !slices.Contains(r.Override, OverrideUngated) {
			judged++
		}
	}
	return r.Decision == Promote && judged > 0
}

// NewLedgerRecord is the whole record of a plan that is about to move this version. A later attempt of the same workflow
// run that finishes it after a crash goes by it.
func NewLedgerRecord(p Plan, digest string, in Intent, by Origin, f Facts, number int, at time.Time) LedgerRecord {
	if i := slices.IndexFunc(f.Ledger.Entries, func(e Entry) bool { return p.Resumes == e.Epoch }); i >= 0 {
		return f.Ledger.Entries[i].Record.resumed(p, in, by, f, at)
	}
	run := f.Candidate.Run.OrZero()
	r := LedgerRecord{
		Command: p.Command, At: at.UTC().Format(time.RFC3339), Server: p.Server, Model: p.Model, From: p.Incumbent, To: number,
		Target: p.targetOf(number), Moves: p.Shifts(number), Archived: p.archived(number), Candidate: Truncate(p.Candidate, 1000),
		RunID: run.ID, Commit: run.Tags[RunTagCommit], Override: p.Override, Hold: p.Hold, Outside: f.MovedOutside(p),
		Plan: digest, Policy: p.Policy, Rules: in.Rules, Notify: in.Notify, Contents: contents(f), Origin: by,
	}
	if p.Incumbent == 0 {
		r.From = p.before(number)
	}
	if p.Adopts() && len(r.Outside) > 0 { // for whoever is told, it comes after what the entry before left
		r.From = Alone(r.Outside[0].Was)
	}
	if e, cut := f.Unfinished(p.Command, p.Target); cut && r.From == number { // or after what the unfinished entry replaced
		r.From = e.Record.From
	}
	r.Change = changeClass(r)
	if v, ok := f.Candidate.Version.Get(); ok {
		r.Source = v.Source
	}
	if p.Source != nil {
		r.Source = p.Source.URI
	}
	if p.Verdict != nil {
		r = r.judged(*p.Verdict, f)
		r.Return = wayBack(f, p)
	}
	if review, ok := f.Review.Get(); ok {
		r.Author, r.Approvers, r.Unknown = review.Author(), f.Approvers(), Truncate(review.ApproversUnknown(), 300)
	}
	return r
}

// resumed is the record of the rest of a promotion: what is moved stays as it was planned, and the gates are recorded as
// they were judged again.
func (r LedgerRecord) resumed(p Plan, in Intent, by Origin, f Facts, at time.Time) LedgerRecord {
	r.At, r.Origin, r.Override = at.UTC().Format(time.RFC3339), by, p.Override
	if len(in.Notify) > 0 {
		r.Notify = in.Notify
	}
	if p.Verdict != nil {
		r = r.judged(*p.Verdict, f)
	}
	return r
}

// judged adds the verdict and the values that it may have been about.
func (r LedgerRecord) judged(v Verdict, f Facts) LedgerRecord {
	r.Decision, r.Mode, r.Gates, r.LeftOut = v.Decision, v.Mode, nil, 0
	for _, f := range v.Findings {
		r.Gates = append(r.Gates, f.Facts())
	}
	r.Values = f.Candidate.Values()
	return r
}

// changeClass is what kind of change it is, in one word.
func changeClass(r LedgerRecord) string {
	switch {
	case r.Command == "rollback", r.Command == "alias":
		return map[string]string{"rollback": "rollback", "alias": "assignment"}[r.Command]
	case r.From == 0:
		return "initial"
	}
	return "replacement"
}

// archived are the versions that a plan's move takes out of the stage.
func (p Plan) archived(number int) []int {
	var out []int
	for _, s := range p.Steps {
		if s.Do != SetStage || !s.Archive {
			continue
		}
		for held := range strings.SplitSeq(s.Was, ",") {
			if n, err := strconv.Atoi(held); err == nil && n != number {
				out = append(out, n)
			}
		}
	}
	return out
}

func contents(f Facts) Contents {
	run := f.Candidate.Run.OrZero()
	c := Contents{ModelID: f.Source.ModelID, Experiment: run.ExperimentID, Repository: WithoutUserInfo(run.Tags[RunTagRepository])}
	for _, d := range run.Datasets {
		c.Datasets = append(c.Datasets, DatasetRef{Truncate(d.Name, 200), Truncate(d.Digest, 100), d.Context})
	}
	if m, ok := f.Candidate.MLmodel.Get(); ok {
		c.Flavors, c.LoggedWith, c.Bytes = slices.Sorted(maps.Keys(m.Flavors)), m.MLflowVersion, m.SizeBytes
		c.MLmodel = m.Sha256
		if !m.Signature.Empty() {
			c.Signature = Digest("signature/1", m.Signature.Inputs, m.Signature.Outputs, m.Signature.Params)
		}
		if c.ModelID == "" {
			c.ModelID = m.ModelID
		}
	}
	if files, ok := f.Candidate.Files.Get(); ok {
		c.Files, c.Bytes = Sizes(files)
	}
	c.Artifact, _ = f.Candidate.Digest.Get()
	return c
}

func wayBack(f Facts, p Plan) Return {
	to, _ := f.WayBack(p)
	if to == 0 {
		return Return{None: "none"}
	}
	incumbent := f.Incumbent().OrZero()
	files := incumbent.MLmodel
	if incumbent.Version.OrZero().Number != to {
		files = Known[MLmodel]{}
	}
	readable := "not-gathered"
	switch {
	case files.IsAbsent():
		readable = "absent"
	case files.Why() == "":
		readable = "yes"
	case files.Gathered():
		readable = "unreadable"
	}
	return Return{To: to, Readable: readable}
}

// Shorter leaves out what the record can best do without, and says so in it; ok is false where nothing is left to leave
// out.
func (r LedgerRecord) Shorter() (shorter LedgerRecord, ok bool) {
	omit := func(name string) { r.Omitted = append(slices.Clone(r.Omitted), name) }
	switch {
	case len(r.Inputs) > 0:
		r.Inputs = nil
		omit("inputs")
	case len(r.Datasets) > 0:
		r.Datasets = nil
		omit("datasets")
	case len(r.Flavors) > 0:
		r.Flavors = nil
		omit("flavors")
	case len(r.Values) > 0:
		keep := len(r.Values) / 2
		r.Values = r.Values[:keep]
		if !slices.Contains(r.Omitted, "values") {
			omit("values")
		}
	case len(r.Gates) > 0:
		keep := len(r.Gates) / 2
		r.LeftOut += len(r.Gates) - keep
		r.Gates = r.Gates[:keep]
	case len(r.Waivers) > 0:
		r.Waivers = nil
		omit("waivers")
	default:
		return r, false
	}
	return r, true
}
