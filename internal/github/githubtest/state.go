package githubtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Repository is the state of a repository. A login that ends in [bot] belongs to a bot.
type Repository struct {
	Name        string            `json:"name"` // owner/name
	Commits     []*Commit         `json:"commits,omitempty"`
	Branches    map[string]string `json:"branches,omitempty"` // name -> commit
	Runs        []*Run            `json:"runs,omitempty"`
	Pulls       []*Pull           `json:"pulls,omitempty"`
	Issues      []*Issue          `json:"issues,omitempty"`
	Deployments []*Deployment     `json:"deployments,omitempty"`
	Access      map[string]string `json:"access,omitempty"`    // login -> admin, write or none; everyone else can read
	Workflows   []string          `json:"workflows,omitempty"` // files that workflow_dispatch can start
}

type Commit struct {
	SHA       string   `json:"sha"`
	Author    string   `json:"author,omitempty"`     // login; "" if no account has this e-mail address
	Email     string   `json:"email,omitempty"`      // the author's address; by default derived from the login
	Committer string   `json:"committer,omitempty"`  // login; default web-flow, as for commits made on GitHub
	CoAuthors []string `json:"co_authors,omitempty"` // logins, or e-mail addresses unknown to GitHub
	Parents   []string `json:"parents,omitempty"`
}

// Run is a workflow run.
type Run struct {
	ID        int64      `json:"id"`
	Attempt   int        `json:"attempt,omitempty"` // the newest attempt; earlier ones have completed
	Status    string     `json:"status,omitempty"`  // default in_progress
	SHA       string     `json:"sha,omitempty"`
	Actor     string     `json:"actor,omitempty"`
	Approvals []Approval `json:"approvals,omitempty"`
}

// Approval is an approval or a rejection for a run's environments.
type Approval struct {
	User         string   `json:"user"`
	State        string   `json:"state,omitempty"` // default approved
	Environments []string `json:"environments"`
}

// Pull is a pull request.
type Pull struct {
	Number   int        `json:"number"`
	Author   string     `json:"author"`
	Head     string     `json:"head"` // commit
	Branch   string     `json:"branch,omitempty"`
	From     string     `json:"from,omitempty"`  // owner/name of a fork
	Merge    string     `json:"merge,omitempty"` // merge commit, or the trial merge while the pull request is open
	Merged   bool       `json:"merged,omitempty"`
	Commits  []string   `json:"commits,omitempty"` // digests; by default, one commit by the author
	Reviews  []Review   `json:"reviews,omitempty"`
	Comments []*Comment `json:"comments,omitempty"`
}

// Review is a review of a pull request.
type Review struct {
	User   string `json:"user"`
	State  string `json:"state,omitempty"`  // default APPROVED
	Commit string `json:"commit,omitempty"` // by default the head

	// Association is the author_association field in JSON. The default is COLLABORATOR for users with access and
	// NONE for everyone else.
	Association string `json:"association,omitempty"`
}

// Comment is a comment on an issue or pull request.
type Comment struct {
	ID     int64  `json:"id,omitempty"`
	Author string `json:"author"`
	Body   string `json:"body"`
	Edits  int    `json:"edits,omitempty"`
}

type Issue struct {
	Number   int        `json:"number"`
	Author   string     `json:"author"`
	Title    string     `json:"title"`
	Body     string     `json:"body"`
	State    string     `json:"state,omitempty"` // default open
	Reason   string     `json:"reason,omitempty"`
	Labels   []string   `json:"labels,omitempty"`
	Comments []*Comment `json:"comments,omitempty"`
}

type Deployment struct {
	ID          int64              `json:"id,omitempty"`
	SHA         string             `json:"sha"`
	Ref         string             `json:"ref,omitempty"`
	Task        string             `json:"task,omitempty"`
	Environment string             `json:"environment"`
	Production  bool               `json:"production,omitempty"`
	Description string             `json:"description,omitempty"`
	Creator     string             `json:"creator,omitempty"`
	Payload     json.RawMessage    `json:"payload,omitempty"`
	Statuses    []DeploymentStatus `json:"statuses,omitempty"` // oldest first
}

