package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// document is a report about a candidate: of an evaluation, a scan, a fairness check. A SARIF file is one too; what it
// is about stands in the properties of its run.
type document struct {
	RunID     string                     `json:"run_id"`
	ModelID   string                     `json:"model_id"`
	Artifact  string                     `json:"artifact_digest"` // as the gate artifact: digest has it
	Dataset   string                     `json:"dataset_digest"`
	Created   time.Time                  `json:"created"`
	Passed    *bool                      `json:"passed"`
	Exit      *int                       `json:"exit_status"`
	Results   map[string]json.RawMessage `json:"results"`
	SARIF     *sarif                     `json:"sarif"`
	isVerdict bool                       // it says by itself whether it passed
	problems  int                        // SARIF results of level error or of none that can be told, and failed runs of the tool
}

type sarif struct {
	Runs []struct {
		Properties json.RawMessage `json:"properties"`
		Tool       struct {
			Driver struct {
				Rules []struct {
					ID      string `json:"id"`
					Default struct {
						Level string `json:"level"`
					} `json:"defaultConfiguration"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Invocations []struct {
			Successful *bool     `json:"executionSuccessful"`
			Exit       *int      `json:"exitCode"`
			End        time.Time `json:"endTimeUtc"`
		} `json:"invocations"`
		Results *[]sarifResult `json:"results"` // absent where the tool did not get that far
	} `json:"runs"`
}

type sarifResult struct {
	Rule         string `json:"ruleId"`
	Kind         string `json:"kind"` // "" means fail
	Level        string `json:"level"`
	Suppressions []struct {
		Status string `json:"status"` // "" means accepted
	} `json:"suppressions"`
}

// counts reports whether the result is an error that nobody accepted. A level may stand in the rule; one that cannot be
// told counts.
func (r sarifResult) counts(levels map[string]string) bool {
	for _, s := range r.Suppressions {
		if s.Status == "" || s.Status == "accepted" {
			return false
		}
	}
	level := cmp.Or(r.Level, levels[r.Rule], "error")
	return (r.Kind == "" || r.Kind == "fail") && level == "error"
}

// parseDocument reads a report, plain or SARIF.
func parseDocument(text string) (document, error) {
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("it is not the JSON of a report: %v", err)
	}
	var bare sarif
	if err := json.Unmarshal([]byte(text), &bare); err == nil && len(bare.Runs) > 0 {
		d.SARIF = &bare
	}
	if d.SARIF != nil {
		if err := d.scan(*d.SARIF); err != nil {
			return d, err
		}
	}
	d.isVerdict = d.Passed != nil || d.Exit != nil || d.SARIF != nil
	return d, nil
}

// scan adds what a SARIF file says. A tool that failed to run found nothing, which is not the same as a clean result.
func (d *document) scan(s sarif) error {
	if len(s.Runs) == 0 {
		return fmt.Errorf("the SARIF holds no run of a tool")
	}
	for _, run := range s.Runs {
		if len(run.Properties) > 0 {
			if err := d.about(run.Properties); err != nil {
				return err
			}
		}
		for _, i := range run.Invocations {
			if i.Successful != nil && !*i.Successful {
				d.problems++
			}
			if i.Exit != nil && (d.Exit == nil || *d.Exit == 0) {
				d.Exit = i.Exit
			}
			if d.Created.IsZero() {
				d.Created = i.End
			}
		}
		if run.Results == nil {
			if d.failure() == "" {
				return fmt.Errorf("a run in the SARIF has no results: its tool did not finish")
			}
			continue
		}
		levels := map[string]string{}
		for _, rule := range run.Tool.Driver.Rules {
			levels[rule.ID] = rule.Default.Level
		}
		for _, r := range *run.Results {
			if r.counts(levels) {
				d.problems++
			}
		}
	}
	return nil
}

// about adds what the properties of a SARIF run say the report is about. Two that contradict each other are about
// nothing.
func (d *document) about(properties json.RawMessage) error {
	var p document
	if err := json.Unmarshal(properties, &p); err != nil {
		return fmt.Errorf("the properties of the SARIF run cannot be read: %v", err)
	}
	for _, x := range []struct {
		to    *string
		value string
	}{{&d.RunID, p.RunID}, {&d.ModelID, p.ModelID}, {&d.Artifact, p.Artifact}, {&d.Dataset, p.Dataset}} {
		if *x.to != "" && x.value != "" && *x.to != x.value {
			return fmt.Errorf("it says that it is about %s, and about %s", *x.to, x.value)
		}
		*x.to = cmp.Or(*x.to, x.value)
	}
	if d.Created.IsZero() {
		d.Created = p.Created
	}
	return nil
}

// failure says why the report itself counts as failed; "" where it does not.
func (d document) failure() string {
	switch {
	case d.Passed != nil && !*d.Passed:
		return "it says that it did not pass"
	case d.Exit != nil && *d.Exit != 0:
		return fmt.Sprintf("its tool ended with status %d", *d.Exit)
	case d.problems > 0:
		return fmt.Sprintf("it holds %d errors", d.problems)
	}
	return ""
}

// result reads one result, a number or true or false (1 or 0).
func (d document) result(name string) (float64, error) {
	raw, ok := d.Results[name]
	if !ok {
		return 0, fmt.Errorf("it has no result %q", name)
	}
	switch string(raw) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(v) >= math.MaxFloat64 || math.IsNaN(v) {
		return 0, fmt.Errorf("its result %q is %s, not a finite number", name, raw)
	}
	return v, nil
}
