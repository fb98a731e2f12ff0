// Package modelcopy copies a model from one MLflow server to another, together with its run, but without its files.
//
// Read reads what travels, and Copy writes it. In between, it can be stored in a folder. Copy repeats no write that an
// earlier attempt has completed, so it can be called again after any interruption.
//
// The package must never decide whether a model is good enough. Everything that it reads may be hostile, so it limits
// sizes and counts, and it believes no tag.
package modelcopy
