// Package runstore keeps the promotion ledger in MLflow. It uses the parameters of runs, which can be written only
// once, and the names of experiments, which are unique.
//
// It must never know what it stores, because records and digests belong to package ledger.
package runstore
