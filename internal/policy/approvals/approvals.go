package approvals

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Rules determine which approvals count.
type Rules struct {
	Environment string   // environment whose approvals count in addition to the pull request's; "" for none
	AnyAttempt  bool     // whether the environment's approvals count even in a re-run
	By          []string // logins in lower case; empty for anyone
}

// Roles maps the login, in lower case, of each person involved in the change to that person's roles.
type Roles = map[string][]fact.Role

// Tally sorts people by whether their approvals count. Logins are in lower case.
type Tally struct {
	Counted           []string
	Undated           []string            // people whose approvals may have been given for an earlier attempt
	Others            map[string][]string // for everyone else, the reasons why their approvals do not count
	OtherEnvironments []string            // approved environments that the gate does not use
}

// Count sorts all reviewers and approvers by whether their approvals count. An approval from one of the makers never
// counts.
func (g Rules) Count(review fact.Review, makers Roles) Tally {
	t := Tally{Others: map[string][]string{}}
	people := map[string][]fact.Approval{}
	for _, a := range slices.Concat(review.Environments.OrZero(), review.PullRequest.OrZero()) {
		if login := strings.ToLower(a.Login); !slices.Contains(people[login], a) {
			people[login] = append(people[login], a)
		}
	}
	for _, login := range slices.Sorted(maps.Keys(people)) {
		switch s := g.judge(login, people[login], makers[login], review.Attempt); {
		case s.counts:
			t.Counted = append(t.Counted, login)
			continue
		case s.undated:
			t.Undated = append(t.Undated, login)
			continue
		default:
			t.Others[login] = s.why
		}
		for _, a := range people[login] {
			if g.Environment == "" && a.Environment != "" && a.State == fact.Approved && makers[login] == nil {
				t.OtherEnvironments = append(t.OtherEnvironments, a.Environment)
			}
		}
	}
	slices.Sort(t.OtherEnvironments)
	t.OtherEnvironments = slices.Compact(t.OtherEnvironments)
	return t
}

// opinion says whether an account's reviews and approvals count.
type opinion struct {
	counts  bool
	undated bool     // whether the approvals may have been given for an earlier attempt
	why     []string // reasons why the approvals do not count
}

// judge decides whether one account's reviews and approvals count. made lists the roles that the account had in the
// change.
func (g Rules) judge(login string, said []fact.Approval, made []fact.Role, attempt int) opinion {
	why := g.exclusions(login, made)
	barred := len(why) > 0
	var out opinion
	var objections []string
	for _, a := range said {
		mine := a.Environment == "" || g.Environment != "" && strings.EqualFold(a.Environment, g.Environment)
		switch {
		case a.State != fact.Approved:
			objections = append(objections, objection(a))
			barred = barred || mine && a.State == fact.Rejected
		case !mine:
			objections = append(objections, g.elsewhere(a.Environment))
		case a.Environment != "" && attempt != 1 && !g.AnyAttempt:
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

// exclusions returns the reasons why none of an account's approvals can count.
func (g Rules) exclusions(login string, made []fact.Role) []string {
	var out []string
	for _, role := range made {
		out = append(out, string(role))
	}
	if len(g.By) > 0 && !slices.Contains(g.By, login) {
		out = append(out, "is not listed under the gate's `by` key")
	}
	if login == "" {
		out = append(out, "the account was deleted")
	}
	return out
}

// elsewhere says that the approved environment is not the one that the gate uses.
func (g Rules) elsewhere(environment string) string {
	if g.Environment == "" {
		return fmt.Sprintf("approved environment %q, which the gate does not use", environment)
	}
	return fmt.Sprintf("approved environment %q, not %q", environment, g.Environment)
}

// objection returns the reason why a review or approval does not count. The state must not be Approved.
func objection(a fact.Approval) string {
	switch a.State {
	case fact.Rejected:
		return fmt.Sprintf("rejected environment %q", a.Environment)
	case fact.ChangesRequested:
		return "requested changes"
	case fact.Dismissed:
		return "the review was dismissed"
	case fact.Stale:
		return "approved a different commit than the merged one"
	case fact.NoAccess:
		return "has no write access to the repository"
	case fact.NotAPerson:
		return "is not a person's account"
	}
	return "did not approve"
}

// Shown returns the number of people whose approvals count, followed by their logins.
func (t Tally) Shown() string {
	if len(t.Counted) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(t.Counted), format.First(t.Counted, 8))
}

// Shortfall says how many approvals count, how many are needed, and why the others do not count.
func (t Tally) Shortfall(needed int) string {
	out := fmt.Sprintf("approvals that count: %d of %d", len(t.Counted), needed)
	var others []string
	for _, login := range slices.Sorted(maps.Keys(t.Others)) {
		others = append(others, cmp.Or(login, "a deleted account")+" ("+strings.Join(t.Others[login], ", ")+")")
	}
	if len(others) > 0 {
		out += "; not counted: " + format.First(others, 8)
	}
	return out
}
