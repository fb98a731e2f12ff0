// Package realtest starts the real programs that mlflow-promote works with: MLflow servers, databases, and the Python
// client that trains and logs models. Tests, the demo and the benchmark import it, but the program itself never does.
//
// If a program is missing, tools/setup installs it first. Each program runs in a temporary folder and on a free port on
// this machine. It stops when the process that started it ends, even if that process crashes. The package works only on
// Linux.
package realtest
