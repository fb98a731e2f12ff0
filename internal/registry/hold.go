package registry

import (
	"slices"
	"strings"
)

// OnHold says since when and why a version may not be promoted, "" where it may: it was rolled back, and nobody has
// allowed it since. The ledger knows, and the version's own tag where there is none or it does not reach back that far.
func (f Facts) OnHold(v Version) string {
	for _, e := range slices.Backward(f.Ledger.Entries) {
		switch {
		case e.Record.Command == "rollback" && slices.Contains(e.Record.Hold, v.Number) && !(e.Outcome == EntryAborted && e.Moved == 0):
			return "rolled back on " + e.Record.At
		case (e.Record.Command == "promote" || e.Record.Command == "rollback") && e.Record.To == v.Number && (e.Outcome == EntryDone || e.Moved > 0):
			return ""
		}
	}
	if at := v.Tags[TagHold]; at != "" {
		return "rolled back on " + at
	}
	if at := v.Tags[TagRolledBack]; at != "" && at > v.promoted() {
		return "rolled back on " + at
	}
	return ""
}

// Blocked reports whether gates blocked the version when it was last judged, by its tag.
func (v Version) Blocked() bool { return v.Tags[TagValidation] == ValidationBlocked }

// promoted is when the version last received a stage or an alias, by its tags; "" where none tells.
func (v Version) promoted() string {
	at := max(v.Tags[StageTimeTag("Staging")], v.Tags[StageTimeTag("Production")])
	for key, value := range v.Tags {
		if strings.HasPrefix(key, TagPrefix+"alias.") && strings.HasSuffix(key, ".at") {
			at = max(at, value)
		}
	}
	return at
}

// Usable says why a version cannot be gone back to or promoted at all, "" where it can.
func (v Version) Usable() string {
	switch {
	case v.Tags[TagDuplicateOf] != "":
		return "it is a duplicate of version " + v.Tags[TagDuplicateOf]
	case v.Status != "READY" && v.Status != "":
		return "it is " + v.Status
	}
	return ""
}
