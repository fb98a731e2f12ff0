package inputs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// pair is one item in a list, as in `champion=90, challenger=10`.
type pair struct{ key, value string }

// readAssignments returns the assignments in the `assign` input, one ALIAS=VERSION per line. The version `none`
// removes the alias. A comma does not separate assignments: otherwise, the value "8, champion=1" in the line
// `challenger=${{ inputs.version }}` would also move champion. The input may be empty only if traffic is set.
func readAssignments(r *reader, traffic map[string]int) (out []registry.Assignment) {
	var items []string
	for _, line := range format.Lines(r.value("assign")) {
		if strings.Contains(line, ",") {
			r.problem("assign", line, "contains a comma; write one assignment per line, such as challenger=8 "+
				"(on the command line, repeat --assign)")
			continue
		}
		items = append(items, line)
	}
	for _, p := range r.pairs("assign", "challenger=8", items) {
		out = append(out, registry.Assignment{Alias: p.key, Version: readAssignedVersion(r, p)})
	}
	if len(out) == 0 && len(traffic) == 0 && r.value("assign") == "" {
		r.problem("assign", "", "is missing; use an assignment such as challenger=8, or set traffic")
	}
	return out
}

// versionNumber matches an MLflow version number: digits only, without a sign or leading zeros.
var versionNumber = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)

// readAssignedVersion returns the version in an assignment, or 0 for `none`.
func readAssignedVersion(r *reader, p pair) int {
	remedy := fmt.Sprintf("write %s=8, or %s=none to remove the alias", p.key, p.key)
	n, err := strconv.ParseInt(p.value, 10, 32)
	switch {
	case p.value == "none":
	case p.value == "":
		r.problem("assign", p.key+"=", "has no version, perhaps because an expression is empty; "+remedy)
	case err != nil || !versionNumber.MatchString(p.value):
		r.problem("assign", p.key+"="+p.value, "is not a version number; "+remedy)
	}
	return int(n)
}

func readAlias(r *reader) Settings {
	s := readMove(r)
	s.Intent.Query.Aliases = readAssignments(r, s.Intent.Traffic)
	return s
}
