package conformance

import (
	"encoding/base64"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
)

// as returns a line that sends the next request with this user's login.
func as(name string) string {
	return "\n\t\twith Authorization: Basic " + base64.StdEncoding.EncodeToString(
		[]byte(name+":"+passwordOf(name)),
	) + "\n\t\t"
}

func passwordOf(name string) string {
	if name == "admin" {
		return "throw-away-admin"
	}
	return "password-" + name + "1"
}

const (
	hostHere = "\n\t\twith Host: mlflow:5000\n\t\t"
	inTeam   = "\n\t\twith X-MLFLOW-WORKSPACE: $m-a\n\t\t"
	inOther  = "\n\t\twith X-MLFLOW-WORKSPACE: $m-b\n\t\t"
)

func withAliases(d *dialect.Dialect) bool      { return d.Aliases }
func withDatasets(d *dialect.Dialect) bool     { return d.Datasets }
func withLoggedModels(d *dialect.Dialect) bool { return d.LoggedModels }
func withServerInfo(d *dialect.Dialect) bool   { return d.ServerInfo }

func newGrants(d *dialect.Dialect) bool { return d.PermissionGrants }
func oldGrants(d *dialect.Dialect) bool { return !d.PermissionGrants }

// shared creates a model that belongs to the user owner, and grants editor EDIT on it.
func shared(grant string) string {
	return as("owner") + `POST registered-models/create {"name":"$m"}` + as("owner") + grant
}

const (
	grantNew = `POST /api/3.0/mlflow/users/permissions/grant {"username":"editor","resource_type":"registered_model","resource_id":"$m","permission":"EDIT"}`
	grantOld = `POST registered-models/permissions/create {"username":"editor","name":"$m","permission":"EDIT"}`
)

// rights tries everything that a promotion does, once as a user with EDIT and once as a user with only the default
// permissions.
func rights(grant string) string {
	s := shared(grant)
	for _, name := range []string{"editor", "reader"} {
		for _, request := range []string{
			`POST model-versions/create {"name":"$m","source":"s3://bucket/key"}`,
			`POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}`,
			`POST model-versions/set-tag {"name":"$m","version":"1","key":"k","value":"v"}`,
			`POST registered-models/set-tag {"name":"$m","key":"k","value":"v"}`,
			`POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Staging"}`,
			`PATCH model-versions/update {"name":"$m","version":"1","description":"x"}`,
			`PATCH registered-models/update {"name":"$m","description":"x"}`,
			`GET registered-models/get?name=$m`,
			`GET model-versions/get?name=$m&version=1`,
			`GET model-versions/search?filter=name = '$m'`,
			`GET registered-models/search?filter=name = '$m'`,
			`GET registered-models/alias?name=$m&alias=champion`,
			`DELETE registered-models/delete-tag {"name":"$m","key":"k"}`,
			`DELETE model-versions/delete-tag {"name":"$m","version":"1","key":"k"}`,
			`DELETE registered-models/alias {"name":"$m","alias":"champion"}`,
			`DELETE model-versions/delete {"name":"$m","version":"1"}`,
			`DELETE registered-models/delete {"name":"$m"}`,
		} {
			s += as(name) + request
		}
	}
	return s
}

// newInBucket creates a run whose artifacts are in a bucket, in a location that contains the experiment's number.
const newInBucket = `
		POST experiments/create {"name":"$m"} => e=experiment_id
		! POST runs/create {"experiment_id":"$e","user_id":"ann","start_time":1700000000000} => r=run.info.run_id
`

