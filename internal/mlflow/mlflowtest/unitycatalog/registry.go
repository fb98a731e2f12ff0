package unitycatalog

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

type object = map[string]any

// endpoint is one of the registry's endpoints.
type endpoint struct {
	fields []string // the fields that a request may contain
	owner  bool     // whether only the model's owner may call it
	handle func(*Facade, *call, string) answer
}

// endpoints contains all endpoints, keyed by method and path.
var endpoints = map[string]endpoint{
	"POST registered-models/create": {
		[]string{"name", "tags", "description", "deployment_job_id"}, false, (*Facade).changeTags,
	},
	"PATCH registered-models/update": {
		[]string{"name", "new_name", "description", "deployment_job_id"}, true, (*Facade).pass,
	},
	"DELETE registered-models/delete": {[]string{"name"}, true, (*Facade).pass},
	"GET registered-models/get":       {[]string{"name"}, false, (*Facade).pass},
	"GET registered-models:is-databricks-sdk-models-artifact-repository-enabled": {nil, false, byFiles},
	"GET registered-models/search":        {[]string{"max_results", "page_token"}, false, (*Facade).search},
	"POST registered-models/alias":        {[]string{"name", "alias", "version"}, true, (*Facade).pass},
	"DELETE registered-models/alias":      {[]string{"name", "alias"}, true, (*Facade).pass},
	"GET registered-models/alias":         {[]string{"name", "alias"}, false, (*Facade).pass},
	"POST registered-models/set-tag":      {[]string{"name", "key", "value"}, true, (*Facade).changeTags},
	"DELETE registered-models/delete-tag": {[]string{"name", "key"}, true, (*Facade).pass},
	"POST model-versions/create": {
		[]string{
			"name", "source", "run_id", "description", "tags", "run_tracking_server_id", "feature_deps",
			"model_version_dependencies", "model_id",
		}, false, (*Facade).create,
	},
	"POST model-versions/finalize":        {[]string{"name", "version"}, true, (*Facade).finalize},
	"GET model-versions/get":              {[]string{"name", "version"}, false, (*Facade).pass},
	"GET model-versions/get-download-uri": {[]string{"name", "version"}, false, (*Facade).pass},
	"PATCH model-versions/update":         {[]string{"name", "version", "description"}, true, (*Facade).pass},
	"DELETE model-versions/delete":        {[]string{"name", "version"}, true, (*Facade).pass},
	"POST model-versions/set-tag":         {[]string{"name", "version", "key", "value"}, true, (*Facade).changeTags},
	"DELETE model-versions/delete-tag":    {[]string{"name", "version", "key"}, true, (*Facade).pass},
	"GET model-versions/search":           {[]string{"filter", "max_results", "page_token"}, false, (*Facade).search},
}

// byFiles tells clients whether they may read and write the files of versions by name.
func byFiles(f *Facade, _ *call, _ string) answer {
	return data(http.StatusOK, object{"is_databricks_sdk_models_artifact_repository_enabled": f.namesFiles()})
}

// registry responds to a request to one of the registry's endpoints.
func (f *Facade) registry(c *call, path string) answer {
	e, ok := endpoints[c.r.Method+" "+path]
	if !ok {
		return failure(http.StatusNotFound, "ENDPOINT_NOT_FOUND", notThere+"'"+c.r.Method+" "+c.r.URL.Path+"'")
	}
	c.in = object{}
	if c.r.Method == http.MethodGet {
		for name, values := range c.query {
			c.in[name] = values[0]
		}
	} else if err := json.Unmarshal(c.body, &c.in); err != nil {
		return failure(http.StatusBadRequest, "MALFORMED_REQUEST", err.Error())
	}
	for name := range c.in {
		if !slices.Contains(e.fields, name) {
			return invalid("%s has no parameter '%s'", path, name)
		}
	}
	name, _ := c.in["name"].(string)
	if slices.Contains(e.fields, "name") && len(strings.Split(name, ".")) != 3 {
		return invalid("'%s' is not a valid name for the registered model. Specify all three levels of the registered "+
			"model name, as in <catalog_name>.<schema_name>.<model_name>", name)
	}
	f.mu.Lock()
	denied := e.owner && f.foreign[name]
	f.mu.Unlock()
	if denied {
		return failure(http.StatusForbidden, "PERMISSION_DENIED",
			fmt.Sprintf("User is not an owner of Registered model '%s'.", name))
	}
	return e.handle(f, c, path)
}

func invalid(format string, args ...any) answer {
	return failure(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...))
}

// pass sends the request to MLflow, and makes the response look like one from Unity Catalog.
func (f *Facade) pass(c *call, path string) answer {
	return f.translate(f.ask(c, c.r.Method, api+path, c.query, c.body), f.full)
}

// The limits for tags.
const (
	forbidden = ".,-=/:"
	maxKey    = 255
	maxValue  = 1000
	maxTags   = 50
)

