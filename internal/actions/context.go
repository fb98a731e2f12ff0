package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// eventLimit bounds the event file in bytes. GitHub's own limit for a webhook is 25 MB.
const eventLimit = 32 << 20

// Context is what the job is about. A field is zero where the runner did not say.
type Context struct {
	EventName       string
	Ref, RefName    string
	RefDeleted      bool   // push: it deleted the branch or tag, and Ref is another one
	DefaultBranch   string // of the repository
	SHA             string // on pull_request that of a merge nobody has seen: use HeadSHA
	HeadSHA         string // of the pull request, or of the run that a workflow_run follows
	HeadBranch      string // of the same
	HeadRepository  string // owner/name it comes from; a fork if it differs from Repository, "" for a fork that was deleted
	PullRequest     int
	BaseBranch      string // that the pull request goes into
	Merged          bool   // a merge has just closed the pull request
	Repository      string // owner/name
	Actor           string
	TriggeringActor string // who re-ran it
	RunID           int64
	RunAttempt      int
	ServerURL       string
	APIURL          string
	WorkflowRef     string
	JobWorkflowRef  string // of a reusable workflow, where the caller passes it as GITHUB_JOB_WORKFLOW_REF
}

// Context reads the environment and the event. The error is about the event alone: what the environment said is there.
func (r *Runner) Context() (Context, error) {
	c := Context{
		EventName:       r.env("GITHUB_EVENT_NAME"),
		Ref:             r.env("GITHUB_REF"),
		RefName:         r.env("GITHUB_REF_NAME"),
		SHA:             r.env("GITHUB_SHA"),
		Repository:      r.env("GITHUB_REPOSITORY"),
		Actor:           r.env("GITHUB_ACTOR"),
		TriggeringActor: r.env("GITHUB_TRIGGERING_ACTOR"),
		ServerURL:       r.env("GITHUB_SERVER_URL"),
		APIURL:          r.env("GITHUB_API_URL"),
		WorkflowRef:     r.env("GITHUB_WORKFLOW_REF"),
		JobWorkflowRef:  r.env("GITHUB_JOB_WORKFLOW_REF"),
	}
	c.RunID, _ = strconv.ParseInt(r.env("GITHUB_RUN_ID"), 10, 64)
	c.RunAttempt, _ = strconv.Atoi(r.env("GITHUB_RUN_ATTEMPT"))
	path := r.env("GITHUB_EVENT_PATH")
	if path == "" {
		return c, nil
	}
	e, err := readEvent(path)
	if err != nil {
		return c, fmt.Errorf("read event: %w", err)
	}
	c.DefaultBranch = e.Repository.DefaultBranch
	c.PullRequest = e.PullRequest.Number
	c.HeadSHA = e.PullRequest.Head.SHA
	c.HeadRepository = e.PullRequest.Head.Repo.FullName
	c.HeadBranch = e.PullRequest.Head.Ref
	c.BaseBranch = e.PullRequest.Base.Ref
	c.Merged = e.Action == "closed" && e.PullRequest.Merged
	c.RefDeleted = c.EventName == "push" && e.Deleted
	if run := e.WorkflowRun; c.EventName == "workflow_run" {
		c.HeadSHA, c.HeadBranch, c.HeadRepository = run.HeadSHA, run.HeadBranch, run.HeadRepository.FullName
	}
	return c, nil
}

// Fork reports whether the job judges what another repository proposes: it has no secrets then, and a token that only
// reads.
func (c Context) Fork() bool {
	return c.EventName == "pull_request" && c.HeadRepository != c.Repository
}

// RunURL links to the attempt; "" outside Actions.
func (c Context) RunURL() string {
	if c.ServerURL == "" || c.Repository == "" || c.RunID == 0 {
		return ""
	}
	url := fmt.Sprintf("%s/%s/actions/runs/%d", c.ServerURL, c.Repository, c.RunID)
	if c.RunAttempt > 0 {
		url += fmt.Sprintf("/attempts/%d", c.RunAttempt)
	}
	return url
}

// Head is the commit the job is about. Of a pull request that is its head, not the merge GitHub made to try it, which
// nobody trained anything from. "" where the runner did not say.
func (c Context) Head() string {
	if c.HeadSHA != "" || strings.HasPrefix(c.EventName, "pull_request") {
		return c.HeadSHA
	}
	return c.SHA
}

// event is what the program reads of a webhook's payload. A deleted fork leaves a null where its repository was.
type event struct {
	Action     string `json:"action"`
	Deleted    bool   `json:"deleted"`
	Repository struct {
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
	PullRequest struct {
		Number int  `json:"number"`
		Merged bool `json:"merged"`
		Base   struct {
			Ref string `json:"ref"`
		} `json:"base"`
		Head struct {
			Ref  string `json:"ref"`
			SHA  string `json:"sha"`
			Repo struct {
				FullName string `json:"full_name"`
			} `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	WorkflowRun struct {
		HeadSHA        string `json:"head_sha"`
		HeadBranch     string `json:"head_branch"`
		HeadRepository struct {
			FullName string `json:"full_name"`
		} `json:"head_repository"`
	} `json:"workflow_run"`
}

func readEvent(path string) (e event, err error) {
	f, err := os.Open(path)
	if err != nil {
		return event{}, plain(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, eventLimit+1))
	if err != nil {
		return event{}, plain(err)
	}
	if len(data) > eventLimit {
		return event{}, errors.New("it is larger than any event of GitHub's")
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return event{}, fmt.Errorf("it is not the json of an event: %w", err)
	}
	return e, nil
}
