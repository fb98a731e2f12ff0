package actions

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/sethvargo/go-githubactions"
)

// outputLimit is the maximum size of a job's outputs, in bytes of UTF-16, as the runner counts them.
const outputLimit = 1 << 20

// libraryDelimiter is the fixed delimiter that the library writes after a value. A value that contained this line would
// end there, and the next line could set a different output.
const libraryDelimiter = "_GitHubActionsFileCommandDelimeter_"

var outputName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// SetOutput sets an output of the step. Line ends become LF, and secrets become ***. An error affects only this output.
// Outside Actions, SetOutput does nothing.
func (r *Runner) SetOutput(name, value string) error {
	if !outputName.MatchString(name) {
		return fmt.Errorf("set output %q: not a valid name", name)
	}
	if !r.InActions() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := setOutput(r, name, r.secrets.hide(oneKindOfLineEnd(value))); err != nil {
		return fmt.Errorf("set output %q: %w", name, err)
	}
	return nil
}

func setOutput(r *Runner, name, value string) error {
	size := 2 * (len(utf16.Encode([]rune(name))) + len(utf16.Encode([]rune(value))))
	if r.outputSize+size > outputLimit {
		return fmt.Errorf("%d bytes would exceed the 1 MiB limit for a job's outputs", size)
	}
	file, err := commandFile(r, "GITHUB_OUTPUT")
	if err != nil {
		return err
	}
	if strings.Contains(value, "\n") || value == libraryDelimiter {
		err = appendTo(file, delimited(name, value, rand.Text()+rand.Text()))
	} else {
		err = withLibrary(r, func(a *githubactions.Action) { a.SetOutput(name, value) })
	}
	if err == nil {
		r.outputSize += size
	}
	return err
}

// delimited returns the file entry for a value that contains line ends. delimiter must be random, so that the value
// cannot contain it.
func delimited(name, value, delimiter string) string {
	return name + "<<" + delimiter + "\n" + value + "\n" + delimiter + "\n"
}

func oneKindOfLineEnd(text string) string {
	return lineEnds.Replace(strings.ToValidUTF8(text, "\uFFFD"))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// commandFile returns one of the files that the runner created for the step. The file must exist, because the library
// would otherwise create one that the runner does not read.
func commandFile(r *Runner, variable string) (string, error) {
	file := r.env(variable)
	if file == "" {
		return "", fmt.Errorf("%s is not set", variable)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("find the file for %s: %w", variable, plain(err))
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file: %s", variable, file)
	}
	return file, nil
}

// CheckFiles returns an error if the runner's files for outputs or the summary cannot be written. A command calls it
// first, so that it can stop before it changes anything. Outside Actions, CheckFiles checks nothing.
func CheckFiles(r *Runner) error {
	if !r.InActions() {
		return nil
	}
	var errs []error
	for _, variable := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		file, err := commandFile(r, variable)
		if err == nil {
			if err = appendTo(file, ""); err != nil {
				err = fmt.Errorf("write the file for %s: %w", variable, plain(err))
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// appendTo appends the text in a single write, because an incomplete entry would fail the step.
func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// withLibrary turns the library's panics into errors. The library panics on every failed write.
func withLibrary(r *Runner, do func(*githubactions.Action)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	do(library(r, nil))
	return nil
}

func randomHex() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // cannot fail
	return hex.EncodeToString(b[:])
}
