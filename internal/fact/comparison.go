package fact

import "time"

// Comparison compares the candidate with a different version.
type Comparison struct {
	Candidate CompareSide  `json:"candidate"`
	Against   CompareSide  `json:"against"`
	Metrics   []MetricPair `json:"metrics"`
	Params    []TextPair   `json:"params"`   // only those that differ
	Datasets  []TextPair   `json:"datasets"` // the digests by context
	Signature string       `json:"signature"`
	Changes   []string     `json:"signature_changes,omitempty"`
}

// CompareSide describes one of the two versions.
type CompareSide struct {
	Ref       string    `json:"ref"`
	Version   int       `json:"version,omitempty"`
	RunID     string    `json:"run_id,omitempty"`
	Ended     time.Time `json:"ended"` // the end of the run; zero if unknown
	SizeBytes int64     `json:"size_bytes,omitempty"`
	Framework string    `json:"framework,omitempty"`
	Problem   string    `json:"problem,omitempty"` // why the run is unknown, or that it belongs to a different version
}

// MetricPair is one metric with its value in both versions. The value is nil if it is missing or not
// finite.
type MetricPair struct {
	Name      string    `json:"name"`
	Candidate *float64  `json:"candidate"`
	Against   *float64  `json:"against"`
	Shown     [2]string `json:"-"`       // the values as text, including those that are not numbers
	Better    string    `json:"better"`  // "higher" or "lower", guessed from the name
	Verdict   string    `json:"verdict"` // "better", "worse" or "same"; "" if a value is missing
	Unclear   []Unclear `json:"unclear,omitempty"`
}

// Unclear explains why no value can be used for one of the sides.
type Unclear struct {
	Ref string `json:"ref"`
	Why string `json:"why"`
}

// TextPair is a parameter or dataset with its text in both versions. The text is "" in a version that
// lacks it.
type TextPair struct {
	Name      string `json:"name"`
	Candidate string `json:"candidate"`
	Against   string `json:"against"`
}
