// Package wire reads requests and writes responses as MLflow does. It decodes parameters as protobuf does and formats
// numbers as Python does. It also writes errors with MLflow's codes, and pages like those of MLflow's web framework. It
// knows no endpoints and stores nothing.
package wire
