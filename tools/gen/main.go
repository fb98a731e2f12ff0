// Command gen writes the files that are generated from the program's tables: action.yml, the policy file's schema, and
// the tables between markers in the README and the docs.
//
//	go run ./tools/gen
//
// A test in internal/repotest fails if a file differs from what this command would write.
package main

import (
	"fmt"
	"os"

	"github.com/mlflow-promote/mlflow-promote/tools/gen/files"
)

func main() {
	if err := files.Write("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
