package fact

import "time"

// Comparison compares the candidate with another version.
type Comparison struct {
	Candidate CompareSide  `json:"candidate"`
	Against   CompareSide  `json:"against"`
	Metrics   []MetricPair `json:"metrics"`
	Params    []TextPair   `json:"params"`   // only those that differ
	Datasets  []TextPair   `json:"datasets"` // the digests for each context
	Signature string       `json:"signature"`
	Changes   []string     `json:"signature_changes,omitempty"`
}

// CompareSide describes one of the two versions.
type CompareSide struct {
	Ref       string    `json:"ref"`
	Version   int       `json:"version,omitempty"`
	RunID     string    `json:"run_id,omitempty"`
	Ended     time.Time `json:"ended"` // when the run ended; zero if unknown
	SizeBytes int64     `json:"size_bytes,omitempty"`
	Framework string    `json:"framework,omitempty"`
	Problem   string    `json:"problem,omitempty"` // why the run is unknown, or that it is a different version's
}

// MetricPair is a metric with its values in the two versions. A value that is missing or not finite is nil.
type MetricPair struct {
	Name      string    `json:"name"`
	Candidate *float64  `json:"candidate"`
	Against   *float64  `json:"against"`
	Shown     [2]string `json:"-"`       // the values as text, even if they are not numbers
	Better    string    `json:"better"`  // "higher" or "lower", guessed from the name
	Verdict   string    `json:"verdict"` // "better", "worse" or "same"; "" if a value is missing
	Unclear   []Unclear `json:"unclear,omitempty"`
}

// Unclear explains why no value can be used for one of the versions.
type Unclear struct {
	Ref string `json:"ref"`
	Why string `json:"why"`
}

// TextPair is a parameter or dataset, with its text in the two versions. The text is "" for a version that lacks it.
type TextPair struct {
	Name      string `json:"name"`
	Candidate string `json:"candidate"`
	Against   string `json:"against"`
}
