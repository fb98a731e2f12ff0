// Package tracking contains the endpoints for experiments, runs, logged models, and their artifacts. It knows nothing
// about registered models.
package tracking
