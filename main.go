// Command mlflow-promote registers, judges and promotes MLflow model versions, either as a GitHub Action or on a
// laptop.
package main

import (
	"context"
	crypto "crypto/rand"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"os/user"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	_ "time/tzdata" // the container image has no time zones

	"golang.org/x/term"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
)

// version is set by release builds. `go install …@v1.2.0` does not set it; see programVersion.
var version = "dev"

func main() { os.Exit(run()) }

// run is the only function that uses the process's environment, clock, randomness, streams and signals.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a promotion must finish even if its output is no longer read
	// net/http logs odd responses with the standard logger, which writes to standard error. The runner looks for
	// commands there.
	log.SetOutput(io.Discard)
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	return cli.Run(ctx, cli.Process{
		Args: os.Args[1:], Env: os.Getenv, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Dir: dir,
		Now: time.Now, Jitter: rand.Float64, Random: crypto.Reader,
		Version: programVersion(debug.ReadBuildInfo()), Go: runtime.Version(),
		Zone: time.Local, Columns: columns(), User: userName(),
		Nonce: func() string { return strconv.FormatUint(rand.Uint64(), 36) },
	})
}

// programVersion returns the version of this program. If no release build set it, it is the version of the module that
// `go install` downloaded. Only such a module has a checksum. A build from a checkout stays "dev".
func programVersion(info *debug.BuildInfo, known bool) string {
	if version == "dev" && known && info.Main.Sum != "" {
		return info.Main.Version
	}
	return version
}

// columns returns the width of the terminal, or 0 if the output goes elsewhere.
func columns() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// userName returns the name of the system's user, or "" if it is unknown.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}
