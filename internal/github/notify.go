package github

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Headers of a webhook. The signature is made as GitHub makes that of its own webhooks, so receivers have code for it.
const (
	SignatureHeader = "X-Promote-Signature-256" // sha256=HEX of the HMAC of the body with the secret
	DeliveryHeader  = "X-Promote-Delivery"
)

// PostWebhook sends body, which is JSON. delivery is the record's id and the same each time the event is sent: a receiver
// drops one it has seen, so an answer that was lost is asked for again. Without a secret there is no signature. hc comes
// from a rest client and follows no redirect.
func PostWebhook(ctx context.Context, hc *http.Client, address, secret, delivery string, body []byte) error {
	h := http.Header{}
	h.Set(DeliveryHeader, delivery)
	if secret != "" {
		h.Set(SignatureHeader, Signature(secret, body))
	}
	return post(rest.WithClass(ctx, rest.Write), hc, "send to the webhook", address, h, body)
}

// Signature is the value of SignatureHeader.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// SlackMessage is what a channel is told of a promotion. Every field may hold anything; empty ones are left out.
type SlackMessage struct {
	Verdict string // one line: "promoted churn 8 to @champion"
	Model   string
	Target  string
	From    string // version before
	To      string
	Who     string
	RunURL  string // of the workflow run
}

// PostSlack sends a message to an incoming webhook, whose address is a secret. Slack keeps no delivery ids, so a message
// whose answer was lost is not sent again here.
func PostSlack(ctx context.Context, hc *http.Client, address string, m SlackMessage) error {
	body, err := json.Marshal(m.blocks())
	if err != nil {
		return fmt.Errorf("write slack message: %w", err)
	}
	return post(rest.WithClass(ctx, rest.Create), hc, "post to slack", address, http.Header{}, body)
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Fields   []slackText `json:"fields,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackPayload struct {
	Text   string       `json:"text"` // for notifications, and where blocks are not shown
	Blocks []slackBlock `json:"blocks"`
}

// Slack's limits, in characters. A message beyond them is refused as a whole.
const (
	slackTextLimit  = 2900
	slackFieldLimit = 1900
)

func (m SlackMessage) blocks() slackPayload {
	out := slackPayload{Text: slackEscape(clip(m.Verdict, slackTextLimit))}
	out.Blocks = append(out.Blocks, slackBlock{Type: "section", Text: &slackText{"plain_text", clip(m.Verdict, slackTextLimit)}})
	fields := slackBlock{Type: "section"}
	for _, f := range []struct{ name, value string }{
		{"Model", m.Model}, {"Target", m.Target}, {"From", m.From}, {"To", m.To}, {"By", m.Who},
	} {
		if f.value != "" {
			fields.Fields = append(fields.Fields, slackText{"plain_text", clip(f.name+": "+f.value, slackFieldLimit)})
		}
	}
	if len(fields.Fields) > 0 {
		out.Blocks = append(out.Blocks, fields)
	}
	if m.RunURL != "" {
		link := "<" + strings.ReplaceAll(slackEscape(m.RunURL), "|", "%7C") + "|workflow run>"
		out.Blocks = append(out.Blocks, slackBlock{Type: "context", Elements: []slackText{{"mrkdwn", link}}})
	}
	return out
}

// slackEscape takes from a text what Slack reads as a link or as a mention of a channel; plain_text needs no escaping.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func clip(text string, limit int) string {
	text = rest.Clean(text)
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}

// post sends JSON to an address of which no error names more than the host: the rest of it may be a password.
func post(ctx context.Context, hc *http.Client, op, address string, h http.Header, body []byte) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return &registry.Error{Reason: registry.BadInput, Msg: op + ": its address is not one of the form https://HOST/…"}
	}
	req, err := http.NewRequestWithContext(rest.WithSecretURL(ctx), http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &registry.Error{Reason: registry.BadInput, Msg: op + ": its address cannot be called"}
	}
	req.Header = h
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "mlflow-promote")
	resp, err := hc.Do(req)
	if err != nil {
		return undelivered(op, u, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return refused(op, u, resp)
}

func undelivered(op string, u *url.URL, err error) error {
	out := &registry.Error{Reason: registry.Unreachable, Msg: op + ": no answer", Detail: "POST " + u.Scheme + "://" + u.Host}
	var wire *rest.Error
	if !errors.As(err, &wire) {
		return out // whatever it is, its text may hold the address
	}
	out.Cause = wire
	switch {
	case wire.Kind == rest.Canceled:
		out.Reason, out.Msg = registry.Cancelled, op+": cancelled"
	case wire.Kind == rest.Redirect:
		out.Msg = fmt.Sprintf("%s: it redirects to %s, which is not followed", op, wire.Location)
	case wire.Kind == rest.InsecureCredentials:
		out.Reason, out.Msg = registry.BadInput, op+": over plain http everybody on the way could read it"
		out.Hint = "use https, or set allow-insecure-http: true if the network in between is trusted"
	case wire.Unclear:
		out.Reason, out.Msg = registry.Unknown, op+": sent, and not known whether it arrived"
	case wire.Message != "":
		out.Msg = op + ": " + wire.Message
	}
	return out
}

func refused(op string, u *url.URL, resp *http.Response) error {
	var said [200]byte
	n, _ := resp.Body.Read(said[:])
	out := &registry.Error{
		Reason: registry.ServerError, Msg: fmt.Sprintf("%s: refused with %d", op, resp.StatusCode),
		Detail: fmt.Sprintf("POST %s://%s: %d", u.Scheme, u.Host, resp.StatusCode),
	}
	if text := rest.Clean(string(said[:n])); text != "" && !strings.HasPrefix(text, "<") {
		out.Msg += ": " + withoutAddress(text, u)
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		out.Reason = registry.Unknown // a gateway answers so about a receiver that did the work
	}
	return out
}

// withoutAddress takes from what a receiver says its own address, whole or in pieces, but for the host.
func withoutAddress(text string, u *url.URL) string {
	pieces := slices.Concat([]string{u.String(), u.RequestURI(), u.RawQuery}, strings.Split(u.EscapedPath(), "/"), strings.Split(u.Path, "/"))
	for _, values := range u.Query() {
		pieces = append(pieces, values...)
	}
	for _, piece := range pieces {
		if len(piece) > 3 { // shorter ones are no secrets, and stand in many words
			text = strings.ReplaceAll(text, piece, "***")
		}
	}
	return text
}
