package githubtest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

func (v *exchange) stamp() string { return v.now().UTC().Format(time.RFC3339) }

func (v *exchange) notFound() answer { return v.failure(http.StatusNotFound, "Not Found") }

func findRun(v *exchange) *Run {
	for _, r := range v.repo.Runs {
		if r.ID == v.int("run_id") {
			return r
		}
	}
	return nil
}

func readRun(v *exchange) answer {
	r := findRun(v)
	if r == nil {
		return v.notFound()
	}
	attempt, status := max(r.Attempt, 1), cmp.Or(r.Status, "in_progress")
	if asked := v.path["attempt_number"]; asked != "" {
		n := int(v.int("attempt_number"))
		if n < 1 || n > attempt {
			return v.notFound()
		}
		if n < attempt {
			attempt, status = n, "completed"
		}
	}
	var conclusion any
	if status == "completed" {
		conclusion = "success"
	}
	return v.respond(http.StatusOK, map[string]any{
		"id": r.ID, "run_attempt": attempt, "status": status, "conclusion": conclusion, "head_sha": r.SHA,
		"actor":    v.user(cmp.Or(r.Actor, "ghost")),
		"html_url": v.web("/%s/actions/runs/%d", v.repo.Name, r.ID), "event": "workflow_dispatch",
	})
}

func readApprovals(v *exchange) answer {
	r := findRun(v)
	if r == nil {
		return v.notFound()
	}
	out := []any{}
	for _, a := range r.Approvals {
		environments := []any{}
		for _, e := range a.Environments {
			environments = append(environments, map[string]any{"id": len(e), "name": e})
		}
		out = append(out, map[string]any{
			"state": cmp.Or(a.State, "approved"), "user": v.user(a.User), "comment": "",
			"environments": environments,
		})
	}
	return v.respond(http.StatusOK, out)
}

func readPermission(v *exchange) answer {
	login := v.path["username"]
	access := cmp.Or(v.repo.Access[login], "read")
	user := v.user(login).(map[string]any)
	user["role_name"] = access
	return v.respond(http.StatusOK, map[string]any{"permission": access, "role_name": access, "user": user})
}

func commitJSON(v *exchange, c *Commit) map[string]any {
	parents := []any{}
	for _, p := range c.Parents {
		parents = append(parents, map[string]any{"sha": p})
	}
	message := "a commit"
	for _, login := range c.CoAuthors {
		message += "\n\nCo-authored-by: " + emailOf(login)
	}
	committer := cmp.Or(c.Committer, "web-flow")
	return map[string]any{
		"sha": c.SHA, "author": v.user(c.Author), "committer": v.user(committer), "parents": parents,
		"html_url": v.web("/%s/commit/%s", v.repo.Name, c.SHA),
		"commit": map[string]any{
			"message": message,
			"author": map[string]any{
				"name": "a name", "email": cmp.Or(c.Email, emailOf(c.Author)), "date": v.stamp(),
			},
			"committer": map[string]any{"name": "a name", "email": emailOf(committer), "date": v.stamp()},
		},
	}
}

// emailOf returns the e-mail address for a login. If login is already an address, emailOf returns it unchanged.
func emailOf(login string) string {
	if strings.Contains(login, "@") {
		return login
	}
	return cmp.Or(login, "nobody") + "@git.example"
}

func readCommit(v *exchange) answer {
	ref := v.path["ref"]
	if branch, ok := strings.CutPrefix(ref, "heads/"); ok {
		ref = v.repo.Branches[branch]
	}
	c := v.repo.commit(ref)
	if c == nil {
		return v.failure(http.StatusUnprocessableEntity, "No commit found for SHA: "+v.path["ref"])
	}
	return v.respond(http.StatusOK, commitJSON(v, c))
}

func compareCommits(v *exchange) answer {
	base, head, _ := strings.Cut(v.path["basehead"], "...")
	from, to := v.repo.commit(base), v.repo.commit(head)
	if from == nil || to == nil {
		return v.notFound()
	}
	before, after := v.repo.ancestors(base), v.repo.ancestors(head)
	ahead, behind := 0, 0
	for sha := range after {
		if !before[sha] {
			ahead++
		}
	}
	for sha := range before {
		if !after[sha] {
			behind++
		}
	}
	status := "identical"
	switch {
	case ahead > 0 && behind > 0:
		status = "diverged"
	case ahead > 0:
		status = "ahead"
	case behind > 0:
		status = "behind"
	}
	return v.respond(http.StatusOK, map[string]any{
		"status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead, "commits": []any{},
		"base_commit": commitJSON(v, from), "merge_base_commit": commitJSON(v, from),
	})
}

