// Package pagetest tests functions that read a list page by page. Its servers do not behave like MLflow, because their
// lists never end.
package pagetest
