package conformance

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
)

// group is one way to start a server.
type group struct {
	double []mlflowtest.Option
	args   []string
	env    []string
	when   func(*dialect.Dialect) bool
	stores []string
	login  []string // the users of a server with logins, in addition to the administrator
	prefix string
	byHand string // how to start the server if the test cannot; see the flags -at and -group
}

var groups = map[string]group{
	"": {},
	// a separate server for cases that see everything on the server
	"fresh": {},
	// what copies of models need, on servers of each generation
	"copies": {
		when:   func(d *dialect.Dialect) bool { return d.CreateInputs || d.FullPageToken },
		stores: []string{"sqlite"},
	},
	"hosts": {
		double: []mlflowtest.Option{mlflowtest.AllowedHosts("mlflow:5000", "*.example.com")},
		args:   []string{"--allowed-hosts", "mlflow:5000,*.example.com"},
		when:   func(d *dialect.Dialect) bool { return d.HostChecked },
	},
	"workspaces": {
		double: []mlflowtest.Option{mlflowtest.EnableWorkspaces()},
		args:   []string{"--enable-workspaces"},
		when:   func(d *dialect.Dialect) bool { return d.Workspaces },
	},
	"no artifacts": {
		double: []mlflowtest.Option{mlflowtest.ArtifactsOff(), mlflowtest.ArtifactRoot("s3://bucket/root")},
		args:   []string{"--no-serve-artifacts", "--default-artifact-root", "s3://bucket/root"},
		when:   func(d *dialect.Dialect) bool { return d.VersionRoute },
		stores: []string{"sqlite"},
	},
	"artifacts only": {
		double: []mlflowtest.Option{mlflowtest.ArtifactsOnly()},
		byHand: "mlflow server --artifacts-only, without a backend store",
		when:   func(d *dialect.Dialect) bool { return d.VersionRoute },
		stores: []string{"sqlite"},
	},
	"login": {
		double: []mlflowtest.Option{mlflowtest.BasicAuth(
			state.User{Name: "admin", Password: "throw-away-admin", Admin: true},
			state.User{Name: "owner", Password: "password-owner1"},
			state.User{Name: "editor", Password: "password-editor1"},
			state.User{Name: "reader", Password: "password-reader1"},
		)},
		login:  []string{"owner", "editor", "reader"},
		when:   func(d *dialect.Dialect) bool { return d.PromptsHidden },
		stores: []string{"sqlite"},
	},
	"prefix": {
		double: []mlflowtest.Option{mlflowtest.StaticPrefix("/p")},
		prefix: "/p",
		when:   func(d *dialect.Dialect) bool { return d.VersionRoute },
		stores: []string{"sqlite"},
	},
}

// cases contains all the requests for which this package is compared with real servers.
var cases = join(
	modelCases,
	versionCases,
	aliasCases,
	sourceCases,
	searchCases,
	experimentCases,
	runCases,
	loggedCases,
	artifactCases,
	wireCases,
	setupCases,
	copyCases,
)

func join(lists ...[]testCase) []testCase {
	var out []testCase
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func x(n int) string { return strings.Repeat("x", n) }

// repeat formats n consecutive numbers and joins the results with commas.
func repeat(n int, format string) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, i))
	}
	return strings.Join(out, ",")
}

const newRun = `
		POST experiments/create {"name":"$m"} => e=experiment_id
		POST runs/create {"experiment_id":"$e","run_name":"first","user_id":"ann","start_time":1700000000000} => r=run.info.run_id
`

// versioned creates a model with n versions.
func versioned(n int) string {
	return `
		POST registered-models/create {"name":"$m"}` + strings.Repeat(`
		POST model-versions/create {"name":"$m","source":"s3://bucket/key"}`, n) + "\n"
}

