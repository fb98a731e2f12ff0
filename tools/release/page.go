package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// pageBlock is a block of shell commands on a page.
type pageBlock struct {
	title  string // the heading above it
	before string // the command to run before the block
	notRun string // why tests cannot run the block, or "" if they can
	text   string
}

var pagePart = regexp.MustCompile(
	"(?m)^#+ (.*)$|^<!-- before: (.*) -->$|^<!-- not run: (.*) -->$|(?s)^```sh\n(.*?)\n```$")

// readPage returns a page's shell blocks in order. The first block sets the variables for the others; readPage replaces
// the version in it.
func readPage(file, version string) (setup string, out []pageBlock, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	var b pageBlock
	for _, m := range pagePart.FindAllStringSubmatch(strings.ReplaceAll(string(text), "v1.2.0", version), -1) {
		switch {
		case m[1] != "":
			b = pageBlock{title: m[1]}
		case m[2] != "":
			b.before = m[2]
		case m[3] != "":
			b.notRun = m[3]
		case setup == "":
			setup = m[4]
		default:
			b.text = m[4]
			out = append(out, b)
			b = pageBlock{title: b.title}
		}
	}
	return setup, out, nil
}

// shell runs commands from the page in the folder dir.
func shell(dir, setup, text string) error {
	cmd := exec.Command("sh", "-euc", setup+"\n"+text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
