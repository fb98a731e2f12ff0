// Command release builds the files of a release and prepares the release commit. For a given commit and version, it
// produces the same bytes on every machine.
//
//	go run ./tools/release build -version v1.2.0 -out dist
//	go run ./tools/release digest dist
//	go run ./tools/release pin dist
//	go run ./tools/release moving v1.2.0 <tags
//	go run ./tools/release dry-run
//
// build writes the archives, the bills of materials, the image and their checksums. digest prints the image's digest.
// pin writes that digest into every action, and puts the checksums next to the setup action. moving reads the existing
// tags and prints those that the release moves, for example v1. dry-run tests all of this without GitHub.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("use one of the commands build, digest, pin, moving, dry-run")

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	set := flag.NewFlagSet(args[0], flag.ContinueOnError)
	name := set.String("version", "", "release, such as v1.2.0")
	out := set.String("out", "dist", "folder for the files")
	quick := set.Bool("quick", false, "let both builds of the dry run share Go's build cache")
	if err := set.Parse(args[1:]); err != nil {
		return err
	}
	switch operand := set.Arg(0); args[0] {
	case "build":
		v, err := parseVersion(*name)
		if err != nil {
			return err
		}
		at, err := commitTime(".")
		if err != nil {
			return err
		}
		return release{version: v.String(), source: ".", time: at, compile: goBuild}.build(*out)
	case "digest":
		digest, err := imageDigest(operand)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, digest)
		return err
	case "pin":
		return pin(".", operand)
	case "moving":
		v, err := parseVersion(operand)
		if err != nil {
			return err
		}
		tags, err := io.ReadAll(stdin)
		if err != nil {
			return err
		}
		for _, tag := range moving(v, string(tags)) {
			fmt.Fprintln(stdout, tag)
		}
		return nil
	case "dry-run":
		return dryRun(stdout, *quick)
	}
	return errUsage
}

// version is the version of a release.
type version struct{ major, minor, patch int }

var versionForm = regexp.MustCompile(`^v(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$`)

// parseVersion parses a version of the form v1.2.0. It fails for pre-releases and build metadata.
func parseVersion(text string) (version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("read version %q: write it as v1.2.0, without a suffix", text)
	}
	var numbers [3]int
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(m[i+1]) // at most nine digits
	}
	return version{numbers[0], numbers[1], numbers[2]}, nil
}

func (v version) String() string { return fmt.Sprintf("v%d.%d.%d", v.major, v.minor, v.patch) }

// moving returns the tags to be moved to the release v: those for its major and minor version, except where a higher
// release exists. Each line in tags ends in a tag's name, as in the output of git ls-remote.
func moving(v version, tags string) []string {
	major, minor := true, true
	for _, line := range strings.Fields(tags) {
		other, err := parseVersion(strings.TrimSuffix(line[strings.LastIndex(line, "/")+1:], "^{}"))
		if err != nil || other.major != v.major {
			continue // a commit, v1, v1.2 or an unrelated tag
		}
		if other.minor > v.minor || other.minor == v.minor && other.patch > v.patch {
			major = false
		}
		if other.minor == v.minor && other.patch > v.patch {
			minor = false
		}
	}
	var out []string
	if major {
		out = append(out, fmt.Sprintf("v%d", v.major))
	}
	if minor {
		out = append(out, fmt.Sprintf("v%d.%d", v.major, v.minor))
	}
	return out
}

// commitTime returns the modification time for all files in a release: SOURCE_DATE_EPOCH if it is set, or else the
// commit's time.
func commitTime(source string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.Command("git", "-C", source, "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("read time of the commit: %w (set SOURCE_DATE_EPOCH outside a checkout)", err)
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
