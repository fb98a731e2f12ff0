// Package crawl reads a whole model registry for an audit, model by model, in bounded memory.
//
// It must never judge. What may have changed during the reading is read again, and what cannot be read is marked as
// unreadable.
package crawl
