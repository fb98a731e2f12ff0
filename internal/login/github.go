package login

import (
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

// GitHub requests the token that GitHub issues to a job. The variables exist only if the job may have a token.
type GitHub struct {
	URL   string // ACTIONS_ID_TOKEN_REQUEST_URL
	Token string // ACTIONS_ID_TOKEN_REQUEST_TOKEN
	InJob bool   // running in a GitHub Actions job
	Fork  bool   // for a pull request from a fork
	Wire  rest.Config
	Now   func() time.Time
}

// missing says why there is no token.
func (g GitHub) missing() error {
	e := &registry.Error{Reason: registry.Unauthorized, Msg: "get a token from GitHub: the job may not have one"}
	switch {
	case !g.InJob:
		e.Msg = "get a token from GitHub: this is not a GitHub Actions job"
		e.Hint = "outside a job, log in with a user name and password, or with a token"
	case g.Fork:
		e.Hint = "GitHub gives no tokens to pull requests from forks; check the candidate after the merge, or in a " +
			"workflow of this repository"
	default:
		e.Hint = "add id-token: write to the permissions of the job"
	}
	return e
}

// ForAudience returns a source of tokens for an audience, the name under which the other side expects them.
func (g GitHub) ForAudience(audience string) Source {
	return func(ctx context.Context) (Token, error) {
		if g.URL == "" || g.Token == "" {
			return Token{}, g.missing()
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
		life, err := lifetime(answer.Value)
		if err != nil {
			return Token{}, wrap("get a token from GitHub", err)
		}
		return Token{answer.Value, g.Now().Add(life)}, nil
	}
}

// client returns a client for the service that issues the tokens, and the path and query in its address.
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

// lifetime returns how long a token is valid after it was issued, from its own times. It does not compare them with
// this machine's clock, which may be wrong. The signature is checked by the receiver.
func lifetime(token string) (time.Duration, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, errors.New("the answer is not a JSON web token")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0, errors.New("the answer is not a JSON web token")
	}
	var claims struct {
		Issued  int64 `json:"iat"`
		Expires int64 `json:"exp"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.Expires <= claims.Issued {
		return 0, errors.New("the token says nothing about its lifetime")
	}
	return time.Duration(claims.Expires-claims.Issued) * time.Second, nil
}

// wrap returns an error for a login that could not be made.
func wrap(op string, err error) error {
	var e *rest.Error
	out := &registry.Error{Reason: registry.Unauthorized, Msg: op + ": " + err.Error(), Cause: err}
	if errors.As(err, &e) && e.Status == 0 {
		out.Reason = registry.Unreachable
	}
	return out
}
