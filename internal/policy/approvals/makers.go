package approvals

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Unidentified says why the login of someone who must be excluded is not known, and what to do about it. It returns
// empty strings if all such logins are known.
func Unidentified(f fact.Facts, makers Roles, unnamed []fact.Contributor) (why, fix string) {
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

// userWithoutLogin says that the policy file maps none of the run's MLflow users to a GitHub login.
func userWithoutLogin(run registry.Run) string {
	if len(run.Users()) == 0 {
		return "the run has no MLflow user"
	}
	var quoted []string
	for _, user := range run.Users() {
		quoted = append(quoted, strconv.Quote(format.Truncate(user, 100)))
	}
	return fmt.Sprintf("the policy file has no GitHub login for MLflow user %s under identities",
		strings.Join(quoted, " or "))
}

// Unmapped returns a warning if the policy maps MLflow users to logins, but not the candidate's MLflow user.
func Unmapped(f fact.Facts, makers Roles) string {
	if len(f.Identities) == 0 || hasRole(makers, fact.RoleTrainer) {
		return ""
	}
	const so = ", so only the author of the run's commit is excluded"
	return userWithoutLogin(f.Candidate.Run.OrZero()) + so
}

// hasRole reports whether any of the makers has one of the wanted roles.
func hasRole(makers Roles, wanted ...fact.Role) bool {
	for _, all := range makers {
		if slices.ContainsFunc(all, func(r fact.Role) bool { return slices.Contains(wanted, r) }) {
			return true
		}
	}
	return false
}

// identityHint says which line to add to the policy file to map an MLflow user or an e-mail address to a login. It
// returns "" if user is "".
func identityHint(user string) string {
	if user == "" {
		return ""
	}
	return fmt.Sprintf("add `identities: {%s: LOGIN}` to the policy file", format.YAMLWord(user))
}