func pullJSON(v *exchange, p *Pull) map[string]any {
	state, merged, merge := "open", any(nil), any(nil)
	if p.Merged {
		state, merged = "closed", v.stamp()
	}
	if p.Merge != "" {
		merge = p.Merge
	}
	from := cmp.Or(p.From, v.repo.Name)
	side := func(sha, ref, repo string) map[string]any {
		owner, name, _ := strings.Cut(repo, "/")
		return map[string]any{
			"sha": sha, "ref": ref, "label": owner + ":" + ref, "user": v.user(owner),
			"repo": map[string]any{
				"full_name": repo, "name": name, "owner": v.user(owner), "fork": repo != v.repo.Name,
				"default_branch": "main",
			},
		}
	}
	return map[string]any{
		"id": p.Number * 100, "number": p.Number, "state": state, "title": "a change", "user": v.user(p.Author),
		"merged_at": merged, "merge_commit_sha": merge, "head": side(p.Head, p.Branch, from),
		"base":     side("", "main", v.repo.Name),
		"html_url": v.web("/%s/pull/%d", v.repo.Name, p.Number), "auto_merge": nil,
	}
}

func readPull(v *exchange) answer {
	p := v.repo.pull(int(v.int("pull_number")))
	if p == nil {
		return v.notFound()
	}
	out := pullJSON(v, p)
	out["merged"], out["commits"] = p.Merged, max(len(p.Commits), 1)
	return v.respond(http.StatusOK, out)
}

// listPulls supports the filters `state` and `head`.
func listPulls(v *exchange) answer {
	q := v.request.URL.Query()
	state := cmp.Or(q.Get("state"), "open")
	out := []any{}
	for _, p := range slices.Backward(v.repo.Pulls) { // newest first
		owner, _, _ := strings.Cut(cmp.Or(p.From, v.repo.Name), "/")
		proposes := q.Get("head") == "" || q.Get("head") == owner+":"+p.Branch
		if proposes && (state == "all" || (state == "closed") == p.Merged) {
			out = append(out, pullJSON(v, p))
		}
	}
	return v.page(out)
}

// pullsOfCommit, like GitHub, does not find commits that exist only in a fork.
func pullsOfCommit(v *exchange) answer {
	sha := v.path["commit_sha"]
	out := []any{}
	for _, p := range v.repo.Pulls {
		if p.Head == sha && p.From == "" || p.Merged && p.Merge == sha {
			out = append(out, pullJSON(v, p))
		}
	}
	return v.page(out)
}

// listPullCommits, like GitHub, lists at most 250 commits.
func listPullCommits(v *exchange) answer {
	p := v.repo.pull(int(v.int("pull_number")))
	if p == nil {
		return v.notFound()
	}
	out := []any{}
	for _, sha := range p.Commits[:min(len(p.Commits), 250)] {
		out = append(out, commitJSON(v, v.repo.commit(sha)))
	}
	if len(out) == 0 {
		out = append(out, commitJSON(v, &Commit{SHA: p.Head, Author: p.Author}))
	}
	return v.page(out)
}

func listReviews(v *exchange) answer {
	p := v.repo.pull(int(v.int("pull_number")))
	if p == nil {
		return v.notFound()
	}
	out := []any{}
	for i, r := range p.Reviews {
		out = append(out, map[string]any{
			"id": i + 1, "user": v.user(r.User), "state": cmp.Or(r.State, "APPROVED"),
			"commit_id": cmp.Or(r.Commit, p.Head), "body": "",
			"submitted_at": v.stamp(), "author_association": association(v, r),
		})
	}
	return v.page(out)
}

func association(v *exchange, r Review) string {
	switch {
	case r.Association != "":
		return r.Association
	case v.repo.Access[r.User] == "":
		return "NONE"
	}
	return "COLLABORATOR"
}

// bodyLimit is GitHub's limit on the length of a body, in characters.
const bodyLimit = 65536

func tooLong(v *exchange, resource string) (answer, bool) {
	if utf8.RuneCountInString(v.text("body")) > bodyLimit {
		return v.invalid(resource, "body", "body is too long (maximum is 65536 characters)"), true
	}
	return answer{}, false
}

func commentJSON(v *exchange, c *Comment, number int) map[string]any {
	return map[string]any{
		"id": c.ID, "body": c.Body, "user": v.user(c.Author), "created_at": v.stamp(), "updated_at": v.stamp(),
		"html_url": v.web("/%s/pull/%d#issuecomment-%d", v.repo.Name, number, c.ID),
		"url":      v.at("/repos/%s/issues/comments/%d", v.repo.Name, c.ID),
	}
}

