package rules

import (
	"regexp"
	"strconv"
	"strings"
)

// advisories is what is known of MLflow's servers, for looking up offline. Each row was read from the advisory at
// https://nvd.nist.gov/vuln/detail/ID and its entry in GitHub's database; from is where the part that has the flaw
// first shipped, where the advisory says no more than "before".
var advisories = []advisory{
	{id: "CVE-2023-1177", what: "server files can be read through a model source", fixed: []string{"2.2.1"}},
	{id: "CVE-2023-2356", what: "server files can be read through a model source", fixed: []string{"2.3.1"}},
	{id: "CVE-2023-2780", what: "server files can be read through a model source", fixed: []string{"2.3.1"}},
	{id: "CVE-2023-6831", what: "server files can be deleted through an encoded path", fixed: []string{"2.9.2"}},
	{
		id:    "CVE-2024-1560",
		what:  "server files can be deleted through a doubly encoded path",
		fixed: []string{"2.10.0"},
	},
	{
		id:    "CVE-2025-11201",
		what:  "code can be run on the server through a model source",
		fixed: []string{"2.22.4", "3.0.0"},
	},
	{
		id:    "CVE-2026-2614",
		what:  "server files can be read through a model source that a prompt tag hides from the check",
		from:  "2.21.0",
		fixed: []string{"3.10.0"},
	},
	{id: "CVE-2026-2652", what: "logins can be bypassed on some routes", from: "3.0.0", fixed: []string{"3.10.0"}},
	{
		id:    "CVE-2026-0545",
		what:  "jobs can be started without a login",
		from:  "3.0.0",
		fixed: []string{"3.11.0"}, // up to 3.10.1
	},
	{
		id:    "CVE-2026-2635",
		what:  "the administrator has a default password if logins are enabled",
		from:  "2.5.0",
		fixed: []string{"3.16.1"},
	},
	{
		id:    "CVE-2026-64849",
		what:  "webhooks can send requests into the server's network",
		from:  "3.10.0",
		fixed: []string{"3.15.0"},
	},
}

// advisory is one published vulnerability.
type advisory struct {
	id, what string
	from     string   // first version that has it, "" = all before the fix
	fixed    []string // first versions without it, one for each line of releases that got a fix, ascending
}

// affects reports whether the version lies before the fix of its line of releases.
func (a advisory) affects(version string) bool {
	if before(version, a.from) {
		return false
	}
	last := len(a.fixed) - 1
	for _, f := range a.fixed[:last] {
		if line(version) == line(f) {
			return before(version, f)
		}
	}
	return before(version, a.fixed[last])
}

// line is the major and minor number: 2.22 of 2.22.5.
func line(version string) string {
	parts := append(strings.SplitN(version, ".", 3), "0")
	return parts[0] + "." + parts[1]
}

var numbered = regexp.MustCompile(`^(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(.*)$`)

// before compares two versions of MLflow. A version that is not told, or is none, is before nothing. What follows the
// numbers makes a version earlier: 3.0.0rc1 is before 3.0.0.
func before(version, than string) bool {
	a, b := numbered.FindStringSubmatch(version), numbered.FindStringSubmatch(than)
	if a == nil || b == nil {
		return false
	}
	for i := 1; i <= 3; i++ {
		x, _ := strconv.Atoi(a[i])
		y, _ := strconv.Atoi(b[i])
		if x != y {
			return x < y
		}
	}
	return a[4] != "" && b[4] == ""
}
