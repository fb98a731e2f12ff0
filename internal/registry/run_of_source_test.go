package registry

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	goodModel = "m-00000000000000000000000000000001"
	evilModel = "m-00000000000000000000000000000002"
)

func TestBelongsToRun(t *testing.T) {
	run := Run{
		ID:           "r1",
		ExperimentID: "1",
		ArtifactURI:  "mlflow-artifacts:/1/r1/artifacts",
		Outputs:      []ModelOutput{{ModelID: goodModel}, {ModelID: evilModel}},
	}
	at := func(uri string) Run { r := run; r.ArtifactURI = uri; return r }
	logged := func(id, experiment, source string) *LoggedModel {
		return &LoggedModel{ID: id, ExperimentID: experiment, SourceRunID: source}
	}
	moved := []MovedRoot{{From: "s3://old/mlflow", To: "s3://new/store", Until: time.Now()}}
	for name, c := range map[string]struct {
		source string
		logged *LoggedModel
		run    Run
		roots  []MovedRoot
		want   bool
	}{
		"a logged model in the experiment and the outputs": {"", logged(goodModel, "1", "r1"), run, nil, true},
		"without a source run, but in the outputs":         {"", logged(goodModel, "1", ""), run, nil, true},
		"in another experiment, although in the outputs":   {"", logged(evilModel, "2", "r1"), run, nil, false},
		"without an experiment, like its run": {
			"",
			logged(goodModel, "", "r1"),
			Run{ID: "r1", Outputs: run.Outputs},
			nil,
			false,
		},
		"logged by another run": {"", logged(goodModel, "1", "r2"), run, nil, false},
		"not in the outputs":    {"", logged("m-3", "1", "r1"), run, nil, false},
		"artifacts elsewhere that claim to be a logged model": {
			"s3://evil/models/" + goodModel + "/artifacts",
			logged(goodModel, "1", "r1"),
			run,
			nil,
			false,
		},
		"another logged model at a location below the run": {
			"mlflow-artifacts:/1/r1/artifacts/models/" + evilModel + "/artifacts",
			&LoggedModel{
				ID:           evilModel,
				ExperimentID: "2",
				SourceRunID:  "r1",
				ArtifactURI:  "mlflow-artifacts:/1/r1/artifacts/models/" + evilModel + "/artifacts",
			},
			run, nil, false,
		},
		"artifacts below the run's artifacts": {
			"mlflow-artifacts:/1/r1/artifacts/model",
			nil,
			run,
			nil,
			true,
		},
		"a runs:/ URI of the run":     {"runs:/r1/model", nil, run, nil, true},
		"a runs:/ URI of another run": {"runs:/r2/model", nil, run, nil, false},
		"the run's artifact folder itself": {
			"mlflow-artifacts:/1/r1/artifacts",
			nil,
			run,
			nil,
			false,
		},
		"artifacts of another run": {
			"mlflow-artifacts:/1/r2/artifacts/model",
			nil,
			run,
			nil,
			false,
		},
		"a folder with the artifact folder's name as prefix": {
			"mlflow-artifacts:/1/r1/artifacts2/model",
			nil,
			run,
			nil,
			false,
		},
		"a path that leaves the run": {
			"mlflow-artifacts:/1/r1/artifacts/../../r2/artifacts/model",
			nil,
			run,
			nil,
			false,
		},
		"an encoded path that leaves the run": {"mlflow-artifacts:/1/r1/artifacts/%2E%2e/x", nil, run, nil, false},
		"an encoded slash":                    {"mlflow-artifacts:/1/r1/artifacts/a%2Fb", nil, run, nil, false},
		"a query":                             {"mlflow-artifacts:/1/r1/artifacts/model?x", nil, run, nil, false},
		"a backslash":                         {`mlflow-artifacts:/1/r1/artifacts/..\x`, nil, run, nil, false},
		"another host":                        {"mlflow-artifacts://evil/1/r1/artifacts/model", nil, run, nil, false},
		"another scheme":                      {"s3:/1/r1/artifacts/model", nil, run, nil, false},
		"double slashes and single dots are ignored": {
			"mlflow-artifacts:/1//r1/./artifacts/model",
			nil,
			run,
			nil,
			true,
		},
		"./mlruns and mlruns are the same folder": {
			"mlruns/1/r1/artifacts/model",
			nil,
			at("./mlruns/1/r1/artifacts"),
			nil,
			true,
		},
		"a relative folder is not an absolute one": {
			"/mlruns/1/r1/artifacts/model",
			nil,
			at("mlruns/1/r1/artifacts"),
			nil,
			false,
		},
		"file:// URIs are paths": {
			"/srv/mlruns/1/r1/artifacts/model",
			nil,
			at("file:///srv/mlruns/1/r1/artifacts"),
			nil,
			true,
		},
		"file:// URIs of this host too": {
			"file://localhost/srv/r1/artifacts/model",
			nil,
			at("/srv/r1/artifacts"),
			nil,
			true,
		},
		"file:// URIs of another host are not": {
			"file://nas/srv/r1/artifacts/model",
			nil,
			at("/srv/r1/artifacts"),
			nil,
			false,
		},
		"schemes ignore case": {
			"S3://b/r1/artifacts/model",
			nil,
			at("s3://b/r1/artifacts"),
			nil,
			true,
		},
		"buckets do not ignore case": {
			"s3://B/r1/artifacts/model",
			nil,
			at("s3://b/r1/artifacts"),
			nil,
			false,
		},
		"a moved store": {
			"s3://new/store/1/r1/artifacts/model",
			nil,
			at("s3://old/mlflow/1/r1/artifacts"),
			moved,
			true,
		},
		"a moved store with another run": {
			"s3://new/store/1/r2/artifacts/model",
			nil,
			at("s3://old/mlflow/1/r1/artifacts"),
			moved,
			false,
		},
		"a moved store without an allowed move": {
			"s3://new/store/1/r1/artifacts/model",
			nil,
			at("s3://old/mlflow/1/r1/artifacts"),
			nil,
			false,
		},
		"a store other than the moved one": {
			"s3://newer/store/1/r1/artifacts/model",
			nil,
			at("s3://old/mlflow/1/r1/artifacts"),
			moved,
			false,
		},
		"a run without artifacts":             {"s3://b/model", nil, at(""), nil, false},
		"no source":                           {"", nil, run, nil, false},
		"a source with a control character":   {"mlflow-artifacts:/1/r1/artifacts/mo\x00del", nil, run, nil, false},
		"a run without an id, even at runs:/": {"runs:/model/x", nil, Run{}, nil, false},
		"an artifact URI without a path":      {"s3://b/r1/model", nil, at("s3://"), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.logged != nil && c.source == "" {
				c.source = "models:/" + c.logged.ID
			}
			if why := BelongsToRun(c.source, c.logged, c.run, c.roots...); (why == "") != c.want {
				t.Errorf("got %v, want %v: %s", why == "", c.want, why)
			}
		})
	}
}

