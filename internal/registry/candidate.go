package registry

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Candidate is the parsed `candidate` input. Exactly one of its forms is set.
type Candidate struct {
	Text    string // as given, with the model spelled out: models:/churn/7 instead of 7
	RunID   string // runs:/RunID/Path
	Path    string // "" for the run's only model, which is looked up when facts are gathered
	ModelID string // models:/m-…
	Model   string // models:/Model/Number, models:/Model@Alias or models:/Model/Stage
	Number  int
	Alias   string
	Stage   string    // the version is looked up when facts are gathered
	Word    string    // the stage as written without models:/, which may also be an alias
	Latest  bool      // models:/Model/latest; refused when facts are gathered, with the newest number as a hint
	Best    *Best     // best or best/PATH; looked up when facts are gathered
	Commit  *ByCommit // commit or commit/PATH; looked up when facts are gathered
}

var (
	runID         = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	loggedModelID = regexp.MustCompile(`^m-[0-9a-f]{32}$`)
)

// bareRunID matches run ids as MLflow's servers generate them.
var bareRunID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// EmptyValue returns a message about an empty part of an input. The usual cause is a workflow expression that evaluated
// to nothing.
func EmptyValue(what string) string {
	return "the " + what + " is empty: is the input or step output set?"
}

// IsExpression reports whether a string contains a GitHub workflow expression that has not been evaluated.
func IsExpression(text string) bool { return strings.Contains(text, "${{") }

// ParseCandidate parses a candidate. model is the registered model that the short forms refer to, for example 7,
// @challenger and Staging. The error lists the valid forms. It has no reason, and the caller adds the name of the
// input.
func ParseCandidate(text, model string) (Candidate, error) {
	c := Candidate{Text: text}
	prefix := "models:/" + model
	stage, isStage := CanonicalStage(text)
	switch {
	case IsExpression(text):
		return c, fmt.Errorf("an expression in ${{ }} works only in a workflow file; write its value")
	case text == "best" || strings.HasPrefix(text, "best/"):
		path, err := pathAfter("best", text)
		c.Best = &Best{Path: path}
		return c, err
	case text == "commit" || strings.HasPrefix(text, "commit/"):
		path, err := pathAfter("commit", text)
		c.Commit = &ByCommit{Path: path}
		return c, err
	case strings.HasPrefix(text, "runs:/"), strings.HasPrefix(text, "models:/"):
		return c.address(text)
	case bareRunID.MatchString(text):
		return c.address("runs:/" + text)
	case strings.EqualFold(text, "latest"):
		return Candidate{Text: prefix + "/latest", Model: model, Latest: true}, nil
	case isNumber(text):
		number, _ := strconv.Atoi(text)
		return Candidate{Text: prefix + "/" + text, Model: model, Number: number}, nil
	case text == aliasPrefix:
		return c, errors.New(EmptyValue("alias"))
	case ParseRef(text).Kind == RefAlias:
		alias := ParseRef(text).Name
		return Candidate{Text: prefix + text, Model: model, Alias: alias}, CheckAlias(alias)
	case isStage && stage != "None":
		return Candidate{Text: prefix + "/" + stage, Model: model, Stage: stage, Word: text}, nil
	case strings.Contains(text, ":/"):
		return c, fmt.Errorf("a location without a run has no lineage; write runs:/RUN_ID/PATH, models:/NAME/VERSION " +
			"or models:/m-…")
	case CheckAlias(text) == nil && !isStage:
		return c, fmt.Errorf("%s is neither a version, nor a stage or run id; write @%s if it is an alias, or "+
			"runs:/RUN_ID/PATH, models:/NAME/VERSION, best or commit", text, text)
	}
	return c, fmt.Errorf("want runs:/RUN_ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-…, a version " +
		"number, @ALIAS, a stage, best or commit")
}

// ParseSource parses the source of a registered version, which has fewer forms than a candidate: a run with a path, a
// logged model, or a version by number or alias.
func ParseSource(text string) (Candidate, error) {
	c, err := Candidate{Text: text}.address(text)
	if err == nil && (c.Stage != "" || c.Latest || c.RunID != "" && c.Path == "") {
		return Candidate{Text: text}, fmt.Errorf("%q is not the source of a version", text)
	}
	return c, err
}

