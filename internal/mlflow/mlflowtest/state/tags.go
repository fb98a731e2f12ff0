package state

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Tags contains tags in the order in which they were first written.
type Tags []Tag

// Tag is a key with a value, used for tags and parameters.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Put writes a tag.
func (t *Tags) Put(key, value string) {
	for i := range *t {
		if (*t)[i].Key == key {
			(*t)[i].Value = value
			return
		}
	}
	*t = append(*t, Tag{key, value})
}

// Get returns the value of a tag.
func (t Tags) Get(key string) (string, bool) {
	for _, e := range t {
		if e.Key == key {
			return e.Value, true
		}
	}
	return "", false
}

// PromptTag marks models and versions that are prompts.
const PromptTag = "mlflow.prompt.is_prompt"

// Prompt reports whether the tags mark a prompt.
func (t Tags) Prompt() bool {
	v, _ := t.Get(PromptTag)
	return strings.EqualFold(v, "true")
}

// TagsIn reads tags from a request.
func TagsIn(m *wire.Message, name string) Tags {
	var t Tags
	for _, e := range m.Each(name) {
		t.Put(e.Str("key"), e.Str("value"))
	}
	return t
}

func (t Tags) asMap() map[string]string {
	out := map[string]string{}
	for _, e := range t {
		out[e.Key] = e.Value
	}
	return out
}
