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

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Headers of a webhook request. The signature has the same format as those in GitHub's own webhooks, so receivers can
// reuse existing code to verify it.
const (
	SignatureHeader = "X-Promote-Signature-256" // sha256= and the HMAC of the body with the secret, in hex
	DeliveryHeader  = "X-Promote-Delivery"
)

// PostWebhook sends body, which must be JSON. delivery is the record's id. It is the same for every attempt, so the
// receiver can ignore duplicates, and a request may be sent again if its response was lost. If secret is "", the
// request is not signed. hc must come from a rest client and must not follow redirects.
func PostWebhook(ctx context.Context, hc *http.Client, address, secret, delivery string, body []byte) error {
	h := http.Header{}
	h.Set(DeliveryHeader, delivery)
	if secret != "" {
		h.Set(SignatureHeader, Signature(secret, body))
	}
	return post(rest.WithClass(ctx, rest.Write), hc, "send to the webhook", address, h, body)
}

// Signature returns the value of SignatureHeader.
func Signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// SlackMessage describes a promotion for a channel. Fields may contain any text; empty fields are left out.
type SlackMessage struct {
	Verdict string // one line, for example "promoted churn 8 to @champion"
	Model   string
	Target  string
	From    string // previous version
	To      string
	Who     string
	Why     string // the reason, in the user's words
	RunURL  string // link to the workflow run
}

// PostSlack sends a message to an incoming webhook, whose address is a secret. Slack has no delivery ids, so the
// message is not sent again if the response was lost.
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
	Text   string       `json:"text"` // for notifications and for clients that do not show blocks
	Blocks []slackBlock `json:"blocks"`
}

// Slack's limits, in characters. Slack refuses longer messages.
const (
	slackTextLimit  = 2900
	slackFieldLimit = 1900
)

func (m SlackMessage) blocks() slackPayload {
	out := slackPayload{Text: slackEscape(oneLine(m.Verdict, slackTextLimit))}
	out.Blocks = append(out.Blocks, slackBlock{
		Type: "section",
		Text: &slackText{"plain_text", oneLine(m.Verdict, slackTextLimit)},
	})
	fields := slackBlock{Type: "section"}
	for _, f := range []struct{ name, value string }{
		{"Model", m.Model}, {"Target", m.Target}, {"From", m.From}, {"To", m.To}, {"By", m.Who},
		{"Why", m.Why},
	} {
		if f.value != "" {
			fields.Fields = append(fields.Fields, slackText{
				"plain_text",
				oneLine(f.name+": "+f.value, slackFieldLimit),
			})
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

// slackEscape escapes the characters with which Slack marks links and mentions. Text of type plain_text needs no
// escaping.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// oneLine returns text as one line of at most limit characters.
func oneLine(text string, limit int) string { return format.Shorten(rest.Clean(text), limit) }

// post sends JSON to an address. Its errors contain only the address's host, because the rest may be secret.
func post(ctx context.Context, hc *http.Client, op, address string, h http.Header, body []byte) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return &registry.Error{Reason: registry.BadInput, Msg: op + ": the address must have the form https://HOST/…"}
	}
	req, err := http.NewRequestWithContext(rest.WithSecretURL(ctx), http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &registry.Error{Reason: registry.BadInput, Msg: op + ": the address is invalid"}
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
	out := &registry.Error{
		Reason: registry.Unreachable,
		Msg:    op + ": no response",
		Detail: "POST " + u.Scheme + "://" + u.Host,
	}
	var httpErr *rest.Error
	if !errors.As(err, &httpErr) {
		return out // an unrecognised error may contain the address
	}
	out.Cause = httpErr
	switch {
	case httpErr.Kind == rest.Canceled:
		out.Reason, out.Msg = registry.Cancelled, op+": cancelled"
	case httpErr.Kind == rest.Redirect:
		out.Msg = fmt.Sprintf("%s: redirected to %s; redirects are not followed", op, httpErr.Location)
	case httpErr.Kind == rest.InsecureCredentials:
		out.Reason = registry.BadInput
		out.Msg = op + ": the address is plain http, so anyone on the network could read the message"
		out.Hint = "use https, or `allow-insecure-http: true` if you trust the network"
	case httpErr.Unclear:
		out.Reason, out.Msg = registry.Unknown, op+": sent, but it is unknown whether it arrived"
	case httpErr.Message != "":
		out.Msg = op + ": " + httpErr.Message
	}
	return out
}

func refused(op string, u *url.URL, resp *http.Response) error {
	var text [200]byte
	n, _ := resp.Body.Read(text[:])
	out := &registry.Error{
		Reason: registry.ServerError, Msg: fmt.Sprintf("%s: refused with status %d", op, resp.StatusCode),
		Detail: fmt.Sprintf("POST %s://%s: %d", u.Scheme, u.Host, resp.StatusCode),
	}
	if text := rest.Clean(string(text[:n])); text != "" && !strings.HasPrefix(text, "<") {
		out.Msg += ": " + withoutAddress(text, u)
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		out.Reason = registry.Unknown // a gateway may respond like this even if the receiver has handled the request
	}
	return out
}

// withoutAddress removes the address and its parts, except for the host, from a message sent by the receiver.
func withoutAddress(text string, u *url.URL) string {
	pieces := slices.Concat([]string{
		u.String(),
		u.RequestURI(),
		u.RawQuery,
	}, strings.Split(u.EscapedPath(), "/"), strings.Split(u.Path, "/"))
	for _, values := range u.Query() {
		pieces = append(pieces, values...)
	}
	for _, piece := range pieces {
		if len(piece) > 3 { // shorter pieces are not secret, and they occur in many words
			text = strings.ReplaceAll(text, piece, "***")
		}
	}
	return text
}
