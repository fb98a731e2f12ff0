package registry

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/location"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// source is the origin of a new version, as the server has understood it.
type source struct {
	uri      string
	download string
	runID    string
	runUnset bool // the request contains no run at all, as opposed to an empty one
	modelID  string
}

func (s source) run() *string {
	if s.runUnset && s.runID == "" {
		return nil
	}
	return &s.runID
}

// acceptSource checks the source in the request. It never checks whether anything is stored there.
func acceptSource(c *call.Call) (source, error) {
	s := source{uri: c.In.Str("source"), runID: c.In.Str("run_id"), modelID: c.In.Str("model_id")}
	if !c.Dialect.LoggedModels {
		s.modelID = ""
	}
	if c.Dialect.PromptsHidden && state.TagsIn(c.In, "tags").Prompt() {
		return s, checkPromptSource(c, s.uri)
	}
	if c.Dialect.SourceSchemes {
		if err := checkScheme(c, s.uri); err != nil {
			return s, err
		}
	}
	if err := onThisHost(s.uri); err != nil && c.Dialect.RemoteFiles != "refused" {
		if c.Dialect.RemoteFiles == "stored" {
			err = nil
		}
		return s, err
	}
	if !c.Dialect.SourceOwned {
		return s, checkLooseSource(c, s)
	}
	if err := resolveVersionSource(c, &s); err != nil {
		return s, err
	}
	if s.modelID != "" {
		return s, checkModelSource(c, s)
	}
	return s, checkRunSource(c, s)
}

func checkPromptSource(c *call.Call, uri string) error {
	if c.Dialect.SourceOwned && !slices.Contains([]string{"prompt-template", "dummy-source"}, uri) {
		return wire.Invalid("Invalid prompt source: '%s'. Prompt sources must use an MLflow placeholder.", uri)
	}
	return nil
}

// hostSchemes lists the URI schemes that name a host from which the server would fetch artifacts for the caller.
var hostSchemes = []string{"http", "https", "ftp", "sftp", "hdfs", "viewfs", "r2", "b2", "abfss"}

func checkScheme(c *call.Call, uri string) error {
	scheme, authority := location.Scheme(uri), location.Authority(uri)
	if slices.Contains(hostSchemes, scheme) || scheme == "mlflow-artifacts" && authority != "" {
		return wire.Invalid(
			"'source' cannot use the '%s' scheme: the '%s' scheme addresses a host other than the tracking server's "+
				"configured artifact storage, so the server would connect to the host named in the URI. Set the "+
				"MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES environment variable on the server to allow it.",
			scheme,
			scheme,
		)
	}
	return nil
}

// checkLooseSource is the check in servers before version 3: the source must not be on the server's own disk.
func checkLooseSource(c *call.Call, s source) error {
	if location.Local(s.uri) {
		if s.runID != "" {
			r, err := call.FindRun(c, s.runID)
			if err != nil {
				return err
			}
			if onDiskIn(s.uri, r.ArtifactURI) {
				return nil
			}
		}
		return localRefused(s.uri, "run_id")
	}
	if c.Dialect.PathSourceChecked {
		return checkNoTricks(s.uri)
	}
	return nil
}

func checkRunSource(c *call.Call, s source) error {
	if location.Local(s.uri) {
		return checkLocalRunSource(c, s)
	}
	if err := checkNoTricks(s.uri); err != nil {
		return err
	}
	switch scheme := location.Scheme(s.uri); {
	case scheme == "runs":
		id, _, _ := strings.Cut(strings.TrimPrefix(location.Path(s.uri), "/"), "/")
		if location.Authority(s.uri) != "" || s.runID == "" || id != s.runID {
			return notOwned(s.uri, "run_id")
		}
	case scheme == "models":
		if u, err := parseModelsURI(s.uri); err != nil || location.Authority(s.uri) != "" || u.modelID != "" {
			return notOwned(s.uri, "model_id")
		}
	case ownArtifacts(s.uri):
		if r := c.Space.Run(s.runID); r == nil || !location.Inside(s.uri, r.ArtifactURI) {
			return notOwned(s.uri, "run_id")
		}
	}
	return nil
}

func checkLocalRunSource(c *call.Call, s source) error {
	if s.runID != "" {
		r := c.Space.Run(s.runID)
		if r == nil {
			return notOwned(s.uri, "run_id")
		}
		if onDiskIn(s.uri, r.ArtifactURI) {
			return nil
		}
	}
	return localRefused(s.uri, "run_id")
}

func checkModelSource(c *call.Call, s source) error {
	if location.Local(s.uri) {
		return checkLocalModelSource(c, s)
	}
	if err := checkNoTricks(s.uri); err != nil {
		return err
	}
	switch scheme := location.Scheme(s.uri); {
	case scheme == "models":
		u, err := parseModelsURI(s.uri)
		if err != nil || location.Authority(s.uri) != "" || u.modelID != "" && u.modelID != s.modelID {
			return notOwned(s.uri, "model_id")
		}
	case scheme == "runs":
		return notOwned(s.uri, "model_id")
	case ownArtifacts(s.uri):
		if m := c.Space.LoggedModel(s.modelID); m == nil || !location.Inside(s.uri, m.ArtifactURI) {
			return notOwned(s.uri, "model_id")
		}
	}
	return nil
}

func checkLocalModelSource(c *call.Call, s source) error {
	m := c.Space.LoggedModel(s.modelID)
	if m == nil {
		return notOwned(s.uri, "model_id")
	}
	if onDiskIn(s.uri, m.ArtifactURI) {
		return nil
	}
	return localRefused(s.uri, "model_id")
}

