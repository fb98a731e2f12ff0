package gates

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var descriptionKind = Kind{
	Name:   "description",
	Passes: "the version's description is long enough, and the model card exists",
	Notes:  "For a version that is not registered yet, the gate checks the description it will be registered with.",
	key:    tree.Integer("minimum number of characters", 1),
	more: []tree.Field{
		tree.Optional("card-tag",
			tree.Text("tag, on the version or its run, that must contain the model card or its address")),
		tree.Optional("card-file",
			tree.Text("model card that must be next to the model's files, such as model_card.md")),
	},
	Example: "description: 40\ncard-tag: model_card",
	Facts: `candidate:
  description: gradient boosting on the contracts of 2025
  tags: {model_card: "https://wiki.example/churn"}`,
	build: buildDescription,
}

func buildDescription(n *tree.Node) (Gate, error) {
	least, tag, file := n.Int("description", 1), n.Str("card-tag"), n.Str("card-file")
	g := Gate{Wanted: fmt.Sprintf("%d characters", least), Needs: fact.Needs{Files: file != ""}}
	if card := strings.Join(slices.DeleteFunc([]string{tag, file}, func(s string) bool { return s == "" }),
		" and "); card != "" {
		g.Wanted += " and " + card
	}
	g.Check = func(f fact.Facts) verdict.Finding {
		has := utf8.RuneCountInString(strings.TrimSpace(f.Words.Description))
		out := verdict.Finding{Candidate: fmt.Sprintf("%d characters", has)}
		text := passed(out)
		if has < least {
			text = failed(out, fmt.Sprintf("the description is too short: %d characters; the minimum is %d", has,
				least),
				"use the description input to describe the version")
		}
		return mostSevere(cardFile(f, file, out), text, cardTag(f, tag, out))
	}
	return g, nil
}

// cardTag checks that the version or its run has the tag for the model card.
func cardTag(f fact.Facts, tag string, out verdict.Finding) verdict.Finding {
	run, ok := f.Candidate.Run.Get()
	switch {
	case tag == "" || strings.TrimSpace(f.Words.Tags[tag]+run.Tags[tag]) != "":
		return passed(out)
	case !ok:
		return inconclusive(out,
			fmt.Sprintf("the version has no tag %q, and its run is not readable: %s", tag, f.Candidate.Run.Why()),
			fmt.Sprintf("set the tag %s with the tags input", tag))
	}
	return failed(out, fmt.Sprintf("there is no tag %q with the model card", tag),
		fmt.Sprintf("set the tag %s with the tags input", tag))
}

// cardFile checks that the model card is one of the model's files.
func cardFile(f fact.Facts, file string, out verdict.Finding) verdict.Finding {
	files, ok := f.Candidate.Files.Get()
	switch {
	case file == "":
		return passed(out)
	case !ok:
		return unknown(out, f.Candidate.Files, "the model's files are not known: "+f.Candidate.Files.Why(), "")
	case !slices.ContainsFunc(files, func(x registry.File) bool { return x.Path == file && !x.Dir && x.Size > 0 }):
		return failed(out, fmt.Sprintf("there is no file %s next to the model", file),
			"log the model card with the model's files")
	}
	return passed(out)
}
