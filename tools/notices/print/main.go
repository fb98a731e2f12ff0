// Command print writes the licences of everything that is linked into a Go program to standard output. The Dockerfile
// uses it; tools/release does the same for releases.
//
//	go run ./tools/notices/print bin/mlflow-promote
package main

import (
	"fmt"
	"os"

	"github.com/mlflow-promote/mlflow-promote/tools/notices"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "notices: name one program")
		os.Exit(2)
	}
	text, err := notices.Of(os.Args[1])
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}
