package mlflowtest

import (
	"slices"
	"strconv"
	"strings"
)

// version is a version of a registered model.
type version struct {
	model       *model
	name        string // as its creator wrote it, if the database considers that equal to the name of the model
	number      int64
	created     int64
	updated     int64
	description *string
	stage       string
	source      string
	download    string // location of the artifacts; differs from source if that was a models:/ URI
	runID       *string
	runLink     *string
	status      string
	message     string
	tags        tags
	deleted     bool
}

type versionJSON struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	Created     int64    `json:"creation_timestamp"`
	Updated     int64    `json:"last_updated_timestamp"`
	Stage       string   `json:"current_stage"`
	Description *string  `json:"description,omitempty"`
	Source      string   `json:"source"`
	RunID       *string  `json:"run_id,omitempty"`
	Status      string   `json:"status"`
	Message     string   `json:"status_message,omitempty"`
	Tags        tags     `json:"tags,omitempty"`
	RunLink     *string  `json:"run_link,omitempty"`
	Aliases     []string `json:"aliases,omitempty"`
}

func digits(n int64) string { return strconv.FormatInt(n, 10) }

// versionToJSON encodes the version like the server. Searches leave out the aliases.
func versionToJSON(c *call, v *version, withAliases bool) versionJSON {
	out := versionJSON{
		Name: v.name, Version: digits(v.number), Created: v.created, Updated: v.updated, Stage: v.stage,
		Description: v.description, Source: v.source, RunID: v.runID, Status: v.status, Message: v.message,
		Tags: v.tags, RunLink: v.runLink,
	}
	if withAliases && c.sw.aliases {
		out.Aliases = v.model.aliases.of(v.number)
	}
	return out
}

func (m *model) find(number int64) *version {
	for _, v := range m.versions {
		if v.number == number && !v.deleted {
			return v
		}
	}
	return nil
}

// requestedVersion finds the version by the name and number in the request.
func requestedVersion(c *call) (*version, error) {
	return findVersion(c, c.in.str("name"), c.in.str("version"))
}

func findVersion(c *call, name, number string) (*version, error) {
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	n, err := checkVersion(number)
	if err != nil {
		return nil, err
	}
	if m, ok := modelNamed(c, name); ok {
		if v := m.find(n); v != nil {
			return v, nil
		}
	}
	return nil, noVersion(name, n)
}

func noVersion(name string, n int64) error {
	return missing("Model Version (name=%s, version=%d) not found", name, n)
}

func versionAnswer(c *call, v *version) (any, error) {
	return map[string]any{"model_version": versionToJSON(c, v, true)}, nil
}

func createVersion(c *call) (any, error) {
	src, err := acceptSource(c)
	if err != nil {
		return nil, err
	}
	name, t := c.in.str("name"), c.in.tags("tags")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	for _, e := range t {
		if err := checkVersionTag(c, e.Key, e.Value); err != nil {
			return nil, err
		}
	}
	if err := locate(c, &src); err != nil {
		return nil, err
	}
	m, err := findModel(c, name)
	if err != nil {
		return nil, err
	}
	if err := columns(c, column{"source", src.uri, 500}, column{"run_link", c.in.str("run_link"), 500},
		column{"run_id", src.runID, 32}, column{"description", c.in.str("description"), 5000}); err != nil {
		return nil, err
	}
	v := addVersion(c, m, src, t)
	// The version stays even if the response is an error, because these are two transactions.
	c.wrote = true
	if src.modelID != "" && c.sw.loggedModels && !t.prompt() {
		if err := noteVersion(c, src.modelID, v); err != nil {
			return nil, err
		}
	}
	return versionAnswer(c, v)
}

func addVersion(c *call, m *model, src source, t tags) *version {
	now := c.millis()
	description, link := c.in.str("description"), c.in.str("run_link")
	v := &version{
		model: m, name: c.in.str("name"), number: m.nextNumber(), created: now, updated: now,
		description: &description, stage: stageNone,
		source: src.uri, download: src.download, runID: src.run(), runLink: &link, status: "READY", tags: t,
	}
	m.versions, m.updated = append(m.versions, v), now
	return v
}

func (m *model) nextNumber() int64 {
	var highest int64
	for _, v := range m.versions {
		highest = max(highest, v.number)
	}
	return highest + 1
}

func getVersion(c *call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	return versionAnswer(c, v)
}

// updateVersion sets the description. A request without one clears it.
func updateVersion(c *call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	if err := columns(c, column{"description", c.in.str("description"), 5000}); err != nil {
		return nil, err
	}
	v.description, v.updated = nil, c.millis()
	if c.in.has("description") {
		text := c.in.str("description")
		v.description = &text
	}
	return versionAnswer(c, v)
}

func downloadURI(c *call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"artifact_uri": v.download}, nil
}

// deleteVersion hides the version and clears its fields. Its number is not used again. On older servers its aliases
// dangle.
func deleteVersion(c *call) (any, error) {
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	now := c.millis()
	runID, link := "REDACTED-RUN-ID", "REDACTED-RUN-LINK"
	v.deleted, v.updated, v.model.updated = true, now, now
	v.description, v.message = nil, ""
	v.source, v.runID, v.runLink = "REDACTED-SOURCE-PATH", &runID, &link
	if c.sw.aliasDropped || c.cfg.store == "file" {
		v.model.aliases.dropVersion(v.number)
	}
	return struct{}{}, nil
}

