package ledger

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// anchor is the tag's value: the newest page when it was written.
type anchor struct {
	Page   string `json:"run"`
	Epoch  int    `json:"epoch"` // entries before that page
	Digest string `json:"sha256"`
}

func anchorText(p page) string {
	text, _ := canonical.JSON(anchor{p.id, p.base, p.digest}) // three plain fields always encode
	return string(text)
}

// Check holds the view against what was noted elsewhere: the anchor on the registered model and the marks on its
// versions. A ledger that is gone, cut or replaced shows here.
func (l *Ledger) Check(v View, modelTags map[string]string, versions ...registry.Version) error {
	why := anchorFits(modelTags, v.page.last(), []page{v.page}, append(v.prior, v.page.prior))
	for _, version := range versions {
		if why == "" && v.Exists() {
			_, why = contradicts(v.place.First, v.page.last(), v.page.entries, version)
		}
	}
	if why != "" {
		return lost(l.Model, why)
	}
	return nil
}

// anchorFits says why the anchor does not belong to a ledger with so many entries, "" where it does. read are its pages
// that were read, passed the ids of others that lead to them; the anchor may be pages behind, since it is written after
// a new one.
func anchorFits(modelTags map[string]string, entries int, read []page, passed []string) string {
	text, anchored := modelTags[registry.TagAnchor]
	var a anchor
	switch {
	case !anchored && entries == 0:
		return ""
	case !anchored:
		return "the tag " + registry.TagAnchor + " of the registered model was removed"
	case len(read) == 0 || read[0].id == "":
		return "the tag " + registry.TagAnchor + " says that there is one, and its experiment is gone"
	case json.Unmarshal([]byte(text), &a) != nil || a.Page == "":
		return "the tag " + registry.TagAnchor + " of the registered model was edited"
	}
	for _, p := range read {
		switch {
		case p.id != a.Page:
		case p.digest != a.Digest || p.base != a.Epoch:
			return fmt.Sprintf("the head of page %s and the tag %s differ", p.id, registry.TagAnchor)
		default:
			return ""
		}
	}
	if slices.Contains(passed, a.Page) {
		return ""
	}
	return fmt.Sprintf("the tag %s names page %s, which the ledger does not lead to", registry.TagAnchor, a.Page)
}

// contradicts holds the mark on a version against the entries of the ledger that begins with the page first and ends
// with the entry last: it was written while the entry was open. It returns the first entry that is missing or another.
func contradicts(first string, last int, entries []Entry, version registry.Version) (epoch int, why string) {
	mark, ok := SummaryOf(version)
	if !ok || mark.Ledger != first {
		return 0, ""
	}
	if mark.Epoch > last {
		return last + 1, fmt.Sprintf("version %d was promoted by entry %d, and the ledger ends with entry %d", version.Number, mark.Epoch, last)
	}
	for _, e := range entries {
		if e.Epoch == mark.Epoch && e.RecordDigest() != mark.Sha256 {
			return e.Epoch, fmt.Sprintf("version %d was promoted by entry %d, which says something else now", version.Number, mark.Epoch)
		}
	}
	return 0, ""
}