// onDiskIn reports whether a path on the server's disk is inside a folder that is on that disk too.
func onDiskIn(uri, root string) bool {
	return location.Local(root) && location.Within(location.LocalPath(uri), location.LocalPath(root))
}

func notOwned(uri, id string) error {
	return wire.Invalid(
		"Invalid model version source: '%s'. The %s request parameter must identify the resource that contains the "+
			"source.",
		uri,
		id,
	)
}

func localRefused(uri, id string) error {
	return wire.Invalid(
		"Invalid model version source: '%s'. To use a local path as a model version source, the %s request parameter "+
			"has to be specified and the local path has to be contained within the artifact directory of the run "+
			"specified by the %s.",
		uri,
		id,
		id,
	)
}

var slashes = regexp.MustCompile(`/+`)

// checkNoTricks refuses a path that decoding turns into a different path.
func checkNoTricks(uri string) error {
	decoded := uri
	for {
		next, err := url.QueryUnescape(decoded)
		if err != nil || next == decoded {
			break
		}
		decoded = next
	}
	p := slashes.ReplaceAllString(strings.TrimRight(location.Path(decoded), "/"), "/")
	resolved := p
	if !strings.HasPrefix(p, "/") {
		resolved = "/" + p // the server resolves the path against its own directory, so the result always differs
	}
	resolved = path.Clean(resolved)
	if strings.Contains(p, "\x00") || slices.Contains(strings.Split(decoded, "/"), "..") || resolved != p {
		return wire.Invalid(
			"Invalid model version source: '%s'. If supplying a source as an http, https, local file path, ftp, "+
				"objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path "+
				"references present. Please provide an absolute path.",
			uri,
		)
	}
	return nil
}

// resolveVersionSource replaces a source that is a registered version with that version's source.
func resolveVersionSource(c *call.Call, s *source) error {
	if location.Scheme(s.uri) != "models" {
		return nil
	}
	if location.Authority(s.uri) != "" {
		return wire.Invalid(
			"Invalid model version source: '%s'. Registered model sources must use the active model registry.",
			s.uri,
		)
	}
	u, err := parseModelsURI(s.uri)
	if err != nil {
		return notOwned(s.uri, "model_id")
	}
	if u.modelID != "" {
		return nil
	}
	m, err := findModel(c, u.name)
	if err != nil {
		return err
	}
	if m.Tags.Prompt() {
		return wire.Invalid(
			"Invalid model version source: '%s'. Prompt versions cannot be used as model version sources.", s.uri,
		)
	}
	v, err := intendedVersion(c, m, u)
	if err != nil {
		return err
	}
	if c.In.Has("run_id") && s.runID != state.TextOf(v.RunID) || c.In.Has("model_id") && s.modelID != "" {
		return wire.Invalid(
			"Invalid model version source: '%s'. The run_id and model_id request parameters must match the "+
				"referenced model version.",
			s.uri,
		)
	}
	s.uri = "models:/" + m.Name + "/" + wire.Digits(v.Number)
	if !c.In.Has("run_id") {
		s.runID, s.runUnset = state.TextOf(v.RunID), v.RunID == nil
	}
	return nil
}

// intendedVersion finds the version that a URI of the form models:/name/3, /latest, /Stage or @alias refers to.
func intendedVersion(c *call.Call, m *state.Model, u modelsURI) (*state.Version, error) {
	switch {
	case u.version != "":
		return findVersion(c, m.Name, u.version)
	case u.alias != "":
		return resolveAlias(c, m.Name, u.alias)
	}
	wanted, note := state.Stages, ""
	if u.stage != "" {
		stage, err := canonicalStage(u.stage)
		if err != nil {
			return nil, err
		}
		wanted, note = []string{stage}, " and stage '"+u.stage+"'"
	}
	var newest *state.Version
	for _, v := range m.Latest() {
		if slices.Contains(wanted, v.Stage) {
			newest = v
		}
	}
	if newest == nil {
		return nil, wire.Internal("No versions of model with name '%s'%s found", m.Name, note)
	}
	return newest, nil
}

// locate finds the location of the source's artifacts, and the source's run if only a logged model is given.
func locate(c *call.Call, s *source) error {
	s.download = s.uri
	if location.Scheme(s.uri) == "models" && !c.Dialect.VerbatimModels {
		if err := locateModels(c, s); err != nil {
			return err
		}
	}
	if s.runID == "" && s.modelID != "" {
		m := c.Space.LoggedModel(s.modelID)
		if m == nil {
			return wire.Missing("Logged model with ID '%s' not found.", s.modelID)
		}
		s.runID, s.runUnset = m.SourceRun, m.SourceRun == ""
	}
	return nil
}

func locateModels(c *call.Call, s *source) error {
	u, err := parseModelsURI(s.uri)
	if err != nil {
		return errUnlocatable(c, s.uri, err)
	}
	if u.modelID != "" && c.Dialect.LoggedModels {
		m := c.Space.LoggedModel(u.modelID)
		if m == nil {
			return errUnlocatable(c, s.uri, wire.Missing("Logged model with ID '%s' not found.", u.modelID))
		}
		s.download = m.ArtifactURI
		if s.runID == "" {
			s.runID, s.runUnset = m.SourceRun, m.SourceRun == ""
		}
		return nil
	}
	v, err := findVersion(c, u.name, u.version)
	if err != nil {
		return errUnlocatable(c, s.uri, err)
	}
	s.download = v.Download
	return nil
}

func errUnlocatable(c *call.Call, uri string, err error) error {
	why := err.Error()
	if api, ok := err.(*wire.APIError); ok {
		why = api.Message
	}
	return wire.Internal("Unable to fetch model from model URI source artifact location '%s'.Error: %s", uri, why)
}
