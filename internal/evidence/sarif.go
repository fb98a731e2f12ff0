package evidence

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// sarifLevels maps SARIF's levels. Scanners use error for both high and critical findings.
var sarifLevels = map[string]Severity{"none": Informational, "note": Low, "warning": Medium, "error": Critical}

// readSARIF reads SARIF 2.1.0. By default, only results at level error fail the report.
func readSARIF(p node, out *Report) {
	out.Default = High
	if at := p.at("version"); at.str() != "2.1.0" {
		at.fail("is %s, want \"2.1.0\"", at.shown())
	}
	rejectExternal(p.at("inlineExternalProperties"))
	if at := p.at("properties"); at.isSet() {
		readSubject(at, out)
	}
	runs := p.at("runs").objects()
	if len(runs) == 0 {
		p.at("runs").fail("is empty, so no tool ran")
	}
	for _, run := range runs {
		readRun(run, out)
	}
}

// rejectExternal rejects references to results, invocations or rules outside the run.
func rejectExternal(p node) {
	if p.isSet() {
		p.fail("is set, but results outside the runs are not read")
	}
}

func readRun(p node, out *Report) {
	tool := cut(p.at("tool").at("driver").at("name").str())
	rejectExternal(p.at("externalPropertyFileReferences"))
	if at := p.at("properties"); at.isSet() {
		readSubject(at, out)
		readVerdict(at, out)
	}
	rules := readRules(p)
	invocations := p.at("invocations").optionalObjects()
	if at := p.at("conversion").at("invocation"); at.isSet() {
		invocations = append(invocations, at)
	}
	for _, i := range invocations {
		readInvocation(i, tool, rules, out)
	}
	if !p.at("results").isSet() {
		out.addFailure("the run of %s has no results, so the tool did not finish", tool)
		return
	}
	for _, r := range p.at("results").objects() {
		readResult(r, rules, out)
	}
}

func readInvocation(p node, tool string, rules *sarifRules, out *Report) {
	if !p.at("executionSuccessful").boolean() {
		out.addFailure("%s reports that its execution was not successful", tool)
	}
	if at := p.at("exitCode"); at.kind != absent {
		out.addExitCode(at.integer())
	}
	for _, key := range []string{"exitSignalName", "exitSignalNumber", "processStartFailureMessage"} {
		if at := p.at(key); at.isSet() {
			out.addFailure("%s was terminated: %s is %s", tool, key, at.shown())
		}
	}
	for _, key := range []string{"toolExecutionNotifications", "toolConfigurationNotifications"} {
		for _, n := range p.at(key).optionalObjects() {
			if levelOr(n.at("level"), Medium) >= Medium {
				out.addGap("%s reports: %s", tool, n.at("message").at("text").optionalText())
			}
		}
	}
	for _, o := range p.at("ruleConfigurationOverrides").optionalObjects() {
		if at := o.at("configuration").at("level"); at.isSet() {
			rules.raise(rules.of(o.at("descriptor")), oneOf(at, sarifLevels))
		}
	}
	if at := p.at("endTimeUtc"); at.isSet() {
		out.addTime(at.time(time.RFC3339Nano))
	}
}

func levelOr(p node, or Severity) Severity {
	if p.kind == absent {
		return or
	}
	return oneOf(p, sarifLevels)
}

// sarifRules contains the level of every rule in a run, whether it belongs to the driver, an extension or a policy.
type sarifRules struct {
	ids    [][]string // rule ids: first the driver's, then those of each extension
	levels map[string]Severity
}

func readRules(run node) *sarifRules {
	out := &sarifRules{levels: map[string]Severity{}}
	tool := run.at("tool")
	for _, c := range append([]node{tool.at("driver")}, tool.at("extensions").optionalObjects()...) {
		out.ids = append(out.ids, out.read(c))
	}
	for _, c := range run.at("policies").optionalObjects() {
		out.read(c)
	}
	return out
}

// read stores the level of each rule in a component and returns the rules' ids.
func (s *sarifRules) read(component node) (ids []string) {
	for _, rule := range component.at("rules").optionalObjects() {
		id := rule.at("id").str()
		ids = append(ids, id)
		names := []string{id}
		if old := rule.at("deprecatedIds"); old.isSet() {
			for _, o := range old.list() {
				names = append(names, o.str())
			}
		}
		for _, name := range names {
			if level := rule.at("defaultConfiguration").at("level"); level.kind != absent {
				s.raise(name, oneOf(level, sarifLevels))
			}
			if score := rule.at("properties").at("security-severity"); score.isSet() {
				s.raise(name, severityOf(score))
			}
		}
	}
	return ids
}

// severityOf parses a security-severity from 0 to 10, given as a string or number. It uses GitHub's thresholds.
func severityOf(p node) Severity {
	score, err := strconv.ParseFloat(p.text, 64)
	switch {
	case err != nil || score < 0 || score > 10 || p.kind != isText && p.kind != isNumber:
		p.fail("is %s, want a number from 0 to 10", p.shown())
		return Critical
	case score >= 9:
		return Critical
	case score >= 7:
		return High
	case score >= 4:
		return Medium
	}
	return Low
}

