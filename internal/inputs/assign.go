package inputs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// pair is one item of a list such as champion=90, challenger=10.
type pair struct{ key, value string }

// pairs reads items of the form ALIAS=VALUE, and refuses keys that are no aliases or come twice.
func (r *reader) pairs(name, example string, items []string) []pair {
	var out []pair
	seen := map[string]bool{}
	for _, item := range items {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok {
			r.problem(name, item, "is not of the form ALIAS=VALUE; write "+example)
			continue
		}
		if err := registry.CheckAlias(key); err != nil {
			r.problem(name, key, err.Error())
		}
		if seen[key] {
			r.problem(name, key, "is given twice")
		}
		seen[key] = true
		out = append(out, pair{key, value})
	}
	return out
}

// readAssignments reads which alias is to point to which version, one per line; none removes the alias. One value of a
// workflow's form is one version: a comma does not begin a second assignment, or "8, champion=1" in a field for a version
// would move an alias that nobody asked about.
func readAssignments(r *reader) {
	q := &r.out.Intent.Query
	var items []string
	for _, line := range lines(r.value("alias")) {
		if strings.Contains(line, ",") {
			r.problem("alias", line, "holds a comma: write one assignment per line, such as challenger=8 (on a laptop, repeat --alias)")
			continue
		}
		items = append(items, line)
	}
	for _, p := range r.pairs("alias", "challenger=8", items) {
		q.Aliases = append(q.Aliases, registry.Assignment{Alias: p.key, Version: readAssigned(r, p)})
	}
	if len(q.Aliases) == 0 && len(r.out.Intent.Traffic) == 0 && r.value("alias") == "" {
		r.problem("alias", "", "is missing: give an assignment such as challenger=8, or the input traffic")
	}
}

// versionNumber is a version as MLflow numbers it: digits alone, no sign and no zero in front.
var versionNumber = regexp.MustCompile(`^[1-9][0-9]{0,9}$`)

// readAssigned is the version of an assignment, 0 for none.
func readAssigned(r *reader, p pair) int {
	n, err := strconv.ParseInt(p.value, 10, 32)
	switch {
	case p.value == "none":
	case p.value == "":
		r.problem("alias", p.key+"=", fmt.Sprintf("has no version: is the expression behind it empty? Write %s=8, or %s=none to remove the alias", p.key, p.key))
	case err != nil || !versionNumber.MatchString(p.value):
		r.problem("alias", p.key+"="+p.value, fmt.Sprintf("is no version number; write %s=8, or %s=none to remove the alias", p.key, p.key))
	}
	return int(n)
}

// readTraffic reads percentages by alias.
func readTraffic(r *reader) {
	if r.value("traffic") == "" {
		return
	}
	share, sum := map[string]int{}, 0
	items := strings.FieldsFunc(r.value("traffic"), func(c rune) bool { return c == ',' || c == '\n' })
	for _, p := range r.pairs("traffic", "a list such as champion=90, challenger=10", items) {
		n, err := strconv.Atoi(strings.TrimSuffix(p.value, "%"))
		if err != nil || n < 0 || n > 100 {
			r.problem("traffic", p.key+"="+p.value, "is not a whole percentage from 0 to 100")
			n = 0
		}
		share[p.key] = n
		sum += n
	}
	if sum != 100 {
		r.problem("traffic", r.value("traffic"), fmt.Sprintf("adds up to %d percent, not 100", sum))
	}
	r.out.Intent.Traffic = share
}
