package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// receiver accepts messages on a real socket.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex // needed because the server may still be working after its client has given up
	requests []*http.Request
	bodies   []string
	notes    []string // notes about retries
}

func receive(t *testing.T, answers ...http.HandlerFunc) (*receiver, *http.Client) {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		r.requests, r.bodies = append(r.requests, q), append(r.bodies, string(body))
		n := len(r.requests)
		r.mu.Unlock()
		answers[min(n, len(answers))-1](w, q)
	}))
	t.Cleanup(r.Close)
	c, err := rest.New(rest.Config{Base: r.URL, MinWait: time.Microsecond, MaxWait: time.Microsecond,
		Notify: func(n rest.Retry) {
			r.notes = append(r.notes, fmt.Sprint(n.URL, n.Cause))
		}})
	if err != nil {
		t.Fatal(err)
	}
	return r, c.HTTPClient()
}

func (r *receiver) received() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// body returns the body of the first request.
func (r *receiver) body() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies[0]
}

func respondWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func breakConnection(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestPostWebhook(t *testing.T) {
	r, hc := receive(t, respondWith(200, "ok"))
	body := []byte(`{"model":"churn"}`)
	if err := PostWebhook(t.Context(), hc, r.URL+"/hook?key=1", "It's a Secret to Everybody", "record-8",
		body); err != nil {
		t.Fatal(errorText(err))
	}
	got := r.received()[0]
	want := map[string]string{
		"Content-Type": "application/json", "X-Promote-Delivery": "record-8", "User-Agent": "mlflow-promote",
		// printf '{"model":"churn"}' | openssl dgst -sha256 -hmac "It's a Secret to Everybody"
		"X-Promote-Signature-256": "sha256=80e919dcd6d5a355e046d5b99fe09b7273ecd75c0fefc787904651e2a15e7239",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s: got %q, want %q", name, got.Header.Get(name), value)
		}
	}
	if got.URL.String() != "/hook?key=1" || r.body() != string(body) || got.Header.Get("Authorization") != "" {
		t.Errorf("got %s %s %v", got.URL, r.body(), got.Header)
	}
}

// The example is from GitHub's documentation.
func TestSignature(t *testing.T) {
	got := Signature("It's a Secret to Everybody", []byte("Hello, World!"))
	if want := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPostWebhook_NoSecret(t *testing.T) {
	r, hc := receive(t, respondWith(204, ""))
	if err := PostWebhook(t.Context(), hc, r.URL, "", "record-8", []byte(`{}`)); err != nil {
		t.Fatal(errorText(err))
	}
	if _, ok := r.received()[0].Header["X-Promote-Signature-256"]; ok {
		t.Error("got a signature without a secret")
	}
}

func TestPost_Retries(t *testing.T) {
	for sentence, c := range map[string]struct {
		answers       []http.HandlerFunc
		webhook, chat int // number of requests
		hook, slack   registry.Reason
	}{
		"a broken connection": {
			[]http.HandlerFunc{breakConnection, respondWith(200, "ok")},
			2,
			1,
			registry.OK,
			registry.Unknown,
		},
		"a gateway's trouble": {
			[]http.HandlerFunc{respondWith(502, "<html>"), respondWith(200, "ok")},
			2,
			1,
			registry.OK,
			registry.Unknown,
		},
		"too many requests": {
			[]http.HandlerFunc{respondWith(429, "slow down"), respondWith(200, "ok")},
			2,
			1,
			registry.OK,
			registry.ServerError,
		},
		"an endless failure": {[]http.HandlerFunc{respondWith(503, "")}, 5, 1, registry.Unknown, registry.Unknown},
		"a refusal": {
			[]http.HandlerFunc{respondWith(403, "invalid_token\n\x1b[31m")},
			1,
			1,
			registry.ServerError,
			registry.ServerError,
		},
		"gone": {
			[]http.HandlerFunc{respondWith(410, "channel_is_archived")},
			1,
			1,
			registry.ServerError,
			registry.ServerError,
		},
		"a login page": {
			[]http.HandlerFunc{respondWith(401, "<html>log in</html>")},
			1,
			1,
			registry.ServerError,
			registry.ServerError,
		},
		"a redirect": {
			[]http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 307) }},
			1,
			1,
			registry.Unreachable,
			registry.Unreachable,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			r, hc := receive(t, c.answers...)
			err := PostWebhook(t.Context(), hc, r.URL, "s", "record-8", []byte(`{}`))
			if got := registry.ReasonOf(err); got != c.hook || len(r.received()) != c.webhook {
				t.Errorf("webhook: got %s after %d requests, want %s after %d: %v", got, len(r.received()), c.hook,
					c.webhook, errorText(err))
			}
			for _, q := range r.received() {
				if q.Header.Get("X-Promote-Delivery") != "record-8" {
					t.Error("got another delivery id")
				}
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\x1b<") {
				t.Errorf("error has unescaped text: %q", err)
			}
			r, hc = receive(t, c.answers...)
			err = PostSlack(t.Context(), hc, r.URL, SlackMessage{Verdict: "x"})
			if got := registry.ReasonOf(err); got != c.slack || len(r.received()) != c.chat {
				t.Errorf("slack: got %s after %d requests, want %s after %d: %v", got, len(r.received()), c.slack,
					c.chat, errorText(err))
			}
		})
	}
}