var setupCases = []testCase{
	{
		name:  "hosts: allowed hosts",
		group: "hosts",
		script: hostHere + `POST registered-models/create {"name":"$m"}` + `
		GET registered-models/get?name=$m` + hostHere + `GET registered-models/get?name=$m
		with Host: mlflow
		GET registered-models/get?name=$m
		with Host: mlflow.example.com
		GET registered-models/get?name=$m
		with Host: mlflow.example.com:5000
		GET registered-models/get?name=$m
		with Host: localhost
		GET registered-models/get?name=$m
		with Host: other
		GET /health`,
	},
	{name: "workspaces: two models of one name", group: "workspaces", script: `
		POST /api/3.0/mlflow/workspaces {"name":"$m-a"}
		POST /api/3.0/mlflow/workspaces {"name":"$m-b"}
		! POST /api/3.0/mlflow/workspaces {"name":"$m-a"}` +
		inTeam + `POST registered-models/create {"name":"$m","description":"ours"}` +
		inOther + `GET registered-models/get?name=$m` +
		inOther + `POST registered-models/create {"name":"$m","description":"theirs"}` +
		inTeam + `GET registered-models/get?name=$m` +
		inOther + `GET registered-models/search?filter=name = '$m'` + `
		GET registered-models/get?name=$m
		with X-MLFLOW-WORKSPACE: default
		GET registered-models/get?name=$m
		with X-MLFLOW-WORKSPACE: nowhere
		GET registered-models/get?name=$m
		with X-MLFLOW-WORKSPACE: nowhere
		GET /health
		with X-MLFLOW-WORKSPACE: No_Name
		GET registered-models/get?name=$m
		POST /api/3.0/mlflow/workspaces {"name":"No_Name"}
		POST /api/3.0/mlflow/workspaces {}
		with X-MLFLOW-WORKSPACE: nowhere
		GET /api/3.0/mlflow/server-info
		GET /api/3.0/mlflow/server-info`},
	{name: "workspaces: experiments and runs", group: "workspaces", script: `
		POST /api/3.0/mlflow/workspaces {"name":"$m-a"}` +
		inTeam + `POST experiments/create {"name":"$m"} => e=experiment_id` +
		inTeam + `GET experiments/get-by-name?experiment_name=$m` +
		inTeam + `POST runs/create {"experiment_id":"$e","run_name":"first"} => r=run.info.run_id` +
		inTeam + `GET runs/get?run_id=$r` + `
		GET runs/get?run_id=$r
		GET experiments/get-by-name?experiment_name=$m
		POST experiments/create {"name":"$m"}`},
	{name: "no artifacts: the proxy is off", group: "no artifacts", script: newRun + `
		GET experiments/get?experiment_id=$e
		! GET /api/2.0/mlflow-artifacts/artifacts?path=a
		! GET /api/2.0/mlflow-artifacts/artifacts/a`},
	{name: "no artifacts: the server still reads the store itself", group: "no artifacts", script: newInBucket + `
		! GET artifacts/list?run_id=$r
		! GET /get-artifact?run_id=$r&path=model/MLmodel
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/root/$r/model","run_id":"$r"}
		! GET /model-versions/get-artifact?name=$m&version=1&path=MLmodel
		! POST artifacts/presigned-download-url {"run_id":"$r","path":"model/MLmodel"}`},
	{name: "no artifacts: uploads", group: "no artifacts", script: newInBucket + `
		with Content-Type: application/octet-stream
		! PUT /api/2.0/mlflow-artifacts/artifacts/a text
		! POST /api/2.0/mlflow-artifacts/mpu/create/a {"path":"a.bin","num_parts":2}
		! POST artifacts/presigned-upload-url {"run_id":"$r","path":"model/MLmodel"}
		! POST artifacts/presigned-upload-url {"run_id":"0123456789abcdef0123456789abcdef","path":"model/MLmodel"}`},
	{name: "no artifacts: of a logged model", group: "no artifacts", when: withLoggedModels, script: newInBucket + `
		! POST logged-models {"experiment_id":"$e","name":"model","source_run_id":"$r"} => l=model.info.model_id
		! GET logged-models/$l/artifacts/directories
		! GET /ajax-api/2.0/mlflow/logged-models/$l/artifacts/files?artifact_file_path=MLmodel`},
	{name: "artifacts only: everything else is off", group: "artifacts only", script: `
		GET /health
		GET registered-models/get?name=$m
		POST registered-models/create {"name":"$m"}
		GET model-versions/search
		POST experiments/create {"name":"$m"}
		GET runs/get?run_id=x
		GET /api/2.0/mlflow-artifacts/artifacts?path=$m
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$m/a.txt text
		GET /api/2.0/mlflow-artifacts/artifacts/$m/a.txt`},
	{name: "artifacts only: downloads of runs are off too", group: "artifacts only", when: withLoggedModels, script: `
		GET /get-artifact?run_id=x&path=y`},
	{name: "login: none, wrong, bearer", group: "login", script: `
		GET registered-models/search
		with Authorization: Basic d3Jvbmc6d3Jvbmc=
		GET registered-models/search
		with Authorization: Bearer abc
		GET registered-models/search
		GET /health
		GET /version
		GET /nowhere` + as("reader") + `GET /version` + as("reader") + `GET /nowhere` + as("reader") + `GET registered-models/get`},
	{name: "login: server-info needs no login", group: "login", when: withServerInfo, script: `
		GET /api/3.0/mlflow/server-info`},
	{name: "login: rights", group: "login", when: newGrants, script: rights(grantNew)},
	{name: "login: rights on older servers", group: "login", when: oldGrants, script: rights(grantOld)},
	{
		name:  "login: rights on missing things",
		group: "login",
		script: as("reader") + `GET registered-models/get?name=$m` +
			as("reader") + `POST registered-models/set-tag {"name":"$m","key":"k","value":"v"}` +
			as("reader") + `POST model-versions/create {"name":"$m","source":"s3://bucket/key"}` +
			as("reader") + `GET experiments/get?experiment_id=999999` +
			as("reader") + `GET experiments/get-by-name?experiment_name=$m` +
			as("reader") + `GET runs/get?run_id=0123456789abcdef0123456789abcdef` +
			as("reader") + `GET model-versions/get?name=$m&version=1` +
			as("reader") + `GET registered-models/alias?name=$m&alias=champion` +
			as("reader") + `GET registered-models/get-latest-versions?name=$m` +
			as("reader") + `GET model-versions/get-download-uri?name=$m&version=1` +
			as("owner") + `POST registered-models/create {"name":"$m"}` +
			as("reader") + `GET model-versions/get?name=$m&version=1` +
			as("reader") + `GET registered-models/alias?name=$m&alias=champion` +
			as("reader") + `POST registered-models/nope {}`,
	},
	{
		name:  "login: experiments belong to their creators",
		group: "login",
		script: as("owner") + `POST experiments/create {"name":"$m"} => e=experiment_id` +
			as("owner") + `POST runs/create {"experiment_id":"$e","run_name":"ledger"} => r=run.info.run_id` +
			as("reader") + `GET runs/get?run_id=$r` +
			as("reader") + `POST runs/log-batch {"run_id":"$r","params":[{"key":"e1","value":"x"}]}` +
			as("reader") + `POST runs/create {"experiment_id":"$e"}` +
			as("reader") + `POST runs/set-tag {"run_id":"$r","key":"k","value":"v"}` +
			as("reader") + `POST experiments/set-experiment-tag {"experiment_id":"$e","key":"k","value":"v"}` +
			as("reader") + `POST experiments/delete {"experiment_id":"$e"}` +
			as("reader") + `POST runs/delete {"run_id":"$r"}` +
			as("reader") + `GET artifacts/list?run_id=$r` +
			as("reader") + `POST runs/search {"experiment_ids":["$e"]}` +
			as("owner") + `POST runs/log-batch {"run_id":"$r","params":[{"key":"e1","value":"x"}]}`,
	},
	{name: "login: grants", group: "login", when: newGrants, script: shared(grantNew) + as("owner") + grantNew +
		as("reader") + grantNew +
		as(
			"owner",
		) + `POST /api/3.0/mlflow/users/permissions/grant {"username":"nobody","resource_type":"registered_model","resource_id":"$m","permission":"EDIT"}` +
		as(
			"owner",
		) + `POST /api/3.0/mlflow/users/permissions/grant {"username":"reader","resource_type":"registered_model","resource_id":"$m","permission":"WRITE"}` +
		as(
			"owner",
		) + `POST /api/3.0/mlflow/users/permissions/grant {"username":"reader","resource_type":"registered_model","resource_id":"$m","permission":"NO_PERMISSIONS"}` +
		as(
			"owner",
		) + `POST /api/3.0/mlflow/users/permissions/grant {"username":"reader","resource_type":"registered_model","resource_id":"$m","permission":"DENY"}` +
		as("reader") + `GET registered-models/get?name=$m` +
		as("reader") + `GET registered-models/search?filter=name = '$m'` +
		as("reader") + `GET model-versions/search?filter=name = '$m'` +
		as("admin") + `GET /api/3.0/mlflow/users/current/permissions` +
		as("reader") + `GET users/get?username=reader` +
		as("reader") + `GET users/get?username=owner` +
		as("editor") + `GET users/current` +
		as("owner") + grantOld},
	{name: "login: grants on older servers", group: "login", when: oldGrants, script: shared(grantOld) +
		as(
			"owner",
		) + `POST registered-models/permissions/create {"username":"reader","name":"$m","permission":"NO_PERMISSIONS"}` +
		as("reader") + grantOld +
		as("reader") + `GET registered-models/get?name=$m` +
		as("reader") + `GET registered-models/search?filter=name = '$m'` +
		as("owner") + `POST model-versions/create {"name":"$m","source":"s3://bucket/key"}` +
		as("reader") + `GET model-versions/search?filter=name = '$m'` +
		as("reader") + `GET users/get?username=owner`},
	{name: "rights: incomplete writes", script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/set-tag {"name":"$m"}
		POST registered-models/set-tag {"name":"$m-none"}
		POST experiments/create {"name":"$m"} => e=experiment_id
		POST experiments/set-experiment-tag {"experiment_id":"$e"}
		GET registered-models/get?name=$m`},
	{name: "rights: delete without an alias", when: withAliases, script: `
		POST registered-models/create {"name":"$m"}
		DELETE registered-models/alias {"name":"$m"}
		GET registered-models/get?name=$m`},
	{
		name:  "login: rights are checked before existence",
		group: "login",
		script: as("owner") + `POST registered-models/create {"name":"$m"}` +
			as("owner") + `POST experiments/create {"name":"$m"} => e=experiment_id` +
			as("owner") + `POST registered-models/set-tag {"name":"$m"}` +
			as("owner") + `DELETE registered-models/alias {"name":"$m"}` +
			as("owner") + `POST experiments/set-experiment-tag {"experiment_id":"$e"}` +
			as("reader") + `POST registered-models/set-tag {"name":"$m"}` +
			as("reader") + `DELETE registered-models/alias {"name":"$m"}` +
			as("reader") + `POST experiments/set-experiment-tag {"experiment_id":"$e"}` +
			as("reader") + `POST experiments/set-experiment-tag {"experiment_id":"0"}`,
	},
	{name: "prefix: paths below it", group: "prefix", script: `
		GET /health
		GET /p/health
		GET /version
		GET /p/version
		GET experiments/get?experiment_id=999999
		GET /p/api/2.0/mlflow/experiments/get?experiment_id=999999
		GET /ajax-api/2.0/mlflow/experiments/get?experiment_id=999999
		GET /p/ajax-api/2.0/mlflow/experiments/get?experiment_id=999999
		GET /get-artifact?run_id=x&path=y
		GET /p/get-artifact?run_id=x&path=y
		GET /model-versions/get-artifact?name=x&version=1&path=y
		GET /p/model-versions/get-artifact?name=x&version=1&path=y
		GET /api/2.0/mlflow-artifacts/artifacts?path=x
		GET /p/api/2.0/mlflow-artifacts/artifacts?path=x
		GET /api/3.0/mlflow/server-info
		GET /p/api/3.0/mlflow/server-info
		GET /papi/2.0/mlflow/experiments/get?experiment_id=0`},
}
