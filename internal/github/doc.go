// Package github has all access to GitHub. It reads runs, approvals and pull requests, and writes comments,
// deployments, events and one issue. It also sends the messages to webhooks and Slack.
//
// It uses go-github over the client of package rest, which retries by class and follows no redirect. It must never send
// the token to any host except the API's, and never make something twice because a response was lost. It does not
// decide anything about a model.
package github