// raise sets a rule's level, unless the rule already has a higher one. An override on the command line therefore cannot
// lower a level. Otherwise, the person who runs the tool could choose any level.
func (s *sarifRules) raise(id string, level Severity) {
	if old, ok := s.levels[id]; !ok || level > old {
		s.levels[id] = level
	}
}

// of returns the id of the rule that a descriptor refers to.
func (s *sarifRules) of(p node) string {
	id := s.ref(p.at("id"), p.at("index"), p.at("toolComponent"))
	if id == "" && p.at("guid").isSet() {
		p.at("guid").fail("is set but the rule's id is not, so its level is unknown")
	}
	return id
}

// ref returns the id of a rule that is identified by its id or by its index in a component. If both are given, they
// must agree.
func (s *sarifRules) ref(id, index, component node) string {
	name := ""
	if id.isSet() {
		name = id.str()
	}
	if !index.isSet() || index.integer() == -1 { // -1 means unknown
		return name
	}
	ids := s.component(component)
	i := index.integer()
	switch {
	case i < 0 || i >= len(ids):
		index.fail("is %d, but the tool has %d rules", i, len(ids))
		return name
	case name != "" && name != ids[i] && !strings.HasPrefix(name, ids[i]+"/"):
		index.fail("refers to the rule %s, but the id is %s", quoted(ids[i]), quoted(name))
	}
	return cmp.Or(name, ids[i])
}

// component returns an extension's rule ids, or the driver's if no extension is given.
func (s *sarifRules) component(p node) []string {
	if !p.isSet() {
		return s.ids[0]
	}
	i := p.at("index").integer()
	if i < -1 || i >= len(s.ids)-1 {
		p.fail("has the index %d, but the tool has %d extensions", i, len(s.ids)-1)
		return nil
	}
	return s.ids[i+1]
}

// level returns a rule's level. In a result, a slash and further parts may follow the rule's id.
func (s *sarifRules) level(id string) (Severity, bool) {
	for id != "" {
		if level, ok := s.levels[id]; ok {
			return level, true
		}
		id = id[:max(strings.LastIndexByte(id, '/'), 0)]
	}
	return Informational, false
}

// sarifKinds maps each kind of result to whether it is a failure.
var sarifKinds = map[string]bool{
	"fail": true, "pass": false, "notApplicable": false, "informational": false, "review": false, "open": false,
}

func readResult(p node, rules *sarifRules, out *Report) {
	id := resultRule(p, rules)
	fails := true
	if at := p.at("kind"); at.kind != absent {
		fails = oneOf(at, sarifKinds)
		if at.text == "review" || at.text == "open" {
			out.addGap("%s is undecided: its kind is %s", cut(id), at.text)
		}
	}
	if at := p.at("baselineState"); at.isSet() { // validated but not used: an old finding is still a finding
		oneOf(at, map[string]bool{"new": true, "unchanged": true, "updated": true, "absent": true})
	}
	level := levelOr(p.at("level"), Informational)
	if fails {
		level = failingLevel(p, rules, id)
	}
	where := ""
	if at := p.at("locations").optionalObjects(); len(at) > 0 {
		where = at[0].at("physicalLocation").at("artifactLocation").at("uri").optionalText()
	}
	out.addFinding(level, suppressed(p), "%s %s in %s", levelName(level), cut(id), cmp.Or(where, "no file"))
}

// resultRule returns the id of a result's rule. SARIF has three ways to express it.
func resultRule(p node, rules *sarifRules) string {
	rule := p.at("rule")
	id := rules.ref(p.at("ruleId"), p.at("ruleIndex"), rule.at("toolComponent"))
	other := rules.of(rule)
	if id != "" && other != "" && id != other {
		rule.fail("is %s, but ruleId is %s", quoted(other), quoted(id))
	}
	return cmp.Or(id, other)
}

// failingLevel returns the level of the result or of its rule, whichever is higher. It returns Critical if neither has
// a level, or if the level is "none", which contradicts the kind fail.
func failingLevel(p node, rules *sarifRules, id string) Severity {
	level, _ := rules.level(id)
	level = max(level, levelOr(p.at("level"), Informational))
	if score := p.at("properties").at("security-severity"); score.isSet() {
		level = max(level, severityOf(score))
	}
	if level == Informational {
		return Critical
	}
	return level
}

func levelName(s Severity) string {
	for name, level := range sarifLevels {
		if level == s {
			return name
		}
	}
	return s.String()
}

// suppressed reports whether a result has suppressions and all of them have been accepted.
func suppressed(p node) bool {
	all := p.at("suppressions").optionalObjects()
	out := len(all) > 0
	for _, s := range all {
		oneOf(s.at("kind"), map[string]bool{"inSource": true, "external": true})
		if status := s.at("status"); status.kind != absent {
			out = oneOf(status, map[string]bool{"accepted": true, "underReview": false, "rejected": false}) && out
		}
	}
	return out
}
