package bundle

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Result is the result of an export, for programs and for the page.
type Result struct {
	Folder    string   `json:"folder"`
	Server    string   `json:"server"`
	Candidate string   `json:"candidate"`
	RunID     string   `json:"run_id,omitempty"`
	Files     int      `json:"files"` // of the model
	Bytes     int64    `json:"bytes"` // of the whole bundle
	Digest    string   `json:"files_sha256"`
	Manifest  string   `json:"manifest_sha256"`
	Key       string   `json:"key,omitempty"` // public half of the key that signed the bundle
	Hops      int      `json:"hops"`
	Lost      []string `json:"lost,omitempty"`
	Unchanged bool     `json:"unchanged,omitempty"`
}

// Result returns the result for a folder.
func (w Written) Result(folder string) Result {
	files, bytes := w.Manifest.Size()
	origin := w.Manifest.Origin()
	return Result{
		Folder: folder, Server: origin.Server, Candidate: origin.Ref, RunID: origin.RunID, Files: files, Bytes: bytes,
		Digest: origin.Digest, Manifest: w.Manifest.Digest, Key: w.Manifest.Key, Hops: len(w.Manifest.Hops),
		Lost: w.Lost, Unchanged: w.Unchanged,
	}
}

// Title returns the headline of the page.
func (r Result) Title() doc.Line {
	if r.Unchanged {
		return doc.L(doc.C(r.Folder), " already contains ", doc.C(r.Candidate))
	}
	return doc.L("Exported ", doc.C(r.Candidate), " to ", doc.C(r.Folder))
}

// Page returns the page. candidate is the line or flag with which a later job takes the bundle.
func (r Result) Page(candidate string) doc.Page {
	t := doc.Table{Head: []string{"", ""}}
	row := func(name string, cell any) { t.Rows = append(t.Rows, doc.Row(name, cell)) }
	row("from", doc.C(r.Server))
	if r.RunID != "" {
		row("run", doc.C(r.RunID))
	}
	row("size", fmt.Sprintf("%s of the model, %s in total", format.Plural(r.Files, "file"), format.Bytes(r.Bytes)))
	row("files_sha256", doc.C(r.Digest))
	if r.Hops > 1 {
		row("copied before", fmt.Sprintf("from %s", format.Plural(r.Hops-1, "server")))
	}
	if r.Key == "" {
		row("signature", "none. A policy that lists keys will refuse this bundle; set ledger-key to sign it")
	} else {
		row("signed by", doc.C(r.Key))
	}
	d := doc.Page{t}
	if len(r.Lost) > 0 {
		var items []doc.Line
		for _, what := range r.Lost {
			items = append(items, doc.L(what))
		}
		d = append(d, doc.P("Not in the bundle:"), doc.List{Items: items})
	}
	return append(d,
		doc.P("Carry the folder to a job that reaches the other server, and promote it there with:"),
		doc.Code{Text: candidate},
	)
}

// Describe returns lines that say what a bundle contains.
func (b *Bundle) Describe() []string {
	files, bytes := b.Size()
	origin := b.Origin()
	lines := []string{fmt.Sprintf(
		"bundle: %s from %s, exported %s, %s, %s", origin.Ref, origin.Server, b.Created, format.Plural(files, "file"),
		format.Bytes(bytes),
	)}
	switch {
	case b.Signer != "":
		lines = append(lines, "bundle: signed by the key "+b.Signer)
	case b.Key != "":
		lines = append(lines, "bundle: signed by the key "+b.Key+", which no policy vouches for")
	}
	for _, what := range b.Lost {
		lines = append(lines, "not in the bundle: "+what)
	}
	return lines
}
