package registry

// Refs names the parts of the target as the ledger does.
func (t Target) Refs() []string {
	var refs []string
	if t.Alias != "" {
		refs = append(refs, "@"+t.Alias)
	}
	if t.Stage != "" {
		refs = append(refs, t.Stage)
	}
	return refs
}

// Target is what a promotion moves: an alias, a stage, or both.
type Target struct {
	Alias           string `json:"alias,omitempty"`
	Stage           string `json:"stage,omitempty"`
	ArchiveExisting bool   `json:"archive_existing,omitempty"` // the other versions in the stage
}

// Empty reports whether nothing would be moved.
func (t Target) Empty() bool { return t.Alias == "" && t.Stage == "" }

// String names the target. Promotion ids and markers on GitHub are made of this text, so it never changes.
func (t Target) String() string {
	switch {
	case t.Alias != "" && t.Stage != "":
		return "@" + t.Alias + " and " + t.Stage
	case t.Alias != "":
		return "@" + t.Alias
	}
	return t.Stage
}

// Assignment gives an alias to a version, or removes it: version 0.
type Assignment struct {
	Alias   string `json:"alias"`
	Version int    `json:"version,omitempty"`
}
