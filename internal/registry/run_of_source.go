package registry

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// MovedRoot states that artifacts were moved to a different store: everything that MLflow recorded under From is now
// under To. It is valid until the end of a given day.
type MovedRoot struct {
	From, To string // locations without a trailing slash, for example s3://old/mlflow
	Until    time.Time
	Reason   string
}

// MovedBy returns the moves that are still valid at the given time. If the time is not known (zero), none is valid.
func MovedBy(roots []MovedRoot, now time.Time) []MovedRoot {
	return slices.DeleteFunc(slices.Clone(roots), func(r MovedRoot) bool { return now.IsZero() || now.After(r.Until) })
}

// BelongsToRun returns the reason why a model does not belong to a run, or "" if it does. It trusts nothing that just
// anyone could have written: MLflow checks neither a logged model's source run nor a version's run.
//
// A logged model belongs to the run if it is in the run's experiment and among the run's outputs. Before MLflow 3.15,
// anyone can write outputs but not experiments, so only the check of the experiment prevents forgeries. Any other model
// belongs to the run if its location is under the run's artifacts. roots lists the moves that are allowed.
func BelongsToRun(source string, logged *LoggedModel, run Run, roots ...MovedRoot) string {
	if logged != nil {
		return loggedBelongs(source, *logged, run, roots)
	}
	if _, ok := ArtifactPath(source, run, roots...); !ok {
		return fmt.Sprintf("its artifacts are at %s, which is not below the artifacts of run %s (%s)",
			source, run.ID, run.ArtifactURI)
	}
	return ""
}

func loggedBelongs(source string, m LoggedModel, run Run, roots []MovedRoot) string {
	listed := slices.ContainsFunc(run.Outputs, func(o ModelOutput) bool { return o.ModelID == m.ID })
	switch {
	case !m.IsAt(source, roots...):
		return m.elsewhere(source)
	case m.ExperimentID == "" || m.ExperimentID != run.ExperimentID:
		return fmt.Sprintf("logged model %s is in experiment %s, but run %s is in experiment %s",
			m.ID, m.ExperimentID, run.ID, run.ExperimentID)
	case m.SourceRunID != "" && m.SourceRunID != run.ID:
		return fmt.Sprintf("logged model %s was logged by run %s, not by run %s", m.ID, m.SourceRunID, run.ID)
	case !listed:
		return fmt.Sprintf("run %s does not list logged model %s among its outputs", run.ID, m.ID)
	}
	return ""
}

// IsAt reports whether a source refers to this logged model, by id or by the location of its artifacts.
func (m LoggedModel) IsAt(source string, roots ...MovedRoot) bool {
	return source == "models:/"+m.ID || SameLocation(source, m.ArtifactURI, roots...)
}

func (m LoggedModel) elsewhere(source string) string {
	return fmt.Sprintf("its artifacts at %s are not those of logged model %s", source, m.ID)
}

// LoggedIn returns the id of the logged model that a source refers to, either as models:/m-… or by the location of the
// model's artifacts. It returns "" for any other source. A location proves nothing until BelongsToRun has checked it.
func LoggedIn(source string) string {
	if id, ok := strings.CutPrefix(source, "models:/"); ok {
		return loggedModelID.FindString(id)
	}
	_, rest, found := cutLast(source, "/models/")
	id, tail, _ := strings.Cut(rest, "/")
	if !found || tail != "artifacts" {
		return ""
	}
	return loggedModelID.FindString(id)
}

// ArtifactPath returns the path of a source relative to a run's artifacts: "model" for
// mlflow-artifacts:/1/RUN/artifacts/model. ok is false if the source is not under the run's artifacts.
func ArtifactPath(source string, run Run, roots ...MovedRoot) (path string, ok bool) {
	at, ok := parseLocation(source)
	if !ok || run.ID == "" {
		return "", false
	}
	homes := []string{run.ArtifactURI, "runs:/" + run.ID}
	for _, home := range homes {
		root, ok := parseLocation(home)
		if !ok {
			continue
		}
		for _, where := range at.moved(roots) {
			if below, ok := where.below(root); ok {
				return below, true
			}
		}
	}
	return "", false
}

