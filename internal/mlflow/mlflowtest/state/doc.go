// Package state contains what a server has stored: workspaces with models, versions, experiments, runs and logged
// models, as well as files and users. It does not check permissions or the rules for requests, so tests can create
// states that no request can.
package state
