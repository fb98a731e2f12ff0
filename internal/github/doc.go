// Package github is the program's only access to GitHub. It reads runs, approvals and pull requests, and writes
// comments, deployments, events and one issue. It also sends messages to webhooks and Slack.
//
// It uses go-github on top of the client from package rest, which decides by the class of a request whether to retry
// it, and which follows no redirects. It must never send the token to any host except the API's, and must never create
// something twice because a response was lost. It makes no decisions about models.
package github
