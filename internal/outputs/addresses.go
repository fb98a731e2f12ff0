package outputs

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Addresses contains the addresses of the MLflow servers, as given in the inputs. Many teams store them as secrets.
// GitHub masks secrets in the log and the summary, but it drops outputs that contain a secret, and it does not mask
// secrets in comments and issues.
type Addresses struct{ Tracking, Registry, Source string }

// Hider returns a function that replaces the addresses with the names of variables. It also replaces the servers'
// addresses that are recorded in the history's entries.
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
			for _, hop := range e.Record.CopiedFrom {
				add(hop.Server, "$SOURCE_TRACKING_URI")
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
