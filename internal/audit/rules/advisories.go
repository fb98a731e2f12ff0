package rules

import (
	"regexp"
	"strconv"
	"strings"
)

// Advisories lists the known vulnerabilities of MLflow servers, so that they can be checked offline. Each row comes
// from https://nvd.nist.gov/vuln/detail/ID and GitHub's advisory database. If an advisory states only the fixed
// version, From is the first version with the vulnerable feature.
var Advisories = []Advisory{
	{ID: "CVE-2023-1177", What: "server files can be read through a model source", Fixed: []string{"2.2.1"}},
	{ID: "CVE-2023-2356", What: "server files can be read through a model source", Fixed: []string{"2.3.1"}},
	{ID: "CVE-2023-2780", What: "server files can be read through a model source", Fixed: []string{"2.3.1"}},
	{ID: "CVE-2023-6831", What: "server files can be deleted through an encoded path", Fixed: []string{"2.9.2"}},
	{
		ID:    "CVE-2024-1560",
		What:  "server files can be deleted through a doubly encoded path",
		Fixed: []string{"2.10.0"},
	},
	{
		ID:    "CVE-2025-11201",
		What:  "code can be run on the server through a model source",
		Fixed: []string{"2.22.4", "3.0.0"},
	},
	{
		ID:    "CVE-2026-2614",
		What:  "server files can be read through a model source that a prompt tag hides from the check",
		From:  "2.21.0",
		Fixed: []string{"3.10.0"},
	},
	{ID: "CVE-2026-2652", What: "logins can be bypassed on some routes", From: "3.0.0", Fixed: []string{"3.10.0"}},
	{
		ID:    "CVE-2026-0545",
		What:  "jobs can be started without a login",
		From:  "3.0.0",
		Fixed: []string{"3.11.0"}, // the last affected version is 3.10.1
	},
	{
		ID:    "CVE-2026-2635",
		What:  "the administrator has a default password if logins are enabled",
		From:  "2.5.0",
		Fixed: []string{"3.16.1"},
	},
	{
		ID:    "CVE-2026-64849",
		What:  "webhooks can send requests into the server's network",
		From:  "3.10.0",
		Fixed: []string{"3.15.0"},
	},
}

// Advisory is a published vulnerability.
type Advisory struct {
	ID, What string
	From     string   // the first affected version; "" = every version before the fix
	Fixed    []string // the first fixed version in each release line that has a fix, ascending
}

// affects reports whether the version predates the fix in its release line.
func (a Advisory) affects(version string) bool {
	if before(version, a.From) {
		return false
	}
	last := len(a.Fixed) - 1
	for _, f := range a.Fixed[:last] {
		if line(version) == line(f) {
			return before(version, f)
		}
	}
	return before(version, a.Fixed[last])
}

// line returns the release line of a version, which is its major and minor number: 2.22 for 2.22.5.
func line(version string) string {
	parts := append(strings.SplitN(version, ".", 3), "0")
	return parts[0] + "." + parts[1]
}

var numbered = regexp.MustCompile(`^(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(.*)$`)

// before reports whether an MLflow version is earlier than a second one. If either is unknown or invalid, it returns
// false. A version with a suffix comes first, so 3.0.0rc1 is before 3.0.0.
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
