package github

import (
	"context"
	"errors"
	"net/http"
)

// PostWebhook sends body, JSON, signed with the secret: X-Promote-Signature-256: sha256=HMAC, as GitHub signs its own
// webhooks. delivery is the record's id: a receiver drops one it has seen. hc is the HTTPClient of a rest client.
func PostWebhook(ctx context.Context, hc *http.Client, url, secret, delivery string, body []byte) error {
	return errors.New("not yet")
}

// SlackMessage is what a channel is told of a promotion.
type SlackMessage struct {
	Verdict string // one line: "churn 8 promoted to @champion"
	Model   string
	Target  string
	From    string // version before; "" = none
	To      string
	Who     string
	RunURL  string
}

// PostSlack sends a message to an incoming webhook, whose address is a secret.
func PostSlack(ctx context.Context, hc *http.Client, url string, m SlackMessage) error {
	return errors.New("not yet")
}
