package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sameTagNotes warns about tags that MariaDB and MySQL treat as the same tag, because their keys differ only in case or
// in trailing spaces. Each note states which tag loses its value there. MLflow does not reveal which database it uses.
func sameTagNotes(where string, set, have map[string]string) (notes []string) {
	loose := func(key string) string { return strings.ToLower(strings.TrimRight(key, " ")) }
	const lost = "%s %s and %s differ only in case or spaces: MariaDB and MySQL treat them as one tag, so %s loses " +
		"its value there"
	keys := slices.Sorted(maps.Keys(set))
	for i, key := range keys {
		for _, old := range slices.Sorted(maps.Keys(have)) {
			if old != key && loose(old) == loose(key) {
				notes = append(notes, fmt.Sprintf(lost, where+"the tags", old, key, old))
			}
		}
		for _, other := range keys[:i] {
			if loose(other) == loose(key) {
				notes = append(notes, fmt.Sprintf(lost, "the tags", other, key, "one of them"))
			}
		}
	}
	return notes
}
