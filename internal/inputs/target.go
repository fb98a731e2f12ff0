package inputs

import "github.com/mlflow-promote/mlflow-promote/internal/registry"

// readTarget returns the target, and the stage that the candidate must be in before it moves ("" = any).
func readTarget(r *reader) (t registry.Target, from string) {
	t.Alias = r.value("alias")
	if t.Alias != "" {
		if err := registry.CheckAlias(t.Alias); err != nil {
			r.problem("alias", t.Alias, err.Error())
		}
	}
	if text := r.value("stage"); text != "" {
		stage, ok := registry.CanonicalStage(text)
		if !ok || stage == "None" || stage == "Archived" {
			r.problem("stage", text, "is not a stage to promote to; write Staging or Production")
		}
		t.Stage = stage
		t.ArchiveExisting = r.bool("archive-existing")
	}
	from = readFrom(r, t)
	if r.command.needsTarget && t.Empty() && r.value("stage") == "" {
		r.problem("alias", "", "is missing; give an alias such as champion, a stage, or both")
	}
	return t, from
}

func readFrom(r *reader, t registry.Target) string {
	text := r.value("from")
	if text == "" {
		return ""
	}
	stage, ok := registry.CanonicalStage(text)
	switch {
	case !ok:
		r.problem("from", text, "is not a stage; write None, Staging, Production or Archived")
	case r.value("stage") == "":
		r.problem("from", text, "needs the input stage; set stage to the stage to promote to")
	case stage == t.Stage:
		r.problem("from", text, "is the same as stage; write another stage")
	}
	return stage
}
