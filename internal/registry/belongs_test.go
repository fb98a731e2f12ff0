package registry

import (
	"testing"
	"time"
)

const someModel = "m-00000000000000000000000000000001"

func TestLoggedIn(t *testing.T) {
	for source, want := range map[string]string{
		"models:/" + someModel: someModel,
		"mlflow-artifacts:/7/models/" + someModel + "/artifacts":       someModel,
		"s3://evil/models/" + someModel + "/artifacts":                 someModel, // only a claim
		"mlflow-artifacts:/7/models/" + someModel + "/artifacts/model": "",
		"models:/" + someModel + "/3":                                  "",
		"models:/churn/3":                                              "",
		"models:/m-1":                                                  "",
		"s3://bucket/" + someModel:                                     "",
		"s3://bucket/" + someModel + "/artifacts":                      "",
		"s3://bucket/models/" + someModel + "x/artifacts":              "",
		"s3://bucket/models/" + someModel + "/files":                   "",
		"": "",
	} {
		if got := LoggedIn(source); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

func TestLoggedModel_IsAt(t *testing.T) {
	m := LoggedModel{ID: someModel, ArtifactURI: "s3://old/7/models/" + someModel + "/artifacts"}
	roots := []MovedRoot{{From: "s3://old/7", To: "gs://new/7", Until: time.Now()}}
	for name, c := range map[string]struct {
		source string
		roots  []MovedRoot
		want   bool
	}{
		"its id":                          {"models:/" + someModel, nil, true},
		"the id of another":               {"models:/m-00000000000000000000000000000002", nil, false},
		"its files":                       {"s3://old/7/models/" + someModel + "/artifacts/", nil, true},
		"a folder in its files":           {"s3://old/7/models/" + someModel + "/artifacts/model", nil, false},
		"a place that looks like it":      {"s3://evil/7/models/" + someModel + "/artifacts", nil, false},
		"its files after a move":          {"gs://new/7/models/" + someModel + "/artifacts", roots, true},
		"the new place without that move": {"gs://new/7/models/" + someModel + "/artifacts", nil, false},
		"a move of something else":        {"gs://new/8/models/" + someModel + "/artifacts", roots, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := m.IsAt(c.source, c.roots...); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	if (LoggedModel{ID: someModel}).IsAt("") {
		t.Error("no place is that of a model without a place")
	}
}