func TestPostSlack(t *testing.T) {
	r, hc := receive(t, respondWith(200, "ok"))
	m := SlackMessage{
		Verdict: "promoted <!channel> & <https://evil.example|churn> 8\n*bold*", Model: "<!here>", Target: "@champion",
		From: "7", To: "8", Who: "ann & bob",
		RunURL: "https://github.com/acme/churn/actions/runs/7?a=1&b=|>",
	}
	if err := PostSlack(t.Context(), hc, r.URL, m); err != nil {
		t.Fatal(errorText(err))
	}
	var got, want any
	if err := json.Unmarshal([]byte(r.body()), &got); err != nil {
		t.Fatal(err)
	}
	wantText := `{
	  "text": "promoted &lt;!channel&gt; &amp; &lt;https://evil.example|churn&gt; 8 *bold*",
	  "blocks": [
	    {"type": "section", "text": {
      "type": "plain_text", "text": "promoted <!channel> & <https://evil.example|churn> 8 *bold*"}},
	    {"type": "section", "fields": [
	      {"type": "plain_text", "text": "Model: <!here>"},
	      {"type": "plain_text", "text": "Target: @champion"},
	      {"type": "plain_text", "text": "From: 7"},
	      {"type": "plain_text", "text": "To: 8"},
	      {"type": "plain_text", "text": "By: ann & bob"}]},
	    {"type": "context", "elements": [
	      {"type": "mrkdwn", "text": "<https://github.com/acme/churn/actions/runs/7?a=1&amp;b=%7C&gt;|workflow run>"}]}
	  ]
	}`
	if err := json.Unmarshal([]byte(wantText), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPostSlack_TooLong(t *testing.T) {
	r, hc := receive(t, respondWith(200, "ok"))
	long := strings.Repeat("é", 9000)
	if err := PostSlack(t.Context(), hc, r.URL, SlackMessage{Verdict: long, Model: long}); err != nil {
		t.Fatal(errorText(err))
	}
	var got slackPayload
	if err := json.Unmarshal([]byte(r.body()), &got); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(got.Blocks[0].Text.Text)); n > 3000 {
		t.Errorf("got a text of %d characters", n)
	}
	if n := len([]rune(got.Blocks[1].Fields[0].Text)); n > 2000 {
		t.Errorf("got a field of %d characters", n)
	}
	if len(got.Blocks) != 2 {
		t.Errorf("got %d blocks, want 2 without a link", len(got.Blocks))
	}
}

// The path of a Slack webhook is secret, and the query of any other webhook may be secret too.
func TestPost_HidesAddress(t *testing.T) {
	for sentence, answer := range map[string]http.HandlerFunc{
		"refused": respondWith(403, "no"), "trouble": respondWith(503, ""), "broken": breakConnection,
		"repeated": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "nothing at "+r.URL.String(), 404) },
		"redirected": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String()+"/again", 302)
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			r, hc := receive(t, answer)
			for _, send := range []func(string) error{
				func(to string) error { return PostSlack(t.Context(), hc, to, SlackMessage{Verdict: "x"}) },
				func(to string) error { return PostWebhook(t.Context(), hc, to, "canary-secret", "r8", []byte(`{}`)) },
			} {
				err := send(r.URL + "/services/T0/B0/canary?sig=canary#canary")
				if err == nil {
					t.Fatal("sent")
				}
				if text := errorText(err) + fmt.Sprintf("%+v %v", err, errors.Unwrap(err)); strings.Contains(text,
					"canary") {
					t.Errorf("the address is in %s", text)
				}
			}
			if text := strings.Join(r.notes, "\n"); strings.Contains(text, "canary") {
				t.Errorf("the address is in %s", text)
			}
		})
	}
}

func TestPost_InvalidAddress(t *testing.T) {
	_, hc := receive(t, respondWith(200, "ok"))
	for _, address := range []string{
		"", "canary", "file:///canary", "https://", "https://user:canary@hooks.example/x",
		"https://hooks.example/%zzcanary", "http://hooks.example/canary", "https://169.254.169.254/canary",
	} {
		err := PostWebhook(t.Context(), hc, address, "s", "r8", []byte(`{}`))
		if err == nil || strings.Contains(errorText(err), "canary") {
			t.Errorf("%s: got %v", address, errorText(err))
		}
		if r := registry.ReasonOf(err); r != registry.BadInput && !strings.Contains(address, "169.254") {
			t.Errorf("%s: got reason %s", address, r)
		}
	}
}

func TestPost_Cancelled(t *testing.T) {
	_, hc := receive(t, respondWith(200, "ok"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := PostSlack(ctx, hc, "https://hooks.example/canary",
		SlackMessage{}); registry.ReasonOf(err) != registry.Cancelled {
		t.Error(errorText(err))
	}
}
