package githubtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// route is an operation in the description, together with the permission that a token needs for it.
type route struct {
	method, path string
	scope, level string
	do           func(*exchange) answer
}

const base = "/repos/{owner}/{repo}"

var routes []route

func init() { // not in the declaration, because that would be an initialisation cycle
	routes = []route{
		{"GET", base + "/actions/runs/{run_id}", "actions", "read", readRun},
		{"GET", base + "/actions/runs/{run_id}/attempts/{attempt_number}", "actions", "read", readRun},
		{"GET", base + "/actions/runs/{run_id}/approvals", "actions", "read", readApprovals},
		{"POST", base + "/actions/workflows/{workflow_id}/dispatches", "actions", "write", startWorkflow},
		{"GET", base + "/collaborators/{username}/permission", "metadata", "read", readPermission},
		{"GET", base + "/commits/{commit_sha}/pulls", "pull-requests", "read", pullsOfCommit},
		{"GET", base + "/commits/{ref}", "contents", "read", readCommit},
		{"GET", base + "/compare/{basehead}", "contents", "read", compareCommits},
		{"GET", base + "/deployments", "deployments", "read", listDeployments},
		{"POST", base + "/deployments", "deployments", "write", createDeployment},
		{"GET", base + "/deployments/{deployment_id}/statuses", "deployments", "read", listStatuses},
		{"POST", base + "/deployments/{deployment_id}/statuses", "deployments", "write", createStatus},
		{"POST", base + "/dispatches", "contents", "write", dispatchEvent},
		{"GET", base + "/issues", "issues", "read", listIssues},
		{"POST", base + "/issues", "issues", "write", createIssue},
		{"PATCH", base + "/issues/{issue_number}", "issues", "write", editIssue},
		{"GET", base + "/issues/{issue_number}/comments", "pull-requests", "read", listComments},
		{"POST", base + "/issues/{issue_number}/comments", "pull-requests", "write", createComment},
		{"PATCH", base + "/issues/comments/{comment_id}", "pull-requests", "write", editComment},
		{"DELETE", base + "/issues/comments/{comment_id}", "pull-requests", "write", deleteComment},
		{"GET", base + "/pulls", "pull-requests", "read", listPulls},
		{"GET", base + "/pulls/{pull_number}", "pull-requests", "read", readPull},
		{"GET", base + "/pulls/{pull_number}/commits", "pull-requests", "read", listPullCommits},
		{"GET", base + "/pulls/{pull_number}/reviews", "pull-requests", "read", listReviews},
	}
}

// Operations lists the supported operations as METHOD /path, as written in the description.
func Operations() []string {
	var out []string
	for _, r := range routes {
		out = append(out, r.method+" "+r.path)
	}
	return out
}

// find returns the route for an escaped path. Literal elements take precedence over placeholders, because the table
// lists them first.
func find(method, escaped string) (*route, map[string]string) {
	got := strings.Split(escaped, "/")
	for i := range routes {
		r := &routes[i]
		want := strings.Split(r.path, "/")
		if r.method != method || len(want) != len(got) {
			continue
		}
		if vars, ok := match(want, got); ok {
			return r, vars
		}
	}
	return nil, nil
}

func match(want, got []string) (map[string]string, bool) {
	vars := map[string]string{}
	for i := range want {
		if name, ok := strings.CutPrefix(want[i], "{"); ok {
			value, err := url.PathUnescape(got[i])
			if err != nil {
				return nil, false
			}
			vars[strings.TrimSuffix(name, "}")] = value
		} else if want[i] != got[i] {
			return nil, false
		}
	}
	return vars, true
}

func (v *exchange) int(name string) int64 {
	n, err := strconv.ParseInt(v.path[name], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func (v *exchange) text(key string) string {
	text, _ := v.in[key].(string)
	return text
}

func (v *exchange) header() http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-RateLimit-Limit", "5000")
	h.Set("X-RateLimit-Remaining", "4999")
	h.Set("X-RateLimit-Reset", strconv.FormatInt(v.now().Unix()+3600, 10))
	h.Set("X-GitHub-Request-Id", "0000:0000:00000000:00000000:00000000")
	return h
}

func (v *exchange) json(status int, value any) answer {
	return answer{status, v.header(), encode(value, "")}
}

func (v *exchange) failure(status int, message string) answer {
	body := problem(message)
	body["status"] = strconv.Itoa(status)
	return v.json(status, body)
}

// invalid returns a 422 error in GitHub's format.
func (v *exchange) invalid(resource, field, message string) answer {
	body := problem("Validation Failed")
	body["errors"] = []any{map[string]any{"resource": resource, "field": field, "code": "custom", "message": message}}
	return v.json(http.StatusUnprocessableEntity, body)
}

// respond returns the operation's response, including every required key.
func (v *exchange) respond(status int, value any) answer {
	shape := v.api.shape(v.op, status)
	if shape == nil {
		h := v.header()
		h.Del("Content-Type")
		return answer{status, h, nil}
	}
	return v.json(status, v.api.fill(shape, value))
}

// page returns one page of a list, with links to other pages.
func (v *exchange) page(all []any) answer {
	q := v.request.URL.Query()
	size, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || size < 1 || size > 100 {
		size = 30
	}
	number, err := strconv.Atoi(q.Get("page"))
	if err != nil || number < 1 {
		number = 1
	}
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	a := v.respond(http.StatusOK, append([]any{}, all[from:to]...))
	if to < len(all) {
		next, end := v.pageURL(q, number+1), v.pageURL(q, (len(all)+size-1)/size)
		a.header.Set("Link", "<"+next+">; rel=\"next\", <"+end+">; rel=\"last\"")
	}
	return a
}

func (v *exchange) pageURL(q url.Values, number int) string {
	q.Set("page", strconv.Itoa(number))
	return v.at("%s?%s", strings.TrimPrefix(v.request.URL.EscapedPath(), v.paths), q.Encode())
}

// user returns an account as it appears in responses, or nil for "".
func (v *exchange) user(login string) any {
	if login == "" {
		return nil
	}
	kind := "User"
	if isBot(login) {
		kind = "Bot"
	}
	return map[string]any{
		"login": login, "id": len(login), "type": kind, "url": v.at("/users/%s", url.PathEscape(login)),
		"html_url": v.web("/%s", url.PathEscape(login)),
	}
}

func rawOf(data json.RawMessage) any {
	if len(bytes.TrimSpace(data)) == 0 {
		return map[string]any{}
	}
	var out any
	if json.Unmarshal(data, &out) != nil {
		return map[string]any{}
	}
	return out
}

// OperationOf returns the operation for a request, in the form that Operations uses. path must not include an
// Enterprise Server's prefix.
func OperationOf(method, path string) (string, bool) {
	r, _ := find(method, path)
	if r == nil {
		return "", false
	}
	return r.method + " " + r.path, true
}
