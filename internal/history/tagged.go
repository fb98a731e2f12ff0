package history

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Tagged is the last promotion of a version, as its tags describe it. Everybody who may edit the model can change the
// tags, and a later promotion of the same version replaces them.
type Tagged struct {
	Version int             `json:"version"`
	At      string          `json:"at"` // RFC 3339, UTC
	From    int             `json:"from,omitempty"`
	Target  registry.Target `json:"target"`
	Actor   string          `json:"actor,omitempty"`
	Run     string          `json:"run,omitempty"`
	Status  string          `json:"validation_status,omitempty"`
	OnHold  string          `json:"on_hold,omitempty"` // since when the version is on hold
}

// FromTags returns the promotions that the tags of versions describe, newest first.
func FromTags(versions []registry.Version) []Tagged {
	var out []Tagged
	for _, v := range versions {
		s, ok := summary.Of(v)
		if !ok || s.At == "" {
			continue
		}
		out = append(out, Tagged{
			Version: v.Number, At: s.At, From: s.From, Target: s.Target, Actor: s.Actor, Run: s.Run,
			Status: v.Tags[registry.TagValidation], OnHold: v.Tags[registry.TagHold],
		})
	}
	slices.SortStableFunc(out, func(a, b Tagged) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.Version, a.Version))
	})
	return out
}

// tagged shows what the tags say, and that this is no ledger.
func (h History) tagged() doc.Page {
	t := doc.Table{Head: []string{"version", "time (UTC)", "target", "from", "who", "validation", "on hold since"}}
	for _, p := range h.Tagged {
		from, held := "none", ""
		if p.From != 0 {
			from = strconv.Itoa(p.From)
		}
		if p.OnHold != "" {
			held = timeText(p.OnHold)
		}
		t.Rows = append(t.Rows, []doc.Line{
			doc.L(strconv.Itoa(p.Version)), doc.L(timeText(p.At)), doc.L(doc.C(p.Target.String())), doc.L(from),
			doc.L(doc.C(p.Actor)), doc.L(p.Status), doc.L(held),
		})
	}
	return doc.Page{
		doc.P("The last promotion of each version, from its tags. This server has no ledger (", doc.C(h.Unfit),
			"), so earlier promotions of a version are not known. Anyone who may edit the model can change the tags."),
		t,
	}
}
