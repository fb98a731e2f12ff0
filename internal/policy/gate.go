package policy

import "github.com/mlflow-promote/mlflow-promote/internal/registry"

// Gate is one condition a candidate must meet.
type Gate struct {
	ID       string // the line as written: what people search for
	File     string // where it is written: a policy file or the input "thresholds"
	Line     int
	Absolute bool // judges the candidate by itself, without an incumbent
	Needs    registry.Needs
	Check    func(registry.Facts) registry.Finding
}

// Needs returns the union of what the gates want to know.
func Needs(gates []Gate) registry.Needs {
	var needs registry.Needs
	seen := map[string]bool{}
	for _, g := range gates {
		for _, h := range g.Needs.Holders {
			if !seen[h] {
				seen[h] = true
				needs.Holders = append(needs.Holders, h)
			}
		}
	}
	return needs
}

// Judge judges every gate and sums up. No gates at all is a block: a target nobody described is not a target anything
// may reach. A comparison that does not apply, because there is confirmed to be no incumbent, counts only beside a
// gate that judged the candidate by itself and passed.
func Judge(gates []Gate, facts registry.Facts) registry.Verdict {
	v := registry.Verdict{Decision: registry.Promote, Findings: make([]registry.Finding, 0, len(gates))}
	judged := false
	for _, g := range gates {
		f := g.Check(facts)
		f.Gate, f.File, f.Line = g.ID, g.File, g.Line
		v.Findings = append(v.Findings, f)
		judged = judged || g.Absolute && f.Outcome == registry.Pass
	}
	for i, f := range v.Findings {
		if f.Outcome == registry.NotApplicable && !judged {
			v.Findings[i].Outcome = registry.Inconclusive
			v.Findings[i].Why += ", and no gate judges the candidate by itself"
			v.Findings[i].Fix = "add a threshold with a fixed limit, such as test_accuracy >= 0.85"
		}
	}
	if len(gates) == 0 || len(v.Failed()) > 0 {
		v.Decision = registry.Block
	}
	return v
}
