package login

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// exchange gets tokens from a workspace's or an account's host.
type exchange struct {
	d    Databricks
	host *url.URL

	mu    sync.Mutex
	asked bool // whether the host has said its facts, or that it has none
	kept  hostFacts

	failure  error // why it did neither
	failedAt time.Time
}

// hostFacts contains what a host says about itself. Any of it may be missing.
type hostFacts struct {
	found     bool
	OIDC      string   `json:"oidc_endpoint"`
	Account   anyID    `json:"account_id"`
	Workspace anyID    `json:"workspace_id"`
	Audiences []string `json:"token_federation_default_oidc_audiences"`
}

// anyID is an id that may arrive as a string or a number. Other values are ignored.
type anyID string

var idText = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

func (a *anyID) UnmarshalJSON(text []byte) error {
	if id := strings.Trim(string(text), `"`); idText.MatchString(id) && id != "null" {
		*a = anyID(id)
	}
	return nil
}

// facts asks the host until it answers. Older hosts have no facts and say so. A host that fails or cannot be reached
// may have facts, and without them the login could be for the wrong audience, so this is an error.
func (e *exchange) facts(ctx context.Context) (hostFacts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.asked:
		return e.kept, nil
	case e.failure != nil && e.d.Now().Sub(e.failedAt) < askAgainAfter: // parallel requests need the facts, too
		return hostFacts{}, e.failure
	}
	const op = "ask the host of Databricks for its facts"
	wire := e.d.Wire
	wire.Base = e.host.String()
	client, err := rest.New(wire)
	if err != nil {
		return hostFacts{}, wrap(op, err)
	}
	var facts hostFacts
	err = client.JSON(ctx, rest.Request{Path: ".well-known/databricks-config", Limit: 64 << 10}, &facts)
	switch {
	case ctx.Err() != nil:
		return hostFacts{}, wrap(op, cmp.Or(err, ctx.Err()))
	case err != nil && !hasNoFacts(err):
		e.failure, e.failedAt = wrap(op, err), e.d.Now()
		return hostFacts{}, e.failure
	}
	if e.asked = true; err == nil {
		facts.found = true
		e.kept = facts
	}
	return e.kept, nil
}

// askAgainAfter is how long a host that failed is not asked again.
const askAgainAfter = 5 * time.Second

// hasNoFacts reports whether the host answered, and has no facts that can be read.
func hasNoFacts(err error) bool {
	var answer *rest.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Kind {
	case rest.Status:
		return !passes(answer)
	case rest.Redirect, rest.NotJSON, rest.Malformed, rest.MissingKey, rest.TooLarge:
		return true
	}
	return false
}

// workspace returns the workspace's id, or "" if the host has none.
func (e *exchange) workspace(ctx context.Context) (string, error) {
	if id := e.d.Env("DATABRICKS_WORKSPACE_ID"); id != "" {
		return id, nil
	}
	facts, err := e.facts(ctx)
	return string(facts.Workspace), err
}

func (e *exchange) account(facts hostFacts) string {
	return cmp.Or(e.d.Env("DATABRICKS_ACCOUNT_ID"), string(facts.Account))
}

// ofAccount reports whether the host belongs to an account rather than to a workspace.
func (e *exchange) ofAccount() bool {
	return strings.HasPrefix(e.host.Hostname(), "accounts.") || strings.HasPrefix(e.host.Hostname(), "accounts-dod.")
}

// endpoint returns the address that issues tokens.
func (e *exchange) endpoint(ctx context.Context) (*url.URL, error) {
	const op = "find out where Databricks issues tokens"
	document, err := e.document(ctx)
	if err != nil {
		return nil, err
	}
	client, path, err := e.client(document, nil)
	if err != nil {
		return nil, wrap(op, err)
	}
	var answer struct {
		Endpoint string `json:"token_endpoint"`
	}
	err = client.JSON(ctx, rest.Request{Path: path, Limit: 256 << 10, Expect: "token_endpoint"}, &answer)
	if err != nil {
		return nil, wrap(op, err)
	}
	u, err := e.trusted(answer.Endpoint)
	if err != nil {
		return nil, wrap(op, err)
	}
	return u, nil
}

