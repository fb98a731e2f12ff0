// Package crawl reads a whole model registry for an audit, model by model, in bounded memory.
//
// It must never judge. What may have changed while it read is read again, and what could not be read is said to be
// unreadable.
package crawl
