// Package artifacts lists, sends and stores files, and has the endpoints of the artifact proxy. It accesses only the
// files of the state, and no disk or network.
package artifacts
