package policy

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var ageKind = kind{
	name:    "age",
	passes:  "the run is not older than the limit, and the version has been in the stage or under the alias long enough",
	careful: "by the server's clock, and how far the runner's is off is shown; pending in a plan, judged when it is applied",
	late:    true,
	main:    pattern("a time such as 30d, or any", `^(any|[1-9][0-9]{0,4}[mhdw])$`),
	fields: []field{
		may("soak", span("how long the version must have been in the stage or under the alias")),
		may("in", text("the stage or alias to soak in, such as Staging or challenger")),
	},
	example: "age: 30d\nsoak: 24h\nin: challenger",
	build:   buildAge,
}

// skewShown is how far clocks may differ before it is worth a word.
const skewShown = time.Minute

func buildAge(n *node) (Gate, error) {
	a := ageGate{text: n.str("age"), soakText: n.str("soak"), in: n.str("in")}
	a.most, a.soak = duration(a.text), duration(a.soakText)
	switch {
	case (a.soakText == "") != (a.in == ""):
		return Gate{}, n.fail("age", "soak and in belong together: how long, and in which stage or alias")
	case a.most == 0 && a.soak == 0:
		return Gate{}, n.fail("age", "age: any without soak can never decide; give a limit such as 30d, or soak and in")
	}
	wanted := "run at most " + a.text + " old"
	if a.most == 0 {
		wanted = ""
	}
	if a.soak > 0 {
		key, err := HolderKey(a.in)
		if err != nil {
			return Gate{}, n.fail("in", "%v", err)
		}
		a.key = key
		if wanted != "" {
			wanted += ", "
		}
		wanted += a.soakText + " in " + a.in
	}
	return Gate{Wanted: wanted, Check: a.check}, nil
}

// duration reads a time of the policy; 0 for "" and any.
func duration(text string) time.Duration {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if text == "" || text == "any" {
		return 0
	}
	n, _ := strconv.Atoi(text[:len(text)-1])
	return time.Duration(n) * units[text[len(text)-1]]
}

type ageGate struct {
	text, soakText, in, key string
	most, soak              time.Duration
}

func (a ageGate) check(f registry.Facts) registry.Finding {
	out := registry.Finding{Candidate: "?"}
	if f.Now.IsZero() {
		return unclear(out, "the server told no time", "")
	}
	if a.most == 0 {
		return a.soaked(f, out)
	}
	aged := a.aged(f, out)
	switch {
	case a.soak == 0:
		return aged
	case aged.Outcome == registry.Pass:
		return a.soaked(f, aged)
	}
	return gravest(aged, a.soaked(f, out))
}

// aged holds the run to the greatest age.
func (a ageGate) aged(f registry.Facts, out registry.Finding) registry.Finding {
	run, ok := f.Candidate.Run.Get()
	end := run.End
	switch {
	case !ok:
		return unclear(out, "the run is not readable: "+f.Candidate.Run.Why(), "")
	case end.IsZero():
		return absent(out, fmt.Sprintf("run %s has no end time", run.ID), "")
	case end.After(f.Now.Add(skewShown)):
		out.Candidate = "ended " + end.UTC().Format(time.RFC3339)
		return unclear(out, "the run ended in the future by the server's clock", "set the clocks of trainer and server")
	}
	out.Candidate = "run " + roughly(f.Now.Sub(end)) + " old" + skew(f)
	if f.Now.Sub(end) > a.most {
		return failed(out, fmt.Sprintf("the run ended %s ago, wanted at most %s", roughly(f.Now.Sub(end)), a.text),
			"train a new candidate")
	}
	return passed(out)
}

// soaked trusts the mark that promoting leaves on a version, and only while the version is still there.
func (a ageGate) soaked(f registry.Facts, out registry.Finding) registry.Finding {
	v, ok := f.Candidate.Version.Get()
	if !ok {
		out.Candidate = "not registered"
		return failed(out, "a version soaks once it is registered and promoted to "+a.in, "promote it to "+a.in+" first")
	}
	tag, here := registry.StageTimeTag(a.in), v.Stage == a.in
	if a.key[0] == '@' {
		m, ok := f.Model.Get()
		if !ok {
			return unclear(out, "the model's aliases are not readable: "+f.Model.Why(), "")
		}
		tag, here = registry.AliasTimeTag(a.in), m.Aliases[a.in] == v.Number
	}
	since, err := time.Parse(time.RFC3339, v.Tags[tag])
	switch {
	case !here:
		return failed(out, fmt.Sprintf("version %d is not in %s", v.Number, a.in), "promote it to "+a.in+" first")
	case tag != "" && v.Tags[tag] == "":
		return absent(out, fmt.Sprintf("since when version %d is in %s is not known: it has no tag %q", v.Number, a.in, tag),
			"promote to "+a.in+" with this tool, which notes the time")
	case err != nil || tag == "":
		return unclear(out, fmt.Sprintf("since when version %d is in %s is not known: tag %q is %q", v.Number, a.in, tag, v.Tags[tag]), "promote to "+a.in+" with this tool, which notes the time")
	case since.After(f.Now.Add(skewShown)):
		return unclear(out, fmt.Sprintf("tag %s lies in the future by the server's clock", tag), "set the clocks of runner and server")
	}
	has := f.Now.Sub(since)
	out.Candidate = roughly(has) + " in " + a.in + skew(f)
	if has < a.soak {
		return failed(out, fmt.Sprintf("version %d has been in %s for %s, wanted %s", v.Number, a.in, roughly(has), a.soakText), "wait for another "+roughly(a.soak-has))
	}
	return passed(out)
}

func skew(f registry.Facts) string {
	if f.Skew > skewShown || f.Skew < -skewShown {
		return fmt.Sprintf(" (the server's clock is %s off the runner's)", f.Skew.Round(time.Second))
	}
	return ""
}

// roughly writes a duration in its largest fitting unit.
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}
