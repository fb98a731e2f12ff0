// Package github is the program's only access to GitHub. It reads runs, approvals and pull requests, and writes
// comments, deployments, events and one issue. It also sends messages to webhooks and Slack.
//
// It uses go-github on top of the client in package rest, which follows no redirects and decides from a request's class
// whether to retry it. Package github must never send the token to any host except the API's, and must never create an
// object twice because a response was lost. It makes no decisions about models.
package github