// DeploymentStatus is a status of a deployment.
type DeploymentStatus struct {
	ID             int64  `json:"id,omitempty"`
	State          string `json:"state"`
	Description    string `json:"description,omitempty"`
	LogURL         string `json:"log_url,omitempty"`
	EnvironmentURL string `json:"environment_url,omitempty"`
}

type repository struct {
	Repository
	id int64
}

// Add adds or replaces a repository.
func (s *Server) Add(r Repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := &repository{Repository: r, id: s.next()}
	s.repos[r.Name] = kept
	for _, p := range r.Pulls {
		p.Branch = cmp.Or(p.Branch, "topic")
		s.number(p.Comments)
	}
	for _, i := range r.Issues {
		i.State = cmp.Or(i.State, "open")
		s.number(i.Comments)
	}
	for _, d := range r.Deployments {
		d.ID, d.Task, d.Ref = cmp.Or(d.ID, s.next()), cmp.Or(d.Task, "deploy"), cmp.Or(d.Ref, d.SHA)
		for i := range d.Statuses {
			d.Statuses[i].ID = cmp.Or(d.Statuses[i].ID, s.next())
		}
	}
}

func (s *Server) number(comments []*Comment) {
	for _, c := range comments {
		c.ID = cmp.Or(c.ID, s.next())
	}
}

func (s *Server) next() int64 {
	s.ids++
	return s.ids
}

// Seed adds the repositories in a JSON document, {"repositories": [{"name": "acme/churn", …}]}. Its keys are those
// of Repository. Unknown keys are errors.
func (s *Server) Seed(r io.Reader) error {
	var doc struct {
		Repositories []Repository `json:"repositories"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	for _, repo := range doc.Repositories {
		s.Add(repo)
	}
	return nil
}

// Change changes a repository's state between two requests.
func (s *Server) Change(name string, change func(*Repository)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.repos[name].Repository)
}

// Dump returns the state as indented JSON. The same requests always produce the same text.
func (s *Server) Dump() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Repository
	for _, name := range slices.Sorted(maps.Keys(s.repos)) {
		out = append(out, s.repos[name].Repository)
	}
	return encode(out, "  ")
}

func (r *repository) pull(number int) *Pull {
	for _, p := range r.Pulls {
		if p.Number == number {
			return p
		}
	}
	return nil
}

func (r *repository) issue(number int) *Issue {
	for _, i := range r.Issues {
		if i.Number == number {
			return i
		}
	}
	return nil
}

func (r *repository) commit(sha string) *Commit {
	for _, c := range r.Commits {
		if c.SHA == sha {
			return c
		}
	}
	return nil
}

// comments returns the comments of an issue or pull request, or nil if there is neither.
func (r *repository) comments(number int) *[]*Comment {
	if p := r.pull(number); p != nil {
		return &p.Comments
	}
	if i := r.issue(number); i != nil {
		return &i.Comments
	}
	return nil
}

// comment finds a comment by its id. It returns the list that contains the comment, the comment's index in that
// list, and the number of the issue or pull request.
func (r *repository) comment(id int64) (list *[]*Comment, at, number int) {
	numbers := []int{}
	for _, p := range r.Pulls {
		numbers = append(numbers, p.Number)
	}
	for _, i := range r.Issues {
		numbers = append(numbers, i.Number)
	}
	for _, n := range numbers {
		list := r.comments(n)
		if at := slices.IndexFunc(*list, func(c *Comment) bool { return c.ID == id }); at >= 0 {
			return list, at, n
		}
	}
	return nil, 0, 0
}

func (r *repository) deployment(id int64) *Deployment {
	for _, d := range r.Deployments {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// newestNumber returns the highest number in use. Issues and pull requests share one sequence.
func (r *repository) newestNumber() int {
	n := 0
	for _, p := range r.Pulls {
		n = max(n, p.Number)
	}
	for _, i := range r.Issues {
		n = max(n, i.Number)
	}
	return n
}

// ancestors returns a commit and all its ancestors.
func (r *repository) ancestors(sha string) map[string]bool {
	out := map[string]bool{}
	todo := []string{sha}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if c := r.commit(next); c != nil && !out[next] {
			out[next] = true
			todo = append(todo, c.Parents...)
		}
	}
	return out
}

func isBot(login string) bool { return strings.HasSuffix(login, "[bot]") }
