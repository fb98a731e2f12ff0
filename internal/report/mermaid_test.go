package report

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage/chart"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

var (
	box   = regexp.MustCompile(`^  n\d+\["[^";:#<>\[\]{}|\\` + "`" + `\n%&$*~!?^]+"\]$`)
	arrow = regexp.MustCompile(`^  n\d+ (-->|-\.->) n\d+$`)
)

// mermaidWords lists strings with a special meaning in Mermaid or Markdown, and some ordinary ones.
var mermaidWords = []string{
	`"`, `"]`, `"];`, "end", "click n1 call alert()", "%%{init: {}}%%", "%%", "#quot;", "&quot;", "$$x$$",
	"fa:fa-ban", ":::red", "-->", "subgraph", "@{ shape: x }",
	"é", "模型", "🙂", "\u0301", strings.Repeat("long ", 20), "|", "`", "```", "\n", "\r", "<", ">", "<!--", "</details>",
	"[x](http://evil)", "*", "_", "~", "#1", "@octocat", "\\", "$", "\u202e", "\x1b[31m", "\x00", "\u2028", "text", " ",
}

func mermaidText(t *rapid.T, label string) string {
	word := rapid.OneOf(rapid.SampledFrom(mermaidWords), rapid.String())
	return strings.Join(rapid.SliceOfN(word, 0, 6).Draw(t, label), "")
}

// Whatever the names are, every line of a chart is a box with a plain label or an arrow between existing boxes.
func TestMermaid_HostileLabels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return mermaidText(t, label) }
		l := lineage.Lineage{
			Model: text("model"), Version: "7", Stage: text("stage"), RunID: text("run"),
			Aliases: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return mermaidText(t, "alias") }), 0, 6).
				Draw(t, "aliases"),
			Datasets: []lineage.Dataset{{Name: text("data"), Context: text("context"), Digest: text("digest")}},
			Copies:   []lineage.CopyLink{{Model: text("copied"), Version: text("number"), Problem: text("problem")}},
			Code:     &lineage.Code{Commit: text("commit")}, Deployment: &lineage.Deployment{To: text("to")},
			Logged: &lineage.Logged{ID: text("logged")},
		}
		if rapid.Bool().Draw(t, "ran") {
			l.Training = &lineage.Training{RunName: text("name"), Deleted: rapid.Bool().Draw(t, "deleted")}
		}
		out := chart.Draw(l).String()
		lines := strings.Split(out, "\n")
		if lines[0] != "flowchart LR" {
			t.Fatalf("the chart begins with %q", lines[0])
		}
		boxes := map[string]bool{}
		for _, line := range lines[1:] {
			switch {
			case box.MatchString(line):
				name, label, _ := strings.Cut(strings.TrimSpace(line), "[")
				boxes[name] = true
				if n := utf8.RuneCountInString(label) - len(`""]`); n > 40 {
					t.Fatalf("label of %d characters: %s", n, line)
				}
			case arrow.MatchString(line):
				f := strings.Fields(line)
				if !boxes[f[0]] || !boxes[f[2]] {
					t.Fatalf("arrow without a box: %q", line)
				}
			default:
				t.Fatalf("neither a box nor an arrow: %q in\n%s", line, out)
			}
		}
		if fence := doc.Markdown(doc.Page{doc.Diagram{Mermaid: out}}); strings.Count(fence, "```") != 2 {
			t.Fatalf("the data ends the code block: %q", fence)
		}
	})
}
