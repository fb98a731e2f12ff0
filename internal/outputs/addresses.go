package outputs

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Addresses are the addresses of the MLflow servers, as the inputs give them. Many teams store the address as a secret.
// GitHub masks it in the log and the summary, but it drops outputs that contain it, and it does not mask comments and
// issues.
type Addresses struct{ Tracking, Registry string }

// Hide replaces the addresses by the names of variables.
func (a Addresses) Hide(text string) string { return a.replacer().Replace(text) }

// HideIn is like Hide, for text about a result. Entries that were saved before name the server themselves.
func (a Addresses) HideIn(result report.Result, text string) string {
	var recorded []string
	if h := result.History; h != nil {
		for _, e := range h.Entries {
			recorded = append(recorded, e.Record.Server)
		}
	}
	return a.replacer(recorded...).Replace(text)
}

func (a Addresses) replacer(recorded ...string) *strings.Replacer {
	var pairs []string
	add := func(address, name string) {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || slices.Contains(pairs, u.Host) {
			return
		}
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		for _, form := range []string{strings.TrimSuffix(u.String(), "/"), u.Scheme + "://" + u.Host, u.Host} {
			if strings.ContainsAny(form, ".:") { // a host without a dot may be an ordinary word
				pairs = append(pairs, form, name)
			}
		}
	}
	add(a.Tracking, "$MLFLOW_TRACKING_URI")
	add(a.Registry, "$MLFLOW_REGISTRY_URI")
	for _, server := range recorded {
		add(server, "$MLFLOW_REGISTRY_URI")
	}
	return strings.NewReplacer(pairs...)
}
