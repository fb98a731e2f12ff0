package registry

// Target is the target of a promotion: an alias, a stage, or both.
type Target struct {
	Alias           string `json:"alias,omitempty"`
	Stage           string `json:"stage,omitempty"`
	ArchiveExisting bool   `json:"archive_existing,omitempty"` // move the other versions in the stage to Archived
}

// Refs returns the target's alias and stage, if they are set.
func (t Target) Refs() []Ref {
	var refs []Ref
	if t.Alias != "" {
		refs = append(refs, AliasRef(t.Alias))
	}
	if t.Stage != "" {
		refs = append(refs, StageRef(t.Stage))
	}
	return refs
}

// Main returns the part of the target that decides which version is the incumbent: the alias, or the stage if there
// is no alias.
func (t Target) Main() Ref {
	if t.Alias != "" {
		return AliasRef(t.Alias)
	}
	return StageRef(t.Stage)
}

// Empty reports whether the target has neither an alias nor a stage.
func (t Target) Empty() bool { return t.Alias == "" && t.Stage == "" }

// String returns the text that identifies the target. This text is part of promotion ids and of markers on GitHub, so
// it never changes.
func (t Target) String() string {
	switch {
	case t.Alias != "" && t.Stage != "":
		return AliasRef(t.Alias).String() + " and " + t.Stage
	case t.Alias != "":
		return AliasRef(t.Alias).String()
	}
	return t.Stage
}

// Assignment points an alias to a version or, if Removes returns true, removes the alias.
type Assignment struct {
	Alias   string `json:"alias"`
	Version int    `json:"version,omitempty"`
	// Previous means the version that the promotion's target pointed to before. Version is then 0.
	Previous bool `json:"previous,omitempty"`
}

// Removes reports whether the alias is removed.
func (a Assignment) Removes() bool { return a.Version == 0 && !a.Previous }
