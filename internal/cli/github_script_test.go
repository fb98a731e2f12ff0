package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/github/openapitest"
)

// The hosts, apart from MLflow, that are used in scripts. No connections are made to them.
const (
	gitHubHost = "api.github.example"
	slackHost  = "hooks.slack.example"
	hookHost   = "hooks.example"
)

// otherHosts contains every host in a script apart from MLflow: a GitHub double and the receivers of notifications.
type otherHosts struct {
	mu      sync.Mutex
	hub     *githubtest.Server
	answers map[string]int // status codes by host; 0 for 200
	letters []receivedMessage
	leaks   []string
	hold    func(*http.Request) // called before the program gets a response to a message
}

// receivedMessage is a message that Slack or a webhook received.
type receivedMessage struct {
	host   string
	header http.Header
	body   string
}

// canary matches secrets whose names say who may see them: canary-github-1 is only for GitHub, and canary-signing-1 is
// for no host.
var canary = regexp.MustCompile(`canary-(mlflow|github|slack|hook|signing)`)

var kindOfHost = map[string]string{
	"mlflow.example": "mlflow",
	gitHubHost:       "github",
	slackHost:        "slack",
	hookHost:         "hook",
}

// leaksOf returns the secrets in a text that the text's receiver must not see.
func leaksOf(host, text string) []string {
	var out []string
	for _, m := range canary.FindAllStringSubmatch(text, -1) {
		if m[1] != kindOfHost[host] {
			out = append(out, fmt.Sprintf("%s was sent to %s", m[0], host))
		}
	}
	return out
}

// watch records secrets that are sent to the wrong host, and returns the request's body.
func (o *otherHosts) watch(r *http.Request) (body []byte) {
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	var text strings.Builder
	fmt.Fprintln(&text, r.URL.String())
	_ = r.Header.Write(&text)
	text.Write(body)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leaks = append(o.leaks, leaksOf(r.URL.Hostname(), text.String())...)
	return body
}

// answer returns the response from GitHub, Slack or a webhook, or nil for any other host.
func (o *otherHosts) answer(r *http.Request) (*http.Response, error) {
	switch r.URL.Host {
	case gitHubHost:
		if o.hub == nil {
			return nil, fmt.Errorf("the script started no GitHub")
		}
		return o.hub.Transport().RoundTrip(r)
	case slackHost, hookHost:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if o.hold != nil {
			o.hold(r)
		}
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		w := httptest.NewRecorder()
		if status := o.answers[r.URL.Host]; status != 0 && status != http.StatusOK {
			w.WriteHeader(status)
			fmt.Fprintf(w, "no such hook: %s", r.URL) // a receiver that reveals its own secret
		} else {
			o.letters = append(o.letters, receivedMessage{r.URL.Host, r.Header.Clone(), string(body)})
		}
		return w.Result(), nil
	}
	return nil, nil
}

// cmdGitHub starts a GitHub double from a file in the script. With "readonly", the token is read-only.
//
//	github FILE [readonly]
//	github fault METHOD PATH KIND   see githubtest.ParseFault
//	github clear                    removes all faults
//	github dump                     prints the state of the double
//	github writes [none]            prints the writes since the last call, or asserts that there were none
//	github none                     asserts that there was no request since the last call
//	github edit PULL FROM TO        edits the first comment on a pull request, as a maintainer could
func cmdGitHub(ts *testscript.TestScript, neg bool, args []string) {
	o := &stageOf(ts).otherHosts
	switch args[0] {
	case "fault":
		f, err := githubtest.ParseFault(strings.Join(args[1:], " "))
		ts.Check(err)
		o.hub.Fault(f)
	case "clear":
		o.hub.ClearFaults()
	case "dump":
		ts.Stdout().Write(o.hub.Dump())
	case "writes":
		var b strings.Builder
		for _, w := range o.hub.Writes() {
			fmt.Fprintf(&b, "%s %s %s\n", w.Method, w.Path, w.Body)
		}
		o.hub.Forget()
		if slices.Contains(args, "none") && b.Len() > 0 {
			ts.Fatalf("writes, and none were wanted:\n%s", b.String())
		}
		fmt.Fprint(ts.Stdout(), b.String())
	case "none":
		if asked := o.hub.Requests(); len(asked) > 0 {
			ts.Fatalf("GitHub was asked %s %s", asked[0].Method, asked[0].Path)
		}
	case "comment":
		number, err := strconv.Atoi(args[1])
		ts.Check(err)
		fmt.Fprintln(ts.Stdout(), o.comment(number))
	case "edit":
		number, err := strconv.Atoi(args[1])
		ts.Check(err)
		o.hub.Change("acme/churn", func(r *githubtest.Repository) {
			for _, p := range r.Pulls {
				if p.Number == number {
					p.Comments[0].Body = strings.Replace(p.Comments[0].Body, args[2], args[3], 1)
				}
			}
		})
	case "merge": // PULL COMMIT
		number, err := strconv.Atoi(args[1])
		ts.Check(err)
		o.hub.Change("acme/churn", func(r *githubtest.Repository) {
			for _, p := range r.Pulls {
				if p.Number == number {
					p.Merged, p.Merge = true, args[2]
				}
			}
		})
	case "completed": // RUN
		id, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		o.hub.Change("acme/churn", func(r *githubtest.Repository) {
			for _, run := range r.Runs {
				if run.ID == id {
					run.Status = "completed"
				}
			}
		})
	default:
		check, err := gitHubAPI()
		ts.Check(err)
		options := []githubtest.Option{githubtest.Checked(check)}
		if slices.Contains(args[1:], "readonly") {
			options = append(options, githubtest.Tokens(map[string]githubtest.Token{
				ts.Getenv("INPUT_GITHUB-TOKEN"): {
					Login:       "github-actions[bot]",
					Permissions: map[string]string{"contents": "read", "pull-requests": "read", "issues": "read"},
				},
			}))
		}
		o.hub = githubtest.New(options...)
		ts.Check(o.hub.Seed(strings.NewReader(ts.ReadFile(args[0]))))
	}
}