func TestSameRegistration(t *testing.T) {
	run := Run{ID: "r1", ArtifactURI: "s3://b/1/r1/artifacts"}
	logged := Source{
		RunID:       "r1",
		ModelID:     goodModel,
		URI:         "models:/" + goodModel,
		ArtifactURI: "s3://b/1/models/" + goodModel + "/artifacts",
	}
	path := Source{RunID: "r1", URI: "s3://b/1/r1/artifacts/model", Path: "model"}
	for name, c := range map[string]struct {
		version Version
		source  Source
		want    bool
	}{
		"the logged model by id": {Version{RunID: "r1", Source: "models:/" + goodModel}, logged, true},
		"the logged model by location": {
			Version{RunID: "r1", Source: "s3://b/1/models/" + goodModel + "/artifacts/"},
			logged,
			true,
		},
		"another logged model": {
			Version{RunID: "r1", Source: "models:/" + evilModel},
			logged,
			false,
		},
		"the logged model's id in another path": {
			Version{RunID: "r1", Source: "s3://evil/" + goodModel + "/artifacts"},
			logged,
			false,
		},
		"the same location": {
			Version{RunID: "r1", Source: "s3://b/1/r1/artifacts/model"},
			path,
			true,
		},
		"the same location with a trailing slash": {
			Version{RunID: "r1", Source: "s3://b/1/r1/artifacts/model/"},
			path,
			true,
		},
		"the same location as a runs:/ URI": {Version{RunID: "r1", Source: "runs:/r1/model"}, path, true},
		"another folder of the run":         {Version{RunID: "r1", Source: "runs:/r1/other"}, path, false},
		"another run":                       {Version{RunID: "r2", Source: "s3://b/1/r1/artifacts/model"}, path, false},
		"our tag on another source": {Version{
			RunID: "r1", Source: "s3://evil/model", Tags: map[string]string{TagRequest: "digest"},
		}, Source{RunID: "r1", URI: path.URI, Request: "digest"}, false},
		"a copy of the same version": {
			Version{RunID: "r1", Source: "models:/dev/3"},
			Source{RunID: "r1", URI: "models:/dev/3"},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SameRegistration(c.version, c.source, run); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// A source that leaves the artifact folder never counts as being under it, however the source is written.
func TestArtifactPath_NeverClimbs(t *testing.T) {
	run := Run{ID: "r1", ArtifactURI: "s3://b/1/r1/artifacts"}
	segment := rapid.SampledFrom([]string{
		"model", "a", ".", "..", "", "%2e%2e", "..%2f", "r2", "artifacts", "artifacts2", `..\`,
	})
	rapid.Check(t, func(t *rapid.T) {
		source := "s3://b/1/r1/artifacts"
		climbs := false
		for _, s := range rapid.SliceOfN(segment, 1, 6).Draw(t, "segments") {
			source += "/" + s
			climbs = climbs ||
				s != "model" && s != "a" && s != "." && s != "" && s != "r2" && s != "artifacts" && s != "artifacts2"
		}
		if path, ok := ArtifactPath(source, run); ok && (climbs || path == "") {
			t.Fatalf("%q has the path %q", source, path)
		}
	})
}

func TestLoggedIn(t *testing.T) {
	for source, want := range map[string]string{
		"models:/" + goodModel: goodModel,
		"mlflow-artifacts:/7/models/" + goodModel + "/artifacts":       goodModel,
		"s3://evil/models/" + goodModel + "/artifacts":                 goodModel, // the location alone proves nothing
		"mlflow-artifacts:/7/models/" + goodModel + "/artifacts/model": "",
		"models:/" + goodModel + "/3":                                  "",
		"models:/churn/3":                                              "",
		"models:/m-1":                                                  "",
		"s3://bucket/" + goodModel:                                     "",
		"s3://bucket/" + goodModel + "/artifacts":                      "",
		"s3://bucket/models/" + goodModel + "x/artifacts":              "",
		"s3://bucket/models/" + goodModel + "/files":                   "",
		"": "",
	} {
		if got := LoggedIn(source); got != want {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}

func TestLoggedModel_IsAt(t *testing.T) {
	m := LoggedModel{ID: goodModel, ArtifactURI: "s3://old/7/models/" + goodModel + "/artifacts"}
	roots := []MovedRoot{{From: "s3://old/7", To: "gs://new/7", Until: time.Now()}}
	for name, c := range map[string]struct {
		source string
		roots  []MovedRoot
		want   bool
	}{
		"its id":                          {"models:/" + goodModel, nil, true},
		"the id of another model":         {"models:/m-00000000000000000000000000000002", nil, false},
		"its location":                    {"s3://old/7/models/" + goodModel + "/artifacts/", nil, true},
		"a folder in its location":        {"s3://old/7/models/" + goodModel + "/artifacts/model", nil, false},
		"a similar location":              {"s3://evil/7/models/" + goodModel + "/artifacts", nil, false},
		"its location after a move":       {"gs://new/7/models/" + goodModel + "/artifacts", roots, true},
		"the new location without a move": {"gs://new/7/models/" + goodModel + "/artifacts", nil, false},
		"a move of another folder":        {"gs://new/8/models/" + goodModel + "/artifacts", roots, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := m.IsAt(c.source, c.roots...); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if (LoggedModel{ID: goodModel}).IsAt("") {
		t.Error("a model without a location is at the empty source")
	}
}

func TestRun_HasModel(t *testing.T) {
	run := Run{ID: "r1", ExperimentID: "1"}
	for name, c := range map[string]struct {
		m    LoggedModel
		want bool
	}{
		"logged by the run":                        {LoggedModel{ExperimentID: "1", SourceRunID: "r1"}, true},
		"in the experiment without a source run":   {LoggedModel{ExperimentID: "1"}, true},
		"in the experiment, logged by another run": {LoggedModel{ExperimentID: "1", SourceRunID: "r2"}, false},
		"in another experiment":                    {LoggedModel{ExperimentID: "2", SourceRunID: "r1"}, false},
		"in another experiment, measured by the run": {
			LoggedModel{ExperimentID: "2", Metrics: []ModelMetric{{Key: "acc", RunID: "r1"}}},
			true,
		},
		"measured by other runs only": {
			LoggedModel{ExperimentID: "2", Metrics: []ModelMetric{{Key: "acc", RunID: "r2"}}},
			false,
		},
	} {
		if got := run.HasModel(c.m); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
