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

// eventLimit is the maximum size of the event file, in bytes. GitHub limits webhooks to 25 MB.
const eventLimit = 32 << 20

// Context describes the workflow run and its event. A field that the runner does not provide is zero.
type Context struct {
	EventName       string
	Ref, RefName    string
	RefDeleted      bool   // whether the push deleted the branch or tag; if so, Ref is a different one
	DefaultBranch   string // the repository's default branch
	SHA             string // for pull_request, the trial merge commit: use HeadSHA instead
	HeadSHA         string // head of the pull request, or of the run that triggered a workflow_run
	HeadBranch      string // the branch that HeadSHA is on
	HeadRepository  string // owner/name; differs from Repository for a fork, "" if the fork was deleted
	PullRequest     int
	BaseBranch      string // target branch of the pull request
	Merged          bool   // whether the event is the pull request's merge
	Repository      string // owner/name
	Actor           string
	TriggeringActor string // who started this attempt
	RunID           int64
	RunAttempt      int
	ServerURL       string
	APIURL          string
	WorkflowRef     string
	JobWorkflowRef  string // the reusable workflow's ref, if the workflow passes it on as GITHUB_JOB_WORKFLOW_REF
}

// Context reads the environment and the event file. If it returns an error, only the fields that are read from the
// event are missing.
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

// Fork reports whether the job runs for a pull request from a fork. Such a job has no secrets, and its token is
// read-only.
func (c Context) Fork() bool {
	return c.EventName == "pull_request" && c.HeadRepository != c.Repository
}

// RunURL returns a link to this attempt of the run, or "" outside Actions.
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

// Head returns the commit that the job runs for, or "" if the runner does not provide it. For a pull request, this is
// the head commit, because no model was trained from GitHub's trial merge.
func (c Context) Head() string {
	if c.HeadSHA != "" || strings.HasPrefix(c.EventName, "pull_request") {
		return c.HeadSHA
	}
	return c.SHA
}

// event contains the fields of the webhook payload that the program uses. If a fork has been deleted, its repository is
// null.
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
		return event{}, errors.New("larger than any GitHub event")
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return event{}, fmt.Errorf("not a JSON event: %w", err)
	}
	return e, nil
}
