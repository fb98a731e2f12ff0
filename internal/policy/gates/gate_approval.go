package gates

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var approvalKind = Kind{
	Name:   "approval",
	Passes: "enough people approved who neither made the change nor started the workflow",
	Notes: "Reviews of the pull request count, and approvals of the environment that the gate names. People cannot " +
		"approve their own change. This excludes commit authors and committers, the run's MLflow user, and the " +
		"people who opened the pull request or started the workflow. In a plan the gate is deferred and judged at " +
		"apply.",
	deferred: true,
	key:      tree.Integer("number of people who must approve", 1),
	more: []tree.Field{
		tree.Optional("environment",
			tree.MaxLength(255, tree.Text("environment whose approvals count; without it only reviews count"))),
		tree.Optional("any-attempt",
			tree.Bool("count environment approvals in re-runs too, although GitHub does not say which "+
				"attempt was approved; default false")),
		tree.Optional("by", tree.List("the only people whose approvals count", LoginShape)),
	},
	Example: "approval: 2\nenvironment: production\nby: [ann, bob, eve]",
	build:   buildApproval,
}

func buildApproval(n *tree.Node) (Gate, error) {
	g := approvalGate{needed: n.Int("approval", 1), environment: n.Str("environment"), anyAttempt: n.Yes("any-attempt")}
	for _, login := range n.Texts("by") {
		if login = strings.ToLower(login); !slices.Contains(g.by, login) {
			g.by = append(g.by, login)
		}
	}
	switch {
	case len(g.by) > 0 && len(g.by) < g.needed:
		return Gate{}, n.Problem("by", "the gate needs %d approvals, but by lists too few people (%d)", g.needed,
			len(g.by))
	case n.Has("any-attempt") && g.environment == "":
		return Gate{}, n.Problem("any-attempt",
			"any-attempt is only for approvals of an environment; add the key environment")
	}
	wanted := fmt.Sprintf("%d approvals", g.needed)
	if g.needed == 1 {
		wanted = "1 approval"
	}
	needs := fact.Needs{Review: true}
	if g.environment != "" {
		wanted += ", environment " + g.environment
		needs.Environments = []string{g.environment}
	}
	return Gate{Wanted: wanted, Needs: needs, Check: g.check}, nil
}

type approvalGate struct {
	needed      int
	environment string   // its approvals count too; "" = none
	anyAttempt  bool     // in a re-run, approvals of the environment count too
	by          []string // in lower case; empty = anybody
}

func (g approvalGate) check(f fact.Facts) verdict.Finding {
	unknown := verdict.Finding{Candidate: "?"}
	review, ok := f.Review.Get()
	if !ok {
		return inconclusive(unknown, "the approvals are not known: "+f.Review.Why(), "")
	}
	if why := g.unreadable(review); why != "" {
		return inconclusive(unknown, why, permissionHint(review.Missing))
	}
	makers, unnamed := f.Makers()
	if why, fix := unidentified(f, makers, unnamed); why != "" {
		return inconclusive(unknown, why, fix)
	}
	t := g.tally(review, makers)
	out := verdict.Finding{Candidate: t.shown()}
	missing := g.needed - len(t.counted)
	switch {
	case missing <= 0:
		out.Why = unmapped(f, makers)
		return passed(out)
	case missing <= len(t.undated):
		const fix = "start a new workflow run instead of re-running this one, or add any-attempt: true to the gate"
		return inconclusive(out, g.doubt(review.Attempt, t.undated), fix)
	}
	return failed(out, t.shortfall(g.needed), g.hint(review, t))
}

// unreadable says which part of the review could not be read, and why. With only some of the parts, an excluded person
// could pass the gate.
func (g approvalGate) unreadable(r fact.Review) string {
	_, made := r.Contributors.Get()
	_, reviewed := r.PullRequest.Get()
	_, entered := r.Environments.Get()
	switch {
	case !made:
		return "the authors of the change are not known: " + r.Contributors.Why()
	case !reviewed && !r.PullRequest.IsAbsent():
		return "the reviews of the pull request are not known: " + r.PullRequest.Why()
	case g.environment != "" && !entered:
		return fmt.Sprintf("the approvals of environment %s are not known: %s", g.environment, r.Environments.Why())
	}
	return ""
}

// permissionHint says which permissions the job needs, or "" if none is missing.
func permissionHint(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return "add these permissions to the job: " + strings.Join(missing, ", ")
}