// comment returns the first comment on a pull request.
func (o *otherHosts) comment(number int) string {
	text := ""
	o.hub.Change("acme/churn", func(r *githubtest.Repository) {
		for _, p := range r.Pulls {
			if p.Number == number && len(p.Comments) > 0 {
				text = p.Comments[0].Body
			}
		}
	})
	return packed.ReplaceAllString(text, "$1 PACKED -->")
}

// packed matches the hidden plan, which people cannot read.
var packed = regexp.MustCompile(`(<!-- plan [0-9a-f]{64}) [A-Za-z0-9+/=]+ -->`)

// cmdReceive sets the response of a receiver. If only the host is given, it prints and discards what the host has
// received. It validates events against the schema and checks signatures.
//
//	receive slack|webhook [STATUS | none]
func cmdReceive(ts *testscript.TestScript, neg bool, args []string) {
	o := &stageOf(ts).otherHosts
	host := map[string]string{"slack": slackHost, "webhook": hookHost}[args[0]]
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Contains(args, "none") {
		if slices.ContainsFunc(o.letters, func(l receivedMessage) bool { return l.host == host }) {
			ts.Fatalf("%s received something", host)
		}
		return
	}
	if len(args) > 1 {
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		o.answers[host] = status
		return
	}
	kept := o.letters[:0:0]
	for _, l := range o.letters {
		if l.host != host {
			kept = append(kept, l)
			continue
		}
		if host == hookHost {
			ts.Check(validEvent([]byte(l.body)))
			secret := ts.Getenv("INPUT_WEBHOOK-SECRET")
			if got := l.header.Get(github.SignatureHeader); secret != "" &&
				got != github.Signature(secret, []byte(l.body)) {
				ts.Fatalf("the signature %q does not fit", got)
			}
			fmt.Fprintf(ts.Stdout(), "delivery %s\n", l.header.Get(github.DeliveryHeader))
		}
		var indented bytes.Buffer
		ts.Check(json.Indent(&indented, []byte(l.body), "", "  "))
		fmt.Fprintln(ts.Stdout(), indented.String())
	}
	o.letters = kept
}

// cmdEvents prints the events that were dispatched since the last call, or asserts that there were none. It validates
// them against the schema. Channels are notified in parallel, so only the order within each channel matters.
//
//	events [none]
func cmdEvents(ts *testscript.TestScript, neg bool, args []string) {
	o := &stageOf(ts).otherHosts
	sent := o.hub.Events()
	if slices.Contains(args, "none") && len(sent) > 0 {
		ts.Fatalf("%d events were sent", len(sent))
	}
	slices.SortStableFunc(sent, func(a, b githubtest.Event) int { return cmp.Compare(a.Repository, b.Repository) })
	for _, e := range sent {
		event := []byte(e.Payload)
		if e.Workflow != "" {
			var inputs map[string]string
			ts.Check(json.Unmarshal(event, &inputs))
			event = []byte(inputs["promotion"])
		}
		ts.Check(validEvent(event))
		var short struct {
			Event, Model, Version string
			RecordID              string `json:"record_id"`
			Record                struct {
				SupersededBy string `json:"superseded_by"`
			}
		}
		ts.Check(json.Unmarshal(event, &short))
		line := fmt.Sprintf(
			"%s %s%s: %s %s %s record %s", e.Repository, e.Type, strings.TrimPrefix(e.Workflow+"@"+e.Ref, "@"),
			short.Event, short.Model, short.Version, short.RecordID,
		)
		if by := short.Record.SupersededBy; by != "" {
			line += " superseded by " + by
		}
		fmt.Fprintln(ts.Stdout(), line)
	}
	o.hub.Forget()
}

// gitHubAPI returns a check of every request and response against GitHub's API description.
var gitHubAPI = sync.OnceValues(func() (githubtest.Check, error) {
	c, err := openapitest.New("api.github.com")
	if err != nil {
		return nil, err
	}
	return c.Check, nil
})

var eventSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := os.ReadFile("../../docs/event.schema.json")
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("event.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("event.json")
})

// validEvent validates an event against docs/event.schema.json.
func validEvent(text []byte) error {
	schema, err := eventSchema()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

// A secret in the wrong place is found, whichever part of a request contains it.
func TestLeaks_AreFound(t *testing.T) {
	for name, send := range map[string]func(*http.Request){
		"in the address": func(r *http.Request) { r.URL.RawQuery = "t=canary-slack-1" },
		"in a header":    func(r *http.Request) { r.Header.Set("X-Token", "canary-github-1") },
		"in the body": func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"s":"canary-signing-1"}`))
		},
	} {
		var o otherHosts
		r := httptest.NewRequest("POST", "https://"+hookHost+"/x", nil)
		o.watch(r)
		if len(o.leaks) != 0 {
			t.Errorf("%s: found %v before anything was planted", name, o.leaks)
		}
		send(r)
		if o.watch(r); len(o.leaks) != 1 {
			t.Errorf("%s: found %v", name, o.leaks)
		}
	}
	if got := leaksOf(hookHost, "https://hooks.example/canary-hook-1"); len(got) != 0 {
		t.Errorf("its own secret is called a leak: %v", got)
	}
}