// changeTags checks the tags in a request before passing it on.
func (f *Facade) changeTags(c *call, path string) answer {
	tags, _ := c.in["tags"].([]any)
	if key, ok := c.in["key"]; ok {
		tags = append(tags, object{"key": key, "value": c.in["value"]})
		if a := f.roomForTag(c, path, fmt.Sprint(key)); a.status != 0 {
			return a
		}
	}
	for _, t := range tags {
		tag, _ := t.(object)
		key, _ := tag["key"].(string)
		value, _ := tag["value"].(string)
		switch {
		case key == "" || strings.ContainsAny(key, forbidden):
			return invalid("Tag key '%s' is not valid: it must not contain any of %s", key, forbidden)
		case utf8.RuneCountInString(key) > maxKey, utf8.RuneCountInString(value) > maxValue:
			return invalid("Tag '%s' is too long", key)
		case strings.TrimSpace(key) != key, strings.TrimSpace(value) != value:
			return invalid("Tag '%s' begins or ends with a space", key)
		}
	}
	return f.pass(c, path)
}

// roomForTag refuses a tag if the object already has the maximum number of tags.
func (f *Facade) roomForTag(c *call, path, key string) answer {
	subject, _, _ := strings.Cut(path, "/")
	query := url.Values{"name": {fmt.Sprint(c.in["name"])}}
	if v, ok := c.in["version"]; ok {
		query.Set("version", fmt.Sprint(v))
	}
	var has map[string]struct {
		Tags []struct{ Key string }
	}
	_ = json.Unmarshal(f.ask(c, http.MethodGet, api+subject+"/get", query, nil).body, &has) // its own request says why
	for _, of := range has {
		known := slices.ContainsFunc(of.Tags, func(t struct{ Key string }) bool { return t.Key == key })
		if len(of.Tags) >= maxTags && !known {
			return invalid("An object can have at most %d tags", maxTags)
		}
	}
	return answer{}
}

// create registers a version, which is pending until it is finalised.
func (f *Facade) create(c *call, path string) answer {
	for _, name := range []string{"feature_deps", "model_version_dependencies", "run_tracking_server_id"} {
		delete(c.in, name)
	}
	c.body = data(0, c.in).body
	a := f.ask(c, http.MethodPost, api+path, nil, c.body)
	var made struct {
		Version struct{ Name, Version string } `json:"model_version"`
	}
	if a.status == http.StatusOK && json.Unmarshal(a.body, &made) == nil {
		f.Pend(made.Version.Name, made.Version.Version, true)
	}
	return f.translate(a, f.full)
}

func (f *Facade) finalize(c *call, _ string) answer {
	name, version := fmt.Sprint(c.in["name"]), fmt.Sprint(c.in["version"])
	f.Pend(name, version, false)
	query := url.Values{"name": {name}, "version": {version}}
	return f.translate(f.ask(c, http.MethodGet, api+"model-versions/get", query, nil), f.full)
}

// byName matches the only filter that a search for versions supports.
var byName = regexp.MustCompile(`^\s*name\s*=\s*'([^']*)'\s*$`)

const (
	firstPage = "first" // token of the second page; the first page is always empty
	pageRows  = "2"
)

// search sends an empty page first, and then short ones. The rows are in no useful order, and have neither tags nor
// aliases.
func (f *Facade) search(c *call, path string) answer {
	if filter, given := c.in["filter"]; given && !byName.MatchString(fmt.Sprint(filter)) {
		return invalid("Unsupported filter query: `%s`", filter)
	}
	token := c.query.Get("page_token")
	if token == "" {
		return data(http.StatusOK, object{"next_page_token": firstPage})
	}
	c.query.Set("max_results", pageRows)
	if c.query.Del("page_token"); token != firstPage {
		c.query.Set("page_token", token)
	}
	a := f.ask(c, http.MethodGet, api+path, c.query, nil)
	return f.translate(a, func(row object) {
		f.full(row)
		delete(row, "tags")
		delete(row, "aliases")
	})
}

// translate changes every model and version in a response.
func (f *Facade) translate(a answer, change func(object)) answer {
	var out object
	if a.status != http.StatusOK || json.Unmarshal(a.body, &out) != nil {
		return a
	}
	for _, key := range []string{"registered_model", "model_version"} {
		if row, ok := out[key].(object); ok {
			change(row)
		}
	}
	for _, key := range []string{"registered_models", "model_versions"} {
		rows, _ := out[key].([]any)
		slices.Reverse(rows)
		for _, row := range rows {
			if fields, ok := row.(object); ok {
				change(fields)
			}
		}
	}
	translated := data(a.status, out)
	if date := a.header.Get("Date"); date != "" {
		translated.header.Set("Date", date)
	}
	return translated
}

// full makes a model or version look like one from Unity Catalog. A version lists its aliases as objects.
func (f *Facade) full(row object) {
	delete(row, "latest_versions")
	delete(row, "current_stage")
	version, isVersion := row["version"].(string)
	if !isVersion {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending[fmt.Sprint(row["name"])+" "+version] {
		row["status"] = "PENDING_REGISTRATION"
	}
	aliases, _ := row["aliases"].([]any)
	for i, alias := range aliases {
		aliases[i] = object{"alias": alias, "version": version}
	}
}
