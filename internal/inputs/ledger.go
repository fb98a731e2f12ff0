package inputs

import "strings"

var ledgerInputs = []Input{
	{
		Name:  "justification",
		Group: "safety",
		For:   and(recording, "import"),
		Help:  "Reason for this run, such as a ticket. It is recorded. Required for `import`.",
	},
}

// maxJustification is how many bytes a justification may have.
const maxJustification = 500

// readJustification returns the reason for a run.
func readJustification(r *reader) string {
	text := r.valueIfTaken("justification")
	if strings.ContainsAny(text, "\r\n") || len(text) > maxJustification {
		r.problem("justification", text, "is too long; write one line of at most 500 bytes")
	}
	return text
}
