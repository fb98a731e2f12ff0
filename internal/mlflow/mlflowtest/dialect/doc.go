// Package dialect lists how versions of MLflow and their databases differ. A difference is one field, and a version is
// one row. It never carries out a request.
package dialect
