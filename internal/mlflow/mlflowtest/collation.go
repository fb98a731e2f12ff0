package mlflowtest

import (
	"slices"
	"strings"
)

// sameText compares two texts like the database. MariaDB's usual collation ignores case, accents and trailing spaces.
// So models, aliases, tags and parameters are found under names that they were not given. Filters, and comparisons in
// the server itself, are always exact.
func sameText(s *Server, a, b string) bool {
	if s.cfg.store != "mariadb" {
		return a == b
	}
	return strings.EqualFold(unaccented(a), unaccented(b))
}

// accents removes the accents of a few letters, enough for tests.
var accents = strings.NewReplacer("ä", "a", "á", "a", "à", "a", "é", "e", "è", "e", "ö", "o", "ü", "u", "ñ", "n")

func unaccented(name string) string { return accents.Replace(strings.TrimRight(name, " ")) }

// compareText orders two names like the database.
func compareText(s *Server, a, b string) int {
	if s.cfg.store == "mariadb" {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	return strings.Compare(a, b)
}

// modelNamed returns the model that the database finds under a name.
func modelNamed(c *call, name string) (*model, bool) {
	if m, ok := c.space.models[name]; ok {
		return m, true
	}
	for have, m := range c.space.models {
		if sameText(c.Server, have, name) {
			return m, true
		}
	}
	return nil, false
}

func experimentNamed(c *call, name string) *experiment {
	for _, e := range c.space.experiments {
		if sameText(c.Server, e.name, name) {
			return e
		}
	}
	return nil
}

// putTag writes a tag. It replaces the tag that the database considers equal, including its spelling.
func putTag(c *call, t *tags, key, value string) {
	i := slices.IndexFunc(*t, func(e tag) bool { return sameText(c.Server, e.Key, key) })
	if i < 0 {
		*t = append(*t, tag{key, value})
		return
	}
	(*t)[i] = tag{key, value}
}

func removeTag(c *call, t *tags, key string) bool {
	n := len(*t)
	*t = slices.DeleteFunc(*t, func(e tag) bool { return sameText(c.Server, e.Key, key) })
	return len(*t) < n
}

func putAlias(c *call, m *model, name string, version int64) {
	i := slices.IndexFunc(m.aliases, func(a alias) bool { return sameText(c.Server, a.name, name) })
	if i < 0 {
		m.aliases = append(m.aliases, alias{name, version})
		return
	}
	m.aliases[i] = alias{name, version}
}

func findAlias(c *call, m *model, name string) (int64, bool) {
	for _, a := range m.aliases {
		if sameText(c.Server, a.name, name) {
			return a.version, true
		}
	}
	return 0, false
}

func removeAlias(c *call, m *model, name string) {
	m.aliases = slices.DeleteFunc(m.aliases, func(a alias) bool { return sameText(c.Server, a.name, name) })
}

// findParam returns the parameter that the database considers equal to a key.
func findParam(c *call, r *run, key string) (tag, bool) {
	for _, p := range r.params {
		if sameText(c.Server, p.Key, key) {
			return p, true
		}
	}
	return tag{}, false
}
