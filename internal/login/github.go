package login

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// GitHub requests the token that GitHub issues to a job. The variables exist only if the job is allowed to have a
// token.
type GitHub struct {
	URL   string // ACTIONS_ID_TOKEN_REQUEST_URL
	Token string // ACTIONS_ID_TOKEN_REQUEST_TOKEN
	InJob bool   // whether the program runs in a GitHub Actions job
	Fork  bool   // whether the job is for a pull request from a fork
	Else  string // how to log in outside a job; "" for the inputs of a login to MLflow
	Wire  rest.Config
	Mask  func(...string) // called with each token before it is used; may be nil
	Now   func() time.Time
}

// available returns an error if the job is not allowed to have a token.
func (g GitHub) available() error {
	if g.URL == "" || g.Token == "" {
		return g.missing()
	}
	return nil
}

// missing says why there is no token.
func (g GitHub) missing() error {
	e := &registry.Error{Reason: registry.Unauthorized, Msg: "get a token from GitHub: the job may not have one"}
	switch {
	case !g.InJob:
		e.Msg = "get a token from GitHub: this is not a GitHub Actions job"
		e.Hint = "outside a job, " + cmp.Or(g.Else, "log in with a user name and password, or with a token")
	case g.Fork:
		e.Hint = "GitHub gives no tokens to pull requests from forks; check the candidate after the merge, or in a " +
			"workflow of this repository"
	default:
		e.Hint = "add id-token: write to the permissions of the job"
	}
	return e
}

// ForAudience returns a source of tokens for an audience, which is the name that the receiver expects.
func (g GitHub) ForAudience(audience string) Source {
	return func(ctx context.Context) (Token, error) {
		if err := g.available(); err != nil {
			return Token{}, err
		}
		client, path, query, err := g.client()
		if err != nil {
			return Token{}, wrap("get a token from GitHub", err)
		}
		query.Set("audience", audience)
		var answer struct {
			Value string `json:"value"`
		}
		err = client.JSON(ctx, rest.Request{Method: http.MethodGet, Path: path, Query: query, Expect: "value"}, &answer)
		if err != nil {
			return Token{}, wrap("get a token from GitHub", err)
		}
		if g.Mask != nil {
			g.Mask(answer.Value)
		}
		life, err := lifetime(answer.Value)
		if err != nil {
			return Token{}, wrap("get a token from GitHub", err)
		}
		return Token{answer.Value, g.Now().Add(life)}, nil
	}
}

// client returns a client for the service that issues the tokens, together with the path and query in its address.
func (g GitHub) client() (c *rest.Client, path string, query url.Values, err error) {
	u, err := url.Parse(g.URL)
	if err != nil || u.Host == "" {
		return nil, "", nil, errors.New("ACTIONS_ID_TOKEN_REQUEST_URL is not an address")
	}
	wire := g.Wire
	wire.Base = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	wire.Header = http.Header{"Authorization": {scheme + g.Token}}
	c, err = rest.New(wire)
	return c, u.EscapedPath(), u.Query(), err
}

// claims is what a token says about itself. The token's receiver checks the signature.
type claims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"` // a string or a list
	Issued   int64           `json:"iat"`
	Expires  int64           `json:"exp"`
}

// claimsOf reads a token without checking it.
func claimsOf(token string) (c claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("the answer is not a JSON web token")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &c) != nil {
		return claims{}, errors.New("the answer is not a JSON web token")
	}
	return c, nil
}

// audience returns the audiences, separated by commas.
func (c claims) audience() string {
	var one string
	var list []string
	if json.Unmarshal(c.Audience, &one) == nil {
		return one
	}
	_ = json.Unmarshal(c.Audience, &list) // a token without an audience is shown as such
	return strings.Join(list, ", ")
}

// lifetime returns how long a token is valid after it has been issued, according to the token's own times. It does
// not compare them with this machine's clock, which may be wrong.
func lifetime(token string) (time.Duration, error) {
	c, err := claimsOf(token)
	if err != nil {
		return 0, err
	}
	if c.Expires <= c.Issued {
		return 0, errors.New("the token says nothing about its lifetime")
	}
	return time.Duration(c.Expires-c.Issued) * time.Second, nil
}

// wrap returns an error for a login that could not be created.
func wrap(op string, err error) error {
	var e *rest.Error
	out := &registry.Error{Reason: registry.Unauthorized, Msg: op + ": " + err.Error(), Cause: err}
	switch {
	case !errors.As(err, &e):
	case e.Status == 0:
		out.Reason = registry.Unreachable
	case passes(e):
		out.Reason = registry.ServerError
		out.Hint = "the service that gives the login is busy or fails, and the login was not refused; run it again"
	}
	return out
}

// passes reports whether a response says nothing about the request, because the service is busy or fails.
func passes(e *rest.Error) bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}
