package inputs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

var gitHubInputs = []Input{
	{
		Name:       "github-token",
		Group:      "GitHub",
		For:        and(notifying, "validate", "register", "doctor", "import", "ledger repair"),
		Secret:     true,
		Env:        "GITHUB_TOKEN",
		Expression: "${{ github.token }}",
		Help: "GitHub token for comments, approvals, deployments, events and commit look-ups. docs/github.md lists " +
			"the permission that each needs.",
	},
	{
		Name:  "comment",
		Group: "GitHub",
		For:   judging,
		Kind:  Bool,
		Help: "Keep one comment per model and target on the pull request, with the content of the job summary. " +
			"Default: `true` for `pull_request` events.",
	},
	{
		Name:     "issue",
		Group:    "GitHub",
		For:      []string{"audit"},
		Kind:     Bool,
		Formerly: "comment",
		Help:     "Keep one issue open while there are findings.",
	},
	{
		Name:  "deployment-environment",
		Group: "GitHub",
		For:   []string{"promote", "rollback"},
		Help: "GitHub environment in which each move is shown as a deployment. Leave it empty if the job has an " +
			"`environment`: GitHub then creates a deployment itself.",
	},
	{
		Name:  "dispatch",
		Group: "GitHub",
		For:   notifying,
		Kind:  Lines,
		Help: "Workflows to start after each confirmed move, one per line. `EVENT` or `OWNER/REPO:EVENT` sends a " +
			"`repository_dispatch`. `WORKFLOW.yml@REF` or `OWNER/REPO/WORKFLOW.yml@REF` sends a `workflow_dispatch`.",
	},
}

// GitHub contains the inputs that concern GitHub.
type GitHub struct {
	Token       string
	Comment     bool // `comment` is true
	Issue       bool // `issue` is true
	NoComment   bool // `comment` is false
	Environment string
}

var notificationInputs = []Input{
	{
		Name:   "slack-webhook",
		Group:  "notification",
		For:    notifying,
		Secret: true,
		Help:   "Slack incoming webhook that gets a message for each move.",
	},
	{
		Name:   "webhook-url",
		Group:  "notification",
		For:    notifying,
		Secret: true,
		Help:   "URL that each move is sent to as JSON (see docs/events.md).",
	},
	{
		Name:   "webhook-secret",
		Group:  "notification",
		For:    notifying,
		Secret: true,
		Help:   "Secret that signs the requests to `webhook-url` (HMAC-SHA256).",
	},
}

// Notify contains the inputs that concern notifications.
type Notify struct {
	Dispatches []Dispatch
	Slack      string
	Webhook    string // address, which may itself be a credential
	Secret     string
}

// Dispatch is one line of the `dispatch` input: a workflow to start, or an event to send.
type Dispatch struct {
	line       string // the line as written
	Repository string // owner/name; "" for this repository
	Event      string // type of a repository_dispatch event
	Workflow   string // workflow file for a workflow_dispatch event
	Ref        string
}

// readChannels returns the inputs that concern GitHub and notifications. It adds a problem for each input that
// needs a repository or a token if none exists. planOnGitHub means that the approved plan is on a pull request.
func readChannels(r *reader, planOnGitHub bool) (g GitHub, n Notify) {
	g.Token = readGitHubToken(r)
	if r.valueIfTaken("comment") != "" {
		g.Comment = r.bool("comment")
		g.NoComment = !g.Comment
	}
	g.Issue = r.valueIfTaken("issue") != "" && r.bool("issue")
	g.Environment = r.valueIfTaken("deployment-environment")
	if len(g.Environment) > 255 || strings.ContainsFunc(g.Environment, unicode.IsControl) {
		r.problem("deployment-environment", g.Environment, "is not an environment name; "+
			"write at most 255 characters on one line")
	}
	n.Dispatches = readDispatches(r)
	for _, need := range []struct {
		input string
		asked bool
	}{
		{"plan-digest", planOnGitHub}, {"comment", g.Comment}, {"issue", g.Issue},
		{"deployment-environment", g.Environment != ""}, {"dispatch", len(n.Dispatches) > 0},
	} {
		if need.asked {
			needGitHub(r, need.input, g.Token)
		}
	}
	n.Slack = secretAddress(r, "slack-webhook")
	n.Webhook = secretAddress(r, "webhook-url")
	n.Secret = r.valueIfTaken("webhook-secret")
	if n.Secret != "" && r.valueIfTaken("webhook-url") == "" {
		r.problem("webhook-secret", "", "needs webhook-url, which is empty; set webhook-url or remove webhook-secret")
	}
	return g, n
}

