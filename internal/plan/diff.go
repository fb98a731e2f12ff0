package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Content is what was judged: the files of a model, as far as they were looked at.
type Content struct {
	MLmodel  string    `json:"mlmodel_sha256,omitempty"`  // of the MLmodel file
	Artifact string    `json:"artifact_sha256,omitempty"` // see FilesDigest; only if a gate asked for it
	Files    []FileRef `json:"files,omitempty"`           // ascending by path; none if there are more than maxFileRefs
	Listing  string    `json:"files_sha256,omitempty"`    // of the whole list
	Unread   []string  `json:"unread,omitempty"`          // what could not be read: mlmodel, files
}

// FileRef is a file of a model.
type FileRef struct {
	Path string `json:"path"`
	Size int64  `json:"size"` // in bytes
}

// maxFileRefs bounds the files that a plan lists one by one.
const maxFileRefs = 1000

// ContentOf is what a plan binds of a subject's files.
func ContentOf(s fact.Subject) Content {
	c := Content{Artifact: s.Digest.OrZero()}
	if m, ok := s.MLmodel.Get(); ok {
		c.MLmodel = m.Sha256
	} else {
		c.Unread = append(c.Unread, "mlmodel")
	}
	files, ok := s.Files.Get()
	if !ok {
		c.Unread = append(c.Unread, "files")
		return c
	}
	var text []string
	for _, f := range files {
		if !f.Dir {
			c.Files = append(c.Files, FileRef{f.Path, f.Size})
			text = append(text, f.Path, fmt.Sprint(f.Size))
		}
	}
	c.Listing = canonical.Digest(text...)
	if len(c.Files) > maxFileRefs {
		c.Files = nil
	}
	return c
}

// boundPlan is the part of a plan that an approval is about: ids, values and outcomes. It has no sentence, so that
// better wording changes no digest, and no link to the workflow run, which is another one when the plan is applied.
type boundPlan struct {
	Command   string            `json:"command"`
	Server    string            `json:"server"`
	Model     string            `json:"model"`
	Candidate string            `json:"candidate"`
	Version   int               `json:"version,omitempty"`
	Source    *registry.Source  `json:"source,omitempty"`
	Content   *Content          `json:"content,omitempty"`
	Target    registry.Target   `json:"target"`
	Incumbent int               `json:"incumbent,omitempty"`
	Decision  verdict.Decision  `json:"decision,omitempty"`
	Mode      verdict.Mode      `json:"mode,omitempty"`
	Gates     []verdict.Finding `json:"gates,omitempty"`
	Policy    string            `json:"policy,omitempty"`
	Override  []string          `json:"override,omitempty"`
	Steps     []Step            `json:"steps"`
	Hold      []int             `json:"hold,omitempty"`
	Judged    *Registered       `json:"judged,omitempty"`
}

func (p Plan) bound() boundPlan {
	b := boundPlan{
		Command: p.Command, Server: p.Server, Model: p.Model, Candidate: p.Candidate, Version: p.Version, Source: p.Source,
		Content: p.Content, Target: p.Target, Incumbent: p.Incumbent, Policy: p.Policy, Override: p.Override,
		Steps: slices.Clone(p.Steps), Hold: p.Hold, Judged: p.Judged,
	}
	if p.Verdict != nil {
		verdict := p.Verdict.Bound()
		b.Decision, b.Mode = verdict.Decision, verdict.Mode
		for _, f := range verdict.Findings {
			b.Gates = append(b.Gates, f.Facts())
		}
	}
	for i, s := range b.Steps {
		if _, linked := s.Tags[registry.TagWorkflowRun]; linked {
			s.Tags = maps.Clone(s.Tags)
			delete(s.Tags, registry.TagWorkflowRun)
			b.Steps[i] = s
		}
	}
	return b
}

// Digest identifies the plan. Nothing it binds depends on a clock, so the same facts give the same digest.
func (p Plan) Digest() (string, error) {
	text, err := canonical.JSON(p.bound())
	if err != nil {
		return "", err
	}
	return canonical.Digest("plan/2", string(text)), nil
}

// PlanTime is how the time of a dry run is written before the digest of its plan, to the minute.
const PlanTime = "200601021504"

