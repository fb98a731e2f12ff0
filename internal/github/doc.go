// Package github is what the program needs of GitHub: whether a run has ended, who approved, which pull request a commit
// came from, and the writing of comments, deployments, events and one issue; besides, the messages that leave for a
// webhook and for Slack.
//
// It speaks through go-github over rest's client, which repeats by class and follows no redirect. It must never send the
// token to another host than the API's, never make a thing twice because an answer was lost, and never decide anything
// about a model.
package github