// document returns the address of the document that contains the token endpoint.
func (e *exchange) document(ctx context.Context) (*url.URL, error) {
	const suffix = "/.well-known/oauth-authorization-server"
	const missing = "set it to the id of the account, because the host serves accounts"
	if text := e.d.Env("DATABRICKS_DISCOVERY_URL"); text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
			return nil, badVariable("DATABRICKS_DISCOVERY_URL", "is not an address", "write https://HOST/PATH")
		}
		return u, nil
	}
	facts, err := e.facts(ctx)
	if err != nil {
		return nil, err
	}
	account := e.account(facts)
	if text := facts.OIDC; text != "" {
		if strings.Contains(text, "{account_id}") && account == "" {
			return nil, badVariable("DATABRICKS_ACCOUNT_ID", "is not set", missing)
		}
		text = strings.ReplaceAll(text, "{account_id}", url.PathEscape(account))
		u, err := e.trusted(strings.TrimRight(text, "/") + suffix)
		if err != nil {
			return nil, wrap("find out where Databricks issues tokens", err)
		}
		return u, nil
	}
	path := "/oidc"
	if e.ofAccount() {
		if account == "" {
			return nil, badVariable("DATABRICKS_ACCOUNT_ID", "is not set", missing)
		}
		path += "/accounts/" + url.PathEscape(account)
	}
	return e.host.Parse(path + suffix)
}

// trusted parses an address that the host sent. Credentials are sent only to the host itself, to the host that the
// user has set and, if the host belongs to Databricks, to other Databricks hosts.
func (e *exchange) trusted(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "":
		return nil, errors.New("the host sent an address that is not valid")
	case u.Hostname() == e.host.Hostname(), ofDatabricks(u.Hostname()) && ofDatabricks(e.host.Hostname()):
		return u, nil
	}
	if own, err := url.Parse(e.d.Env("DATABRICKS_DISCOVERY_URL")); err == nil && own.Hostname() == u.Hostname() {
		return u, nil
	}
	return nil, fmt.Errorf("the host sent an address on %.100q, which does not belong to Databricks", u.Hostname())
}

// audience returns the audience for the token that GitHub issues. A host can choose only itself. Databricks' own hosts
// can also choose the account. Otherwise, a host could ask for a token that a different service, workspace or account
// accepts.
func (e *exchange) audience(ctx context.Context, endpoint *url.URL) (string, error) {
	if own := e.d.Env("DATABRICKS_TOKEN_AUDIENCE"); own != "" {
		return own, nil
	}
	facts, err := e.facts(ctx)
	if err != nil {
		return "", err
	}
	account := e.account(facts)
	if len(facts.Audiences) > 0 {
		wanted := facts.Audiences[0]
		u, err := url.Parse(wanted)
		if err == nil && u.Host == endpoint.Host || e.isAccount(wanted, endpoint) {
			return wanted, nil
		}
		return "", badVariable("DATABRICKS_TOKEN_AUDIENCE", "is not set", fmt.Sprintf("the host asks for tokens with "+
			"the audience %.100q; set the variable to the audience in the federation policy", rest.Clean(wanted)))
	}
	if (e.ofAccount() || facts.found && facts.Workspace == "") && e.isAccount(account, endpoint) {
		return account, nil
	}
	return endpoint.String(), nil
}

// isAccount reports whether a text is the id of an account that can be an audience: the one that the user has set or,
// if Databricks itself issues the token, any account.
func (e *exchange) isAccount(text string, endpoint *url.URL) bool {
	own := e.d.Env("DATABRICKS_ACCOUNT_ID")
	return text != "" && text == own || plainID.MatchString(text) && ofDatabricks(endpoint.Hostname())
}

// client returns a client for an address's host, and the address's path.
func (e *exchange) client(u *url.URL, header http.Header) (*rest.Client, string, error) {
	wire := e.d.Wire
	wire.Base, wire.Header = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String(), header
	client, err := rest.New(wire)
	return client, u.EscapedPath(), err
}

// oauthError returns the error in a response, in the form that OAuth or Databricks uses.
func oauthError(e *rest.Error) string {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal([]byte(e.Body), &answer) // other responses do not contain these fields
	text := strings.TrimSpace(cmp.Or(answer.Error, e.Code) + ": " + cmp.Or(answer.Description, e.Message))
	return rest.Clean(strings.Trim(text, ": "))
}

// identity describes what a token says about the job, without any secret.
func identity(token string) string {
	c, err := claimsOf(token)
	if err != nil {
		return "its token cannot be read"
	}
	return fmt.Sprintf("issuer %s, audience %s, subject %s", rest.Clean(c.Issuer), rest.Clean(c.audience()),
		rest.Clean(c.Subject))
}

var _ rest.Authorizer = (*inWorkspace)(nil)
