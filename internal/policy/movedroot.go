package policy

import (
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// movedRootFields are the keys of an exception for artifacts that were moved to another store.
var movedRootFields = []field{
	need("from", locationShape("the location that MLflow recorded, such as s3://old/mlflow")),
	need("to", locationShape("the current location, as in the source of a version, such as s3://new/mlflow")),
	need("by", text("person who takes responsibility")),
	need("why", text("reason for the move")),
	need("until", pattern("last day of the exception, in UTC", dateText)),
}

func locationShape(about string) shape {
	return upTo(500, pattern(about, `^(/|[a-z][a-z0-9+.-]+:/)[^\x00-\x1f]+$`))
}

// movedRoot reads one exception.
func (r *reader) movedRoot(p *Policy, n *node) {
	m := registry.MovedRoot{
		From: strings.TrimRight(n.str("from"), "/"), To: strings.TrimRight(n.str("to"), "/"),
		Reason: n.str("why") + " (" + n.str("by") + ")",
	}
	day, err := time.Parse(time.DateOnly, n.str("until"))
	m.Until = day.AddDate(0, 0, 1).Add(-time.Nanosecond) // the day itself still counts
	switch {
	case err != nil:
		r.problems = append(r.problems, n.fail("until", "%q is not a day", n.str("until")).(Problem))
	case !registry.IsLocation(m.From):
		r.problems = append(r.problems, n.fail("from", "%q is not a location that files can lie below", m.From).(Problem))
	case !registry.IsLocation(m.To):
		r.problems = append(r.problems, n.fail("to", "%q is not a location that files can lie below", m.To).(Problem))
	case registry.SameLocation(m.From, m.To):
		r.problems = append(r.problems, n.fail("to", "from and to are the same place").(Problem))
	default:
		p.MovedRoots = append(p.MovedRoots, m)
	}
}
