package report

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Workflow is the job's repository and commit, from which links to GitHub are made. With the zero value, there are no
// links.
type Workflow struct {
	Server     string // address of GitHub
	Repository string // owner/name
	Head       string // commit
}

var runLink = regexp.MustCompile(`^https?://[^/]+/([^/]+/[^/]+)/actions/runs/(\d+)(?:/attempts/(\d+))?$`)

// run shows the workflow run in a record. Only a terminal shows the full address. Because records can be forged, only
// addresses on this GitHub server become links.
func (w Workflow) run(link string) doc.Line {
	m := runLink.FindStringSubmatch(link)
	if m == nil {
		return doc.L(orDash(link))
	}
	text := "run " + m[2]
	if m[3] != "" && m[3] != "1" {
		text += ", attempt " + m[3]
	}
	if w.Server == "" || !strings.HasPrefix(link, strings.TrimSuffix(w.Server, "/")+"/") {
		return doc.L(doc.Span{Text: m[1] + " " + text, Code: true, Long: link})
	}
	return doc.L(doc.Span{Text: text, URL: link, Long: link})
}

// by shows who made a move and in which workflow run.
func (w Workflow) by(actor, link string) doc.Line {
	if link == "" {
		return doc.L(orDash(actor))
	}
	return doc.L(orDash(actor), " ", w.run(link))
}

// commit returns the address of the commit that a training run used, or "" if the commit is in a different repository.
func (w Workflow) commit(run registry.Run) string {
	server, err := url.Parse(w.Server)
	if err != nil || server.Host == "" || w.Repository == "" {
		return ""
	}
	repository := strings.TrimSuffix(run.Tags[registry.RunTagRepository], ".git")
	https, ssh := server.Host+"/"+w.Repository, server.Host+":"+w.Repository
	if !strings.HasSuffix(repository, https) && !strings.HasSuffix(repository, ssh) {
		return ""
	}
	return w.address("commit/" + url.PathEscape(run.Tags[registry.RunTagCommit]))
}

// line returns the address of a line of a file at the job's commit, or "" if it is not known.
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
