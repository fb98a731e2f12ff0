// Package registry contains the endpoints for registered models, their versions, aliases, stages and tags, and the
// rules for the sources of versions. It reads runs and logged models. Outside the registry, it changes only a logged
// model's list of versions.
package registry