func listComments(v *exchange) answer {
	number := int(v.int("issue_number"))
	list := v.repo.comments(number)
	if list == nil {
		return v.notFound()
	}
	out := []any{}
	for _, c := range *list {
		out = append(out, commentJSON(v, c, number))
	}
	return v.page(out)
}

func createComment(v *exchange) answer {
	number := int(v.int("issue_number"))
	list := v.repo.comments(number)
	if list == nil {
		return v.notFound()
	}
	if a, bad := tooLong(v, "IssueComment"); bad {
		return a
	}
	c := &Comment{ID: v.next(), Author: v.token.Login, Body: v.text("body")}
	*list = append(*list, c)
	return v.respond(http.StatusCreated, commentJSON(v, c, number))
}

func editComment(v *exchange) answer {
	list, at, number := v.repo.comment(v.int("comment_id"))
	if list == nil {
		return v.notFound()
	}
	if a, bad := tooLong(v, "IssueComment"); bad {
		return a
	}
	c := (*list)[at]
	c.Body, c.Edits = v.text("body"), c.Edits+1
	return v.respond(http.StatusOK, commentJSON(v, c, number))
}

func deleteComment(v *exchange) answer {
	list, at, _ := v.repo.comment(v.int("comment_id"))
	if list == nil {
		return v.notFound()
	}
	*list = slices.Delete(*list, at, at+1)
	return v.respond(http.StatusNoContent, nil)
}

func issueJSON(v *exchange, i *Issue) map[string]any {
	labels := []any{}
	for _, l := range i.Labels {
		labels = append(labels, map[string]any{"name": l})
	}
	out := map[string]any{
		"id": i.Number * 100, "number": i.Number, "title": i.Title, "body": i.Body, "state": i.State,
		"user": v.user(i.Author), "labels": labels,
		"comments": len(i.Comments), "html_url": v.web("/%s/issues/%d", v.repo.Name, i.Number),
	}
	if i.Reason != "" {
		out["state_reason"] = i.Reason
	}
	return out
}

func listIssues(v *exchange) answer {
	q := v.request.URL.Query()
	state := cmp.Or(q.Get("state"), "open")
	out := []any{}
	for _, i := range slices.Backward(v.repo.Issues) { // newest first
		labelled := true
		for _, l := range strings.Split(q.Get("labels"), ",") {
			labelled = labelled && (l == "" || slices.Contains(i.Labels, l))
		}
		if labelled && (state == "all" || i.State == state) {
			out = append(out, issueJSON(v, i))
		}
	}
	return v.page(out)
}

func createIssue(v *exchange) answer {
	if a, bad := tooLong(v, "Issue"); bad {
		return a
	}
	i := &Issue{
		Number: v.repo.newestNumber() + 1,
		Author: v.token.Login,
		Title:  v.text("title"),
		Body:   v.text("body"),
		State:  "open",
	}
	labels, _ := v.in["labels"].([]any)
	for _, l := range labels {
		i.Labels = append(i.Labels, l.(string))
	}
	v.repo.Issues = append(v.repo.Issues, i)
	return v.respond(http.StatusCreated, issueJSON(v, i))
}

func editIssue(v *exchange) answer {
	i := v.repo.issue(int(v.int("issue_number")))
	if i == nil {
		return v.notFound()
	}
	if a, bad := tooLong(v, "Issue"); bad {
		return a
	}
	i.Title = cmp.Or(v.text("title"), i.Title)
	i.Body = cmp.Or(v.text("body"), i.Body)
	if state := v.text("state"); state != "" && state != i.State {
		i.State, i.Reason = state, v.text("state_reason")
	}
	return v.respond(http.StatusOK, issueJSON(v, i))
}

func deploymentJSON(v *exchange, d *Deployment) map[string]any {
	return map[string]any{
		"id": d.ID, "sha": d.SHA, "ref": d.Ref, "task": d.Task,
		"environment": d.Environment, "description": d.Description,
		"creator": v.user(cmp.Or(d.Creator, "github-actions[bot]")), "payload": rawOf(d.Payload),
		"production_environment": d.Production,
		"url":                    v.at("/repos/%s/deployments/%d", v.repo.Name, d.ID),
	}
}

func listDeployments(v *exchange) answer {
	q := v.request.URL.Query()
	matches := func(key, value string) bool { return q.Get(key) == "" || q.Get(key) == value }
	out := []any{}
	for _, d := range slices.Backward(v.repo.Deployments) {
		if matches("sha", d.SHA) && matches("ref", d.Ref) && matches("task", d.Task) && matches("environment",
			d.Environment) {
			out = append(out, deploymentJSON(v, d))
		}
	}
	return v.page(out)
}

