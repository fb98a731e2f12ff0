package report

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// modelURI returns a URI that loads the model: the target's if the command moves the target, and otherwise the
// version's. It returns "" if no version is known.
func (r Run) modelURI(target bool) string {
	t := r.Plan.Target
	moved := target && !r.Dry && (r.Reason == registry.OK || r.Reason == registry.Unchanged)
	switch {
	case r.Plan.Model == "" || r.number() == 0:
		return ""
	case moved && t.Alias != "" && r.Facts.Fallback == nil:
		return "models:/" + r.Plan.Model + "@" + t.Alias
	case moved && t.Stage != "":
		return "models:/" + r.Plan.Model + "/" + t.Stage
	}
	return fmt.Sprintf("models:/%s/%d", r.Plan.Model, r.number())
}

// modelLink returns the model's name with a link to the model's page in MLflow.
func (r Run) modelLink() doc.Span {
	return doc.Span{Text: r.Plan.Model, Code: true, URL: r.link("/#/models/" + url.PathEscape(r.Plan.Model))}
}

func (r Run) versionURL(n int) string { return r.VersionURL(r.Plan.Model, strconv.Itoa(n)) }

// VersionURL returns the address of a version's page in MLflow, or of the model's page if version is "".
func (s Setting) VersionURL(model, version string) string {
	path := "/#/models/" + url.PathEscape(model)
	if version != "" {
		path += "/versions/" + version
	}
	return s.link(path)
}

func (s Setting) runURL(run registry.Run) string {
	return s.link("/#/experiments/" + url.PathEscape(run.ExperimentID) + "/runs/" + url.PathEscape(run.ID))
}

func (s Setting) link(path string) string {
	if s.Tracking == "" {
		return ""
	}
	return strings.TrimSuffix(s.Tracking, "/") + path
}

// artifactURI returns the location of the candidate's files. It returns "" if the location is not known, or is on the
// server itself and contains the server's address.
func (r Run) artifactURI() string {
	c := r.Facts.Candidate
	at := ""
	if m, ok := c.Logged.Get(); ok {
		at = m.ArtifactURI
	} else if run, ok := c.Run.Get(); ok && c.Path != "" && c.InPlace {
		at = run.Artifact(c.Path)
	}
	if u, err := url.Parse(r.Tracking); err == nil && u.Host != "" && strings.Contains(at, u.Host) {
		return ""
	}
	return at
}