// SameRegistration reports whether registering this source of this run would result in this version. Both must have the
// same run, and the same logged model or location. Tags are ignored, because anyone can write them.
func SameRegistration(v Version, s Source, run Run) bool {
	switch {
	case v.RunID != s.RunID:
		return false
	case s.ModelID != "":
		return v.Source == "models:/"+s.ModelID || SameLocation(v.Source, s.ArtifactURI)
	case v.Source == s.URI, SameLocation(v.Source, s.URI):
		return true
	}
	was, okWas := ArtifactPath(v.Source, run)
	now, okNow := ArtifactPath(s.URI, run)
	return okWas && okNow && was == now
}

// IsLocation reports whether a string is an artifact location that can contain files.
func IsLocation(text string) bool {
	l, ok := parseLocation(text)
	return ok && len(l.segments) > 0
}

// SameLocation reports whether two artifact locations are the same, or were the same before the first one was moved.
func SameLocation(a, b string, roots ...MovedRoot) bool {
	x, okX := parseLocation(a)
	y, okY := parseLocation(b)
	return okX && okY && slices.ContainsFunc(x.moved(roots), func(x location) bool {
		return x.scheme == y.scheme && x.host == y.host && x.absolute == y.absolute &&
			slices.Equal(x.segments, y.segments)
	})
}

// location is an artifact location in normal form. Locations are compared segment by segment, so file:///a/b equals
// /a/b, and ./mlruns/0 equals mlruns/0.
type location struct {
	scheme, host string
	absolute     bool
	segments     []string
}

// parseLocation parses a location. It rejects ambiguous locations: those with "..", encoded dots or slashes,
// backslashes or queries.
func parseLocation(text string) (location, bool) {
	var l location
	rest := text
	if scheme, tail, ok := strings.Cut(text, ":"); ok && !strings.ContainsAny(scheme, "/.") && len(scheme) > 1 {
		l.scheme, rest = strings.ToLower(scheme), tail
		if authority, ok := strings.CutPrefix(rest, "//"); ok {
			l.host, rest, _ = strings.Cut(authority, "/")
			rest = "/" + rest
		}
	}
	if l.scheme == "file" {
		l.scheme = ""
		if l.host == "localhost" {
			l.host = ""
		}
	}
	if text == "" || strings.ContainsAny(rest, `\?#`) || strings.ContainsFunc(rest, isControl) {
		return location{}, false
	}
	l.absolute = strings.HasPrefix(rest, "/")
	for _, segment := range strings.Split(rest, "/") {
		switch folded := strings.ToLower(segment); {
		case segment == "" || segment == ".":
		case segment == "..",
			strings.Contains(folded, "%2e"), strings.Contains(folded, "%2f"), strings.Contains(folded, "%5c"):
			return location{}, false
		default:
			l.segments = append(l.segments, segment)
		}
	}
	return l, true
}

// below returns the path of l relative to root. ok is false if l is not under root.
func (l location) below(root location) (path string, ok bool) {
	n := len(root.segments)
	if l.scheme != root.scheme || l.host != root.host || l.absolute != root.absolute || len(l.segments) <= n ||
		!slices.Equal(l.segments[:n], root.segments) {
		return "", false
	}
	return strings.Join(l.segments[n:], "/"), true
}

// moved returns the location itself, followed by the locations that it had before each of the given moves.
func (l location) moved(roots []MovedRoot) []location {
	out := []location{l}
	for _, r := range roots {
		from, okFrom := parseLocation(r.From)
		to, okTo := parseLocation(r.To)
		if !okFrom || !okTo {
			continue
		}
		if _, ok := l.below(to); ok {
			from.segments = slices.Concat(from.segments, l.segments[len(to.segments):])
			out = append(out, from)
		}
	}
	return out
}

// HasModel reports whether a logged model that the run lists belongs to the run. It does if the run logged metrics on
// the model, or if the model is in the run's experiment and was not logged by a different run.
func (r Run) HasModel(m LoggedModel) bool {
	if slices.ContainsFunc(m.Metrics, func(v ModelMetric) bool { return v.RunID == r.ID }) {
		return true
	}
	return m.ExperimentID == r.ExperimentID && (m.SourceRunID == "" || m.SourceRunID == r.ID)
}

// UnknownModel represents a model that a run lists but that cannot be read, because it was deleted or never existed. It
// sorts after all other models, so a value at its step may belong to it.
func UnknownModel(id string) LoggedModel {
	return LoggedModel{ID: id, Name: "deleted", Created: time.UnixMilli(math.MaxInt64 / 2)}
}
