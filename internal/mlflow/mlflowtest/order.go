package mlflowtest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// A page token is the offset of the next page, not a snapshot. Rows that change in between move to other pages.
func pageToken(offset int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset": %d}`, offset))
}

func parseToken(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return 0, invalid("Invalid page token, could not base64-decode")
	}
	var t struct {
		Offset *int64 `json:"offset"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return 0, invalid("Invalid page token, decoded value=b'%s'", raw)
	}
	if t.Offset == nil || *t.Offset == 0 {
		return 0, invalid("Invalid page token, parsed value=%s", raw)
	}
	return *t.Offset, nil
}

// ordering is one clause of order_by.
type ordering struct {
	on   string
	key  string
	down bool
}

var orderForm = regexp.MustCompile(
	"^\\s*((?:[\\pL_][\\pL\\pN_]*\\.)?(?:`[^`]*`|\"[^\"]*\"|[\\pL_][\\pL\\pN_.]*))(?:\\s+([A-Za-z]+))?\\s*$",
)

func parseOrder(c *call, rules filterRules, clauses []string) ([]ordering, error) {
	var out []ordering
	for _, s := range clauses {
		m := orderForm.FindStringSubmatch(s)
		if m == nil {
			return nil, invalid("Invalid order_by clause '%s'. Could not be parsed.", s)
		}
		if dir := strings.ToLower(m[2]); dir != "" && dir != "asc" && dir != "desc" {
			return nil, invalid("Invalid ordering key in order_by clause '%s'.", s)
		}
		on, key, err := identifier(c, rules, m[1])
		switch {
		case err != nil && rules.advised != nil:
			return nil, invalid(
				"Invalid order by key '%s' specified. Valid keys are '%s'",
				m[1],
				pythonSet(rules.advised),
			)
		case err != nil:
			return nil, err
		}
		out = append(out, ordering{on, key, strings.EqualFold(m[2], "desc")})
	}
	return out, nil
}

func directed(n int, down bool) int {
	if down {
		return -n
	}
	return n
}

var modelOrderKeys = filterRules{
	attributes: []string{"name", "timestamp", "last_updated_timestamp"},
	entities:   map[string]string{},
	advised:    []string{"name", "timestamp"},
}

// modelOrder orders models as requested, then by name.
func modelOrder(c *call, clauses []string) (func(a, b *model) int, error) {
	order, err := parseOrder(c, modelOrderKeys, clauses)
	if err != nil {
		return nil, err
	}
	if err := noDuplicates(order, clauses, map[string]string{"timestamp": "last_updated_timestamp"}); err != nil {
		return nil, err
	}
	return func(a, b *model) int {
		for _, o := range order {
			n := cmp.Compare(a.updated, b.updated)
			if o.key == "name" {
				n = compareText(c.Server, a.name, b.name)
			}
			if n != 0 {
				return directed(n, o.down)
			}
		}
		return compareText(c.Server, a.name, b.name)
	}, nil
}

func noDuplicates(order []ordering, clauses []string, same map[string]string) error {
	seen := map[string]bool{}
	for _, o := range order {
		key := o.key
		if k, ok := same[key]; ok {
			key = k
		}
		if seen[key] {
			return internal("`order_by` contains duplicate fields: ['%s']", strings.Join(clauses, "', '"))
		}
		seen[key] = true
	}
	return nil
}

var versionOrderKeys = filterRules{
	attributes: []string{"name", "version_number", "creation_timestamp", "last_updated_timestamp"},
	entities:   registryEntities,
}

// versionOrder orders versions as requested, then by name and newest number. The default is the last change. Servers
// that ignore order_by keep the order of the table.
func versionOrder(c *call, clauses []string) (func(a, b *version) int, error) {
	if len(clauses) == 0 || !c.sw.versionSearchPaged {
		clauses = []string{"last_updated_timestamp DESC"}
	}
	order, err := parseOrder(c, versionOrderKeys, clauses)
	if err != nil {
		return nil, err
	}
	if err := noDuplicates(order, clauses, nil); err != nil {
		return nil, err
	}
	return func(a, b *version) int {
		for _, o := range order {
			if n := compareVersions(c, a, b, o.key); n != 0 {
				return directed(n, o.down)
			}
		}
		if !c.sw.versionSearchPaged {
			return cmp.Or(compareText(c.Server, a.name, b.name), cmp.Compare(a.number, b.number))
		}
		return cmp.Or(compareText(c.Server, a.name, b.name), -cmp.Compare(a.number, b.number))
	}, nil
}

func compareVersions(c *call, a, b *version, key string) int {
	switch key {
	case "name":
		return compareText(c.Server, a.name, b.name)
	case "version_number":
		return cmp.Compare(a.number, b.number)
	case "creation_timestamp":
		return cmp.Compare(a.created, b.created)
	}
	return cmp.Compare(a.updated, b.updated)
}
