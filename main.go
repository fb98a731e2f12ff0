// Command mlflow-promote registers, judges and promotes MLflow model versions, as a GitHub Action or on a laptop.
package main

import (
	"context"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
)

// version is set when the program is built for a release.
var version = "dev"

func main() { os.Exit(run()) }

// run is the only place that uses the process: environment, clock, randomness, streams, signals and exit.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // if the reader of the output is gone, a promotion must still finish
	// net/http logs odd responses with the standard logger. It would write to standard error, where the runner looks
	// for commands.
	log.SetOutput(io.Discard)
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	return cli.Run(ctx, cli.Process{
		Args: os.Args[1:], Env: os.Getenv, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Dir: dir,
		Now: time.Now, Jitter: rand.Float64, Version: version, Go: runtime.Version(),
		Nonce: func() string { return strconv.FormatUint(rand.Uint64(), 36) },
	})
}
