// Package bundle carries a model between servers that cannot reach each other. Export writes a folder with the model,
// its run and where it comes from. Open verifies such a folder, and answers MLflow's requests from it, so that the same
// code reads a bundle and a server.
//
// Everything in a bundle may be hostile. Open must never accept a bundle in which a byte was changed, and it answers
// only requests that read.
package bundle
