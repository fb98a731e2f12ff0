package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// signer signs each request with the digest of its body.
type signer struct{ refused int }

func (s *signer) Apply(r *http.Request) error {
	var text []byte
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return err
		}
		if text, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(text)
	r.Header.Set("Authorization", "sum "+hex.EncodeToString(sum[:]))
	return nil
}

func (s *signer) Forget(*http.Request) bool {
	s.refused++
	return true
}

// Every attempt is signed with the digest of what is sent. A 401 leads to one more attempt, even for a Create.
func TestLogin_EveryAttempt(t *testing.T) {
	answers := []int{503, 401, 200}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sum := sha256.Sum256(body)
		if got := r.Header.Get("Authorization"); got != "sum "+hex.EncodeToString(sum[:]) {
			t.Errorf("signed with %q", got)
		}
		if len(body) == 0 && r.Method == http.MethodPost {
			t.Error("an attempt has no body")
		}
		status := answers[0]
		answers = answers[1:]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(server.Close)
	login := &signer{}
	client, err := New(Config{Base: server.URL, Login: login, MinWait: 1, MaxWait: 1})
	if err != nil {
		t.Fatal(err)
	}
	request := Request{Method: http.MethodPost, Path: "x", Body: map[string]string{"name": "ü"}, Class: Write}
	if err := client.JSON(t.Context(), request, nil); err != nil || login.refused != 1 || len(answers) > 0 {
		t.Errorf("%v, %d refusals, %d answers left", err, login.refused, len(answers))
	}
	answers = []int{401, 200}
	request.Class = Create
	if err := client.JSON(t.Context(), request, nil); err != nil || login.refused != 2 {
		t.Errorf("%v, %d refusals", err, login.refused)
	}
}

// No login is sent to an address that the server handed out, nor with requests from other libraries.
func TestLogin_OnlyOwnCalls(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("%s got the login %q", r.URL, got)
		}
	}))
	t.Cleanup(server.Close)
	client, err := New(Config{Base: server.URL, Login: &signer{}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	open := func() io.Writer { return &out }
	if _, err := client.StreamFrom(t.Context(), server.URL+"/file?X=1", nil, 100, open); err != nil {
		t.Error(err)
	}
	resp, err := client.HTTPClient().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
