// Package state contains what a server has stored: workspaces with models, versions, experiments, runs and logged
// models, and also files and users. It checks neither permissions nor any rule for requests, so tests can create
// states that no request can.
package state
