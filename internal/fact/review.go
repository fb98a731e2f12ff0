package fact

import (
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Review says who made a change and who approved it, according to GitHub.
type Review struct {
	Attempt      int                           // which attempt of the workflow run this is, from 1; 0 if unknown
	Contributors registry.Known[[]Contributor] // everyone who made the change or started the workflow
	// one for each decision about one of the workflow run's environments; absent outside a workflow
	Environments registry.Known[[]Approval]
	PullRequest  registry.Known[[]Approval] // reviews of the pull request; absent if none exists
	// the environments that gates list; if they list none, every environment that was approved
	Named   []string
	Missing []string // permissions that the token lacks, in workflow syntax, for example "actions: read"
}

// Contributor is one person's part in a change.
type Contributor struct {
	Login  string // "" if unknown, or if the commit's e-mail address belongs to no GitHub account
	Email  string // the commit's e-mail address, if GitHub knows no login for it
	Commit string // the full digest of the commit that the person wrote; "" for other roles
	Role   Role
}

// Role says what a person contributed to a change. It completes a sentence, for example "NAME wrote the commit".
type Role string

// People with one of these roles cannot approve the change.
const (
	RoleAuthor        Role = "wrote the commit" // the commit that the MLflow run refers to
	RoleCoAuthor      Role = "co-authored the commit"
	RoleCommitter     Role = "committed the commit"
	RoleTrainer       Role = "ran the training" // according to the policy's `identities`
	RoleOpener        Role = "opened the pull request"
	RolePullAuthor    Role = "wrote a commit of the pull request"
	RolePullCoAuthor  Role = "co-authored a commit of the pull request"
	RolePullCommitter Role = "committed a commit of the pull request"
	RoleStarter       Role = "started the workflow"
	RoleRestarter     Role = "re-ran the workflow"
	RoleOther         Role = "made the change" // for a policy's test cases, which do not state roles
)

// Approval is an account's latest decision about the pull request or one of the environments.
type Approval struct {
	Login       string // "" if GitHub does not return the account
	Environment string // "" for a review of the pull request
	State       ApprovalState
}

// ApprovalState says whether an account has approved, and whether that approval counts.
type ApprovalState string

// The values of ApprovalState. Only Approved counts.
const (
	Approved         ApprovalState = "approved"
	Rejected         ApprovalState = "rejected"          // rejected the deployment to the environment
	ChangesRequested ApprovalState = "changes requested" // in the account's last review
	Dismissed        ApprovalState = "dismissed"
	Stale            ApprovalState = "stale"     // approved an older commit
	NoAccess         ApprovalState = "no access" // the account has no write access to the repository
	NotAPerson       ApprovalState = "bot"
)

// Makers returns the roles of everyone who made the change, by login in lower case. These people must not approve their
// own work. A login comes from GitHub or, for an MLflow user or an e-mail address, from the policy's `identities`.
// unnamed contains the contributors whose login is not known.
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

// loginsOf returns the GitHub logins that the policy's `identities` assign to an MLflow user or an e-mail address.
func (f Facts) loginsOf(user string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Identities)) {
		if user != "" && strings.EqualFold(name, user) {
			out = append(out, f.Identities[name])
		}
	}
	return out
}

// Approvers returns the logins of the people who approved the pull request or a named environment, sorted and in lower
// case. If a gate looked up the change's authors, their logins are left out.
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

// ApproversGap is a code for why the approvers are not known. Codes are stored in records and must never be renamed.
// Records from older versions of this program contain a sentence instead of a code.
type ApproversGap string

// The values of ApproversGap. "" means that the approvers are known.
const (
	ApproversDenied ApproversGap = "missing-permission" // the job is not allowed to read the approvals
	ApproversUnread ApproversGap = "unreadable"         // GitHub did not return them
)

// Words returns the code as a sentence. A sentence from an older record is returned unchanged.
func (g ApproversGap) Words() string {
	switch g {
	case ApproversDenied:
		return "the job lacked the permission to read the approvals"
	case ApproversUnread:
		return "GitHub did not return the approvals"
	}
	return string(g)
}

// ApprovedBy says who approved a recorded move, or why the approvers are not known. It returns "" if GitHub was not
// asked.
func ApprovedBy(approvers []string, unknown string) string {
	switch {
	case len(approvers) > 0:
		return "approved by " + strings.Join(approvers, ", ")
	case unknown != "":
		return "approvers unknown: " + ApproversGap(unknown).Words()
	}
	return ""
}

// ApproversUnknown returns why the approvers are not known, if no gate asked for them and only the record needs them.
// why is more detailed than the code. Both are empty if a gate asked for the approvers or if they are known.
func (r Review) ApproversUnknown() (code ApproversGap, why string) {
	_, entered := r.Environments.Get()
	switch {
	case r.Contributors.Gathered() || entered || !r.Environments.Gathered():
		return "", ""
	case len(r.Missing) > 0:
		return ApproversDenied, "the job lacks the permission " + strings.Join(r.Missing, ", ")
	}
	return ApproversUnread, r.Environments.Why()
}

// Author returns the login of the author of the run's commit, or "" if it is not known.
func (r Review) Author() string {
	for _, c := range r.Contributors.OrZero() {
		if c.Role == RoleAuthor {
			return c.Login
		}
	}
	return ""
}
