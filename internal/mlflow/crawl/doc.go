// Package crawl reads a whole model registry for an audit, model by model, in bounded memory.
//
// It must never evaluate anything. If a model may have changed while it was being read, it is read again. A fact that
// cannot be read is marked as unreadable.
package crawl
