// Package realtest starts the real things that mlflow-promote talks to: MLflow
// servers of several versions, PostgreSQL, and the stock Python client that
// trains and logs models. It is imported by tests, the demo and the bench,
// never by the product.
//
// What is missing is installed first, by tools/setup. Everything started here
// runs in a throw-away folder on a free port of this machine and ends with the
// process that started it, however that one ends. Linux only.
package realtest
