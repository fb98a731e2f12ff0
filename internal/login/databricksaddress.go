package login

import (
	"net/url"
	"strings"
)

// Recognise reports whether the text is the address of a Databricks workspace. address is the workspace's address,
// or problem says what is wrong with the text. tracking is true for the server with the runs. The registry uses
// different names.
func (d Databricks) Recognise(text string, tracking bool) (address, problem string, is bool) {
	workspace, hostErr := d.Address()
	scheme, profile, hasProfile := strings.Cut(text, "://")
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
	case hostErr != nil:
		return "", "needs the address of the workspace; set the variable DATABRICKS_HOST, such as " +
			"https://dbc-a1b2345c-d6e7.cloud.databricks.com", true
	}
	return workspace, "", true
}
