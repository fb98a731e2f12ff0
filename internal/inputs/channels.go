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
)

// GitHub are the inputs about GitHub.
type GitHub struct {
	Token       string
	Comment     bool // asked for
	NoComment   bool // asked not to
	Environment string
}

// Notify say who is told of a move.
type Notify struct {
	Dispatches []Dispatch
	Slack      string
	Webhook    string // with its credentials
	Secret     string
}

// Dispatch is one workflow to start, or one event that starts some.
type Dispatch struct {
	line       string // as given
	Repository string // owner/name, "" = this one
	Event      string // of a repository_dispatch
	Workflow   string // file of a workflow_dispatch
	Ref        string
}

// readGitHub reads the inputs about GitHub. What needs a repository or a token is refused where there is none.
func readGitHub(r *reader) {
	g := &r.out.GitHub
	readGitHubToken(r)
	if r.own("comment") != "" {
		g.Comment = r.bool("comment")
		g.NoComment = !g.Comment
	}
	g.Environment = r.own("deployment-environment")
	if len(g.Environment) > 255 || strings.ContainsFunc(g.Environment, unicode.IsControl) {
		r.problem("deployment-environment", g.Environment, "is not the name of an environment: at most 255 characters on one line")
	}
	for _, l := range lines(r.own("dispatch")) {
		d, why := parseDispatch(l)
		if why == "" && slices.Contains(r.out.Notify.Dispatches, d) {
			why = "is given twice"
		}
		if why != "" {
			r.problem("dispatch", l, why)
			continue
		}
		r.out.Notify.Dispatches = append(r.out.Notify.Dispatches, d)
	}
	for _, need := range []struct {
		input string
		asked bool
	}{
		{"plan-digest", r.out.Approved.OfPullRequest}, {"comment", g.Comment},
		{"deployment-environment", g.Environment != ""}, {"dispatch", len(r.out.Notify.Dispatches) > 0},
	} {
		if need.asked {
			needGitHub(r, need.input)
		}
	}
}

// readGitHubToken reads the token for GitHub.
func readGitHubToken(r *reader) {
	token := r.own("github-token")
	if strings.ContainsFunc(token, unicode.IsControl) {
		r.problem("github-token", "", "holds a line break; was a file read with its last newline?")
		return
	}
	r.out.GitHub.Token = token
}

// own is an input that the command looks at. One block of inputs often serves several steps: what is there for another
// command is not checked.
func (r *reader) own(name string) string {
	if !r.command.Takes(Get(name)) {
		return ""
	}
	return r.value(name)
}

// needGitHub refuses an input outside a job, and without a token.
func needGitHub(r *reader, name string) {
	switch {
	case r.env("GITHUB_REPOSITORY") == "" || r.env("GITHUB_API_URL") == "":
		r.problem(name, r.value(name), "needs a repository on GitHub, and this is no job of GitHub Actions")
	case r.out.GitHub.Token == "":
		r.problem(name, r.value(name), "needs the input github-token, which is empty")
	}
}

var (
	eventType    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	repository   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,39}/\.?[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)
	workflowFile = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}\.ya?ml$`)
)

// parseDispatch reads EVENT, OWNER/REPO:EVENT, WORKFLOW.yml@REF or OWNER/REPO/WORKFLOW.yml@REF.
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
			return d, fmt.Sprintf("%q is not the file of a workflow; write WORKFLOW.yml@REF", file)
		case ref == "" || strings.ContainsFunc(ref, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }):
			return d, "names no branch or tag behind the @; write WORKFLOW.yml@main"
		}
		return d, ""
	}
	d.Event = line
	if repo, event, found := strings.Cut(line, ":"); found {
		d.Repository, d.Event = repo, event
	}
	switch {
	case workflowFile.MatchString(d.Event):
		return d, fmt.Sprintf("names a workflow without its branch; write %s@main", line)
	case d.Repository != "" && !repository.MatchString(d.Repository):
		return d, fmt.Sprintf("%q is not a repository; write OWNER/REPO:EVENT", d.Repository)
	case !eventType.MatchString(d.Event):
		return d, "is neither EVENT, OWNER/REPO:EVENT, WORKFLOW.yml@REF nor OWNER/REPO/WORKFLOW.yml@REF; an event type has letters, digits and . _ -, at most 100"
	}
	return d, ""
}

// readNotification reads where messages go beside GitHub. An address is a secret as a whole and is never shown.
func readNotification(r *reader) {
	n := &r.out.Notify
	n.Slack = secretAddress(r, "slack-webhook")
	n.Webhook = secretAddress(r, "webhook-url")
	n.Secret = r.own("webhook-secret")
	if n.Secret != "" && r.own("webhook-url") == "" {
		r.problem("webhook-secret", "", "signs what is sent to webhook-url, which is empty")
	}
}

// secretAddress reads an address that may be a credential itself. All of it that could be one is masked.
func secretAddress(r *reader, name string) string {
	text := r.own(name)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		r.problem(name, "", "is not an address; write https://HOST/PATH")
		return ""
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !r.bool("allow-insecure-http"):
		r.problem(name, "", fmt.Sprintf("would send to %s over plain http; write https, or allow it with allow-insecure-http", u.Hostname()))
		return ""
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r.secret(u.User.Username(), password)
		r.problem(name, "", "holds a user name or password, which would be sent to whoever answers there; a receiver tells our messages by their signature, see webhook-secret")
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

// tokenLike is from which length on a piece of a path may be a token rather than a word.
const tokenLike = 16

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}

// hostOf is what may be shown of an address: its host and port.
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

// OriginOf is scheme and host of an address.
func OriginOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// Names of the channels, for the record.
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