// PlanStamp binds a plan's digest to the time it was made, in the form of the output plan-digest: TIME-DIGEST.
func PlanStamp(digest string, made time.Time) string {
	at := made.UTC().Format(PlanTime)
	return at + "-" + canonical.Digest("approval/1", digest, at)
}

// Differences lists in words what differs between an approved plan and the one made now.
func (p Plan) Differences(now Plan) []string {
	out := contentDifferences(p.Content, now.Content)
	was, is := p.bound(), now.bound()
	if gates := gateDifferences(was.Gates, is.Gates); len(gates) > 0 {
		out = append(out, gates...)
		was.Gates, is.Gates = nil, nil
	}
	was.Content, is.Content = nil, nil
	approved, current := fields(was), fields(is)
	for _, key := range changedKeys(approved, current) {
		if key == "policy" && was.Policy != "" && is.Policy != "" {
			text := fmt.Sprintf("the policy file has changed (digest %.12s approved, %.12s now)", was.Policy, is.Policy)
			out = append(out, text)
			continue
		}
		out = append(out, differs(key, approved[key], current[key]))
	}
	return out
}

// changedKeys are the keys, in order, whose values differ; a key that is absent has the value "".
func changedKeys(was, is map[string]string) []string {
	all := maps.Clone(was)
	maps.Copy(all, is)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(key string) bool { return was[key] == is[key] })
}

// differs says that something is other than approved; "" is nothing.
func differs(what, approved, now string) string {
	return fmt.Sprintf("%s: %s approved, %s now", what, cmp.Or(approved, "nothing"), cmp.Or(now, "nothing"))
}

// contentDifferences says which files changed: "model.pkl: 1,024 bytes approved, 2,048 now".
func contentDifferences(approved, now *Content) []string {
	var was, is Content
	if approved != nil {
		was = *approved
	}
	if now != nil {
		is = *now
	}
	var out []string
	sizes := func(c Content) map[string]string {
		m := map[string]string{}
		for _, f := range c.Files {
			m[f.Path] = format.Thousands(f.Size) + " bytes"
		}
		return m
	}
	if len(was.Files) == 0 || len(is.Files) == 0 { // one of the lists is too long to be kept, or was not read
		was.Files, is.Files = nil, nil
	}
	before, after := sizes(was), sizes(is)
	for _, path := range changedKeys(before, after) {
		out = append(out, differs(path, before[path], strings.TrimSuffix(after[path], " bytes")))
	}
	for _, part := range []struct{ name, was, now string }{
		{"content of the MLmodel file (SHA-256)", was.MLmodel, is.MLmodel},
		{"content of all files (SHA-256)", was.Artifact, is.Artifact},
		{"not readable", strings.Join(was.Unread, ", "), strings.Join(is.Unread, ", ")},
	} {
		if part.was != part.now {
			out = append(out, differs(part.name, part.was, part.now))
		}
	}
	if len(out) == 0 && was.Listing != is.Listing {
		out = append(out, differs("list of files (SHA-256)", was.Listing, is.Listing))
	}
	return out
}

// gateDifferences says which gates came, went, or ended in another way.
func gateDifferences(approved, now []verdict.Finding) []string {
	name := func(f verdict.Finding) string { return strings.TrimPrefix(f.Target+": "+f.Gate, ": ") }
	byName := func(list []verdict.Finding) map[string]string {
		out := map[string]string{}
		for _, f := range list {
			out[name(f)] = f.Brief()
		}
		return out
	}
	was, is := byName(approved), byName(now)
	var out []string
	for _, f := range approved {
		if was[name(f)] != is[name(f)] {
			out = append(out, differs("gate "+name(f), was[name(f)], is[name(f)]))
		}
	}
	for _, f := range now {
		if _, there := was[name(f)]; !there {
			out = append(out, differs("gate "+name(f), "", is[name(f)]))
		}
	}
	return out
}

// fields flattens a plan into paths and values.
func fields(p boundPlan) map[string]string {
	out := map[string]string{}
	text, err := canonical.JSON(p)
	if err != nil {
		return out
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&tree) == nil {
		flatten(out, "", tree)
	}
	return out
}

func flatten(out map[string]string, path string, v any) {
	under := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			flatten(out, under(key), child)
		}
	case []any:
		for i, child := range v {
			flatten(out, under(fmt.Sprint(i+1)), child)
		}
	default:
		out[path] = fmt.Sprint(v)
	}
}
