// Package dialect lists how versions of MLflow and their databases differ. There is one field for each difference and
// one row for each version. The package never carries out a request.
package dialect
