package report

func (r Run) notes() Doc {
	var items []Line
	for _, n := range r.Plan.Notes {
		items = append(items, line(n))
	}
	if r.NoPolicy != "" {
		items = append(items, line(r.NoPolicy))
	}
	items = append(items, r.ledgerNotes()...)
	items = append(items, r.gitHubNotes()...)
	for _, w := range r.Receipt.Warnings {
		items = append(items, line("warning: ", w))
	}
	for _, n := range r.unread() {
		items = append(items, line(C(n)))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// unread says what could not be read of the candidate's files, and what that does not touch.
func (c Change) unread() []string {
	why := c.Facts.Candidate.MLmodel.Why()
	if why == "" || why == "not gathered" || !c.Planned {
		return nil
	}
	notes := []string{"no lineage from the MLmodel file: " + why}
	if run, ok := c.Facts.Candidate.Run.Get(); ok && run.ArtifactURI != "" {
		notes = append(notes, "the server reads the run's files under "+run.ArtifactURI+"; gates on metrics do not need them, gates on the model's files do")
	}
	return notes
}
