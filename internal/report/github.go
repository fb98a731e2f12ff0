package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// GitHub contains what a run read from GitHub, and what it sent to GitHub and other channels.
type GitHub struct {
	PullRequest *PullRequest // the pull request that the candidate comes from; nil if none
	Deployment  Deployment   // the zero value if none was requested
	Notified    []NotificationResult
}

// PullRequest is the pull request that a page is about.
type PullRequest struct {
	Number int
	Head   string // the last commit
	URL    string
	Fork   bool // whether it comes from a fork, so that there are no secrets and the token is read-only
}

// Deployment is the entry for a move in the repository's list of deployments.
type Deployment struct {
	Environment string
	State       string // the last state that was sent to GitHub
	ByJob       bool   // whether GitHub created it for the job's own environment, and updates it
	Why         string // why the deployment could not be updated
}

// NotificationResult is the result of sending one notification.
type NotificationResult struct {
	Channel  string `json:"channel"`
	Model    string `json:"model"`
	RecordID string `json:"record_id"`
	Why      string `json:"error,omitempty"` // why the notification was not sent; "" if it was sent
}

// NotValidated reports whether a pull request from a fork was not validated because the job had no access to secrets.
func (r Run) NotValidated() bool {
	if r.PullRequest == nil || !r.PullRequest.Fork || r.Err == nil || r.Judged {
		return false
	}
	return r.Reason != registry.BadPolicy && r.Reason != registry.NoGates
}

// ForkHint explains what to do about a pull request that was not validated.
const ForkHint = "A pull request from a fork gets no secrets, so the server could not be read. " +
	"This is not a verdict on the candidate. " +
	"Ask a maintainer to validate it, or use the two workflows in docs/pull-requests.md."

// NotValidatedPage returns the beginning of the page for a pull request that was not validated.
func NotValidatedPage() doc.Page {
	return doc.Page{doc.H(notValidated), doc.P(ForkHint)}
}

var notValidated = doc.L("Not validated: the pull request comes from a fork")

// pullRequestRow shows the pull request and its commit. A comment can become outdated, so it must state which commit it
// is about.
func (g GitHub) pullRequestRow() [][]doc.Line {
	pr := g.PullRequest
	if pr == nil {
		return nil
	}
	l := doc.L(doc.Span{Text: strconv.Itoa(pr.Number), URL: pr.URL})
	if pr.Head != "" {
		l = append(l, doc.L(" at commit ", doc.C(format.ShortID(pr.Head)))...)
	}
	return [][]doc.Line{{doc.L("pull request"), l}}
}

// NotificationWarnings returns a warning for each notification that could not be sent.
func (g GitHub) NotificationWarnings() []string {
	var out []string
	for _, t := range g.Notified {
		if t.Why == "" {
			continue
		}
		later := "the next promotion or audit of " + t.Model + " will try again"
		if strings.HasPrefix(t.RecordID, Unrecorded) {
			later = "without a ledger, it will not be sent again"
		}
		out = append(out, fmt.Sprintf("%s was not notified of %s: %s; %s", t.Channel, t.RecordID, t.Why, later))
	}
	return out
}

// Unrecorded is the prefix of the id of a promotion that is not recorded in a ledger.
const Unrecorded = "unrecorded-"

// DeploymentResult is a deployment in JSON.
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
