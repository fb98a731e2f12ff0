// Package unitycatalog puts a façade of Databricks' Unity Catalog in front of an MLflow server, for tests.
//
// The server behind the façade does the work, so aliases, numbers, errors and races are MLflow's own. It can be a real
// server or the in-memory double. The façade offers only the paths that Databricks offers, and forbids what Unity
// Catalog forbids. It is based on Databricks' documentation and on the stock client, which is tested against it.
package unitycatalog