func readDispatches(r *reader) (out []Dispatch) {
	for _, l := range format.Lines(r.valueIfTaken("dispatch")) {
		d, why := parseDispatch(l)
		if why == "" && slices.Contains(out, d) {
			why = "is repeated; remove one of the two"
		}
		if why != "" {
			r.problem("dispatch", l, why)
			continue
		}
		out = append(out, d)
	}
	return out
}

// readGitHubToken returns the token for GitHub, or "" if the token is not valid.
func readGitHubToken(r *reader) string {
	token := r.valueIfTaken("github-token")
	if strings.ContainsFunc(token, unicode.IsControl) {
		r.problem("github-token", "", "contains a line break; "+
			"remove it, for example at the end of the file that it was read from")
		return ""
	}
	return token
}

// needGitHub adds a problem if the program does not run in a GitHub Actions job, or if there is no token.
func needGitHub(r *reader, name, token string) {
	switch {
	case r.env("GITHUB_REPOSITORY") == "" || r.env("GITHUB_API_URL") == "":
		r.problem(name, r.value(name), "works only in a GitHub Actions job; remove it")
	case token == "":
		r.problem(name, r.value(name), "needs a GitHub token; set github-token, or leave it at its default")
	}
}

var (
	eventType    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	repository   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,39}/\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)
	workflowFile = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}\.ya?ml$`)
)

// parseDispatch parses EVENT, OWNER/REPO:EVENT, WORKFLOW.yml@REF or OWNER/REPO/WORKFLOW.yml@REF. why is "" if the
// line is valid.
func parseDispatch(line string) (d Dispatch, why string) {
	d.line = line
	if file, ref, found := strings.Cut(line, "@"); found {
		if i := strings.LastIndex(file, "/"); i >= 0 {
			d.Repository, file = file[:i], file[i+1:]
		}
		d.Workflow, d.Ref = file, ref
		switch {
		case d.Repository != "" && !repository.MatchString(d.Repository):
			return d, fmt.Sprintf("%q is not a repository; write OWNER/REPO/WORKFLOW.yml@REF", d.Repository)
		case !workflowFile.MatchString(file):
			return d, fmt.Sprintf("%q is not a workflow file; write WORKFLOW.yml@REF", file)
		case ref == "" || strings.ContainsFunc(ref, spaceOrControl):
			return d, "has no branch or tag after the @; write WORKFLOW.yml@main"
		}
		return d, ""
	}
	d.Event = line
	if repo, event, found := strings.Cut(line, ":"); found {
		d.Repository, d.Event = repo, event
	}
	switch {
	case workflowFile.MatchString(d.Event):
		return d, fmt.Sprintf("has no branch or tag; write %s@main", line)
	case d.Repository != "" && !repository.MatchString(d.Repository):
		return d, fmt.Sprintf("%q is not a repository; write OWNER/REPO:EVENT", d.Repository)
	case !eventType.MatchString(d.Event):
		return d, "is not an event type (at most 100 letters, digits and . _ -); " +
			"write EVENT, OWNER/REPO:EVENT, WORKFLOW.yml@REF or OWNER/REPO/WORKFLOW.yml@REF"
	}
	return d, ""
}

func spaceOrControl(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }

// secretAddress returns an address that may itself be a credential, and masks every part that could be one.
func secretAddress(r *reader, name string) string {
	text := r.valueIfTaken(name)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		r.problem(name, "", "is not an address; write https://HOST/PATH")
		return ""
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !r.bool("allow-insecure-http"):
		r.problem(name, "", fmt.Sprintf("would send to %s over plain HTTP; "+
			"use https, or `allow-insecure-http: true`", u.Hostname()))
		return ""
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r.secret(u.User.Username(), password)
		r.problem(name, "", "contains a user name or password, which is not supported; "+
			"remove it, and set webhook-secret so that the receiver can check the signature")
		return ""
	}
	for _, values := range u.Query() {
		r.secret(values...)
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if len(segment) >= tokenLike {
			r.secret(segment)
		}
	}
	u.Fragment = ""
	return u.String()
}

// tokenLike is the length from which a path segment may be a token.
const tokenLike = 16

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

// hostOf returns an address's host and port, the only parts that may be shown.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	if u.Port() == "" {
		return u.Hostname()
	}
	return net.JoinHostPort(u.Hostname(), u.Port())
}

// OriginOf returns the scheme and host of an address, or "" if it cannot be parsed.
func OriginOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// Names returns the channels' names as they are recorded in the ledger, without secrets.
func (n Notify) Names() []string {
	var out []string
	for _, d := range n.Dispatches {
		out = append(out, "dispatch "+d.line)
	}
	if n.Webhook != "" {
		out = append(out, "webhook "+hostOf(n.Webhook))
	}
	if n.Slack != "" {
		out = append(out, "slack")
	}
	return out
}