var modelCases = []testCase{
	{name: "model: create, get, delete", script: `
		POST registered-models/create {"name":"$m","tags":[{"key":"a","value":"b"},{"key":"c","value":""}],"description":"what it is"}
		GET registered-models/get?name=$m
		POST registered-models/create {"name":"$m"}
		DELETE registered-models/delete {"name":"$m"}
		GET registered-models/get?name=$m
		DELETE registered-models/delete {"name":"$m"}`},
	{name: "model: numbers restart after delete", script: versioned(2) + `
		DELETE registered-models/delete {"name":"$m"}` + versioned(1)},
	{name: "model: a patch without a description clears it", script: `
		POST registered-models/create {"name":"$m","description":"one"}
		PATCH registered-models/update {"name":"$m","description":"two"}
		PATCH registered-models/update {"name":"$m"}
		GET registered-models/get?name=$m
		PATCH registered-models/update {"name":"$m-none","description":"x"}`},
	{name: "model: rename", script: versioned(1) + `
		POST registered-models/rename {"name":"$m","new_name":"$m-two"}
		GET registered-models/get?name=$m
		GET model-versions/get?name=$m-two&version=1
		POST registered-models/create {"name":"$m"}
		! POST registered-models/rename {"name":"$m","new_name":"$m-two"}
		POST registered-models/rename {"name":"$m-none","new_name":"$m-three"}
		POST registered-models/rename {"name":"$m","new_name":""}`},
	{name: "model: renaming to itself", script: versioned(1) + `
		POST registered-models/rename {"name":"$m","new_name":"$m"}`},
	{name: "model: names with a slash or a colon", script: `
		POST registered-models/create {"name":"$m/x"}
		GET registered-models/get?name=$m/x
		POST registered-models/create {"name":"$m:x"}`},
	{name: "model: unusual names", script: `
		POST registered-models/create {"name":"$m with space"}
		POST registered-models/create {"name":"$m ' quote"}
		POST registered-models/create {"name":"$m % percent"}
		POST registered-models/create {"name":"$m trailing "}
		POST registered-models/create {"name":"$m über"}
		POST registered-models/create {"name":"$m+plus&amp=1#hash?"}
		GET registered-models/get?name=$m trailing
		GET registered-models/get?name=$m über`},
	{name: "model: invalid names", script: `
		POST registered-models/create {"name":""}
		POST registered-models/create {"name":null}
		POST registered-models/create {}
		POST registered-models/create {"name":7}
		POST registered-models/create {"name":["$m"]}`},
	{name: "model: blank names and paths", when: func(d *dialect.Dialect) bool { return d.StrictNames }, script: `
		POST registered-models/create {"name":" "}
		POST registered-models/create {"name":".."}
		POST registered-models/create {"name":"."}
		GET registered-models/get?name=..`},
	{name: "model: names are case-sensitive", script: `
		POST registered-models/create {"name":"$m-x"}
		GET registered-models/get?name=$m-X
		! POST registered-models/create {"name":"$m-X"}
		GET registered-models/get?name=$m-x
		GET registered-models/search?filter=name = '$m-X'
		GET registered-models/search?filter=name ILIKE '$m-X'
		POST model-versions/create {"name":"$m-X","source":"s3://bucket/key"}
		GET model-versions/search?filter=name = '$m-x'`},
	{name: "model: tag keys are case-sensitive", script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m","key":"k","value":"1"}
		! POST registered-models/set-tag {"name":"$m","key":"K","value":"2"}
		GET registered-models/get?name=$m`},
	{name: "model: tags", script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m","key":"k","value":"one"}
		POST registered-models/set-tag {"name":"$m","key":"k","value":"two"}
		POST registered-models/set-tag {"name":"$m","key":"no value"}
		GET registered-models/get?name=$m
		DELETE registered-models/delete-tag {"name":"$m","key":"k"}
		DELETE registered-models/delete-tag {"name":"$m","key":"k"}
		GET registered-models/get?name=$m
		POST registered-models/set-tag {"name":"$m-none","key":"k","value":"v"}
		DELETE registered-models/delete-tag {"name":"$m-none","key":"k"}`},
	{name: "model: tag keys", script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m","key":"promote.alias.champion.at","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"a/b c_d-e","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"/leading","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"a/../b","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"a//b","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"trailing/","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":".","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"ümlaut","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"a@b","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"a\nb","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"n","value":5}
		GET registered-models/get?name=$m`},
	{name: "model: tag keys with a colon", when: func(d *dialect.Dialect) bool { return d.ColonInKeys }, script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m","key":"a:b","value":"v"}`},
	{name: "model: tag keys with a colon, refused", when: func(d *dialect.Dialect) bool { return !d.ColonInKeys }, script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m","key":"a:b","value":"v"}`},
	{name: "model: tag lengths", script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m","key":"` + x(250) + `","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"` + x(251) + `","value":"v"}
		POST registered-models/set-tag {"name":"$m","key":"k","value":"` + x(5000) + `"}
		! POST registered-models/set-tag {"name":"$m","key":"k","value":"` + x(5001) + `"}
		! POST registered-models/set-tag {"name":"$m","key":"k","value":"` + x(100_001) + `"}`},
	{name: "model: long names and descriptions", script: `
		! POST registered-models/create {"name":"$m-` + x(300) + `"}
		! POST registered-models/create {"name":"$m","description":"` + x(5001) + `"}
		POST registered-models/create {"name":"$m-two"}
		! PATCH registered-models/update {"name":"$m-two","description":"` + x(5001) + `"}`},
	{name: "model: tags in the request are all or nothing", script: `
		POST registered-models/create {"name":"$m","tags":[{"key":"fine","value":"v"},{"key":"a@b","value":"v"}]}
		GET registered-models/get?name=$m
		POST registered-models/create {"name":"$m","tags":[{"key":"twice","value":"1"},{"key":"twice","value":"2"}]}`},
	{name: "model: a tag with a number is stored empty", script: `
		POST registered-models/create {"name":"$m","tags":[{"key":"a","value":"b"},{"key":"c","value":5},{"key":"d","value":"e"}],"description":"lost"}
		POST registered-models/create {"description":"kept","name":"$m-two","tags":[{"key":"c","value":true}]}`},
	{name: "model: latest versions", script: versioned(4) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Staging"}
		POST model-versions/transition-stage {"name":"$m","version":"2","stage":"Staging"}
		POST model-versions/transition-stage {"name":"$m","version":"3","stage":"Production"}
		POST registered-models/get-latest-versions {"name":"$m"}
		POST registered-models/get-latest-versions {"name":"$m","stages":["staging"]}
		GET registered-models/get-latest-versions?name=$m&stages=Staging&stages=production
		POST registered-models/get-latest-versions {"name":"$m","stages":["live"]}
		POST registered-models/get-latest-versions {"name":"$m","stages":"Staging"}
		POST registered-models/get-latest-versions {"name":"$m-none"}
		GET registered-models/get?name=$m`},
	{name: "model: search", script: `
		POST registered-models/create {"name":"$m-a","tags":[{"key":"team","value":"growth"}]}
		POST registered-models/create {"name":"$m-b","tags":[{"key":"team","value":"risk"},{"key":"tier","value":"1"}]}
		POST registered-models/create {"name":"$m-c"}
		GET registered-models/search?filter=name LIKE '$m%'
		GET registered-models/search?filter=name LIKE '$m%'&order_by=name DESC
		GET registered-models/search?filter=name = '$m-b'
		GET registered-models/search?filter=name ILIKE '$m-B'
		GET registered-models/search?filter=name LIKE '$m-B'
		GET registered-models/search?filter=name != '$m-b' AND name like '$m%'
		GET registered-models/search?filter=name LIKE '$m%' and tags.team = 'growth'
		GET registered-models/search?filter=name LIKE '$m%' and tags.team != 'growth'
		GET registered-models/search?filter=tags.team = 'risk' AND tags.tier = '1' AND name LIKE '$m%'
		GET registered-models/search?filter=name LIKE '$m%' and tags.tier LIKE '_'
		GET registered-models/search?filter=name = '$m-none'`},
	{name: "model: search in pages", script: `
		POST registered-models/create {"name":"$m-a"}
		POST registered-models/create {"name":"$m-b"}
		POST registered-models/create {"name":"$m-c"}
		GET registered-models/search?filter=name LIKE '$m%'&max_results=2&order_by=name ASC => t=next_page_token
		GET registered-models/search?filter=name LIKE '$m%'&max_results=2&order_by=name ASC&page_token=$t
		GET registered-models/search?filter=name LIKE '$m%'&max_results=3`},
	{name: "model: list shows the newest of each stage", script: `
		POST registered-models/create {"name":"$m-b","tags":[{"key":"team","value":"risk"}]}
		POST registered-models/create {"name":"$m-a"}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/1","tags":[{"key":"k","value":"1"}]}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/2"}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/3"}
		POST model-versions/transition-stage {"name":"$m-b","version":"1","stage":"Production"}
		POST model-versions/transition-stage {"name":"$m-b","version":"2","stage":"Production"}
		POST model-versions/transition-stage {"name":"$m-b","version":"3","stage":"Production"}
		GET registered-models/search?filter=name LIKE '$m%'&order_by=name ASC&max_results=1000`},
	{name: "model: list shows aliases", when: withAliases, script: versioned(2) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"challenger","version":"2"}
		GET registered-models/search?filter=name = '$m'&order_by=name ASC&max_results=1000`},
	{name: "model: search with max_results 0 never ends", script: `
		POST registered-models/create {"name":"$m"}
		GET registered-models/search?max_results=0
		GET registered-models/search?max_results=-1`},
	{name: "model: search limits", script: `
		GET registered-models/search?filter=name = '$m'&max_results=1000
		GET registered-models/search?max_results=1001
		GET registered-models/search?max_results=abc
		! GET registered-models/search?page_token=abc
		! GET registered-models/search?page_token=e30=`},
	{name: "model: invalid searches", script: `
		GET registered-models/search?filter=name = '$m' OR name = 'x'
		GET registered-models/search?filter=description = 'x'
		GET registered-models/search?filter=name > 'x'
		GET registered-models/search?filter=metrics.a = 'x'
		GET registered-models/search?filter=name = $m
		GET registered-models/search?filter=name = 5
		! GET registered-models/search?filter=name = 'open
		GET registered-models/search?order_by=created
		GET registered-models/search?order_by=name upwards
		! GET registered-models/search?order_by=name&order_by=name DESC
		GET registered-models/search?order_by=last_updated_timestamp DESC&filter=name = '$m'
		GET registered-models/search?order_by=timestamp&filter=name = '$m'`},
	{name: "model: search by an incomplete comparison", when: func(d *dialect.Dialect) bool { return !d.StrayTokens }, script: `
		! GET registered-models/search?filter=name
		! GET model-versions/search?filter=name = '$m' garbage`},
	{
		name:  "model: meaningless words in a filter",
		group: "fresh",
		when:  func(d *dialect.Dialect) bool { return d.StrayTokens },
		script: `
		POST registered-models/create {"name":"$m-a"}
		POST registered-models/create {"name":"$m-b"}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/key"}
		GET registered-models/search?filter=name
		GET registered-models/search?filter=name IN ('$m-b')
		GET model-versions/search?filter=name IN ('$m-a')
		! GET model-versions/search?filter=name IN ('$m-a') AND version_number = 1`,
	},
	{name: "model: search for several names", when: func(d *dialect.Dialect) bool { return !d.StrayTokens }, script: `
		POST registered-models/create {"name":"$m-a"}
		POST registered-models/create {"name":"$m-b"}
		! GET registered-models/search?filter=name IN ('$m-a','$m-b')`},
	{name: "model: prompts are hidden", script: `
		POST registered-models/create {"name":"$m-p","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		POST registered-models/create {"name":"$m-m"}
		GET registered-models/search?filter=name LIKE '$m%'
		GET registered-models/get?name=$m-p
		GET registered-models/search?filter=name LIKE '$m%' AND tags.` + "`mlflow.prompt.is_prompt`" + ` = 'true'
		GET registered-models/search?filter=name LIKE '$m%' AND tags.` + "`mlflow.prompt.is_prompt`" + ` = 'false'
		GET registered-models/search?filter=name LIKE '$m%' AND tags.` + "`mlflow.prompt.is_prompt`" + ` != 'true'`},
	{name: "model: a prompt's name is taken", script: `
		POST registered-models/create {"name":"$m","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		POST registered-models/create {"name":"$m"}
		POST registered-models/create {"name":"$m","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}`},
}

var versionCases = []testCase{
	{name: "version: create and get", script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","run_id":"$r","description":"words","run_link":"https://ci.example/1","tags":[{"key":"promote.request","value":"abc"}]}
		GET model-versions/get?name=$m&version=1
		GET model-versions/get-download-uri?name=$m&version=1
		GET registered-models/get?name=$m
		POST model-versions/create {"name":"$m","source":"s3://bucket/key"}
		GET model-versions/get?name=$m&version=2`},
	{name: "version: formats of numbers", script: versioned(1) + `
		GET model-versions/get?name=$m&version=01
		GET model-versions/get?name=$m&version=+1
		GET model-versions/get?name=$m&version= 1
		GET model-versions/get?name=$m&version=1.0
		GET model-versions/get?name=$m&version=x
		GET model-versions/get?name=$m&version=
		GET model-versions/get?name=$m&version=0
		GET model-versions/get?name=$m&version=-1
		POST model-versions/set-tag {"name":"$m","version":1,"key":"k","value":"v"}
		POST model-versions/set-tag {"name":"$m","version":"01","key":"k","value":"v"}
		GET model-versions/get?name=$m&version=1`},
	{name: "version: missing models and versions", script: versioned(1) + `
		POST model-versions/create {"name":"$m-none","source":"s3://bucket/key"}
		POST model-versions/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":""}
		GET model-versions/get?name=$m&version=2
		GET model-versions/get?name=$m-none&version=1
		GET model-versions/get?name=$m
		GET model-versions/get-download-uri?name=$m&version=2
		PATCH model-versions/update {"name":"$m","version":"2","description":"x"}
		POST model-versions/set-tag {"name":"$m","version":"2","key":"k","value":"v"}
		DELETE model-versions/delete-tag {"name":"$m","version":"2","key":"k"}
		DELETE model-versions/delete {"name":"$m","version":"2"}
		POST model-versions/transition-stage {"name":"$m","version":"2","stage":"Staging"}`},
	{name: "version: existence is not checked", script: `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/nothing/there","run_id":"0123456789abcdef0123456789abcdef"}`},
	{name: "version: soft delete", script: versioned(2) + `
		DELETE model-versions/delete {"name":"$m","version":"2"}
		GET model-versions/get?name=$m&version=2
		DELETE model-versions/delete {"name":"$m","version":"2"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key"}
		GET model-versions/search?filter=name = '$m'
		GET registered-models/get?name=$m
		! POST model-versions/transition-stage {"name":"$m","version":"2","stage":"Staging"}`},
	{name: "version: a patch without a description clears it", script: versioned(1) + `
		PATCH model-versions/update {"name":"$m","version":"1","description":"one"}
		GET model-versions/get?name=$m&version=1
		PATCH model-versions/update {"name":"$m","version":"1"}
		GET model-versions/get?name=$m&version=1
		PATCH model-versions/update {"name":"$m","version":"1","description":""}`},
	{name: "version: tags", script: versioned(1) + `
		POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"one"}
		POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"two"}
		POST model-versions/set-tag {"name":"$m","version":"1","key":"empty"}
		GET model-versions/get?name=$m&version=1
		DELETE model-versions/delete-tag {"name":"$m","version":"1","key":"k"}
		DELETE model-versions/delete-tag {"name":"$m","version":"1","key":"k"}
		DELETE model-versions/delete-tag {"name":"$m","version":"1"}
		DELETE model-versions/delete-tag {"name":"$m","version":"1","key":"a@b"}
		GET model-versions/get?name=$m&version=1`},
	{name: "version: tag lengths", script: versioned(1) + `
		POST model-versions/set-tag {"name":"$m","version":"1","key":"` + x(250) + `","value":"v"}
		POST model-versions/set-tag {"name":"$m","version":"1","key":"` + x(251) + `","value":"v"}
		POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"` + x(5000) + `"}
		POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"` + x(5001) + `"}
		! POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"` + x(100_000) + `"}
		POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"` + x(100_001) + `"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","tags":[{"key":"k","value":"` + x(100_001) + `"}]}`},
	{name: "version: long fields", script: `
		POST registered-models/create {"name":"$m"}
		! POST model-versions/create {"name":"$m","source":"s3://bucket/` + x(500) + `"}
		! POST model-versions/create {"name":"$m","source":"s3://bucket/key","run_link":"` + x(501) + `"}
		! POST model-versions/create {"name":"$m","source":"s3://bucket/key","run_id":"` + x(33) + `"}
		! POST model-versions/create {"name":"$m","source":"s3://bucket/key","description":"` + x(5001) + `"}
		GET model-versions/search?filter=name = '$m'`},
	{name: "version: a bad tag stops the create", script: `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","tags":[{"key":"a@b","value":"v"}]}
		GET model-versions/search?filter=name = '$m'`},
	{name: "stage: names in any case", script: versioned(1) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"staging"}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"PRODUCTION","archive_existing_versions":false}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"archived"}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"none"}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"live"}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":""}
		POST model-versions/transition-stage {"name":"$m","version":"1"}`},
	{name: "stage: archive the others", script: versioned(3) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Production"}
		POST model-versions/transition-stage {"name":"$m","version":"2","stage":"Production"}
		POST model-versions/transition-stage {"name":"$m","version":"3","stage":"Production","archive_existing_versions":true}
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC
		POST model-versions/transition-stage {"name":"$m","version":"3","stage":"Production","archive_existing_versions":true}
		GET model-versions/get?name=$m&version=3`},
	{name: "stage: archiving into an inactive stage is an internal error", script: versioned(1) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Archived","archive_existing_versions":true}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"None","archive_existing_versions":true}
		GET model-versions/get?name=$m&version=1`},
	{name: "stage: the archive flag is a boolean", script: versioned(1) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Staging","archive_existing_versions":"true"}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Staging","archive_existing_versions":1}
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Staging","archive_existing_versions":null}`},
	{name: "stage: a missing target archives nothing on a database", script: versioned(1) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Production"}
		POST model-versions/transition-stage {"name":"$m","version":"7","stage":"Production","archive_existing_versions":true}
		GET model-versions/get?name=$m&version=1`},
}

var aliasCases = []testCase{
	{name: "alias: set, move, delete", script: versioned(2) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}
		GET registered-models/alias?name=$m&alias=champion
		POST registered-models/alias {"name":"$m","alias":"challenger","version":"1"}
		GET model-versions/get?name=$m&version=1
		POST registered-models/alias {"name":"$m","alias":"champion","version":"2"}
		GET registered-models/get?name=$m
		POST registered-models/get-latest-versions {"name":"$m"}
		GET model-versions/search?filter=name = '$m'
		GET registered-models/search?filter=name = '$m'
		DELETE registered-models/alias {"name":"$m","alias":"champion"}
		DELETE registered-models/alias {"name":"$m","alias":"champion"}
		GET registered-models/alias?name=$m&alias=champion`},
	{name: "names that differ in case and accents", stores: []string{"mariadb"}, script: versioned(2) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}
		GET registered-models/alias?name=$m&alias=Champion
		GET registered-models/alias?name=$m&alias=chämpion
		GET registered-models/alias?name=$m&alias=champoin
		GET registered-models/get?name=$m`},
	{name: "alias: missing models, versions and aliases", script: versioned(1) + `
		GET registered-models/alias?name=$m&alias=nobody
		GET registered-models/alias?name=$m-none&alias=champion
		DELETE registered-models/alias {"name":"$m-none","alias":"champion"}
		POST registered-models/alias {"name":"$m-none","alias":"champion","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"champion","version":"2"}
		POST registered-models/alias {"name":"$m","alias":"champion"}
		POST registered-models/alias {"name":"$m","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"champion","version":1}
		GET registered-models/alias?name=$m`},
	{name: "alias: names", script: versioned(1) + `
		POST registered-models/alias {"name":"$m","alias":"a-b_c9","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"größe","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"a.b","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"a b","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"v1","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"V12","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"v1x","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"latest","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"Latest","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"` + x(255) + `","version":"1"}
		POST registered-models/alias {"name":"$m","alias":"` + x(256) + `","version":"1"}
		GET registered-models/get?name=$m`},
	{name: "alias: names are case-sensitive", script: versioned(1) + `
		POST registered-models/alias {"name":"$m","alias":"Champion","version":"1"}
		GET registered-models/alias?name=$m&alias=champion
		GET registered-models/alias?name=$m&alias=Champion`},
	{name: "alias: after its version is deleted", script: versioned(2) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"2"}
		DELETE model-versions/delete {"name":"$m","version":"2"}
		GET registered-models/alias?name=$m&alias=champion
		GET registered-models/get?name=$m
		GET registered-models/search?filter=name = '$m'`},
	{name: "alias: latest", script: versioned(3) + `
		POST model-versions/transition-stage {"name":"$m","version":"3","stage":"Staging"}
		GET registered-models/alias?name=$m&alias=latest
		POST registered-models/create {"name":"$m-empty"}
		GET registered-models/alias?name=$m-empty&alias=latest`},
	{name: "alias: changes no timestamp", script: versioned(1) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}
		GET registered-models/get?name=$m`},
	{name: "alias: after a rename", script: versioned(1) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}
		POST registered-models/rename {"name":"$m","new_name":"$m-two"}
		GET registered-models/alias?name=$m-two&alias=champion`},
}
