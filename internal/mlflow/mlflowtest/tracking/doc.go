// Package tracking has the endpoints of experiments, runs, logged models and their artifacts. It knows nothing about
// registered models.
package tracking
