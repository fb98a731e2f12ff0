package registry

import (
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/location"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// modelsURI is a parsed models:/ URI. It contains either the id of a logged model, or a name with at most one of a
// version, a stage and an alias.
type modelsURI struct{ modelID, name, version, stage, alias string }

var allDigits = regexp.MustCompile(`^\pN+$`)

func parseModelsURI(uri string) (modelsURI, error) {
	p := location.Path(uri)
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
	return wire.Internal(
		"Not a proper models:/ URI: %s. Models URIs must be of the form 'models:/name/suffix' or "+
			"'models:/name@alias' where suffix is a version, stage, or the string 'latest' and where alias is a "+
			"registered model alias. Only one of suffix or alias can be defined at a time.",
		uri,
	)
}

func isLatest(s string) bool { return strings.EqualFold(s, "latest") }

// onThisHost checks that a file: URI is on the server's own disk, because the server cannot read any other disk.
func onThisHost(uri string) error {
	host, _, _ := strings.Cut(location.Authority(uri), ":")
	if location.Scheme(uri) != "file" || host == "" || host == "." || strings.HasPrefix(host, "localhost") ||
		strings.HasPrefix(host, "127.0.0.1") {
		return nil
	}
	return wire.Internal(
		"%s is not a valid remote uri. For remote access on windows, please consider using a different scheme such "+
			"as SMB (e.g. smb://<hostname>/<path>).",
		uri,
	)
}

// ownArtifacts reports whether a source is in the server's own artifact proxy.
func ownArtifacts(uri string) bool {
	switch location.Scheme(uri) {
	case "mlflow-artifacts":
		return true
	case "http", "https":
		return strings.Contains(location.Path(uri), "/api/2.0/mlflow-artifacts/artifacts")
	}
	return false
}
