package history

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Tagged is a version's last promotion as its tags describe it. Anyone who is allowed to edit the model can change the
// tags, and a later promotion of the same version replaces them.
type Tagged struct {
	Version int             `json:"version"`
	At      string          `json:"at"` // RFC 3339, UTC
	From    int             `json:"from,omitempty"`
	Target  registry.Target `json:"target"`
	Actor   string          `json:"actor,omitempty"`
	Run     string          `json:"run,omitempty"`
	Status  string          `json:"validation_status,omitempty"`
	OnHold  string          `json:"on_hold,omitempty"` // when the version was put on hold
}

// NoRecord counts the versions whose last promotion is not known.
type NoRecord struct {
	Unread int `json:"unread,omitempty"` // versions whose tags were not read
	Broken int `json:"broken,omitempty"` // versions with a record that cannot be parsed
}

// FromTags returns the promotions that the versions' tags describe, newest first. It also returns how many versions it
// had to leave out.
func FromTags(versions []registry.Version) (tagged []Tagged, without NoRecord) {
	for _, v := range versions {
		s, ok := summary.Of(v)
		switch {
		case v.Unread != "":
			without.Unread++
			continue
		case v.Tags[registry.TagRecord] == "":
			continue
		case !ok || s.At == "":
			without.Broken++
			continue
		}
		tagged = append(tagged, Tagged{
			Version: v.Number, At: s.At, From: s.From, Target: s.Target, Actor: s.Actor, Run: s.Run,
			Status: v.Tags[registry.TagValidation], OnHold: v.Tags[registry.TagHold],
		})
	}
	slices.SortStableFunc(tagged, func(a, b Tagged) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(b.Version, a.Version))
	})
	return tagged, without
}

// tagged shows what the tags say, and notes that tags are not a ledger.
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
	page := doc.Page{
		doc.P("The last promotion of each version, from its tags. This server has no ledger (", doc.C(h.Unfit),
			"), so earlier promotions of a version are not known. Anyone who may edit the model can change the tags."),
	}
	if n := h.NoRecord.Unread; n > 0 {
		page = append(page, doc.P("The tags of ", format.Plural(n, "older version"), " were not read."))
	}
	if n := h.NoRecord.Broken; n > 0 {
		page = append(page, doc.P("The tag ", doc.C(registry.TagRecord), " of ", format.Plural(n, "version"),
			" cannot be parsed."))
	}
	if len(t.Rows) == 0 {
		return page
	}
	return append(page, t)
}
