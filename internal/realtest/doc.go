// Package realtest starts the real things that mlflow-promote talks to: MLflow servers of several versions, PostgreSQL,
// and the stock Python client that trains and logs models. It is imported by tests, the demo and the bench, never by
// the product.
//
// If a program is missing, tools/setup installs it first. Each program runs in a temporary folder and on a free port of
// this machine. It ends with the process that started it, even if that process crashes. Linux only.
package realtest
