package rules

import (
	"regexp"
	"strconv"
	"strings"
)

// advisories are the known vulnerabilities of MLflow servers, so that they can be checked offline. Each row was taken
// from https://nvd.nist.gov/vuln/detail/ID and from GitHub's advisory database. If the advisory says only "before",
// from is the first version with the vulnerable feature.
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
		fixed: []string{"3.11.0"}, // the last affected version is 3.10.1
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
	from     string   // first version with it; "" = all versions before the fix
	fixed    []string // first version without it for each release line that was fixed, ascending
}

// affects reports whether the version is before the fix of its release line.
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

// line returns the release line, which is the major and minor number: 2.22 for 2.22.5.
func line(version string) string {
	parts := append(strings.SplitN(version, ".", 3), "0")
	return parts[0] + "." + parts[1]
}

var numbered = regexp.MustCompile(`^(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(.*)$`)

// before compares two versions of MLflow. It returns false if one of them is unknown or invalid. Text after the numbers
// makes a version earlier: 3.0.0rc1 is before 3.0.0.
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
