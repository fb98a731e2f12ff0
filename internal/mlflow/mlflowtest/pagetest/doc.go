// Package pagetest tests functions that read lists with several pages. Its servers are not MLflow servers, because
// their lists never end.
package pagetest
