package fact

import "time"

// Comparison is two versions side by side: the candidate, and the one it is compared with.
type Comparison struct {
	Candidate CompareSide  `json:"candidate"`
	Against   CompareSide  `json:"against"`
	Metrics   []MetricPair `json:"metrics"`
	Params    []TextPair   `json:"params"`   // those that differ
	Datasets  []TextPair   `json:"datasets"` // by context, digests
	Signature string       `json:"signature"`
	Changes   []string     `json:"signature_changes,omitempty"`
}

// CompareSide is what a column of the comparison is about.
type CompareSide struct {
	Ref       string    `json:"ref"`
	Version   int       `json:"version,omitempty"`
	RunID     string    `json:"run_id,omitempty"`
	Ended     time.Time `json:"ended"` // of the run; zero when unknown
	SizeBytes int64     `json:"size_bytes,omitempty"`
	Framework string    `json:"framework,omitempty"`
	Problem   string    `json:"problem,omitempty"` // why its run is not known, or is not its own
}

// MetricPair is one metric of both. A side without a finite value has none.
type MetricPair struct {
	Name      string    `json:"name"`
	Candidate *float64  `json:"candidate"`
	Against   *float64  `json:"against"`
	Shown     [2]string `json:"-"`       // as text, also where it is no number
	Better    string    `json:"better"`  // higher or lower, as the name suggests
	Verdict   string    `json:"verdict"` // better, worse, same; "" where a side has no value
	Unclear   []Unclear `json:"unclear,omitempty"`
}

// Unclear says of one side why none of its values can be taken.
type Unclear struct {
	Ref string `json:"ref"`
	Why string `json:"why"`
}

// TextPair is a parameter or a dataset of both, "" where a side has none.
type TextPair struct {
	Name      string `json:"name"`
	Candidate string `json:"candidate"`
	Against   string `json:"against"`
}
