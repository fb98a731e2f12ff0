// Package dialect lists the differences between MLflow versions and between their databases, with a field for each
// difference and a row for each version. It never carries out a request.
package dialect
