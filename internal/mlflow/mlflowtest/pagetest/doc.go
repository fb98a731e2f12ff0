// Package pagetest tests functions that read lists with several pages. Its servers are not MLflow: their lists never
// end.
package pagetest
