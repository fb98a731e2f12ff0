package gates

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// gap is the reason why there is no value. The zero gap means that there is a value.
type gap struct {
	why    string
	absent bool // whether it is confirmed that there is no value
}

// notKnown returns a gap for a value that may exist. confirmedAbsent returns a gap for a value that does not exist.
func notKnown(format string, args ...any) gap        { return gap{why: fmt.Sprintf(format, args...)} }
func confirmedAbsent(format string, args ...any) gap { return gap{fmt.Sprintf(format, args...), true} }

// ends returns the finding for a gate whose check ends because of the gap. lead is put in front of the reason.
func (g gap) ends(out verdict.Finding, lead, fix string) verdict.Finding {
	if g.absent {
		return absent(out, lead+g.why, fix)
	}
	return inconclusive(out, lead+g.why, fix)
}

// unproven is put in front of the reason for a gap in the incumbent's values.
const unproven = "the incumbent has no valid evidence: "
