package login

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// The logins for Databricks, with the names that Databricks' SDKs use in DATABRICKS_AUTH_TYPE.
const (
	PersonalToken = "pat"         // a personal access token
	MachineOAuth  = "oauth-m2m"   // a service principal's id and secret
	GitHubOAuth   = "github-oidc" // a GitHub token, exchanged for a Databricks token
)

// Databricks finds the login for a workspace in environment variables, as Databricks' SDKs do.
type Databricks struct {
	Env    func(string) string
	GitHub GitHub
	Wire   rest.Config
	Mask   func(...string) // called with each secret before it is used
	Now    func() time.Time
}

// Workspace is a Databricks workspace and the login for it.
type Workspace struct {
	Address string // address of the REST API
	Kind    string // PersonalToken, MachineOAuth or GitHubOAuth
	How     string // the login in words, and why it is used
	Login   rest.Authorizer
}

// Workspace returns the workspace in DATABRICKS_HOST. It sends no requests. Its error says which variable is
// missing or wrong.
func (d Databricks) Workspace() (Workspace, error) {
	host, err := d.host()
	if err != nil {
		return Workspace{}, err
	}
	for _, name := range []string{
		"DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_WORKSPACE_ID",
	} {
		if strings.ContainsAny(d.Env(name), "\r\n\x00") {
			return Workspace{}, badVariable(name, "contains a line break", "remove it, for example at the end of the "+
				"file that it was read from")
		}
	}
	kind, why, err := d.kind()
	if err != nil {
		return Workspace{}, err
	}
	w := Workspace{Address: host.String(), Kind: kind}
	exchange := &exchange{d: d, host: host}
	principal := "a service principal"
	if id := d.Env("DATABRICKS_CLIENT_ID"); plainID.MatchString(id) {
		principal = "the service principal " + id
	} else if id == "" {
		principal = "the principal in the account's federation policy"
	}
	bearer := &Bearer{cache: cache[Token]{mask: d.Mask, now: d.Now}, name: "the token"}
	hint := "check that DATABRICKS_HOST is the workspace of this service principal"
	switch kind {
	case PersonalToken:
		w.How = "a personal access token of Databricks, because " + why
		bearer.cache.source, bearer.constant = exchange.constant, true
		hint = "check DATABRICKS_TOKEN, which expires or can be revoked, and DATABRICKS_HOST"
	case MachineOAuth:
		w.How = "a Databricks OAuth token for " + principal + ", because " + why
		bearer.cache.source = exchange.forSecret
	case GitHubOAuth:
		w.How = "GitHub's token, exchanged for one of Databricks for " + principal + ", because " + why
		bearer.cache.source = exchange.forGitHub
	}
	bearer.hint = func(_, _ string) string { return hint }
	w.Login = &inWorkspace{bearer, exchange}
	return w, nil
}

// plainID matches the ids that Databricks gives to accounts and service principals. Such ids are not secret.
var plainID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func badVariable(name, what, hint string) error {
	return &registry.Error{Reason: registry.BadInput, Msg: "variable " + name + " " + what, Hint: hint}
}

// Address returns the address in DATABRICKS_HOST, with the same corrections that Databricks' SDKs make.
func (d Databricks) Address() (string, error) {
	host, err := d.host()
	if err != nil {
		return "", err
	}
	return host.String(), nil
}

// host returns the address in DATABRICKS_HOST, with the same corrections that Databricks' SDKs make.
func (d Databricks) host() (*url.URL, error) {
	const name = "DATABRICKS_HOST"
	text := strings.TrimSpace(d.Env(name))
	switch {
	case text == "" && d.Env("DATABRICKS_CONFIG_PROFILE") != "":
		return nil, badVariable(name, "is not set", "profiles of Databricks are not read; set DATABRICKS_HOST and "+
			"the variables of a login")
	case text == "":
		return nil, badVariable(name, "is not set", "set it to the address of the workspace, such as "+
			"https://dbc-a1b2345c-d6e7.cloud.databricks.com")
	case !strings.Contains(text, "://"):
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return nil, badVariable(name, "is not an address", "write https://HOST, without a user name or a password")
	}
	host := u.Host
	if u.Port() == "443" {
		host = strings.TrimSuffix(host, ":443")
	}
	// a copied address often contains the path of a page, for example /?o=1234 or /ml/models
	return &url.URL{Scheme: u.Scheme, Host: host}, nil
}

