// Package pagetest tests functions that read a list page by page. Unlike MLflow, its servers have lists that never end.
package pagetest
