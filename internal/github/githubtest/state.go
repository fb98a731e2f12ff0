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

// A Repository is all that is kept of one. Logins that end in [bot] are those of bots.
type Repository struct {
	Name        string            `json:"name"` // owner/name
	Commits     []*Commit         `json:"commits,omitempty"`
	Branches    map[string]string `json:"branches,omitempty"` // name -> commit
	Runs        []*Run            `json:"runs,omitempty"`
	Pulls       []*Pull           `json:"pulls,omitempty"`
	Issues      []*Issue          `json:"issues,omitempty"`
	Deployments []*Deployment     `json:"deployments,omitempty"`
	Access      map[string]string `json:"access,omitempty"`    // login -> admin, write or none; all others may read
	Workflows   []string          `json:"workflows,omitempty"` // files that can be started by workflow_dispatch
}

// A Commit and its parents.
type Commit struct {
	SHA       string   `json:"sha"`
	Author    string   `json:"author,omitempty"`     // login; "" = GitHub knows nobody by the e-mail address
	Email     string   `json:"email,omitempty"`      // of the author; one with the login in it if empty
	Committer string   `json:"committer,omitempty"`  // login; "" = web-flow, as GitHub's own pages commit
	CoAuthors []string `json:"co_authors,omitempty"` // logins, or e-mail addresses of nobody that GitHub knows
	Parents   []string `json:"parents,omitempty"`
}

// A Run of a workflow.
type Run struct {
	ID        int64      `json:"id"`
	Attempt   int        `json:"attempt,omitempty"` // the newest; the ones before it have completed
	Status    string     `json:"status,omitempty"`  // in_progress if empty
	SHA       string     `json:"sha,omitempty"`
	Actor     string     `json:"actor,omitempty"`
	Approvals []Approval `json:"approvals,omitempty"`
}

// An Approval of a run's environments, or its refusal.
type Approval struct {
	User         string   `json:"user"`
	State        string   `json:"state,omitempty"` // approved if empty
	Environments []string `json:"environments"`
}

// A Pull request.
type Pull struct {
	Number   int        `json:"number"`
	Author   string     `json:"author"`
	Head     string     `json:"head"` // commit
	Branch   string     `json:"branch,omitempty"`
	From     string     `json:"from,omitempty"`  // owner/name of a fork
	Merge    string     `json:"merge,omitempty"` // commit that merging made, or of the trial merge while it is open
	Merged   bool       `json:"merged,omitempty"`
	Commits  []string   `json:"commits,omitempty"` // digests; one of the author's own if empty
	Reviews  []Review   `json:"reviews,omitempty"`
	Comments []*Comment `json:"comments,omitempty"`
}

// A Review of a pull request.
type Review struct {
	User   string `json:"user"`
	State  string `json:"state,omitempty"`  // APPROVED if empty
	Commit string `json:"commit,omitempty"` // the head if empty

	// Association is author_association; COLLABORATOR for those with access and NONE for others if empty.
	Association string `json:"association,omitempty"`
}

// A Comment on an issue or pull request.
type Comment struct {
	ID     int64  `json:"id,omitempty"`
	Author string `json:"author"`
	Body   string `json:"body"`
	Edits  int    `json:"edits,omitempty"`
}

// An Issue.
type Issue struct {
	Number   int        `json:"number"`
	Author   string     `json:"author"`
	Title    string     `json:"title"`
	Body     string     `json:"body"`
	State    string     `json:"state,omitempty"` // open if empty
	Reason   string     `json:"reason,omitempty"`
	Labels   []string   `json:"labels,omitempty"`
	Comments []*Comment `json:"comments,omitempty"`
}

// A Deployment.
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

// A DeploymentStatus is one of a deployment's states.
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

// Add adds a repository, or replaces it.
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

// Seed adds the repositories of a JSON document, {"repositories": [{"name": "acme/churn", …}]}, with the keys of
// Repository. Unknown keys are errors.
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

// Change lets a test change a repository between two requests.
func (s *Server) Change(name string, change func(*Repository)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.repos[name].Repository)
}

// Dump describes the end state in indented JSON that is the same for the same requests.
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

// comments of an issue or pull request; nil where there is neither.
func (r *repository) comments(number int) *[]*Comment {
	if p := r.pull(number); p != nil {
		return &p.Comments
	}
	if i := r.issue(number); i != nil {
		return &i.Comments
	}
	return nil
}

// comment finds one by its id, with the list it is in and the number that belongs to.
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

// newestNumber is the highest number of issues and pull requests, which share one sequence.
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

// ancestors are a commit and all before it.
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
