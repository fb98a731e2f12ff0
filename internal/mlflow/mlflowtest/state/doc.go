// Package state is what a server has stored: workspaces with models, versions, experiments, runs and logged models, and
// also files and users. It checks no right and no rule of a request, so tests can create states that no request can.
package state
