package modelparts

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestResources(t *testing.T) {
	for text, want := range map[string]string{
		"":              "",
		"resources:":    "",
		"resources: {}": "",
		// as MLflow 3.17.2 writes them
		`resources: {api_version: '1', databricks: {serving_endpoint: [{name: llama}], table: [{name: a.b.c, on_behalf_of_user: true}, {name: a.b.d}]}}`: "serving_endpoint:llama table:a.b.c table:a.b.d",
		`auth_policy: {system_auth_policy: {resources: {api_version: '1', databricks: {function: [{name: f}]}}}, user_auth_policy: {api_scopes: [sql]}}`: "function:f scope:sql",
		`auth_policy: {system_auth_policy: {}, user_auth_policy: {}}`:                                                                                    "",
		`{resources: {databricks: {table: [{name: t}]}}, auth_policy: {system_auth_policy: {resources: {databricks: {table: [{name: u}]}}}}}`:            "table:t table:u",
		// what could hide a resource
		"resources: [table]":                                 "! not a mapping",
		"resources: {api_version: '2', databricks: {}}":      "! unknown version",
		"resources: {databricks: [table]}":                   "! not a mapping",
		"resources: {databricks: {table: {name: t}}}":        "! not a list",
		"resources: {databricks: {table: [t]}}":              "! has no name",
		"resources: {databricks: {table: [{name: 7}]}}":      "! has no name",
		"resources: {databricks: {'table:x': [{name: t}]}}":  "! unknown kind",
		"auth_policy: x":                                     "! not a mapping",
		"auth_policy: {system_auth_policy: [x]}":             "! not a mapping",
		"auth_policy: {other: {}}":                           "! unknown key",
		"auth_policy: {user_auth_policy: {api_scopes: x}}":   "! not a list",
		"auth_policy: {user_auth_policy: {api_scopes: [1]}}": "! not a text",
	} {
		var file struct {
			Resources any `yaml:"resources"`
			Policy    any `yaml:"auth_policy"`
		}
		if err := yaml.Unmarshal([]byte(text), &file); err != nil {
			t.Fatal(err)
		}
		found, unclear := Resources(file.Resources, file.Policy)
		why, refused := strings.CutPrefix(want, "! ")
		switch {
		case refused && !strings.Contains(unclear, why), !refused && unclear != "",
			!refused && strings.Join(found, " ") != want:
			t.Errorf("%s: %v, %q, want %q", text, found, unclear, want)
		}
	}
}