// kind chooses the login, and says why.
func (d Databricks) kind() (kind, why string, err error) {
	set := func(name string) bool { return d.Env(name) != "" }
	if wanted := d.Env("DATABRICKS_AUTH_TYPE"); wanted != "" {
		return d.wantedKind(wanted)
	}
	token, client, secret := set("DATABRICKS_TOKEN"), set("DATABRICKS_CLIENT_ID"), set("DATABRICKS_CLIENT_SECRET")
	switch {
	case token && (client || secret):
		return "", "", badVariable("DATABRICKS_AUTH_TYPE", "is not set, and there are several logins", "set it to "+
			"pat, oauth-m2m or github-oidc, or remove DATABRICKS_TOKEN or DATABRICKS_CLIENT_ID")
	case token:
		return PersonalToken, "DATABRICKS_TOKEN is set", nil
	case client && secret:
		return MachineOAuth, "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET are set", nil
	case secret:
		return "", "", badVariable("DATABRICKS_CLIENT_ID", "is not set", "set it together with "+
			"DATABRICKS_CLIENT_SECRET")
	case client:
		return GitHubOAuth, "DATABRICKS_CLIENT_ID is set without DATABRICKS_CLIENT_SECRET", nil
	case d.GitHub.URL != "":
		return GitHubOAuth, "this job may have a token of GitHub, and there is no other login", nil
	}
	const choices = "set DATABRICKS_CLIENT_ID, and add id-token: write to the permissions of the job. With a secret, " +
		"set DATABRICKS_CLIENT_SECRET too, or DATABRICKS_TOKEN alone"
	missing := &registry.Error{Reason: registry.BadInput, Msg: "there is no login for Databricks", Hint: choices}
	if set("ARM_CLIENT_ID") || set("ARM_CLIENT_SECRET") || set("ARM_TENANT_ID") {
		missing.Hint = "logins of Microsoft Entra (ARM_CLIENT_ID) are not supported; " + choices
	}
	return "", "", missing
}

// wantedKind checks that everything is set that the login in DATABRICKS_AUTH_TYPE needs.
func (d Databricks) wantedKind(wanted string) (kind, why string, err error) {
	needs := map[string][]string{
		PersonalToken: {"DATABRICKS_TOKEN"},
		MachineOAuth:  {"DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"},
		GitHubOAuth:   {},
	}
	names, known := needs[wanted]
	if !known {
		return "", "", badVariable("DATABRICKS_AUTH_TYPE", "has a value that is not supported", "set it to pat, "+
			"oauth-m2m or github-oidc")
	}
	for _, name := range names {
		if d.Env(name) == "" {
			return "", "", badVariable(name, "is not set", "DATABRICKS_AUTH_TYPE is "+wanted+", which needs "+
				strings.Join(names, " and "))
		}
	}
	return wanted, "DATABRICKS_AUTH_TYPE is " + wanted, nil
}

// inWorkspace adds the workspace's id to a login. Hosts that serve several workspaces need the id.
type inWorkspace struct {
	*Bearer
	exchange *exchange
}

// Apply implements [rest.Authorizer].
func (w *inWorkspace) Apply(r *http.Request) error {
	if err := w.Bearer.Apply(r); err != nil {
		return err
	}
	id, err := w.exchange.workspace(r.Context())
	if id != "" {
		r.Header.Set("X-Databricks-Org-Id", id)
	}
	return err
}

// Explain implements [rest.Explainer]. A refusal of the registry is explained by its dialect.
func (w *inWorkspace) Explain(r *http.Request, e *rest.Error) error {
	const api, registries = "/api/2.0/mlflow/", "/api/2.0/mlflow/unity-catalog/"
	if e.Status != http.StatusForbidden || !strings.HasPrefix(r.URL.Path, api) ||
		strings.HasPrefix(r.URL.Path, registries) {
		return w.Bearer.Explain(r, e)
	}
	return &registry.Error{
		Reason: registry.Forbidden, Msg: "the login lacks the permission for this (403)" + said(e),
		Hint: "on Databricks, the rights to runs and logged models are those of their experiment: reading needs CAN " +
			"READ, and writing needs CAN EDIT. Ask the owner of the experiment to give it to the service principal",
	}
}

