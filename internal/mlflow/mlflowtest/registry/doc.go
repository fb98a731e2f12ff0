// Package registry has the endpoints of registered models: versions, aliases, stages, tags, and the sources that a
// version may have. It reads runs and logged models, and changes only the list of versions of a logged model.
package registry