// createDeployment, like GitHub, merges branches and waits for checks by default.
func createDeployment(v *exchange) answer {
	c := v.repo.commit(v.text("ref"))
	switch {
	case c == nil:
		return v.invalid("Deployment", "ref", "No ref found for: "+v.text("ref"))
	case v.in["auto_merge"] != false:
		return v.respond(http.StatusAccepted, map[string]any{
			"message": "Auto-merged main into " + c.SHA + " on deployment.",
		})
	case v.in["required_contexts"] == nil:
		return v.failure(http.StatusConflict, "Conflict: Commit status checks failed for "+c.SHA+".")
	case utf8.RuneCountInString(v.text("description")) > 140:
		return v.invalid("Deployment", "description", "description is too long (maximum is 140 characters)")
	}
	payload, err := json.Marshal(v.in["payload"])
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	environment := cmp.Or(v.text("environment"), "production")
	d := &Deployment{
		ID: v.next(), SHA: c.SHA, Ref: v.text("ref"), Task: cmp.Or(v.text("task"), "deploy"), Environment: environment,
		Description: v.text("description"), Creator: v.token.Login, Payload: payload,
		Production: environment == "production" || v.in["production_environment"] == true,
	}
	v.repo.Deployments = append(v.repo.Deployments, d)
	return v.respond(http.StatusCreated, deploymentJSON(v, d))
}

func statusJSON(v *exchange, d *Deployment, s DeploymentStatus) map[string]any {
	return map[string]any{
		"id": s.ID, "state": s.State, "description": s.Description, "log_url": s.LogURL, "target_url": s.LogURL,
		"environment_url": s.EnvironmentURL,
		"environment":     d.Environment, "creator": v.user(v.token.Login),
	}
}

func listStatuses(v *exchange) answer {
	d := v.repo.deployment(v.int("deployment_id"))
	if d == nil {
		return v.notFound()
	}
	out := []any{}
	for _, s := range slices.Backward(d.Statuses) {
		out = append(out, statusJSON(v, d, s))
	}
	return v.page(out)
}

// createStatus, like GitHub, ends other deployments to the environment by default.
func createStatus(v *exchange) answer {
	d := v.repo.deployment(v.int("deployment_id"))
	switch {
	case d == nil:
		return v.notFound()
	case utf8.RuneCountInString(v.text("description")) > 140:
		return v.invalid("DeploymentStatus", "description", "description is too long (maximum is 140 characters)")
	}
	s := DeploymentStatus{
		ID: v.next(), State: v.text("state"), Description: v.text("description"), LogURL: v.text("log_url"),
		EnvironmentURL: v.text("environment_url"),
	}
	d.Statuses = append(d.Statuses, s)
	if s.State == "success" && v.in["auto_inactive"] != false {
		for _, other := range v.repo.Deployments {
			n := len(other.Statuses)
			if other != d && other.Environment == d.Environment && !other.Production && n > 0 &&
				other.Statuses[n-1].State == "success" {
				other.Statuses = append(other.Statuses, DeploymentStatus{ID: v.next(), State: "inactive"})
			}
		}
	}
	return v.respond(http.StatusCreated, statusJSON(v, d, s))
}

func dispatchEvent(v *exchange) answer {
	payload, err := json.Marshal(v.in["client_payload"])
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	keys, _ := v.in["client_payload"].(map[string]any)
	switch name := v.text("event_type"); {
	case name == "" || utf8.RuneCountInString(name) > 100:
		return v.failure(http.StatusUnprocessableEntity, "Invalid request.\n\nevent_type must be 100 characters or "+
			"less")
	case len(keys) > 10:
		return v.failure(http.StatusUnprocessableEntity, "Invalid request.\n\nNo more than 10 properties are "+
			"allowed; "+"more were supplied.")
	case len(payload) >= 64<<10:
		return v.failure(http.StatusUnprocessableEntity, "client_payload is too large.")
	}
	v.events = append(v.events, Event{Repository: v.repo.Name, Type: v.text("event_type"), Payload: payload})
	return v.respond(http.StatusNoContent, nil)
}

func startWorkflow(v *exchange) answer {
	name := v.path["workflow_id"]
	inputs, _ := v.in["inputs"].(map[string]any)
	most := 25
	if v.paths != "" {
		most = 10
	}
	switch {
	case !slices.Contains(v.repo.Workflows, name):
		return v.notFound()
	case len(inputs) > most:
		return v.failure(http.StatusUnprocessableEntity, "Invalid request.\n\nToo many properties in inputs.")
	}
	payload, err := json.Marshal(inputs)
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	v.events = append(v.events, Event{Repository: v.repo.Name, Workflow: name, Ref: v.text("ref"), Payload: payload})
	return v.respond(http.StatusNoContent, nil)
}