// address parses runs:/… and models:/….
func (c Candidate) address(text string) (Candidate, error) {
	if rest, ok := strings.CutPrefix(text, "runs:/"); ok {
		return c.run(rest)
	}
	if rest, ok := strings.CutPrefix(text, "models:/"); ok {
		return c.registered(rest)
	}
	return c, fmt.Errorf("%q is neither a run nor a model", text)
}

// pathAfter returns the path of the model, which follows the word "best" or "commit". The default is the name that
// MLflow usually uses.
func pathAfter(word, text string) (string, error) {
	path := strings.Trim(strings.TrimPrefix(text, word), "/ ")
	if path == "" && text != word {
		return path, fmt.Errorf("%s Write %s for a model with the name model", EmptyValue("artifact path"), word)
	}
	if path == "" {
		path = "model"
	}
	if unsafePath(path) {
		return path, fmt.Errorf("the artifact path %q must not contain '..', a backslash, '#', '?', '%%' or a "+
			"control character", path)
	}
	return path, nil
}

// run parses the text after runs:/ in a candidate. It accepts a second slash before a run id.
func (c Candidate) run(rest string) (Candidate, error) {
	if second, ok := strings.CutPrefix(rest, "/"); ok && len(second) >= 32 && bareRunID.MatchString(second[:32]) {
		rest = second
	}
	id, path, hasPath := strings.Cut(rest, "/")
	path = strings.Trim(path, "/")
	switch {
	case strings.TrimSpace(id) == "":
		return c, errors.New(EmptyValue("run id"))
	case !runID.MatchString(id):
		return c, fmt.Errorf("%q is not a run id; write runs:/RUN_ID/PATH", id)
	case hasPath && strings.TrimSpace(path) == "":
		return c, fmt.Errorf("%s Write runs:/%s for the run's only model", EmptyValue("artifact path"), id)
	case hasPath && unsafePath(path):
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
	if strings.TrimSpace(rest) == "" || rest[0] == '/' || rest[0] == '@' {
		return c, errors.New(EmptyValue("model name"))
	}
	if rest == "m-" {
		return c, errors.New(EmptyValue("id of the logged model"))
	}
	if name, alias, ok := cutLast(rest, "@"); ok && name != "" && !strings.Contains(alias, "/") {
		if strings.TrimSpace(alias) == "" {
			return c, errors.New(EmptyValue("alias"))
		}
		if err := CheckAlias(alias); err != nil {
			return c, err
		}
		c.Model, c.Alias = name, alias
		return c, nil
	}
	name, version, ok := cutLast(rest, "/")
	stage, isStage := CanonicalStage(version)
	switch {
	case !ok && strings.HasPrefix(rest, "m-"):
		return c, fmt.Errorf("want models:/NAME/VERSION, models:/NAME@ALIAS or models:/m-… with 32 hex digits")
	case !ok:
		return c, fmt.Errorf("the version is missing; write models:/%s/7 or models:/%s@ALIAS", rest, rest)
	case strings.TrimSpace(version) == "":
		return c, errors.New(EmptyValue("version"))
	case strings.EqualFold(version, "latest"):
		c.Model, c.Latest = name, true
		return c, nil
	case isStage && stage != "None":
		c.Model, c.Stage = name, stage
		return c, nil
	case !isNumber(version):
		return c, fmt.Errorf("%q is neither a version number nor a stage; write models:/%s/7 or models:/%s@ALIAS",
			version, name, name)
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

// Best selects the model that has the best value of a metric in one or more experiments.
type Best struct {
	Experiments []string // names or ids
	Metric      string
	Goal        string // Maximize or Minimize
	Path        string // name of the logged model, or path relative to the run's artifacts
	Filter      string // condition on the runs, in MLflow's search syntax; "" for all runs
}

// Where describes the experiments, for use in a message.
func (b Best) Where() string {
	if len(b.Experiments) == 1 {
		return "experiment " + b.Experiments[0]
	}
	return "experiments " + strings.Join(b.Experiments, ", ")
}

// The goals for a metric.
const (
	Maximize = "maximize"
	Minimize = "minimize"
)

// Better reports whether point a is better than point b.
func (b Best) Better(a, than Point) bool {
	if b.Goal == Minimize {
		return a.Value < than.Value
	}
	return a.Value > than.Value
}

// IsCopy reports whether a source is itself a version of a registered model, such as models:/churn/3.
func IsCopy(source string) bool {
	of, err := ParseSource(source)
	return err == nil && of.Number != 0
}
