package registry

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Candidate is the parsed input `candidate`. Exactly one of its forms is set.
type Candidate struct {
	Text    string // as given
	RunID   string // runs:/RunID/Path
	Path    string
	ModelID string // models:/m-…
	Model   string // models:/Model/Number or models:/Model@Alias
	Number  int
	Alias   string
	Best    *Best     // best or best/PATH; found when facts are gathered
	Commit  *ByCommit // commit or commit/PATH; found when facts are gathered
}

var (
	runID         = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	loggedModelID = regexp.MustCompile(`^m-[0-9a-f]{32}$`)
)

// bareRunID matches a run id in the form that MLflow's servers generate.
var bareRunID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParseCandidate parses a candidate. Its error says what would be correct. The error has no reason, and the caller
// adds the name of the input.
func ParseCandidate(text string) (Candidate, error) {
	c := Candidate{Text: text}
	switch {
	case text == "best" || strings.HasPrefix(text, "best/"):
		path, err := pathAfter("best", text)
		c.Best = &Best{Path: path}
		return c, err
	case text == "commit" || strings.HasPrefix(text, "commit/"):
		path, err := pathAfter("commit", text)
		c.Commit = &ByCommit{Path: path}
		return c, err
	case strings.HasPrefix(text, "runs:/"):
		return c.run(strings.TrimPrefix(text, "runs:/"))
	case strings.HasPrefix(text, "models:/"):
		return c.registered(strings.TrimPrefix(text, "models:/"))
	case bareRunID.MatchString(text):
		return c, fmt.Errorf("this looks like a run id, but a run can have several models; write runs:/%s/NAME, "+
			"where NAME is the name that was given to log_model", text)
	case isNumber(text):
		return c, fmt.Errorf("a version number without a model is not enough; write models:/NAME/%s", text)
	case strings.Contains(text, ":/"):
		return c, fmt.Errorf("a location without a run has no lineage; write runs:/RUN_ID/PATH, models:/NAME/VERSION " +
			"or models:/m-…")
	}
	return c,
		fmt.Errorf("want runs:/RUN_ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-…, best or commit")
}

// pathAfter returns the path of the model after the word "best" or "commit". The default is MLflow's usual name.
func pathAfter(word, text string) (string, error) {
	path := strings.Trim(strings.TrimPrefix(text, word), "/")
	if path == "" {
		path = "model"
	}
	if unsafePath(path) {
		return path, fmt.Errorf("the artifact path %q must not contain '..', a backslash, '#', '?', '%%' or a "+
			"control character", path)
	}
	return path, nil
}

func (c Candidate) run(rest string) (Candidate, error) {
	id, path, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	path = strings.Trim(path, "/")
	switch {
	case !runID.MatchString(id):
		return c, fmt.Errorf("%q is not a run id; write runs:/RUN_ID/PATH", id)
	case path == "":
		return c, fmt.Errorf("the artifact path is missing; write runs:/%s/NAME, where NAME is the name that was "+
			"given to log_model", id)
	case unsafePath(path):
		return c, fmt.Errorf("the artifact path %q must not contain '..', a backslash, '#', '?', '%%' or a control "+
			"character", path)
	}
	c.RunID, c.Path = id, path
	return c, nil
}

func unsafePath(path string) bool {
	for _, segment := range strings.Split(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return true
		}
	}
	return strings.ContainsAny(path, `\#?%`) || strings.ContainsFunc(path, isControl)
}

func (c Candidate) registered(rest string) (Candidate, error) {
	if loggedModelID.MatchString(rest) {
		c.ModelID = rest
		return c, nil
	}
	if name, alias, ok := cutLast(rest, "@"); ok && name != "" && !strings.Contains(alias, "/") {
		if err := CheckAlias(alias); err != nil {
			return c, err
		}
		c.Model, c.Alias = name, alias
		return c, nil
	}
	name, version, ok := cutLast(rest, "/")
	switch {
	case !ok || name == "":
		return c, fmt.Errorf("want models:/NAME/VERSION, models:/NAME@ALIAS or models:/m-… with 32 hex digits")
	case strings.EqualFold(version, "latest"):
		return c,
			fmt.Errorf("'latest' may change between judging and promoting; write a version, such as models:/%s/7", name)
	case !isNumber(version):
		return c, fmt.Errorf("%q is not a version number; write models:/%s/7 or models:/%s@ALIAS", version, name, name)
	}
	c.Model = name
	c.Number, _ = strconv.Atoi(version)
	return c, nil
}

// isNumber reports whether text is a version number that fits MLflow's integer column.
func isNumber(text string) bool {
	n, err := strconv.ParseInt(text, 10, 32)
	return err == nil && n > 0 && text[0] != '+'
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Best selects the model with the best value of a metric in an experiment.
type Best struct {
	Experiment string
	Metric     string
	Goal       string // Maximize or Minimize
	Path       string // name of the logged model, or path below the run's artifacts
}

// Goals for a metric.
const (
	Maximize = "maximize"
	Minimize = "minimize"
)

// Better reports whether the point a is better than the point b.
func (b Best) Better(a, than Point) bool {
	if b.Goal == Minimize {
		return a.Value < than.Value
	}
	return a.Value > than.Value
}

// IsCopy reports whether a source is a version of a registered model, such as models:/churn/3.
func IsCopy(source string) bool {
	of, err := ParseCandidate(source)
	return err == nil && of.Number != 0
}
