// Package runstore keeps the promotion ledger in MLflow: in the parameters of runs, which are written once, and in the names
// of experiments, which are unique.
//
// It must never know what it stores: records and digests belong to package ledger.
package runstore