// constant returns the personal access token.
func (e *exchange) constant(context.Context) (Token, error) {
	return Token{Value: e.d.Env("DATABRICKS_TOKEN")}, nil
}

// forSecret exchanges the service principal's secret for a token.
func (e *exchange) forSecret(ctx context.Context) (Token, error) {
	id, secret := e.d.Env("DATABRICKS_CLIENT_ID"), e.d.Env("DATABRICKS_CLIENT_SECRET")
	pair := base64.StdEncoding.EncodeToString([]byte(id + ":" + secret))
	e.d.Mask(secret, pair)
	endpoint, err := e.endpoint(ctx)
	if err != nil {
		return Token{}, err
	}
	header := http.Header{"Authorization": {"Basic " + pair}}
	token, err := e.post(ctx, endpoint, header, url.Values{"grant_type": {"client_credentials"}})
	return token, e.refused(err, "compare DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET with the service "+
		"principal; its secrets expire")
}

// forGitHub exchanges a GitHub token for a Databricks token, as RFC 8693 describes.
func (e *exchange) forGitHub(ctx context.Context) (Token, error) {
	from := e.d.GitHub
	from.Else = "set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_SECRET together with DATABRICKS_CLIENT_ID"
	if err := from.available(); err != nil {
		return Token{}, err
	}
	endpoint, err := e.endpoint(ctx)
	if err != nil {
		return Token{}, err
	}
	audience, err := e.audience(ctx, endpoint)
	if err != nil {
		return Token{}, err
	}
	issued, err := from.ForAudience(audience)(ctx)
	if err != nil {
		return Token{}, err
	}
	form := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"subject_token":      {issued.Value},
	}
	if id := e.d.Env("DATABRICKS_CLIENT_ID"); id != "" {
		form.Set("client_id", id)
	}
	token, err := e.post(ctx, endpoint, nil, form)
	return token, e.refused(err, "a federation policy of the service principal must accept this job: "+
		identity(issued.Value))
}

// post requests a token. The form contains credentials, and the header may contain them too.
func (e *exchange) post(ctx context.Context, endpoint *url.URL, header http.Header, form url.Values) (Token, error) {
	form.Set("scope", "all-apis")
	client, path, err := e.client(endpoint, header)
	if err != nil {
		return Token{}, err
	}
	var answer struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Seconds float64 `json:"expires_in"`
	}
	err = client.JSON(ctx, rest.Request{
		Method: http.MethodPost, Path: path, Form: form, Secret: true, Expect: "access_token",
	}, &answer)
	switch {
	case err != nil:
		return Token{}, err
	case !strings.EqualFold(cmp.Or(answer.Type, "Bearer"), "Bearer"):
		return Token{}, fmt.Errorf("the token has the type %.40q, which is not supported", answer.Type)
	}
	token := Token{Value: answer.Token}
	if answer.Seconds > 0 && answer.Seconds < 1e9 {
		token.Expires = e.d.Now().Add(time.Duration(answer.Seconds * float64(time.Second)))
	}
	return token, nil
}

// refused explains why Databricks did not issue a token. hint applies if Databricks refused the credentials.
func (e *exchange) refused(err error, hint string) error {
	if err == nil {
		return nil
	}
	var answer *rest.Error
	if !errors.As(err, &answer) || answer.Kind != rest.Status || passes(answer) {
		return wrap("get a token from Databricks", err)
	}
	why := oauthError(answer)
	out := &registry.Error{
		Reason: registry.Unauthorized, Msg: fmt.Sprintf("get a token from Databricks: %d %s", answer.Status, why),
		Hint: hint, Cause: err,
	}
	if answer.Status == http.StatusNotFound {
		out.Hint = ""
	}
	return out
}

// databricksDomains are Databricks' domains in its clouds.
var databricksDomains = []string{
	".databricks.com", ".databricks.us", ".azuredatabricks.net", ".databricks.azure.us", ".databricks.azure.cn",
}

func ofDatabricks(host string) bool {
	return slices.ContainsFunc(databricksDomains, func(domain string) bool {
		return strings.HasSuffix(strings.ToLower(host), domain)
	})
}
