// Package artifacts lists, sends and stores files, and contains the endpoints of the artifact proxy. It accesses only
// the files in the state, and never a disk or the network.
package artifacts