// roles are what people did for the change, by login in lower case.
type roles = map[string][]fact.Role

// unidentified says that the login of a person who must be excluded is not known, or "" if all are known.
func unidentified(f fact.Facts, makers roles, unnamed []fact.Contributor) (why, fix string) {
	for _, c := range unnamed {
		if c.Role == fact.RolePullAuthor {
			const text = "the author of commit %.12s of the pull request is not known: GitHub has no login for %q"
			return fmt.Sprintf(text, c.Commit, c.Email), identityHint(c.Email)
		}
	}
	switch {
	case !hasRole(makers, fact.RoleStarter):
		return "the person who started the workflow is not known", "run this in GitHub Actions"
	case !hasRole(makers, fact.RoleAuthor, fact.RoleTrainer):
		return unknownMaker(f, unnamed)
	}
	return "", ""
}

// unknownMaker says why it is not known who made the candidate.
func unknownMaker(f fact.Facts, unnamed []fact.Contributor) (why, fix string) {
	why = "the maker of the candidate is not known: "
	run, ok := f.Candidate.Run.Get()
	if !ok {
		return why + f.Candidate.Run.Why(), ""
	}
	author := func(c fact.Contributor) bool { return c.Role == fact.RoleAuthor }
	if i := slices.IndexFunc(unnamed, author); i >= 0 {
		why += fmt.Sprintf("GitHub has no login for %q, the author of the run's commit, and ", unnamed[i].Email)
	} else {
		why += "GitHub does not know the author of the run's commit, and "
	}
	if why += userWithoutLogin(run); len(run.Users()) == 0 {
		return why, "train from a commit of this repository whose author has a GitHub account"
	}
	return why, identityHint(run.Users()[0])
}

// userWithoutLogin says that none of the run's MLflow users has a login.
func userWithoutLogin(run registry.Run) string {
	if len(run.Users()) == 0 {
		return "the run has no MLflow user"
	}
	var quoted []string
	for _, user := range run.Users() {
		quoted = append(quoted, strconv.Quote(format.Truncate(user, 100)))
	}
	return fmt.Sprintf("the policy file has no GitHub login for MLflow user %s (identities)",
		strings.Join(quoted, " or "))
}

// unmapped warns if the policy has identities but not the one of the candidate's MLflow user.
func unmapped(f fact.Facts, makers roles) string {
	if len(f.Identities) == 0 || hasRole(makers, fact.RoleTrainer) {
		return ""
	}
	const so = ", so only the author of the run's commit is excluded"
	return userWithoutLogin(f.Candidate.Run.OrZero()) + so
}

// hasRole reports whether anybody has one of these roles.
func hasRole(makers roles, wanted ...fact.Role) bool {
	for _, all := range makers {
		if slices.ContainsFunc(all, func(r fact.Role) bool { return slices.Contains(wanted, r) }) {
			return true
		}
	}
	return false
}

