package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// pair is one item of a list such as champion=7, challenger=8.
type pair struct{ key, value string }

// pairs reads a list of KEY=VALUE, separated by commas or lines, and refuses keys that are no aliases or come twice.
func (r *reader) pairs(name, example string) []pair {
	var out []pair
	seen := map[string]bool{}
	for _, item := range strings.FieldsFunc(r.value(name), func(c rune) bool { return c == ',' || c == '\n' }) {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok {
			r.problem(name, item, "is not of the form ALIAS=VALUE; write a list such as "+example)
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

// assignments reads which alias is to name which version; nothing behind the sign removes the alias.
func (r *reader) assignments() {
	q := &r.out.intent.Query
	for _, p := range r.pairs("alias", "champion=7, challenger=8") {
		number := 0
		if p.value != "" {
			n, err := strconv.ParseInt(p.value, 10, 32)
			if err != nil || n <= 0 {
				r.problem("alias", p.key+"="+p.value, fmt.Sprintf("names no version; write %s=7, or %s= to remove the alias", p.key, p.key))
			}
			number = int(n)
		}
		q.Aliases = append(q.Aliases, registry.Assignment{Alias: p.key, Version: number})
	}
	if len(q.Aliases) == 0 && len(r.out.intent.Traffic) == 0 && r.value("alias") == "" {
		r.problem("alias", "", "is missing: give a list such as champion=7, challenger=8, or the input traffic")
	}
}

// traffic reads percentages by alias.
func (r *reader) traffic() {
	if r.value("traffic") == "" {
		return
	}
	share, sum := map[string]int{}, 0
	for _, p := range r.pairs("traffic", "champion=90, challenger=10") {
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
	r.out.intent.Traffic = share
}
