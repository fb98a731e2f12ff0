// Command gen writes the files that are generated from the tables of the program: action.yml, the marked tables of the
// README and the docs, and the schema of the policy file.
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