// identityHint says which line of the policy file gives a login to an MLflow user or an e-mail address. It returns ""
// for no user.
func identityHint(user string) string {
	if user == "" {
		return ""
	}
	return fmt.Sprintf("add identities: {%s: LOGIN} to the policy file", yamlWord(user))
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.@-]*$`)
	yamlWords = []string{"true", "false", "null", "yes", "no", "on", "off"}
)

// yamlWord quotes a text that YAML would not read as a text.
func yamlWord(text string) string {
	if plainWord.MatchString(text) && !slices.Contains(yamlWords, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

// tally has the people whose approvals count, and the others. Logins are in lower case.
type tally struct {
	counted []string
	undated []string            // count only if the approval belongs to this attempt
	not     map[string][]string // why each of the others does not count
	unnamed []string            // environments that were approved but that the gate does not name
}

func (g approvalGate) tally(review fact.Review, makers roles) tally {
	t := tally{not: map[string][]string{}}
	people := map[string][]fact.Approval{}
	for _, a := range slices.Concat(review.Environments.OrZero(), review.PullRequest.OrZero()) {
		if login := strings.ToLower(a.Login); !slices.Contains(people[login], a) {
			people[login] = append(people[login], a)
		}
	}
	for _, login := range slices.Sorted(maps.Keys(people)) {
		switch s := g.judge(login, people[login], makers[login], review.Attempt); {
		case s.counts:
			t.counted = append(t.counted, login)
			continue
		case s.undated:
			t.undated = append(t.undated, login)
			continue
		default:
			t.not[login] = s.why
		}
		for _, a := range people[login] {
			if g.environment == "" && a.Environment != "" && a.State == fact.Approved && makers[login] == nil {
				t.unnamed = append(t.unnamed, a.Environment)
			}
		}
	}
	slices.Sort(t.unnamed)
	t.unnamed = slices.Compact(t.unnamed)
	return t
}

// opinion is whether the reviews and approvals of one account count.
type opinion struct {
	counts  bool
	undated bool     // counts only if it belongs to this attempt
	why     []string // reasons why it does not count
}

// judge checks all reviews and approvals of one account. made are its roles in the change.
func (g approvalGate) judge(login string, said []fact.Approval, made []fact.Role, attempt int) opinion {
	why := g.exclusions(login, made)
	barred := len(why) > 0
	var out opinion
	var objections []string
	for _, a := range said {
		mine := a.Environment == "" || g.environment != "" && strings.EqualFold(a.Environment, g.environment)
		switch {
		case a.State != fact.Approved:
			objections = append(objections, objection(a))
			barred = barred || mine && a.State == fact.Rejected
		case !mine:
			objections = append(objections, g.elsewhere(a.Environment))
		case a.Environment != "" && attempt != 1 && !g.anyAttempt:
			out.undated = true
		default:
			out.counts = true
		}
	}
	slices.Sort(objections)
	out.why = append(why, slices.Compact(objections)...)
	if barred {
		out.counts, out.undated = false, false
	}
	return out
}

// exclusions returns the reasons why no approval of an account counts.
func (g approvalGate) exclusions(login string, made []fact.Role) []string {
	var out []string
	for _, role := range made {
		out = append(out, string(role))
	}
	if len(g.by) > 0 && !slices.Contains(g.by, login) {
		out = append(out, "is not listed under by")
	}
	if login == "" {
		out = append(out, "the account was deleted")
	}
	return out
}

// elsewhere says that the gate does not name the approved environment.
func (g approvalGate) elsewhere(environment string) string {
	if g.environment == "" {
		return fmt.Sprintf("approved environment %q, but the gate does not name it", environment)
	}
	return fmt.Sprintf("approved environment %q, not %q", environment, g.environment)
}

// objection says why a review or approval in another state than Approved does not count.
func objection(a fact.Approval) string {
	switch a.State {
	case fact.Rejected:
		return fmt.Sprintf("rejected environment %q", a.Environment)
	case fact.ChangesRequested:
		return "requested changes"
	case fact.Dismissed:
		return "the review was dismissed"
	case fact.Stale:
		return "approved another commit than the merged one"
	case fact.NoAccess:
		return "has no write access to the repository"
	case fact.NotAPerson:
		return "is not a person's account"
	}
	return "did not approve"
}

// shown returns the number and the logins of the people whose approvals count.
func (t tally) shown() string {
	if len(t.counted) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(t.counted), format.First(t.counted, 8))
}

// shortfall says how many approvals are missing, and why others do not count.
func (t tally) shortfall(needed int) string {
	out := fmt.Sprintf("approvals that count: %d of %d", len(t.counted), needed)
	var others []string
	for _, login := range slices.Sorted(maps.Keys(t.not)) {
		others = append(others, cmp.Or(login, "a deleted account")+" ("+strings.Join(t.not[login], ", ")+")")
	}
	if len(others) > 0 {
		out += "; not counted: " + format.First(others, 8)
	}
	return out
}

// doubt says why approvals of an environment may belong to an earlier attempt.
func (g approvalGate) doubt(attempt int, who []string) string {
	this := fmt.Sprintf("this is attempt %d", attempt)
	if attempt < 1 {
		this = "the attempt of this workflow run is not known"
	}
	const text = "%s, and GitHub does not say for which attempt %s approved environment %s"
	return fmt.Sprintf(text, this, format.First(who, 8), g.environment)
}

// hint says how to get the missing approvals.
func (g approvalGate) hint(review fact.Review, t tally) string {
	switch {
	case len(t.unnamed) > 0:
		return "add this key to the gate: environment: " + yamlWord(t.unnamed[0])
	case g.environment == "" && review.PullRequest.IsAbsent():
		return "add the environment whose reviewers approve to the gate, such as environment: production"
	}
	return "ask another person to approve"
}

// LoginShape is the shape of a GitHub login.
var LoginShape = tree.Pattern("a GitHub login", `^[A-Za-z0-9](-?[A-Za-z0-9_])*(\[bot\])?$`)
