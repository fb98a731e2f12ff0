package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// GitHub is what GitHub and others have to do with a run.
type GitHub struct {
	PullRequest *PullRequest // what is judged is about it; nil where it is about none
	Deployment  Deployment   // the zero value where none was asked for
	Told        []Told
	Comment     string // address of the comment that holds this page
}

// PullRequest is the one that a page is about.
type PullRequest struct {
	Number int
	Head   string // its last commit
	URL    string
	Fork   bool // it comes from another repository, so there are no secrets and the token only reads
}

// Deployment is how a move is shown in the repository's list of deployments.
type Deployment struct {
	Environment string
	State       string // last state that was reported
	ByJob       bool   // the job's own environment has made it, and GitHub keeps it
	Why         string // what could not be shown
}

// Told is how telling one channel of one record ended.
type Told struct {
	Channel  string `json:"channel"`
	Model    string `json:"model"`
	RecordID string `json:"record_id"`
	Why      string `json:"error,omitempty"` // why it was not; "" where it was
}

// NotValidated reports whether a pull request of a fork was judged by nobody.
func (r Run) NotValidated() bool {
	return r.PullRequest != nil && r.PullRequest.Fork && r.Err != nil && !r.Judged && r.Reason != registry.BadPolicy && r.Reason != registry.NoGates
}

// ForkHint says what to do about that.
const ForkHint = "A pull request from a fork gets no secrets, so the server could not be asked; this is no verdict. " +
	"Let somebody with rights validate it, or use the two workflows of docs/pull-requests.md."

// NotValidatedPage begins the page of such a pull request.
func NotValidatedPage() Doc {
	return Doc{Heading{notValidated}, Para{line(ForkHint)}}
}

var notValidated = line("Not validated: the pull request comes from a fork")

// pullRequestRow names the pull request and its commit: a comment that stays behind shows which one it is about.
func (g GitHub) pullRequestRow() [][]Line {
	pr := g.PullRequest
	if pr == nil {
		return nil
	}
	l := line(Span{Text: strconv.Itoa(pr.Number), URL: pr.URL})
	if pr.Head != "" {
		l = append(l, line(" at commit ", C(pr.Head[:min(len(pr.Head), 12)]))...)
	}
	return [][]Line{{line("pull request"), l}}
}

// approvedRow names who approved, or why that is not known.
func (c Change) approvedRow() [][]Line {
	if approvers := c.Facts.Approvers(); len(approvers) > 0 {
		return [][]Line{{line("approved by"), line(C(strings.Join(approvers, ", ")))}}
	}
	if why := c.Facts.Review.OrZero().ApproversUnknown(); why != "" {
		return [][]Line{{line("approved by"), line("not known: ", why)}}
	}
	return nil
}

// signature says how the candidate's contract differs from the incumbent's.
func (j Judgement) signature() Doc {
	if j.Signature == "" {
		return nil
	}
	d := Doc{Para{line("Signature against the incumbent: ", j.Signature)}}
	var items []Line
	for _, c := range j.SignatureChanges {
		items = append(items, line(C(c)))
	}
	if len(items) > 0 {
		d = append(d, List{items})
	}
	return d
}

// gitHubNotes say what others were told, and what they were not.
func (g GitHub) gitHubNotes() []Line {
	var items []Line
	if d := g.Deployment; d.ByJob {
		items = append(items, line("deployment to ", C(d.Environment), ": the job's own environment has made it, so no other is shown"))
	} else if d.State != "" && d.Why == "" {
		items = append(items, line("deployment to ", C(d.Environment), ": ", d.State))
	}
	for _, record := range g.toldRecords() {
		var channels []string
		for _, t := range g.Told {
			if t.RecordID == record && t.Why == "" {
				channels = append(channels, t.Channel)
			}
		}
		items = append(items, line("told of ", C(record), ": ", list(channels)))
	}
	return items
}

// list shows data one behind the other.
func list(data []string) Line {
	var l Line
	for i, d := range data {
		if i > 0 {
			l = append(l, T(", "))
		}
		l = append(l, C(d))
	}
	return l
}

// toldRecords are those that somebody was told of, in their order.
func (g GitHub) toldRecords() []string {
	var out []string
	for _, t := range g.Told {
		if t.Why == "" && !slices.Contains(out, t.RecordID) {
			out = append(out, t.RecordID)
		}
	}
	return out
}

// Untold are the warnings about those who could not be told.
func (g GitHub) Untold() []string {
	var out []string
	for _, t := range g.Told {
		if t.Why == "" {
			continue
		}
		again := "the next promotion or audit of " + t.Model + " sends it"
		if strings.HasPrefix(t.RecordID, Unrecorded) {
			again = "without a ledger it is not sent again"
		}
		out = append(out, fmt.Sprintf("%s was not told of %s: %s; %s", t.Channel, t.RecordID, t.Why, again))
	}
	return out
}

// Unrecorded begins the id of a promotion that no ledger holds.
const Unrecorded = "unrecorded-"

// DeploymentResult is the deployment for programs.
type DeploymentResult struct {
	Environment string `json:"environment"`
	State       string `json:"state,omitempty"`
	ByJob       bool   `json:"by_job,omitempty"`
	Error       string `json:"error,omitempty"`
}

func (d Deployment) result() *DeploymentResult {
	if d.Environment == "" {
		return nil
	}
	return &DeploymentResult{d.Environment, d.State, d.ByJob, d.Why}
}
