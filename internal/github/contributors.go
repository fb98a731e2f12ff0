package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

var digest = regexp.MustCompile(`^[0-9a-f]{40}$|^[0-9a-f]{64}$`)

// commit contains the fields of a commit that the program uses. GitHub derives the logins from the commit's e-mail
// addresses.
type commit struct {
	SHA  string `json:"sha"`
	Text struct {
		Author    signature `json:"author"`
		Committer signature `json:"committer"`
		Message   string    `json:"message"`
	} `json:"commit"`
	Author    *user `json:"author"`
	Committer *user `json:"committer"`
}

// signature identifies a person in git.
type signature struct {
	Email string `json:"email"`
}

// readCommit reads a commit. found is false if the commit is not in the repository. It returns an error if the
// repository cannot be read.
func readCommit(ctx context.Context, c *Client, sha string) (out commit, found bool, err error) {
	if !digest.MatchString(sha) {
		return commit{}, false, nil // GitHub would resolve a branch name to its head
	}
	r := call{
		op: "read commit " + sha, needs: readCode, method: http.MethodGet, path: c.in("commits", sha),
		query: map[string][]string{"per_page": {"1"}}, // the commit's file list is not needed
	}
	_, err = c.do(ctx, r, &out)
	switch {
	case statusOf(err) == http.StatusUnprocessableEntity:
		return commit{}, false, nil
	case err != nil:
		return commit{}, false, err
	case out.SHA != sha:
		return commit{}, false, fmt.Errorf("%s: github returned a different commit", r.op)
	}
	return out, true, nil
}

// commitRoles contains the roles of the people behind a commit. The roles for the run's commit differ from those for
// the commits in the pull request.
type commitRoles struct{ author, coAuthor, committer fact.Role }

var (
	rolesOfRun  = commitRoles{fact.RoleAuthor, fact.RoleCoAuthor, fact.RoleCommitter}
	rolesOfPull = commitRoles{fact.RolePullAuthor, fact.RolePullCoAuthor, fact.RolePullCommitter}
)

// commitContributors returns the people behind the run's commit, or nil if the commit is not in the repository.
func commitContributors(ctx context.Context, c *Client, sha string) ([]fact.Contributor, error) {
	one, found, err := readCommit(ctx, c, sha)
	if err != nil || !found {
		return nil, err
	}
	return contributorsOf(ctx, c, []commit{one}, rolesOfRun)
}

// pullContributors returns the user who opened a pull request and the people behind its commits. It fails if the pull
// request has more than 250 commits, because GitHub lists at most that many.
func pullContributors(ctx context.Context, c *Client, pr PullRequest) ([]fact.Contributor, error) {
	op := fmt.Sprintf("read the commits of pull request %d", pr.Number)
	list, err := all[commit](ctx, c, call{op: op, needs: readPulls, path: c.in("pulls", pr.Number, "commits")}, 100)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || len(list) < pr.Commits {
		const text = "%s: github lists only %d of %d commits, so not all authors are known"
		return nil, fmt.Errorf(text, op, len(list), pr.Commits)
	}
	made, err := contributorsOf(ctx, c, list, rolesOfPull)
	return append([]fact.Contributor{{Login: pr.Author, Role: fact.RoleOpener}}, made...), err
}

// contributorsOf returns the authors, committers and co-authors of the commits. Each person is listed once per
// role.
func contributorsOf(ctx context.Context, c *Client, commits []commit, roles commitRoles) ([]fact.Contributor, error) {
	var out []fact.Contributor
	seen := map[fact.Contributor]bool{}
	add := func(login, email, sha string, role fact.Role) {
		who := fact.Contributor{Login: rest.Clean(login), Role: role}
		if login == "" {
			who.Email = format.Truncate(email, 254)
		}
		if !seen[who] {
			seen[who] = true
			who.Commit = sha
			out = append(out, who)
		}
	}
	var shared []string
	for _, one := range commits {
		if !digest.MatchString(one.SHA) {
			return nil, errors.New("read commits: github returned a commit without a digest")
		}
		add(one.Author.login(), one.Text.Author.Email, one.SHA, roles.author)
		add(one.Committer.login(), one.Text.Committer.Email, one.SHA, roles.committer)
		if coAuthored.MatchString(one.Text.Message) {
			shared = append(shared, one.SHA)
		}
	}
	authors, err := coAuthors(ctx, c, shared)
	for _, a := range authors {
		add(a.User.login(), a.Email, a.commit, roles.coAuthor)
	}
	return out, err
}

// coAuthored matches the message of a commit with co-authors.
var coAuthored = regexp.MustCompile(`(?im)^\s*co-authored-by:`)

// coAuthor is a commit author as GraphQL returns it. The REST API does not return the logins of co-authors.
type coAuthor struct {
	Email  string `json:"email"`
	User   *user  `json:"user"`
	commit string
}

// commitsAtOnce limits the number of commits in one query.
const commitsAtOnce = 50

// coAuthors returns the co-authors of the commits with these digests. It skips the first author that GraphQL lists
// for a commit, because that is the commit's author in git.
func coAuthors(ctx context.Context, c *Client, shas []string) ([]coAuthor, error) {
	var out []coAuthor
	for len(shas) > 0 {
		n := min(commitsAtOnce, len(shas))
		some, err := someCoAuthors(ctx, c, shas[:n])
		if err != nil {
			return nil, err
		}
		out, shas = append(out, some...), shas[n:]
	}
	return out, nil
}

func someCoAuthors(ctx context.Context, c *Client, shas []string) ([]coAuthor, error) {
	var query strings.Builder
	query.WriteString("query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {")
	for i, sha := range shas {
		const fields = "... on Commit { authors(first: 100) {" +
			" nodes { email user { login } } pageInfo { hasNextPage } } }"
		fmt.Fprintf(&query, " c%d: object(oid: %q) { %s }", i, sha, fields)
	}
	query.WriteString(" } }")
	owner, name, _ := strings.Cut(c.repository, "/")
	var repository map[string]*struct {
		Authors *struct {
			Nodes    []coAuthor `json:"nodes"`
			PageInfo struct {
				HasNextPage bool `json:"hasNextPage"`
			} `json:"pageInfo"`
		} `json:"authors"`
	}
	answer := struct {
		Repository any `json:"repository"`
	}{&repository}
	r := call{op: "read the co-authors of commits", needs: readCode}
	refused, err := c.query(ctx, r, query.String(), map[string]any{"owner": owner, "name": name}, &answer)
	if err != nil {
		return nil, err
	}
	if refused != "" {
		reason, why, hint := diagnoseStatus(r.needs, http.StatusForbidden, refused)
		cause := &denied{r.needs, errors.New(refused)}
		return nil, &registry.Error{Reason: reason, Msg: r.op + ": " + why, Hint: hint, Cause: cause}
	}
	var out []coAuthor
	for i, sha := range shas {
		found := repository[fmt.Sprintf("c%d", i)]
		if found == nil || found.Authors == nil || len(found.Authors.Nodes) == 0 || found.Authors.PageInfo.HasNextPage {
			return nil, fmt.Errorf("%s: github did not return all authors of commit %s", r.op, sha)
		}
		for _, a := range found.Authors.Nodes[1:] {
			a.commit = sha
			out = append(out, a)
		}
	}
	return out, nil
}
