package logintest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The identities that a [Workspace] accepts.
const (
	ClientID      = "0f4b1c2d-3e5a-4b6c-8d7e-9f0a1b2c3d4e"
	ClientSecret  = "secret-of-the-service-principal"
	PersonalToken = "dapi-personal-token"
	AccountID     = "11112222-3333-4444-5555-666677778888"
	WorkspaceID   = "7405605519549535"
)

// Workspace is a double for a Databricks workspace: it issues tokens, and checks the login in every other request.
// Set the fields before the first request.
type Workspace struct {
	*httptest.Server
	Issuer   *Issuer        // issuer of the tokens that are exchanged
	Audience string         // audience of those tokens; "" for the address that issues tokens
	Uses     int            // number of requests after which a token expires; 0 for no limit
	Life     int            // in seconds, as the client sees it
	Facts    map[string]any // response for /.well-known/databricks-config; nil for 404
	Endpoint string         // token endpoint in the document; "" for its own
	API      http.Handler   // handler behind the login; nil to respond with {}
	// Fails returns the status with which a request fails before anything else, or 0. It may be nil.
	Fails func(*http.Request) int

	mu       sync.Mutex
	left     map[string]int // number of requests for which each token is still valid
	requests []Request
}

// Request is a request to a [Workspace], without the parts that differ between two equal logins.
type Request struct {
	Method, Path string
	Login        string // the kind of credential, and the credential itself if it is fixed
	OrgID        string
	Form         string // sorted, without the GitHub token
}

// NewWorkspace starts a workspace that describes itself as current hosts do. Its tokens are valid for an hour.
func NewWorkspace(t *testing.T, issuer *Issuer) *Workspace {
	t.Helper()
	w := &Workspace{Issuer: issuer, Life: 3600, left: map[string]int{}}
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Close)
	w.Facts = map[string]any{
		"oidc_endpoint": w.URL + "/oidc", "account_id": AccountID, "workspace_id": WorkspaceID, "cloud": "AWS",
		"host_type": "workspace",
	}
	return w
}

// Requests returns all requests so far.
func (w *Workspace) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// Minted returns how many tokens have been issued.
func (w *Workspace) Minted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.left)
}

// Revoke makes all tokens invalid.
func (w *Workspace) Revoke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for token := range w.left {
		w.left[token] = 0
	}
}

// document is the end of the path under which a host publishes its endpoints.
const document = "/.well-known/oauth-authorization-server"

func (w *Workspace) serve(out http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/v1/token") {
		_ = r.ParseForm() // an invalid form has no grant
	}
	w.record(r)
	failing := 0
	if w.Fails != nil {
		failing = w.Fails(r)
	}
	switch {
	case failing != 0:
		fail(out, failing, map[string]any{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "try again"})
	case r.URL.Path == "/.well-known/databricks-config" && w.Facts != nil:
		reply(out, w.Facts)
	case strings.HasPrefix(r.URL.Path, "/oidc") && strings.HasSuffix(r.URL.Path, document):
		own := w.URL + strings.TrimSuffix(r.URL.Path, document) + "/v1/token"
		if w.Endpoint != "" {
			own = w.Endpoint
		}
		reply(out, map[string]any{"token_endpoint": own, "authorization_endpoint": w.URL + "/oidc/v1/authorize"})
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/v1/token"):
		w.token(out, r)
	case strings.HasPrefix(r.URL.Path, "/.well-known/"):
		fail(out, http.StatusNotFound, map[string]any{"error_code": "ENDPOINT_NOT_FOUND", "message": "No API found"})
	default:
		w.api(out, r)
	}
}

func (w *Workspace) record(r *http.Request) {
	login, kind := r.Header.Get("Authorization"), ""
	switch {
	case login == "" || login == "Bearer "+PersonalToken || strings.HasPrefix(login, "Basic "):
		kind = login
	case strings.HasPrefix(login, "Bearer access-"):
		kind = "Bearer access"
	default:
		kind = "something else"
	}
	form := url.Values{}
	for name, values := range r.PostForm {
		if form[name] = values; name == "subject_token" {
			form.Set(name, "a token")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, Request{
		Method: r.Method, Path: r.URL.Path, Login: kind, OrgID: r.Header.Get("X-Databricks-Org-Id"),
		Form: form.Encode(),
	})
}

// token issues a token in exchange for a secret or for one of the issuer's tokens.
func (w *Workspace) token(out http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, text string) {
		fail(out, status, map[string]any{"error": code, "error_description": text})
	}
	switch r.PostForm.Get("grant_type") {
	case "client_credentials":
		id, secret, _ := r.BasicAuth()
		if id != ClientID || secret != ClientSecret {
			refuse(http.StatusUnauthorized, "invalid_client", "Client authentication failed")
			return
		}
	case "urn:ietf:params:oauth:grant-type:token-exchange":
		audience := w.Audience
		if audience == "" {
			audience = w.URL + r.URL.Path
		}
		claims, ok := w.Issuer.verified(r.PostForm.Get("subject_token"))
		switch {
		case !ok || r.PostForm.Get("subject_token_type") != "urn:ietf:params:oauth:token-type:jwt":
			refuse(http.StatusBadRequest, "invalid_request", "Failed to authenticate the subject token")
			return
		case claims["aud"] != audience:
			refuse(http.StatusBadRequest, "invalid_grant", "Token audience is not allowed by the federation policy")
			return
		case r.PostForm.Get("client_id") != "" && r.PostForm.Get("client_id") != ClientID:
			refuse(http.StatusUnauthorized, "invalid_client", "Service principal not found")
			return
		}
	default:
		refuse(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported")
		return
	}
	if r.PostForm.Get("scope") != "all-apis" {
		refuse(http.StatusBadRequest, "invalid_scope", "The scope is not known")
		return
	}
	w.mu.Lock()
	token := fmt.Sprintf("access-%d-of-the-workspace", len(w.left)+1)
	if w.left[token] = w.Uses; w.Uses == 0 {
		w.left[token] = 1 << 30
	}
	w.mu.Unlock()
	reply(out, map[string]any{
		"access_token": token, "token_type": "Bearer", "scope": "all-apis", "expires_in": w.Life,
	})
}

// api responds to requests with a valid login.
func (w *Workspace) api(out http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	w.mu.Lock()
	valid := token == PersonalToken || w.left[token] > 0
	if w.left[token] > 0 {
		w.left[token]--
	}
	w.mu.Unlock()
	if !valid {
		fail(out, http.StatusUnauthorized, map[string]any{"error_code": "401", "message": "Token is expired"})
		return
	}
	if w.API != nil {
		w.API.ServeHTTP(out, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // the response does not depend on the body
	reply(out, map[string]any{})
}

// verified returns the claims of a token from this issuer if the token is still valid.
func (i *Issuer) verified(token string) (map[string]any, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&i.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return nil, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	var claims map[string]any
	if json.Unmarshal(text, &claims) != nil {
		return nil, false
	}
	end, _ := claims["exp"].(float64)
	return claims, float64(time.Now().Unix()) < end
}

func fail(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(asJSON(body))
}
