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
type Addresses struct{ Tracking, Registry, Source string }

// Hider returns a function that replaces the addresses by the names of variables. Entries of a history that was saved
// before name a server themselves, so it replaces those addresses too.
func (a Addresses) Hider(result report.Result) func(string) string {
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
	add(a.Source, "$SOURCE_TRACKING_URI")
	if result.History != nil {
		for _, e := range result.History.Entries {
			add(e.Record.Server, "$MLFLOW_REGISTRY_URI")
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
