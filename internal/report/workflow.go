package report

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Workflow is where the program runs, for links to GitHub; the zero value is a laptop, and nothing is linked.
type Workflow struct {
	Server     string // address of GitHub
	Repository string // owner/name
	Head       string // the commit that it is about
}

var runLink = regexp.MustCompile(`^https?://[^/]+/([^/]+/[^/]+)/actions/runs/(\d+)(?:/attempts/(\d+))?$`)

// run names a workflow run that a record links to. Records are foreign: only an address on our own GitHub becomes a link,
// and a page shows it in few words. A terminal spells it out.
func (w Workflow) run(link string) Line {
	m := runLink.FindStringSubmatch(link)
	if m == nil {
		return line(orDash(link))
	}
	text := "run " + m[2]
	if m[3] != "" && m[3] != "1" {
		text += ", attempt " + m[3]
	}
	if w.Server == "" || !strings.HasPrefix(link, strings.TrimSuffix(w.Server, "/")+"/") {
		return line(Span{Text: m[1] + " " + text, Code: true, Long: link})
	}
	return line(Span{Text: text, URL: link, Long: link})
}

// by is who did something, in which run.
func (w Workflow) by(actor, link string) Line {
	if link == "" {
		return line(orDash(actor))
	}
	return line(orDash(actor), " ", w.run(link))
}

// commit links to a commit of the workflow's own repository; "" for one of any other.
func (w Workflow) commit(run registry.Run) string {
	server, err := url.Parse(w.Server)
	if err != nil || server.Host == "" || w.Repository == "" {
		return ""
	}
	of := strings.TrimSuffix(run.Tags[registry.RunTagRepository], ".git")
	if !strings.HasSuffix(of, server.Host+"/"+w.Repository) && !strings.HasSuffix(of, server.Host+":"+w.Repository) {
		return ""
	}
	return w.address("commit/" + url.PathEscape(run.Tags[registry.RunTagCommit]))
}

// line links to a line of a file of the workflow's commit.
func (w Workflow) line(file string, number int) string {
	if w.Server == "" || w.Repository == "" || w.Head == "" || number <= 0 {
		return ""
	}
	path := (&url.URL{Path: file}).EscapedPath()
	return w.address(fmt.Sprintf("blob/%s/%s#L%d", url.PathEscape(w.Head), path, number))
}

func (w Workflow) address(path string) string {
	return strings.TrimSuffix(w.Server, "/") + "/" + w.Repository + "/" + path
}