func setVersionTag(c *call) (any, error) {
	key, value := c.in.str("key"), c.in.str("value")
	if err := checkVersionAddress(c); err != nil {
		return nil, err
	}
	if err := checkVersionTag(c, key, value); err != nil {
		return nil, err
	}
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	if err := columns(c, column{"value", value, 100_000}); err != nil {
		return nil, err
	}
	putTag(c, &v.tags, key, value)
	return struct{}{}, nil
}

func deleteVersionTag(c *call) (any, error) {
	if err := checkVersionAddress(c); err != nil {
		return nil, err
	}
	if err := checkTagKey(c, c.in.str("key"), "key"); err != nil {
		return nil, err
	}
	v, err := requestedVersion(c)
	if err != nil {
		return nil, err
	}
	removeTag(c, &v.tags, c.in.str("key"))
	return struct{}{}, nil
}

func checkVersionAddress(c *call) error {
	if err := checkModelName(c, c.in.str("name")); err != nil {
		return err
	}
	_, err := checkVersion(c.in.str("version"))
	return err
}

func searchVersions(c *call) (any, error) {
	most, err := versionPage(c)
	if err != nil {
		return nil, err
	}
	clauses, err := parseFilter(c, c.sw.versionFilter(), c.in.str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := versionOrder(c, c.in.list("order_by"))
	if err != nil {
		return nil, err
	}
	found := matchVersions(c, clauses)
	slices.SortFunc(found, order)
	shown, next := found, ""
	if c.sw.versionSearchPaged {
		offset, err := parseToken(c.in.str("page_token"))
		if err != nil {
			return nil, err
		}
		shown, next = onePage(found, offset, most)
	}
	var out struct {
		Versions []versionJSON `json:"model_versions,omitempty"`
		Next     string        `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, v := range shown {
		out.Versions = append(out.Versions, versionToJSON(c, v, c.cfg.store == "file"))
	}
	return out, nil
}

const mostVersions = 200_000

func versionPage(c *call) (int64, error) {
	most := c.in.intOr("max_results", mostVersions)
	if !c.sw.versionSearchPaged {
		return most, nil
	}
	if most > mostVersions {
		return 0, invalid(
			"Invalid value for request parameter max_results. It must be at most %d, but got value %d",
			mostVersions,
			most,
		)
	}
	if most < 1 {
		return 0, invalid("Invalid value for max_results. It must be a positive integer, but got %d", most)
	}
	return most, nil
}

func matchVersions(c *call, clauses []clause) []*version {
	var found []*version
	for _, m := range c.space.models {
		if hidesVersions(c, m, clauses) || c.sw.searchFiltered && !mayRead(c, resourceModel, m.name) {
			continue
		}
		for _, v := range m.versions {
			if !v.deleted && versionMatches(c, v, clauses) {
				found = append(found, v)
			}
		}
	}
	return found
}

// hidesVersions reports whether a search leaves out the versions of a model. One version tagged as a prompt hides all
// of them, unless the search asks for prompts.
func hidesVersions(c *call, m *model, clauses []clause) bool {
	if !c.sw.promptsHidden || asksForPrompts(clauses) {
		return false
	}
	return slices.ContainsFunc(m.versions, func(v *version) bool {
		value, _ := v.tags.get(promptTag)
		return value == "true"
	})
}

const (
	stageNone       = "None"
	stageStaging    = "Staging"
	stageProduction = "Production"
	stageArchived   = "Archived"
)

var stages = []string{stageNone, stageStaging, stageProduction, stageArchived}

func canonicalStage(s string) (string, error) {
	for _, stage := range stages {
		if strings.EqualFold(s, stage) {
			return stage, nil
		}
	}
	return "", invalid("Invalid Model Version stage: %s. Value must be one of %s.", s, strings.Join(stages, ", "))
}

func canonicalStages(names []string) ([]string, error) {
	if len(names) == 0 {
		return stages, nil
	}
	var out []string
	for _, n := range names {
		stage, err := canonicalStage(n)
		if err != nil {
			return nil, err
		}
		out = append(out, stage)
	}
	return out, nil
}

// transitionStage moves a version and archives the others in the stage if requested. On a database, both happen or
// neither. The file store archives first and then looks for the version.
func transitionStage(c *call) (any, error) {
	asked, archive := c.in.str("stage"), c.in.bool("archive_existing_versions")
	stage, err := canonicalStage(asked)
	if err != nil {
		return nil, err
	}
	if archive && stage != stageStaging && stage != stageProduction {
		return nil, internal(
			"Model version transition cannot archive existing model versions because '%s' is not an Active stage. "+
				"Valid stages are ['Staging', 'Production']",
			asked,
		)
	}
	v, err := requestedVersion(c)
	if archive && (err == nil || c.cfg.store == "file") {
		archiveOthers(c, c.in.str("name"), c.in.str("version"), stage)
	}
	if err != nil {
		return nil, err
	}
	now := c.millis()
	v.stage, v.updated, v.model.updated = stage, now, now
	noteMove(c, v.model.name)
	return versionAnswer(c, v)
}

func archiveOthers(c *call, name, number, stage string) {
	keep, _ := checkVersion(number) // an invalid number equals none, so all are archived
	m, ok := modelNamed(c, name)
	if !ok {
		return
	}
	for _, v := range m.versions {
		if !v.deleted && v.stage == stage && v.number != keep && !missedBySnapshot(c, v) {
			v.stage, v.updated = stageArchived, c.millis()
			c.wrote = true
		}
	}
}
