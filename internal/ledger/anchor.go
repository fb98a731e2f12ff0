package ledger

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// anchor is the value of the anchor tag on the registered model. It describes the page that was the newest when the tag
// was written.
type anchor struct {
	Page   string `json:"run"`
	Epoch  int    `json:"epoch"` // the number of entries before that page
	Digest string `json:"sha256"`
}

// parseAnchor parses an anchor. ok is false if the anchor is malformed, which means that it was edited.
func parseAnchor(text string) (a anchor, ok bool) {
	err := json.Unmarshal([]byte(text), &a)
	return a, err == nil && a.Page != ""
}

func anchorText(p page) string {
	text, _ := canonical.JSON(anchor{p.id, p.base, p.digest}) // cannot fail: all three fields are plain values
	return string(text)
}

// Check compares the view with the anchor on the registered model and with the tags of its versions. It fails if the
// ledger was deleted, shortened or replaced.
func (r Reader) Check(v View, modelTags map[string]string, versions ...registry.Version) error {
	why := anchorFits(modelTags, v.page.last(), []page{v.page}, append(v.prior, v.page.prior))
	for _, version := range versions {
		if why == "" && v.Exists() {
			_, why = contradicts(v.ID(), v.page.last(), v.Facts(), version)
		}
	}
	if why != "" {
		return lost(r.Model, why)
	}
	return nil
}

// anchorFits returns "" if the anchor belongs to a ledger with this number of entries, and otherwise the reason why it
// does not. read contains the pages that have been read, and passed contains the ids of the earlier pages that lead to
// them. The anchor may refer to an older page, because it is written only after a new page has been created.
func anchorFits(modelTags map[string]string, entries int, read []page, passed []string) string {
	text, anchored := modelTags[registry.TagAnchor]
	a, sound := parseAnchor(text)
	switch {
	case !anchored && entries == 0:
		return ""
	case !anchored:
		return "the tag " + registry.TagAnchor + " of the registered model was removed"
	case len(read) == 0 || read[0].id == "":
		return "the tag " + registry.TagAnchor + " says that there is a ledger, but its experiment is gone"
	case !sound:
		return "the tag " + registry.TagAnchor + " of the registered model was edited"
	}
	for _, p := range read {
		switch {
		case p.id != a.Page:
		case p.verified: // the page is signed, which proves more than an anchor that points to it
			return ""
		case p.digest != a.Digest || p.base != a.Epoch:
			return fmt.Sprintf("ledger run %s does not match the tag %s", p.id, registry.TagAnchor)
		default:
			return ""
		}
	}
	if slices.Contains(passed, a.Page) {
		return ""
	}
	return fmt.Sprintf("the tag %s points to run %s, which is not part of the ledger", registry.TagAnchor, a.Page)
}

// contradicts returns the first ledger entry that is missing or that differs from the summary on the version, and the
// reason. first is the id of the ledger's first page, and last is the number of its last entry. The summary of an entry
// that is not believed is ignored, because it proves nothing.
func contradicts(first string, last int, l Chain, version registry.Version) (epoch int, why string) {
	told, ok := summary.Of(version)
	foreign := func(f Foreign) bool { return f.Number == told.Epoch }
	if !ok || told.Ledger != first || slices.ContainsFunc(l.Foreign, foreign) {
		return 0, ""
	}
	if told.Epoch > last {
		return last + 1, fmt.Sprintf(
			"version %d was promoted by entry %d, but the ledger ends with entry %d",
			version.Number, told.Epoch, last,
		)
	}
	for _, e := range l.Entries {
		if e.Epoch == told.Epoch && e.RecordDigest() != told.Sha256 {
			return e.Epoch, fmt.Sprintf(
				"version %d was promoted by entry %d, but that entry has changed since",
				version.Number, told.Epoch,
			)
		}
	}
	return 0, ""
}
