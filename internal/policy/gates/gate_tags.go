package gates

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var tagsKind = Kind{
	Name:   "tags",
	Passes: "every listed tag exists, and its whole value matches the pattern",
	Notes:  "For a version that is not registered yet, the tags that it will have are checked.",
	key: tree.MapOf("regular expressions by tag key", tree.Text("a tag key"),
		tree.Text("a regular expression (RE2) for the whole value, such as .+")),
	more: []tree.Field{tree.Optional("of",
		tree.OneOf("whose tags to check: version (default) or run", "version", "run"))},
	Example: "tags:\n  owner: .+\n  risk: low|medium",
	Facts:   "candidate:\n  tags: {owner: ann, risk: low}",
	build:   buildTags,
}

func buildTags(n *tree.Node) (Gate, error) {
	wanted := map[string]*regexp.Regexp{}
	texts := map[string]string{}
	for _, e := range n.Get("tags").Entries {
		re, err := regexp.Compile("^(?:" + e.Value.Text + ")$")
		if err != nil {
			return Gate{}, tree.Problem{Line: e.Value.Line, Col: e.Value.Col,
				Msg: fmt.Sprintf("%q is not a valid regular expression: %v", e.Value.Text, err)}
		}
		wanted[e.Key], texts[e.Key] = re, e.Value.Text
	}
	keys := slices.Sorted(maps.Keys(wanted))
	ofRun := n.Str("of") == "run"
	var needs fact.Needs
	if !ofRun {
		needs.Tags = keys
	}
	return Gate{Wanted: format.First(keys, 8), Needs: needs, Check: func(f fact.Facts) verdict.Finding {
		tags := f.Words.Tags
		if run, ok := f.Candidate.Run.Get(); ofRun && ok {
			tags = run.Tags
		} else if ofRun {
			return inconclusive(verdict.Finding{Candidate: "?"}, "the run is not readable: "+f.Candidate.Run.Why(), "")
		}
		out := verdict.Finding{Candidate: fmt.Sprintf("%d tags", len(tags))}
		for _, key := range keys {
			value, there := tags[key]
			switch {
			case !there:
				out.Candidate = key + " absent"
				msg, hint := fmt.Sprintf("there is no tag %q", key), "set the tag %s; for a version, use the tags input"
				if near := spelling.NearTo(key, slices.Sorted(maps.Keys(tags))); near != "" {
					msg += fmt.Sprintf(", only %q", near)
					hint = "write the key in the policy or on the version in the same way: it is %s in the policy"
				}
				return failed(out, msg, fmt.Sprintf(hint, key))
			case !wanted[key].MatchString(value):
				out.Candidate = key + "=" + format.Truncate(value, 100)
				return failed(out, fmt.Sprintf("tag %s is %q; it must match %s", key, format.Truncate(value, 100),
					texts[key]), fmt.Sprintf("set the tag %s to a value that matches %s", key, texts[key]))
			}
		}
		out.Candidate = "all there"
		return passed(out)
	}}, nil
}
