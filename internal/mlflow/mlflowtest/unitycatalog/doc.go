// Package unitycatalog gives an MLflow server the face of Unity Catalog on Databricks, for tests.
//
// The server behind it does the work, so aliases, numbers, errors and races are MLflow's own. It can be a real server
// or the double in memory. The façade offers only the paths that Databricks offers, and forbids what Unity Catalog
// forbids. What it knows comes from Databricks' documentation and from the stock client, which is tested against it.
package unitycatalog
