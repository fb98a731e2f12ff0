package dialect

import (
	"net/url"
	"slices"
	"strings"
)

// Databricks says what an address of Databricks means. tracking is set for the server of the runs, which needs no
// registry. host is the address of the workspace in the environment.
//
// is reports whether the address is one of Databricks. address is then the server's, or problem says what is wrong with
// the text.
func Databricks(text, host string, tracking bool) (address, problem string, is bool) {
	scheme, profile, hasProfile := strings.Cut(text, "://")
	workspace := workspaceOf(host)
	switch scheme = strings.ToLower(scheme); {
	case scheme != "databricks" && scheme != "databricks-uc":
		u, err := url.Parse(text)
		switch {
		case err == nil && workspace != "" && strings.EqualFold(u.Scheme+"://"+u.Host, workspace):
			return workspace, "", true
		case err == nil && ofDatabricks(u.Hostname()):
			return "", "is a workspace of Databricks, and not the one in DATABRICKS_HOST; write databricks, and set " +
				"the variable DATABRICKS_HOST to this address", true
		}
		return "", "", false
	case hasProfile && strings.Trim(profile, "/") != "":
		return "", "names a profile of Databricks' configuration file, which is not read; write " + scheme +
			", and set the variables DATABRICKS_HOST and DATABRICKS_TOKEN", true
	case scheme == "databricks" && !tracking:
		return "", "is the workspace registry of Databricks, which has stages and no aliases and is not supported; " +
			"write databricks-uc for Unity Catalog", true
	case scheme == "databricks-uc" && tracking:
		return "", "is only a registry; write databricks", true
	case workspace == "":
		return "", "needs the address of the workspace; set the variable DATABRICKS_HOST, such as " +
			"https://dbc-a1b2345c-d6e7.cloud.databricks.com", true
	}
	return workspace, "", true
}

// domains are the ends of the host names of workspaces.
var domains = []string{
	".cloud.databricks.com", ".cloud.databricks.us", ".gcp.databricks.com", ".azuredatabricks.net",
	".databricks.azure.us", ".databricks.azure.cn",
}

// ofDatabricks reports whether a host is a workspace in one of Databricks' domains.
func ofDatabricks(host string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return strings.HasSuffix(strings.ToLower(host), d) })
}

// workspaceOf returns the address in DATABRICKS_HOST without a page, or "" if it is not an address. As in Databricks'
// SDKs, it may have no scheme.
func workspaceOf(host string) string {
	host = strings.TrimSpace(host)
	if host != "" && !strings.Contains(host, "://") {
		host = "https://" + host
	}
	u, err := url.Parse(host)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, ":443")
}
