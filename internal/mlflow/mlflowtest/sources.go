package mlflowtest

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// source is where a new version comes from, as the server understood it.
type source struct {
	uri      string
	download string
	runID    string
	runUnset bool // no run at all, unlike an empty one
	modelID  string
}

func (s source) run() *string {
	if s.runUnset && s.runID == "" {
		return nil
	}
	return &s.runID
}

// acceptSource checks the source in the request. It never checks whether anything is there.
func acceptSource(c *call) (source, error) {
	s := source{uri: c.in.str("source"), runID: c.in.str("run_id"), modelID: c.in.str("model_id")}
	if !c.sw.loggedModels {
		s.modelID = ""
	}
	if c.sw.promptsHidden && c.in.tags("tags").prompt() {
		return s, checkPromptSource(c, s.uri)
	}
	if c.sw.sourceSchemes {
		if err := checkScheme(c, s.uri); err != nil {
			return s, err
		}
	}
	if err := onThisHost(s.uri); err != nil && c.sw.remoteFiles != "refused" {
		if c.sw.remoteFiles == "stored" {
			err = nil
		}
		return s, err
	}
	if !c.sw.sourceOwned {
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

func checkPromptSource(c *call, uri string) error {
	if c.sw.sourceOwned && !slices.Contains([]string{"prompt-template", "dummy-source"}, uri) {
		return invalid("Invalid prompt source: '%s'. Prompt sources must use an MLflow placeholder.", uri)
	}
	return nil
}

// hostSchemes contain a host from which the server would fetch artifacts for the caller.
var hostSchemes = []string{"http", "https", "ftp", "sftp", "hdfs", "viewfs", "r2", "b2", "abfss"}

func checkScheme(c *call, uri string) error {
	scheme, authority := schemeOf(uri), authorityOf(uri)
	if slices.Contains(hostSchemes, scheme) || scheme == "mlflow-artifacts" && authority != "" {
		return invalid(
			"'source' cannot use the '%s' scheme: the '%s' scheme addresses a host other than the tracking server's "+
				"configured artifact storage, so the server would connect to the host named in the URI. Set the "+
				"MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES environment variable on the server to allow it.",
			scheme,
			scheme,
		)
	}
	return nil
}

// checkLooseSource is the check of servers before 3: the source must not reach the server's own disk.
func checkLooseSource(c *call, s source) error {
	if isLocal(s.uri) {
		if s.runID != "" {
			r, err := findRun(c, s.runID)
			if err != nil {
				return err
			}
			if isLocal(r.artifactURI) && within(localPath(s.uri), localPath(r.artifactURI)) {
				return nil
			}
		}
		return localRefused(s.uri, "run_id")
	}
	if c.sw.pathSourceChecked {
		return checkNoTricks(s.uri)
	}
	return nil
}

func checkRunSource(c *call, s source) error {
	if isLocal(s.uri) {
		return checkLocalRunSource(c, s)
	}
	if err := checkNoTricks(s.uri); err != nil {
		return err
	}
	switch scheme := schemeOf(s.uri); {
	case scheme == "runs":
		id, _, _ := strings.Cut(strings.TrimPrefix(pathOf(s.uri), "/"), "/")
		if authorityOf(s.uri) != "" || s.runID == "" || id != s.runID {
			return notOwned(s.uri, "run_id")
		}
	case scheme == "models":
		if u, err := parseModelsURI(s.uri); err != nil || authorityOf(s.uri) != "" || u.modelID != "" {
			return notOwned(s.uri, "model_id")
		}
	case ownArtifacts(s.uri):
		if r := c.space.run(s.runID); r == nil || !uriWithin(s.uri, r.artifactURI) {
			return notOwned(s.uri, "run_id")
		}
	}
	return nil
}

func checkLocalRunSource(c *call, s source) error {
	if s.runID != "" {
		r := c.space.run(s.runID)
		if r == nil {
			return notOwned(s.uri, "run_id")
		}
		if isLocal(r.artifactURI) && within(localPath(s.uri), localPath(r.artifactURI)) {
			return nil
		}
	}
	return localRefused(s.uri, "run_id")
}

func checkModelSource(c *call, s source) error {
	if isLocal(s.uri) {
		return checkLocalModelSource(c, s)
	}
	if err := checkNoTricks(s.uri); err != nil {
		return err
	}
	switch scheme := schemeOf(s.uri); {
	case scheme == "models":
		u, err := parseModelsURI(s.uri)
		if err != nil || authorityOf(s.uri) != "" || u.modelID != "" && u.modelID != s.modelID {
			return notOwned(s.uri, "model_id")
		}
	case scheme == "runs":
		return notOwned(s.uri, "model_id")
	case ownArtifacts(s.uri):
		if m := c.space.loggedModel(s.modelID); m == nil || !uriWithin(s.uri, m.artifactURI) {
			return notOwned(s.uri, "model_id")
		}
	}
	return nil
}

func checkLocalModelSource(c *call, s source) error {
	m := c.space.loggedModel(s.modelID)
	if m == nil {
		return notOwned(s.uri, "model_id")
	}
	if isLocal(m.artifactURI) && within(localPath(s.uri), localPath(m.artifactURI)) {
		return nil
	}
	return localRefused(s.uri, "model_id")
}

func notOwned(uri, id string) error {
	return invalid(
		"Invalid model version source: '%s'. The %s request parameter must identify the resource that contains the "+
			"source.",
		uri,
		id,
	)
}

func localRefused(uri, id string) error {
	return invalid(
		"Invalid model version source: '%s'. To use a local path as a model version source, the %s request parameter "+
			"has to be specified and the local path has to be contained within the artifact directory of the run "+
			"specified by the %s.",
		uri,
		id,
		id,
	)
}

var slashes = regexp.MustCompile(`/+`)

// checkNoTricks refuses paths that mean another path after decoding.
func checkNoTricks(uri string) error {
	decoded := uri
	for {
		next, err := url.QueryUnescape(decoded)
		if err != nil || next == decoded {
			break
		}
		decoded = next
	}
	p := slashes.ReplaceAllString(strings.TrimRight(pathOf(decoded), "/"), "/")
	resolved := p
	if !strings.HasPrefix(p, "/") {
		resolved = "/" + p // the server resolves it against its own directory, so it is never the same path
	}
	resolved = path.Clean(resolved)
	if strings.Contains(p, "\x00") || slices.Contains(strings.Split(decoded, "/"), "..") || resolved != p {
		return invalid(
			"Invalid model version source: '%s'. If supplying a source as an http, https, local file path, ftp, "+
				"objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path "+
				"references present. Please provide an absolute path.",
			uri,
		)
	}
	return nil
}

// resolveVersionSource replaces a source that is a registered version by the source of that version.
func resolveVersionSource(c *call, s *source) error {
	if schemeOf(s.uri) != "models" {
		return nil
	}
	if authorityOf(s.uri) != "" {
		return invalid(
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
	if m.tags.prompt() {
		return invalid(
			"Invalid model version source: '%s'. Prompt versions cannot be used as model version sources.", s.uri,
		)
	}
	v, err := intendedVersion(c, m, u)
	if err != nil {
		return err
	}
	if c.in.has("run_id") && s.runID != pointed(v.runID) || c.in.has("model_id") && s.modelID != "" {
		return invalid(
			"Invalid model version source: '%s'. The run_id and model_id request parameters must match the "+
				"referenced model version.",
			s.uri,
		)
	}
	s.uri = "models:/" + m.name + "/" + digits(v.number)
	if !c.in.has("run_id") {
		s.runID, s.runUnset = pointed(v.runID), v.runID == nil
	}
	return nil
}

func pointed(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// intendedVersion finds the version in models:/name/3, /latest, /Stage or @alias.
func intendedVersion(c *call, m *model, u modelsURI) (*version, error) {
	switch {
	case u.version != "":
		return findVersion(c, m.name, u.version)
	case u.alias != "":
		return resolveAlias(c, m.name, u.alias)
	}
	wanted, note := stages, ""
	if u.stage != "" {
		stage, err := canonicalStage(u.stage)
		if err != nil {
			return nil, err
		}
		wanted, note = []string{stage}, " and stage '"+u.stage+"'"
	}
	var newest *version
	for _, v := range m.latest() {
		if slices.Contains(wanted, v.stage) {
			newest = v
		}
	}
	if newest == nil {
		return nil, internal("No versions of model with name '%s'%s found", m.name, note)
	}
	return newest, nil
}

// locate finds where the artifacts of the source are, and its run if only a logged model is given.
func locate(c *call, s *source) error {
	s.download = s.uri
	if schemeOf(s.uri) == "models" && !c.sw.verbatimModels {
		if err := locateModels(c, s); err != nil {
			return err
		}
	}
	if s.runID == "" && s.modelID != "" {
		m := c.space.loggedModel(s.modelID)
		if m == nil {
			return missing("Logged model with ID '%s' not found.", s.modelID)
		}
		s.runID, s.runUnset = m.sourceRun, m.sourceRun == ""
	}
	return nil
}

func locateModels(c *call, s *source) error {
	u, err := parseModelsURI(s.uri)
	if err != nil {
		return errUnlocatable(c, s.uri, err)
	}
	if u.modelID != "" && c.sw.loggedModels {
		m := c.space.loggedModel(u.modelID)
		if m == nil {
			return errUnlocatable(c, s.uri, missing("Logged model with ID '%s' not found.", u.modelID))
		}
		s.download = m.artifactURI
		if s.runID == "" {
			s.runID, s.runUnset = m.sourceRun, m.sourceRun == ""
		}
		return nil
	}
	v, err := findVersion(c, u.name, u.version)
	if err != nil {
		return errUnlocatable(c, s.uri, err)
	}
	s.download = v.download
	return nil
}

func errUnlocatable(c *call, uri string, err error) error {
	why := err.Error()
	if api, ok := err.(*apiError); ok {
		why = api.message
	}
	return internal("Unable to fetch model from model URI source artifact location '%s'.Error: %s", uri, why)
}

// modelsURI is a parsed models:/ URI: the id of a logged model, or a name with a version, stage, alias or none.
type modelsURI struct{ modelID, name, version, stage, alias string }

var allDigits = regexp.MustCompile(`^\pN+$`)

func parseModelsURI(uri string) (modelsURI, error) {
	p := pathOf(uri)
	parts := strings.Split(strings.TrimLeft(p, "/"), "/")
	if !strings.HasPrefix(p, "/") || len(p) < 2 || len(parts) > 2 || strings.TrimSpace(parts[0]) == "" {
		return modelsURI{}, improper(uri)
	}
	if len(parts) == 2 {
		suffix := parts[1]
		switch {
		case strings.TrimSpace(suffix) == "":
			return modelsURI{}, improper(uri)
		case allDigits.MatchString(suffix):
			return modelsURI{name: parts[0], version: suffix}, nil
		case isLatest(suffix):
			return modelsURI{name: parts[0]}, nil
		}
		return modelsURI{name: parts[0], stage: suffix}, nil
	}
	if i := strings.LastIndex(parts[0], "@"); i >= 0 {
		if strings.TrimSpace(parts[0][i+1:]) == "" {
			return modelsURI{}, improper(uri)
		}
		return modelsURI{name: parts[0][:i], alias: parts[0][i+1:]}, nil
	}
	return modelsURI{modelID: parts[0]}, nil
}

func improper(uri string) error {
	return internal(
		"Not a proper models:/ URI: %s. Models URIs must be of the form 'models:/name/suffix' or "+
			"'models:/name@alias' where suffix is a version, stage, or the string 'latest' and where alias is a "+
			"registered model alias. Only one of suffix or alias can be defined at a time.",
		uri,
	)
}

func isLatest(s string) bool { return strings.EqualFold(s, "latest") }

var schemeForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.\-]*):`)

// schemeOf, authorityOf and pathOf split a URI without checking it, like servers. net/url would refuse URIs that they
// accept.
func schemeOf(uri string) string {
	if m := schemeForm.FindStringSubmatch(uri); m != nil {
		return strings.ToLower(m[1])
	}
	return ""
}

func authorityOf(uri string) string {
	rest, ok := strings.CutPrefix(afterScheme(uri), "//")
	if !ok {
		return ""
	}
	return rest[:upTo(rest, "/?#")]
}

func pathOf(uri string) string {
	rest := afterScheme(uri)
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		rest = after[upTo(after, "/?#"):]
	}
	return rest[:upTo(rest, "?#")]
}

func afterScheme(uri string) string {
	if m := schemeForm.FindString(uri); m != "" {
		return uri[len(m):]
	}
	return uri
}

func upTo(s, any string) int {
	if i := strings.IndexAny(s, any); i >= 0 {
		return i
	}
	return len(s)
}

// onThisHost reports whether a file: URI is on the server's own disk. The server can read no other.
func onThisHost(uri string) error {
	host, _, _ := strings.Cut(authorityOf(uri), ":")
	if schemeOf(uri) != "file" || host == "" || host == "." || strings.HasPrefix(host, "localhost") ||
		strings.HasPrefix(host, "127.0.0.1") {
		return nil
	}
	return internal(
		"%s is not a valid remote uri. For remote access on windows, please consider using a different scheme such "+
			"as SMB (e.g. smb://<hostname>/<path>).",
		uri,
	)
}

func isLocal(uri string) bool {
	scheme := schemeOf(uri)
	return scheme == "" || scheme == "file"
}

func localPath(uri string) string {
	if schemeOf(uri) == "file" {
		uri = pathOf(uri)
	}
	return path.Clean("/" + uri)
}

func within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

// ownArtifacts reports whether a source uses the server's own artifact proxy.
func ownArtifacts(uri string) bool {
	switch schemeOf(uri) {
	case "mlflow-artifacts":
		return true
	case "http", "https":
		return strings.Contains(pathOf(uri), "/api/2.0/mlflow-artifacts/artifacts")
	}
	return false
}

// uriWithin compares the scheme, the host and the decoded path elements.
func uriWithin(uri, root string) bool {
	a, b := pathElements(uri), pathElements(root)
	return schemeOf(uri) == schemeOf(root) && strings.EqualFold(authorityOf(uri), authorityOf(root)) &&
		len(b) > 0 && len(a) >= len(b) && slices.Equal(a[:len(b)], b)
}

func pathElements(uri string) []string {
	var out []string
	for _, e := range strings.Split(pathOf(uri), "/") {
		if e == "" {
			continue
		}
		for {
			next, err := url.PathUnescape(e)
			if err != nil || next == e {
				break
			}
			e = next
		}
		out = append(out, e)
	}
	return out
}
