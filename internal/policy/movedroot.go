package policy

import (
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// movedRootFields are the keys that describe a moved artifact store.
var movedRootFields = []tree.Field{
	tree.Required("from", locationShape("the location that MLflow recorded, such as s3://old/mlflow")),
	tree.Required("to", locationShape("the current location, as in the source of a version, such as s3://new/mlflow")),
	tree.Required("by", tree.Text("person who takes responsibility")),
	tree.Required("why", tree.Text("reason for the move")),
	tree.Required("until", tree.Date("last day of the exception, in UTC")),
}

func locationShape(about string) tree.Shape {
	return tree.MaxLength(500, tree.Pattern(about, `^(/|[a-z][a-z0-9+.-]+:/)[^\x00-\x1f]+$`))
}

// movedRoot reads the entry for one moved artifact store.
func (r *reader) movedRoot(p *Policy, n *tree.Node) {
	m := registry.MovedRoot{
		From: strings.TrimRight(n.Str("from"), "/"), To: strings.TrimRight(n.Str("to"), "/"),
		Reason: n.Str("why") + " (" + n.Str("by") + ")",
	}
	day, err := time.Parse(time.DateOnly, n.Str("until"))
	m.Until = day.AddDate(0, 0, 1).Add(-time.Nanosecond) // the end of the day
	switch {
	case err != nil:
		r.Problems = append(r.Problems,
			n.Problem("until", "%q is not a date; want a date such as 2026-12-31", n.Str("until")).(tree.Problem))
	case !registry.IsLocation(m.From):
		r.Problems = append(r.Problems,
			n.Problem("from", "%q is not a location that can contain files", m.From).(tree.Problem))
	case !registry.IsLocation(m.To):
		r.Problems = append(r.Problems,
			n.Problem("to", "%q is not a location that can contain files", m.To).(tree.Problem))
	case registry.SameLocation(m.From, m.To):
		r.Problems = append(r.Problems, n.Problem("to", "from and to are the same location").(tree.Problem))
	default:
		p.MovedRoots = append(p.MovedRoots, m)
	}
}
