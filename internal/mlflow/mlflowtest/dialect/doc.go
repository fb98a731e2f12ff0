// Package dialect lists how versions of MLflow and their databases differ. Each difference is one field, and each
// version is one row. The package never carries out a request.
package dialect
