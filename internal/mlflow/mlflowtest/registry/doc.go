// Package registry contains the endpoints for registered models: versions, aliases, stages, tags, and the sources
// that a version may have. It reads runs and logged models, and changes only a logged model's list of versions.
package registry
