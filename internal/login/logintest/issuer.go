// Package logintest contains an issuer of tokens like those that GitHub issues to a job.
package logintest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// RequestToken is what a job sends to request a token.
const RequestToken = "request-token-of-the-job"

// Issuer issues tokens to the job that has RequestToken, and publishes its keys as OpenID Connect requires.
type Issuer struct {
	*httptest.Server
	Life   time.Duration // how long a token is valid
	Claims map[string]any
	key    *rsa.PrivateKey
	minted atomic.Int64
}

// New starts an issuer whose tokens are valid for five minutes, for a job in acme/churn's production environment.
func New(t *testing.T) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{Life: 5 * time.Minute, key: key, Claims: map[string]any{
		"sub": "repo:acme@1/churn@2:environment:production", "repository": "acme/churn", "environment": "production",
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "token_endpoint": i.URL + "/none",
			"authorization_endpoint": i.URL + "/none", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": encoded(key.N.Bytes()),
			"e": encoded(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+RequestToken || r.URL.Query().Get("api-version") != "2.0" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reply(w, map[string]any{"count": 1, "value": i.Token(r.URL.Query().Get("audience"))})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// Env returns the variables in a job that is allowed to request tokens.
func (i *Issuer) Env() map[string]string {
	return map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL":   i.URL + "/token?api-version=2.0",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": RequestToken,
	}
}

// Minted returns how many tokens have been issued.
func (i *Issuer) Minted() int { return int(i.minted.Load()) }

// Token issues a token for an audience.
func (i *Issuer) Token(audience string) string {
	now := time.Now()
	claims := maps.Clone(i.Claims)
	claims["iss"], claims["aud"] = i.URL, audience
	claims["iat"], claims["nbf"], claims["exp"] = now.Unix(), now.Unix(), now.Add(i.Life).Unix()
	claims["jti"] = fmt.Sprint(i.minted.Add(1))
	signed := encoded(asJSON(map[string]any{"alg": "RS256", "typ": "JWT", "kid": "1"})) + "." + encoded(asJSON(claims))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // cannot fail, because the key and the digest are ours
	}
	return signed + "." + encoded(signature)
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(asJSON(body))
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot fail, because only maps with plain values are passed
	}
	return text
}

func encoded(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
