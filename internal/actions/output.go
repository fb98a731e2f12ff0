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

// outputLimit is what the outputs of a job may take in the runner's UTF-16, in bytes.
const outputLimit = 1 << 20

// libraryDelimiter ends a value in the file the library writes. A value that holds it as a line would end early, and its
// next line would be an output of its own.
const libraryDelimiter = "_GitHubActionsFileCommandDelimeter_"

var outputName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// SetOutput sets an output of the step; outside Actions there is none to set. Line ends become \n and secrets ***. An
// error concerns this output alone.
func (r *Runner) SetOutput(name, value string) error {
	if !outputName.MatchString(name) {
		return fmt.Errorf("set output %q: not a name for an output", name)
	}
	if !r.InActions() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.setOutput(name, r.secrets.hide(oneKindOfLineEnd(value))); err != nil {
		return fmt.Errorf("set output %q: %w", name, err)
	}
	return nil
}

func (r *Runner) setOutput(name, value string) error {
	size := 2 * (len(utf16.Encode([]rune(name))) + len(utf16.Encode([]rune(value))))
	if r.outputSize+size > outputLimit {
		return fmt.Errorf("%d bytes would exceed the megabyte that the outputs of a job may have", size)
	}
	file, err := r.commandFile("GITHUB_OUTPUT")
	if err != nil {
		return err
	}
	if strings.Contains(value, "\n") || value == libraryDelimiter {
		err = appendTo(file, delimited(name, value, rand.Text()+rand.Text()))
	} else {
		err = r.withLibrary(func(a *githubactions.Action) { a.SetOutput(name, value) })
	}
	if err == nil {
		r.outputSize += size
	}
	return err
}

// delimited is the entry of a value with line ends, between delimiters that whoever made the value cannot have known.
func delimited(name, value, delimiter string) string {
	return name + "<<" + delimiter + "\n" + value + "\n" + delimiter + "\n"
}

func oneKindOfLineEnd(text string) string {
	return lineEnds.Replace(strings.ToValidUTF8(text, "\uFFFD"))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// commandFile finds a file the runner made for the step. It must be there: the library would create another, at a path
// that nobody reads.
func (r *Runner) commandFile(variable string) (string, error) {
	file := r.env(variable)
	if file == "" {
		return "", fmt.Errorf("%s is not set", variable)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("find the file of %s: %w", variable, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file: %s", variable, file)
	}
	return file, nil
}

// appendTo writes in one piece: half an entry would fail the step.
func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// withLibrary turns the library's panics, which it has for every failure to write, into errors.
func (r *Runner) withLibrary(do func(*githubactions.Action)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	do(r.library(nil))
	return nil
}

func randomHex() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
