package fact

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Review is who made a change, and who approved it, as GitHub tells it.
type Review struct {
	Attempt      int                           // of the workflow run, from 1; 0 = not known
	Contributors registry.Known[[]Contributor] // everybody who made the change or started the workflow
	Environments registry.Known[[]Approval]    // of the workflow run's environments; absent = this is no workflow run
	PullRequest  registry.Known[[]Approval]    // reviews of the pull request; absent = there is none
	// environments that a gate names, or if no gate asks, all that were approved
	Named   []string
	Missing []string // permissions that the token lacks, as a workflow writes them: "actions: read"
}

// Contributor is one person's part in a change.
type Contributor struct {
	Login  string // "" = not known; of a commit: GitHub knows nobody by the e-mail address
	Email  string // in the commit, if GitHub has no login for it
	Commit string // full digest of the commit that was written; "" for other roles
	Role   Role
}

// Role is what somebody did for a change, as a predicate: "NAME wrote the commit".
type Role string

// The roles whose holders cannot approve.
const (
	RoleAuthor        Role = "wrote the commit" // that the MLflow run names
	RoleCoAuthor      Role = "co-authored the commit"
	RoleCommitter     Role = "committed the commit"
	RoleTrainer       Role = "ran the training" // by the policy's identities
	RoleOpener        Role = "opened the pull request"
	RolePullAuthor    Role = "wrote a commit of the pull request"
	RolePullCoAuthor  Role = "co-authored a commit of the pull request"
	RolePullCommitter Role = "committed a commit of the pull request"
	RoleStarter       Role = "started the workflow"
	RoleRestarter     Role = "re-ran the workflow"
	RoleOther         Role = "made the change" // in a test of a policy, which gives no role
)

// Approval is the last word of one account about the pull request or about one environment.
type Approval struct {
	Login       string // "" = the account is gone
	Environment string // "" = a review of the pull request
	State       ApprovalState
}

// ApprovalState says whether an account approved, and if so, whether GitHub's facts speak against it.
type ApprovalState string

// The states of an approval. Only Approved counts.
const (
	Approved         ApprovalState = "approved"
	Rejected         ApprovalState = "rejected"          // the environment
	ChangesRequested ApprovalState = "changes requested" // in the last review
	Dismissed        ApprovalState = "dismissed"
	Stale            ApprovalState = "stale"     // approved another commit than the head
	NoAccess         ApprovalState = "no access" // may not write to the repository
	NotAPerson       ApprovalState = "bot"
)

// Makers are the roles of everybody whose approval would be of their own work, by login in lower case: GitHub's word,
// and the policy's identities for the MLflow user and for e-mail addresses. unnamed are those without any login.
func (f Facts) Makers() (roles map[string][]Role, unnamed []Contributor) {
	roles = map[string][]Role{}
	add := func(login string, role Role) {
		if login = strings.ToLower(login); !slices.Contains(roles[login], role) {
			roles[login] = append(roles[login], role)
		}
	}
	for _, c := range f.Review.OrZero().Contributors.OrZero() {
		logins := []string{c.Login}
		if c.Login == "" {
			logins = f.loginsOf(c.Email)
		}
		for _, login := range logins {
			add(login, c.Role)
		}
		if len(logins) == 0 {
			unnamed = append(unnamed, c)
		}
	}
	for _, user := range f.Candidate.Run.OrZero().Users() {
		for _, login := range f.loginsOf(user) {
			add(login, RoleTrainer)
		}
	}
	for _, all := range roles {
		slices.Sort(all)
	}
	return roles, unnamed
}

// loginsOf are the GitHub logins that the policy's identities give an MLflow user or an e-mail address.
func (f Facts) loginsOf(user string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Identities)) {
		if user != "" && strings.EqualFold(name, user) {
			out = append(out, f.Identities[name])
		}
	}
	return out
}

// Approvers are the logins, in lower case and sorted, of those who approved the pull request or a named environment. If
// a gate asked who made the change, they are not among them.
func (f Facts) Approvers() []string {
	review := f.Review.OrZero()
	makers, _ := f.Makers()
	if !review.Contributors.Gathered() {
		makers = nil
	}
	var out []string
	for _, a := range slices.Concat(review.Environments.OrZero(), review.PullRequest.OrZero()) {
		login := strings.ToLower(a.Login)
		named := a.Environment == "" || slices.ContainsFunc(review.Named, func(name string) bool {
			return strings.EqualFold(name, a.Environment)
		})
		if a.State == Approved && named && login != "" && makers[login] == nil {
			out = append(out, login)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ApproversUnknown says why it is not known who approved, if no gate asked and the record alone wants to know; else "".
func (r Review) ApproversUnknown() string {
	_, entered := r.Environments.Get()
	switch {
	case r.Contributors.Gathered() || entered || !r.Environments.Gathered():
		return ""
	case len(r.Missing) > 0:
		return "the job lacks the permission " + strings.Join(r.Missing, ", ")
	}
	return r.Environments.Why()
}

// Author is the login of the author of the run's commit; "" = not known.
func (r Review) Author() string {
	for _, c := range r.Contributors.OrZero() {
		if c.Role == RoleAuthor {
			return c.Login
		}
	}
	return ""
}
