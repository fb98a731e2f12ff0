package conformance

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
)

func sources(uris ...string) string {
	var b strings.Builder
	for _, u := range uris {
		b.WriteString("\n\t\tPOST model-versions/create {\"name\":\"$m\",\"source\":\"" + u + "\"}")
	}
	return b.String()
}

const newLogged = `
		POST logged-models {"experiment_id":"$e","name":"model","source_run_id":"$r"} => l=model.info.model_id
`

var sourceCases = []testCase{
	{name: "source: cloud storage", script: `
		POST registered-models/create {"name":"$m"}` + sources("s3://bucket/key/model", "gs://bucket/key", "wasbs://c@a.example/key", "dbfs:/path/model")},
	{name: "source: hosts", script: `
		POST registered-models/create {"name":"$m"}` + sources(
		"http://host/path",
		"https://host/path",
		"ftp://host/path",
		"sftp://host/path",
		"hdfs://host/path",
		"viewfs://host/path",
		"r2://bucket/key",
		"b2://bucket/key",
		"abfss://fs@a.example/path",
		"mlflow-artifacts://host/path",
	)},
	{name: "source: local paths", script: `
		POST registered-models/create {"name":"$m"}` + sources("/tmp/model", "model/here", "file:///tmp/model", "file:/tmp/model")},
	{name: "source: local path on another host", script: `
		POST registered-models/create {"name":"$m"}` + sources("file://host/path")},
	{name: "source: paths that mean another path", when: func(d *dialect.Dialect) bool { return d.PathSourceChecked }, script: `
		POST registered-models/create {"name":"$m"}` + sources(
		"s3://bucket",
		"s3://bucket/",
		"s3://bucket/a/../b",
		"s3://bucket/a/./b",
		"s3://bucket/%2e%2e/b",
		"s3://bucket/a%2F..%2Fb",
		"s3://bucket/a%252e%252e/b",
		"s3://bucket/a//b",
		"s3://bucket/a/",
		"s3://bucket/a%00b",
		"s3://bucket/..a/b",
		"s3:bucket/a",
		"s3://bucket/a?x=../b",
		"s3://bucket/a#../b",
		"s3://bucket/a+b",
	)},
	{name: "source: in a run", script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"runs:/$r/model","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"runs:/$r/model"}
		POST model-versions/create {"name":"$m","source":"runs:/0123456789abcdef0123456789abcdef/model","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"runs:/0123456789abcdef0123456789abcdef/model","run_id":"0123456789abcdef0123456789abcdef"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/artifacts/model","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/artifacts","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/artifacts/model"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/other","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/artifactsx","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/x/artifacts/model","run_id":"0123456789abcdef0123456789abcdef"}
		GET model-versions/get-download-uri?name=$m&version=1`},
	{name: "source: in a deleted run", script: newRun + `
		POST runs/delete {"run_id":"$r"}
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/artifacts/model","run_id":"$r"}`},
	{name: "source: another version", script: versioned(1) + `
		POST registered-models/create {"name":"$m-two"}
		POST model-versions/create {"name":"$m-two","source":"models:/$m/1"}
		GET model-versions/get-download-uri?name=$m-two&version=1
		! POST model-versions/create {"name":"$m-two","source":"models:/$m/9"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m-none/1"}`},
	{name: "source: another version by name", script: versioned(2) + `
		POST model-versions/transition-stage {"name":"$m","version":"1","stage":"Production"}
		POST registered-models/create {"name":"$m-two"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m/latest"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m/production"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m/staging"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m/live"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m/1/2"}
		! POST model-versions/create {"name":"$m-two","source":"models:/"}
		! POST model-versions/create {"name":"$m-two","source":"models://host/$m/1"}`},
	{name: "source: another version by alias", when: withAliases, script: versioned(2) + `
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}
		POST registered-models/create {"name":"$m-two"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m@champion"}
		! POST model-versions/create {"name":"$m-two","source":"models:/$m@nobody"}`},
	{name: "source: another version with its run", when: withLoggedModels, script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","run_id":"$r"}
		POST registered-models/create {"name":"$m-two"}
		POST model-versions/create {"name":"$m-two","source":"models:/$m/1"}
		POST model-versions/create {"name":"$m-two","source":"models:/$m/1","run_id":"$r"}
		POST model-versions/create {"name":"$m-two","source":"models:/$m/1","run_id":"0123456789abcdef0123456789abcdef"}
		POST model-versions/create {"name":"$m-two","source":"models:/$m/1","run_id":""}
		POST model-versions/create {"name":"$m-two","source":"models:/$m/1","model_id":"m-0123456789abcdef0123456789abcdef"}`},
	{name: "source: a logged model", when: withLoggedModels, script: newRun + newLogged + `
		POST registered-models/create {"name":"$m"}
		! POST model-versions/create {"name":"$m","source":"models:/$l","model_id":"$l","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"models:/$l","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"models:/$l"}
		POST model-versions/create {"name":"$m","source":"models:/$l","model_id":"m-0123456789abcdef0123456789abcdef"}
		POST model-versions/create {"name":"$m","source":"runs:/$r/model","run_id":"$r","model_id":"$l"}`},
	{name: "source: location of a logged model", when: withLoggedModels, script: newRun + newLogged + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/models/$l/artifacts","model_id":"$l","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/models/$l/artifacts/","model_id":"$l","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/models/$l/artifacts","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/models/$l/artifacts"}
		GET logged-models/$l
		GET model-versions/get?name=$m&version=1
		POST registered-models/create {"name":"$m-two"}
		POST model-versions/create {"name":"$m-two","source":"mlflow-artifacts:/$e/models/$l/artifacts","model_id":"$l","run_id":"$r"}
		GET logged-models/$l`},
	{
		name: "source: unknown logged model",
		when: withLoggedModels,
		script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","run_id":"$r","model_id":"m-0123456789abcdef0123456789abcdef"}
		GET model-versions/get?name=$m&version=1
		! POST model-versions/create {"name":"$m","source":"s3://bucket/key","model_id":"m-0123456789abcdef0123456789abcdef"}
		GET model-versions/get?name=$m&version=2`,
	},
	{
		name: "source: model_id on older servers",
		when: func(d *dialect.Dialect) bool { return !d.LoggedModels },
		script: `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","model_id":"m-0123456789abcdef0123456789abcdef"}`,
	},
	{name: "source: prompts", when: func(d *dialect.Dialect) bool { return d.PromptsHidden }, script: `
		POST registered-models/create {"name":"$m","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		POST model-versions/create {"name":"$m","source":"prompt-template","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"},{"key":"mlflow.prompt.text","value":"hi"}]}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		GET model-versions/search?filter=name = '$m'
		GET registered-models/get?name=$m`},
}

var searchCases = []testCase{
	{name: "search: versions by name", script: versioned(3) + `
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC
		GET model-versions/search?filter=name = '$m'&order_by=name ASC&order_by=version_number DESC
		GET model-versions/search?filter=name='$m'
		GET model-versions/search?filter=name = "$m"
		GET model-versions/search?filter=name = '$m-none'`},
	{name: "search: versions in pages", script: versioned(3) + `
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC&max_results=2 => t=next_page_token
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC&max_results=2&page_token=$t
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC&max_results=3`},
	{name: "search: version page sizes", script: `
		GET model-versions/search?filter=name = '$m'&max_results=200000
		GET model-versions/search?filter=name = '$m'&max_results=200001
		GET model-versions/search?filter=name = '$m'&max_results=0
		GET model-versions/search?filter=name = '$m'&max_results=-1
		GET model-versions/search?filter=name = '$m'&max_results=abc
		! GET model-versions/search?filter=name = '$m'&page_token=abc`},
	{name: "search: version attributes", script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/one","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/two"}
		GET model-versions/search?filter=run_id = '$r'
		GET model-versions/search?filter=name = '$m' AND source_path = 's3://bucket/two'`},
	{
		name: "search: version attributes of newer servers",
		when: func(d *dialect.Dialect) bool { return d.VersionSearchPaged },
		script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/one","run_id":"$r"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/two"}
		GET model-versions/search?filter=name = '$m' AND version_number > 1
		GET model-versions/search?filter=name = '$m' AND version_number <= 1
		GET model-versions/search?filter=name = '$m' AND version_number != 1
		! GET model-versions/search?filter=name = '$m' AND version_number = '2'
		! GET model-versions/search?filter=name = '$m' AND version_number = 1.5
		! GET model-versions/search?filter=name = '$m' AND version_number BETWEEN 1 AND 2
		GET model-versions/search?filter=name = '$m' AND source_path LIKE '%two'
		GET model-versions/search?filter=name = '$m' AND run_id != 'x'&order_by=version_number ASC`,
	},
	{
		name: "search: versions of several runs",
		when: func(d *dialect.Dialect) bool { return !d.StrayTokens },
		script: newRun + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/one","run_id":"$r"}
		GET model-versions/search?filter=run_id IN ('$r','x')
		! GET model-versions/search?filter=run_id IN ()
		! GET model-versions/search?filter=source_path IN ('a')`,
	},
	{name: "search: versions by tag", script: `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","tags":[{"key":"promote.request","value":"abc"},{"key":"plain","value":"1"}]}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key","tags":[{"key":"plain","value":"2"}]}
		POST model-versions/create {"name":"$m","source":"s3://bucket/key"}
		GET model-versions/search?filter=name = '$m' AND tags.plain = '1'
		GET model-versions/search?filter=name = '$m' AND tags.` + "`promote.request`" + ` = 'abc'
		GET model-versions/search?filter=name = '$m' AND tags."promote.request" = 'abc'
		GET model-versions/search?filter=name = '$m' AND tags.promote.request = 'abc'
		GET model-versions/search?filter=name = '$m' AND tags.plain != '1'
		GET model-versions/search?filter=name = '$m' AND tag.plain LIKE '%'&order_by=version_number ASC
		GET model-versions/search?filter=name = '$m' AND tags.plain = '1' AND tags.` + "`promote.request`" + ` = 'abc'
		GET model-versions/search?filter=name = '$m' AND tags.plain = '1' AND tags.plain = '2'
		! GET model-versions/search?filter=name = '$m' AND tags.plain = 1
		! GET model-versions/search?filter=name = '$m' AND tags.plain > '1'`},
	{name: "search: quoting has no escape", script: `
		POST registered-models/create {"name":"$m"}
		POST registered-models/create {"name":"$m'q"}
		POST model-versions/create {"name":"$m'q","source":"s3://bucket/key"}
		GET model-versions/search?filter=name = '$m''q'
		GET model-versions/search?filter=name = "$m'q"
		GET registered-models/search?filter=name = '$m''q'
		GET registered-models/search?filter=name = "$m'q"
		! GET model-versions/search?filter=name = '$m'q'
		! GET model-versions/search?filter=name = '$m\'q'`},
	{name: "search: invalid filters of versions", script: `
		GET model-versions/search?filter=name = '$m' OR name = 'x'
		GET model-versions/search?filter=current_stage = 'Production'
		GET model-versions/search?filter=aliases = 'champion'
		GET model-versions/search?filter=status = 'READY'
		! GET model-versions/search?filter=version = '1'
		GET model-versions/search?filter=creation_timestamp > 5
		! GET model-versions/search?filter=name = $m
		! GET model-versions/search?filter=name =
		! GET model-versions/search?filter=name = '$m'; name = 'x'
		! GET model-versions/search?filter=name <> '$m'
		GET model-versions/search?filter=params.a = 'x'`},
	{
		name: "search: version order",
		when: func(d *dialect.Dialect) bool { return d.VersionSearchPaged },
		script: versioned(2) + `
		GET model-versions/search?filter=name = '$m'&order_by=creation_timestamp ASC&order_by=version_number ASC
		GET model-versions/search?filter=name = '$m'&order_by=last_updated_timestamp DESC&order_by=version_number DESC
		GET model-versions/search?filter=name = '$m'&order_by=run_id
		GET model-versions/search?filter=name = '$m'&order_by=version_number upwards
		! GET model-versions/search?filter=name = '$m'&order_by=version_number&order_by=version_number
		! GET model-versions/search?filter=name = '$m'&order_by=`,
	},
	{
		name: "search: versions of several names",
		when: func(d *dialect.Dialect) bool { return !d.StrayTokens },
		script: versioned(1) + `
		! GET model-versions/search?filter=name IN ('$m','$m-two')`,
	},
	{name: "search: one version tagged as a prompt hides all", script: versioned(2) + `
		POST model-versions/set-tag {"name":"$m","version":"1","key":"mlflow.prompt.is_prompt","value":"true"}
		GET model-versions/search?filter=name = '$m'
		GET registered-models/search?filter=name = '$m'
		GET registered-models/get?name=$m
		GET model-versions/search?filter=name = '$m' AND tags.` + "`mlflow.prompt.is_prompt`" + ` = 'true'`},
	{name: "search: keywords in any case", script: versioned(1) + `
		GET model-versions/search?filter=name like '$m' and name = '$m'
		GET model-versions/search?filter=name ilike '$m' AND name LIKE '$m%'`},
	{
		name: "search: one half of all versions in pages",
		when: func(d *dialect.Dialect) bool { return d.VersionSearchPaged },
		script: `
		POST registered-models/create {"name":"$m-a"}
		POST registered-models/create {"name":"$m-b"}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/b1","tags":[{"key":"k","value":"1"}]}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/b2"}
		POST model-versions/create {"name":"$m-a","source":"s3://bucket/a1"}
		POST model-versions/create {"name":"$m-a","source":"s3://bucket/a2"}
		POST model-versions/create {"name":"$m-a","source":"s3://bucket/a3"}
		GET model-versions/search?filter=name LIKE '$m%' AND version_number <= 2&order_by=name ASC&order_by=version_number ASC&max_results=3 => t=next_page_token
		GET model-versions/search?filter=name LIKE '$m%' AND version_number <= 2&order_by=name ASC&order_by=version_number ASC&max_results=3&page_token=$t
		GET model-versions/search?filter=name LIKE '$m%' AND version_number > 2&order_by=name ASC&order_by=version_number ASC&max_results=3
		GET model-versions/search?filter=name LIKE '$m%' AND version_number > 1 AND version_number < 3&order_by=name ASC&order_by=version_number ASC
		GET model-versions/search?filter=version_number > 999999&order_by=name ASC&order_by=version_number ASC&max_results=3`,
	},
	{
		name: "search: numbers of versions cannot be compared",
		when: func(d *dialect.Dialect) bool { return !d.VersionSearchPaged },
		script: versioned(2) + `
		! GET model-versions/search?filter=version_number <= 1
		! GET model-versions/search?filter=name = '$m' AND version_number > 1&order_by=name ASC`,
	},
	{
		name: "search: deletions between two pages",
		when: func(d *dialect.Dialect) bool { return d.VersionSearchPaged },
		script: versioned(4) + `
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC&max_results=2 => t=next_page_token
		DELETE model-versions/delete {"name":"$m","version":"1"}
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC&max_results=2&page_token=$t
		DELETE model-versions/delete {"name":"$m","version":"2"}
		DELETE model-versions/delete {"name":"$m","version":"3"}
		GET model-versions/search?filter=name = '$m'&order_by=version_number ASC&max_results=2&page_token=$t`,
	},
	{name: "search: one number of several models", when: func(d *dialect.Dialect) bool { return !d.StrayTokens }, script: `
		POST registered-models/create {"name":"$m-a"}
		POST registered-models/create {"name":"$m-b"}
		POST model-versions/create {"name":"$m-a","source":"s3://bucket/a1"}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/b1"}
		POST model-versions/create {"name":"$m-b","source":"s3://bucket/b2"}
		! GET model-versions/search?filter=name IN ('$m-a',"$m-b",'$m-none') AND version_number = 1&order_by=name ASC&max_results=4
		! GET model-versions/search?filter=name IN ('$m-a','$m-b') AND version_number = 2&max_results=3`},
	{name: "search: versions marked as prompts", script: `
		POST registered-models/create {"name":"$m-a"}
		POST registered-models/create {"name":"$m-p","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		POST model-versions/create {"name":"$m-a","source":"s3://bucket/a1","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		POST model-versions/create {"name":"$m-a","source":"s3://bucket/a2"}
		POST model-versions/create {"name":"$m-p","source":"s3://bucket/p1","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}
		GET model-versions/search?filter=name LIKE '$m%' AND tags.` + "`mlflow.prompt.is_prompt`" + ` = 'true'&order_by=name ASC&order_by=version_number ASC
		GET model-versions/search?filter=name LIKE '$m%'&order_by=name ASC&order_by=version_number ASC
		GET registered-models/search?filter=name LIKE '$m%'&order_by=name ASC`},
	{name: "search: percent and underscore are patterns", script: `
		POST registered-models/create {"name":"$m-_a"}
		POST registered-models/create {"name":"$m-xa"}
		GET registered-models/search?filter=name LIKE '$m-_a'&order_by=name ASC
		GET registered-models/search?filter=name = '$m-_a'`},
}

var experimentCases = []testCase{
	{name: "experiment: create, get, by name", script: `
		POST experiments/create {"name":"$m","tags":[{"key":"ledger","value":"abc"}]} => e=experiment_id
		GET experiments/get?experiment_id=$e
		GET experiments/get-by-name?experiment_name=$m
		GET experiments/get-by-name?experiment_name=$m-none
		GET experiments/get?experiment_id=999999
		! GET experiments/get?experiment_id=abc
		GET experiments/get
		POST experiments/create {"name":""}`},
	{name: "experiment: a name can be created once", script: `
		POST experiments/create {"name":"$m","tags":[{"key":"ledger","value":"first"}]} => e=experiment_id
		POST experiments/create {"name":"$m","tags":[{"key":"ledger","value":"second"}]}
		GET experiments/get-by-name?experiment_name=$m`},
	{name: "experiment: a deleted name stays in use", script: newRun + `
		POST experiments/delete {"experiment_id":"$e"}
		POST experiments/create {"name":"$m"}
		GET experiments/get?experiment_id=$e
		GET experiments/get-by-name?experiment_name=$m
		GET runs/get?run_id=$r
		POST runs/create {"experiment_id":"$e"}
		POST experiments/delete {"experiment_id":"$e"}
		POST experiments/restore {"experiment_id":"$e"}
		GET runs/get?run_id=$r
		POST experiments/restore {"experiment_id":"$e"}`},
	{name: "experiment: names are not paths", script: `
		POST experiments/create {"name":"$m/a b:c"} => e=experiment_id
		GET experiments/get-by-name?experiment_name=$m/a b:c`},
	{name: "experiment: names are case-sensitive", script: `
		POST experiments/create {"name":"$m-x"} => e=experiment_id
		! POST experiments/create {"name":"$m-X"} => f=experiment_id
		GET experiments/get-by-name?experiment_name=$m-X`},
	{name: "experiment: tags", script: `
		POST experiments/create {"name":"$m"} => e=experiment_id
		POST experiments/set-experiment-tag {"experiment_id":"$e","key":"tail","value":"1"}
		POST experiments/set-experiment-tag {"experiment_id":"$e","key":"tail","value":"2"}
		GET experiments/get?experiment_id=$e
		POST experiments/set-experiment-tag {"experiment_id":"$e","key":"a@b","value":"2"}
		POST experiments/set-experiment-tag {"experiment_id":"999999","key":"k","value":"2"}`},
	{name: "experiment: search", script: `
		POST experiments/create {"name":"$m-a","tags":[{"key":"k","value":"1"}]} => a=experiment_id
		POST experiments/create {"name":"$m-b"} => b=experiment_id
		POST experiments/create {"name":"$m-c"} => c=experiment_id
		POST experiments/delete {"experiment_id":"$c"}
		POST experiments/search {"filter":"name LIKE '$m%'","order_by":["name ASC"],"max_results":10}
		POST experiments/search {"filter":"name LIKE '$m%'","order_by":["name DESC"],"max_results":10,"view_type":"ALL"}
		POST experiments/search {"filter":"name LIKE '$m%'","max_results":10,"view_type":"DELETED_ONLY"}
		POST experiments/search {"filter":"name = '$m-a'","max_results":10}
		POST experiments/search {"filter":"tags.k = '1' AND name LIKE '$m%'","max_results":10}
		POST experiments/search {"filter":"name LIKE '$m%'","order_by":["name ASC"],"max_results":1} => t=next_page_token
		POST experiments/search {"filter":"name LIKE '$m%'","order_by":["name ASC"],"max_results":1,"page_token":"$t"}
		! POST experiments/search {"filter":"status = 'x'","max_results":10}
		! POST experiments/search {"filter":"name = '$m' OR name = 'b'","max_results":10}
		! POST experiments/search {"max_results":0}
		! POST experiments/search {}
		! POST experiments/search {"max_results":50001}`},
}

var runCases = []testCase{
	{name: "run: create and get", script: newRun + `
		GET runs/get?run_id=$r
		GET runs/get?run_id=0123456789abcdef0123456789abcdef
		GET runs/get
		GET runs/get?run_uuid=$r
		POST runs/create {"experiment_id":"999999"}
		POST runs/create {"experiment_id":"$e","tags":[{"key":"mlflow.user","value":"ann"},{"key":"mlflow.source.git.commit","value":"4f2c"}]}
		! POST runs/create {"experiment_id":"$e","run_name":"a","tags":[{"key":"mlflow.runName","value":"b"}]}`},
	{name: "run: update", script: newRun + `
		POST runs/update {"run_id":"$r","status":"FINISHED","end_time":1700000001000}
		GET runs/get?run_id=$r
		POST runs/update {"run_id":"$r","status":"FAILED"}
		POST runs/update {"run_id":"$r","run_name":"second"}
		GET runs/get?run_id=$r
		! POST runs/update {"run_id":"$r","status":"DONE"}
		POST runs/update {"run_id":"0123456789abcdef0123456789abcdef","status":"FAILED"}`},
	{name: "run: delete and restore", script: newRun + `
		POST runs/delete {"run_id":"$r"}
		GET runs/get?run_id=$r
		POST runs/set-tag {"run_id":"$r","key":"k","value":"v"}
		POST runs/log-parameter {"run_id":"$r","key":"k","value":"v"}
		POST runs/log-batch {"run_id":"$r","params":[{"key":"k","value":"v"}]}
		POST runs/update {"run_id":"$r","status":"FINISHED"}
		POST runs/restore {"run_id":"$r"}
		GET runs/get?run_id=$r
		POST runs/delete {"run_id":"0123456789abcdef0123456789abcdef"}`},
	{name: "run: parameters are written once", script: newRun + `
		POST runs/log-parameter {"run_id":"$r","key":"e000001","value":"mine"}
		POST runs/log-parameter {"run_id":"$r","key":"e000001","value":"mine"}
		POST runs/log-parameter {"run_id":"$r","key":"e000001","value":"theirs"}
		POST runs/log-parameter {"run_id":"$r","key":"empty"}
		GET runs/get?run_id=$r
		POST runs/update {"run_id":"$r","status":"FINISHED"}
		POST runs/log-parameter {"run_id":"$r","key":"late","value":"fine"}
		POST runs/log-parameter {"run_id":"$r","key":"a@b","value":"v"}
		POST runs/log-parameter {"run_id":"$r","key":"","value":"v"}
		POST runs/log-parameter {"run_id":"$r","value":"v"}
		POST runs/log-parameter {"run_id":"0123456789abcdef0123456789abcdef","key":"k","value":"v"}`},
	{name: "run: parameters are case-sensitive", script: newRun + `
		POST runs/log-parameter {"run_id":"$r","key":"e","value":"1"}
		! POST runs/log-parameter {"run_id":"$r","key":"E","value":"1"}
		! POST runs/log-parameter {"run_id":"$r","key":"E","value":"2"}
		! POST runs/log-parameter {"run_id":"$r","key":"e","value":"1 "}
		! POST runs/log-batch {"run_id":"$r","params":[{"key":"f","value":"x"},{"key":"E","value":"3"}]}
		GET runs/get?run_id=$r`},
	{name: "run: a batch of parameters is all or nothing", script: newRun + `
		POST runs/log-batch {"run_id":"$r","params":[{"key":"e1","value":"a"},{"key":"h1","value":"b"}]}
		POST runs/log-batch {"run_id":"$r","params":[{"key":"e2","value":"x"},{"key":"e1","value":"other"}]}
		GET runs/get?run_id=$r
		POST runs/log-batch {"run_id":"$r","params":[{"key":"e1","value":"a"},{"key":"e2","value":"x"}]}
		GET runs/get?run_id=$r
		! POST runs/log-batch {"run_id":"$r","params":[{"key":"e3","value":"x"},{"key":"e3","value":"x"}]}
		POST runs/log-batch {"run_id":"$r","params":[{"key":"e4","value":"x"},{"key":"a@b","value":"x"}]}
		GET runs/get?run_id=$r`},
	{
		name:   "run: file store stores a batch one by one",
		stores: []string{"file"},
		script: `
		POST runs/create {"experiment_id":"0"} => r=run.info.run_id
		POST runs/log-batch {"run_id":"$r","params":[{"key":"a","value":"1"},{"key":"b","value":"1"}]}
		! POST runs/log-batch {"run_id":"$r","params":[{"key":"c","value":"1"},{"key":"a","value":"2"},{"key":"d","value":"1"}]}
		POST runs/log-batch {"run_id":"$r","params":[{"key":"a","value":"1"},{"key":"e","value":"1"}]}
		! POST runs/log-parameter {"run_id":"$r","key":"a","value":"2"}
		GET runs/get?run_id=$r`,
	},
	{name: "run: a failed batch stores no tags either", script: newRun + `
		POST runs/log-batch {"run_id":"$r","params":[{"key":"e1","value":"a"}],"tags":[{"key":"t","value":"1"}]}
		POST runs/log-batch {"run_id":"$r","params":[{"key":"e1","value":"b"}],"tags":[{"key":"t","value":"2"}],"metrics":[{"key":"m","value":1,"timestamp":1,"step":0}]}
		GET runs/get?run_id=$r`},
	{name: "run: batch limits", script: newRun + `
		POST runs/log-batch {"run_id":"$r","params":[` + repeat(100, `{"key":"p%d","value":"v"}`) + `]}
		POST runs/log-batch {"run_id":"$r","params":[` + repeat(101, `{"key":"q%d","value":"v"}`) + `]}
		POST runs/log-batch {"run_id":"$r","tags":[` + repeat(101, `{"key":"q%d","value":"v"}`) + `]}
		POST runs/log-batch {"run_id":"$r","metrics":[` + repeat(1001, `{"key":"m%d","value":1,"timestamp":1,"step":0}`) + `]}
		POST runs/log-batch {"run_id":"$r","metrics":[` + repeat(950, `{"key":"m%d","value":1,"timestamp":1,"step":0}`) + `],"params":[` + repeat(60, `{"key":"p%d","value":"v"}`) + `]}`},
	{name: "run: incomplete batch entries", script: newRun + `
		POST runs/log-batch {"run_id":"$r"}
		POST runs/log-batch {"run_id":"$r","params":[{"value":"v"}]}
		POST runs/log-batch {"run_id":"$r","tags":[{"key":""}]}
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"a","timestamp":1,"step":0}]}
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"a","value":1,"step":0}]}
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"a","value":1,"timestamp":1}]}
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"","value":1,"timestamp":1,"step":0}]}
		POST runs/log-batch {"params":[{"key":"k","value":"v"}]}
		POST runs/log-batch {}
		! POST runs/log-batch {"run_id":"0123456789abcdef0123456789abcdef","params":[{"key":"k","value":"v"}]}
		POST runs/log-batch {"run_id":"$r","params":[{"key":"no value"}]}
		GET runs/get?run_id=$r`},
	{name: "run: an invalid batch is stored in part", script: newRun + `
		! POST runs/log-batch {"run_id":"$r","metrics":[{"key":"a","value":1,"timestamp":1,"step":0},{"key":"b","value":1e400,"timestamp":1,"step":0},{"key":"c","value":1,"timestamp":1,"step":0}],"params":[{"key":"p","value":"1"}]}
		GET runs/get?run_id=$r`},
	{name: "run: long parameters", script: newRun + `
		POST runs/log-parameter {"run_id":"$r","key":"a","value":"` + x(500) + `"}
		! POST runs/log-parameter {"run_id":"$r","key":"b","value":"` + x(501) + `"}
		! POST runs/log-parameter {"run_id":"$r","key":"c","value":"` + x(6000) + `"}
		! POST runs/log-parameter {"run_id":"$r","key":"d","value":"` + x(6001) + `y"}
		! POST runs/log-batch {"run_id":"$r","params":[{"key":"e","value":"` + x(6001) + `"}]}
		! POST runs/log-parameter {"run_id":"$r","key":"` + x(251) + `","value":"v"}
		GET runs/get?run_id=$r`},
	{name: "run: tags", script: newRun + `
		POST runs/set-tag {"run_id":"$r","key":"k","value":"one"}
		POST runs/set-tag {"run_id":"$r","key":"k","value":"two"}
		POST runs/set-tag {"run_id":"$r","key":"mlflow.runName","value":"renamed"}
		GET runs/get?run_id=$r
		POST runs/delete-tag {"run_id":"$r","key":"k"}
		POST runs/delete-tag {"run_id":"$r","key":"k"}
		POST runs/set-tag {"run_id":"$r","key":"a@b","value":"one"}
		POST runs/log-batch {"run_id":"$r","tags":[{"key":"b","value":"1"},{"key":"b","value":"2"}]}
		GET runs/get?run_id=$r`},
	{name: "run: long tags", script: newRun + `
		! POST runs/set-tag {"run_id":"$r","key":"a","value":"` + x(5000) + `"}
		! POST runs/set-tag {"run_id":"$r","key":"b","value":"` + x(5001) + `"}
		! POST runs/set-tag {"run_id":"$r","key":"c","value":"` + x(8000) + `"}
		! POST runs/set-tag {"run_id":"$r","key":"d","value":"` + x(8001) + `"}
		! POST runs/log-batch {"run_id":"$r","tags":[{"key":"e","value":"` + x(9000) + `"}]}
		GET runs/get?run_id=$r`},
	{name: "run: metrics, the latest by step, time and value", script: newRun + `
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.5,"timestamp":10,"step":1}
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.7,"timestamp":5,"step":2}
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.6,"timestamp":20,"step":1}
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.4,"timestamp":5,"step":2}
		GET runs/get?run_id=$r
		GET metrics/get-history?run_id=$r&metric_key=acc
		GET metrics/get-history?run_id=$r&metric_key=none
		GET metrics/get-history?run_id=$r
		POST runs/log-metric {"run_id":"$r","key":"acc","value":1}
		! POST runs/log-metric {"run_id":"$r","key":"acc","value":"high","timestamp":1,"step":0}
		POST runs/log-metric {"run_id":"$r","key":"acc","value":"0.25","timestamp":"1","step":"9"}
		! POST runs/log-metric {"run_id":"$r","key":"acc","value":0.5,"timestamp":-1}
		GET runs/get?run_id=$r`},
	{name: "run: metrics that are not numbers", script: newRun + `
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"nan","value":"NaN","timestamp":1,"step":0},{"key":"inf","value":"Infinity","timestamp":1,"step":0},{"key":"ninf","value":"-Infinity","timestamp":1,"step":0},{"key":"max","value":1.7976931348623157e308,"timestamp":1,"step":0}]}
		GET runs/get?run_id=$r
		GET metrics/get-history?run_id=$r&metric_key=nan
		POST runs/log-metric {"run_id":"$r","key":"nan","value":-1,"timestamp":1}
		GET runs/get?run_id=$r`},
	{name: "run: metric history in pages", when: func(d *dialect.Dialect) bool { return d.HistoryPaged }, script: newRun + `
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"a","value":1,"timestamp":1,"step":1},{"key":"a","value":2,"timestamp":2,"step":2},{"key":"a","value":3,"timestamp":3,"step":3}]}
		GET metrics/get-history?run_id=$r&metric_key=a&max_results=2 => t=next_page_token
		GET metrics/get-history?run_id=$r&metric_key=a&max_results=2&page_token=$t
		GET metrics/get-history?run_id=$r&metric_key=a&max_results=0
		! GET metrics/get-history?run_id=0123456789abcdef0123456789abcdef&metric_key=a`},
	{name: "run: datasets", when: withDatasets, script: newRun + `
		POST runs/log-inputs {"run_id":"$r","datasets":[{"tags":[{"key":"mlflow.data.context","value":"training"}],"dataset":{"name":"train","digest":"d1","source_type":"local","source":"{}"}}]}
		GET runs/get?run_id=$r
		POST runs/search {"experiment_ids":["$e"],"filter":"dataset.digest = 'd1'"}
		POST runs/search {"experiment_ids":["$e"],"filter":"dataset.name = 'other'"}`},
	{name: "run: outputs", when: withLoggedModels, script: newRun + newLogged + `
		POST runs/outputs {"run_id":"$r","models":[{"model_id":"$l","step":3}]}
		GET runs/get?run_id=$r`},
	{name: "run: search", script: newRun + `
		POST runs/create {"experiment_id":"$e","run_name":"second","start_time":1700000000001} => s=run.info.run_id
		POST runs/create {"experiment_id":"$e","run_name":"third","start_time":1700000000002} => u=run.info.run_id
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"acc","value":0.9,"timestamp":1,"step":0}],"params":[{"key":"depth","value":"3"}],"tags":[{"key":"mlflow.source.git.commit","value":"4f2c"}]}
		POST runs/log-batch {"run_id":"$s","metrics":[{"key":"acc","value":0.8,"timestamp":1,"step":0}],"params":[{"key":"depth","value":"5"}]}
		POST runs/log-batch {"run_id":"$u","metrics":[{"key":"acc","value":"NaN","timestamp":1,"step":0}]}
		POST runs/update {"run_id":"$r","status":"FINISHED","end_time":1700000000009}
		POST runs/search {"experiment_ids":["$e"]}
		POST runs/search {"experiment_ids":["$e"],"filter":"attributes.status = 'FINISHED'"}
		POST runs/search {"experiment_ids":["$e"],"filter":"status != 'FINISHED'"}
		POST runs/search {"experiment_ids":["$e"],"filter":"metrics.acc > 0.85"}
		POST runs/search {"experiment_ids":["$e"],"filter":"metrics.acc < 0.85"}
		POST runs/search {"experiment_ids":["$e"],"filter":"params.depth = '3' and metrics.acc >= 0.9"}
		POST runs/search {"experiment_ids":["$e"],"filter":"tags.` + "`mlflow.source.git.commit`" + ` = '4f2c'"}
		POST runs/search {"experiment_ids":["$e"],"order_by":["metrics.acc DESC"]}
		POST runs/search {"experiment_ids":["$e"],"order_by":["metrics.acc ASC"]}
		POST runs/search {"experiment_ids":["$e"],"order_by":["attributes.start_time ASC"]}
		POST runs/search {"experiment_ids":["$e"],"order_by":["params.depth DESC"]}
		POST runs/search {"experiment_ids":["$e"],"filter":"attributes.run_id = '$r'"}
		POST runs/search {"experiment_ids":["$e"],"filter":"run_name = 'second'"}
		POST runs/search {"experiment_ids":["$e"],"filter":"attributes.run_name = 'second'"}
		POST runs/search {"experiment_ids":["$e"],"filter":"attributes.start_time > 1700000000000 and attributes.status = 'RUNNING'","order_by":["attributes.start_time ASC"]}
		POST runs/search {"experiment_ids":["$e"],"filter":"attributes.end_time > 1"}
		POST runs/search {"experiment_ids":["$e"],"filter":"attributes.user_id = 'ann'"}
		POST runs/search {"experiment_ids":["$e"],"max_results":2,"order_by":["start_time ASC"]} => t=next_page_token
		POST runs/search {"experiment_ids":["$e"],"max_results":2,"order_by":["start_time ASC"],"page_token":"$t"}
		POST runs/search {"experiment_ids":["999999"]}
		POST runs/search {"experiment_ids":[]}`},
	{name: "run: search for several runs of several experiments", script: newRun + `
		POST runs/create {"experiment_id":"$e","run_name":"second","start_time":1700000000001} => s=run.info.run_id
		POST experiments/create {"name":"$m-two"} => f=experiment_id
		POST runs/create {"experiment_id":"$f","run_name":"third","start_time":1700000000002} => u=run.info.run_id
		POST runs/delete {"run_id":"$s"}
		POST experiments/delete {"experiment_id":"$f"}
		POST runs/search {"experiment_ids":["$e","$f"],"filter":"attributes.run_id IN ('$r','$s','$u','0123456789abcdef0123456789abcdef')","run_view_type":"ALL","max_results":4,"order_by":["attributes.start_time ASC"]}
		POST runs/search {"experiment_ids":["$e","$f"],"filter":"attributes.run_id IN ('$r')","run_view_type":"ALL","max_results":1}
		POST runs/search {"experiment_ids":["$f"],"filter":"attributes.run_id IN ('$r')","run_view_type":"ALL","max_results":1}
		POST runs/search {"experiment_ids":["$e","999999"],"filter":"attributes.run_id IN ('$r')","run_view_type":"ALL","max_results":2}
		! POST runs/search {"experiment_ids":["$e"],"filter":"attributes.run_id IN ()","run_view_type":"ALL","max_results":1}`},
	{name: "run: search of a commit over experiments, the last to end first", script: newRun + `
		POST experiments/create {"name":"$m-b"} => b=experiment_id
		POST runs/create {"experiment_id":"$b","run_name":"later","start_time":1700000000001,"tags":[{"key":"mlflow.source.git.commit","value":"4f2c"}]} => s=run.info.run_id
		POST runs/create {"experiment_id":"$b","run_name":"running","start_time":1700000000002,"tags":[{"key":"mlflow.source.git.commit","value":"4f2c"}]}
		POST runs/create {"experiment_id":"$b","run_name":"of another","start_time":1700000000003,"tags":[{"key":"mlflow.source.git.commit","value":"4f2d"}]}
		POST runs/set-tag {"run_id":"$r","key":"mlflow.source.git.commit","value":"4f2c"}
		POST runs/update {"run_id":"$r","status":"FINISHED","end_time":1700000000010}
		POST runs/update {"run_id":"$s","status":"FAILED","end_time":1700000000020}
		POST runs/search {"experiment_ids":["$e","$b"],"filter":"tags.` + "`mlflow.source.git.commit`" + ` = '4f2c'","run_view_type":"ALL","order_by":["attributes.end_time DESC"],"max_results":2} => t=next_page_token
		POST runs/search {"experiment_ids":["$e","$b"],"filter":"tags.` + "`mlflow.source.git.commit`" + ` = '4f2c'","run_view_type":"ALL","order_by":["attributes.end_time DESC"],"max_results":2,"page_token":"$t"}
		POST runs/delete {"run_id":"$r"}
		POST runs/search {"experiment_ids":["$e","$b"],"filter":"tags.` + "`mlflow.source.git.commit`" + ` = '4f2c'","run_view_type":"ALL","order_by":["attributes.end_time DESC"]}`},
	{name: "run: search of deleted runs", script: newRun + `
		POST runs/delete {"run_id":"$r"}
		POST runs/search {"experiment_ids":["$e"]}
		POST runs/search {"experiment_ids":["$e"],"run_view_type":"DELETED_ONLY"}
		POST runs/search {"experiment_ids":["$e"],"run_view_type":"ALL"}`},
	{name: "run: invalid searches", script: newRun + `
		! POST runs/search {"experiment_ids":["$e"],"filter":"metrics.acc > '0.5'"}
		! POST runs/search {"experiment_ids":["$e"],"filter":"params.depth > 3"}
		! POST runs/search {"experiment_ids":["$e"],"filter":"status = 'A' OR status = 'B'"}
		! POST runs/search {"experiment_ids":["$e"],"filter":"nonsense = 'x'"}
		! POST runs/search {"experiment_ids":["$e"],"filter":"thing.a = 'x'"}
		! POST runs/search {"experiment_ids":["$e"],"max_results":50001}
		! POST runs/search {"experiment_ids":["$e"],"order_by":["metrics.acc sideways"]}
		! POST runs/search {"experiment_ids":["$e"],"page_token":"abc"}`},
}

var loggedCases = []testCase{
	{name: "logged model: create, finish, delete", when: withLoggedModels, script: newRun + `
		POST logged-models {"experiment_id":"$e","name":"model","source_run_id":"$r","model_type":"","tags":[{"key":"t","value":"1"}],"params":[{"key":"p","value":"2"}]} => l=model.info.model_id
		GET logged-models/$l
		PATCH logged-models/$l {"model_id":"$l","status":"LOGGED_MODEL_READY"}
		PATCH logged-models/$l/tags {"tags":[{"key":"t","value":"3"},{"key":"u","value":"4"}]}
		GET logged-models/$l
		DELETE logged-models/$l
		GET logged-models/$l
		GET logged-models/m-0123456789abcdef0123456789abcdef
		POST logged-models {"experiment_id":"$e","name":"a/b"}
		POST logged-models {"experiment_id":"999999","name":"a"}`},
	{name: "logged model: minimal create", when: withLoggedModels, script: newRun + `
		POST logged-models {"experiment_id":"$e","name":"model"} => l=model.info.model_id
		GET logged-models/$l`},
	{name: "logged model: search", when: withLoggedModels, script: newRun + newLogged + `
		POST logged-models {"experiment_id":"$e","name":"other","source_run_id":"$r"} => k=model.info.model_id
		POST logged-models/search {"experiment_ids":["$e"],"filter":"name = 'model'"}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"name = 'none'"}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"source_run_id = '$r' AND name = 'other'"}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"name LIKE 'mod%'"}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"model_id = '$k'"}
		POST logged-models/search {"experiment_ids":["999999"]}
		POST logged-models/search {"experiment_ids":[]}
		POST logged-models/search {}
		! POST logged-models/search {"experiment_ids":["$e"],"filter":"nonsense = 'x'"}
		! POST logged-models/search {"experiment_ids":["$e"],"filter":"name = 'a' OR name = 'b'"}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"name = \"model\""}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"name IN ('model','x')"}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"name like 'mod%' and attributes.source_run_id = '$r'"}
		! POST logged-models/search {"experiment_ids":["$e"],"filter":"things.a = 'x'"}
		! POST logged-models/search {"experiment_ids":["$e"],"filter":"name > 'a'"}
		! POST logged-models/search {"experiment_ids":["$e"],"page_token":"abc"}`},
	{name: "logged model: search in pages", when: withLoggedModels, script: newRun + newLogged + `
		POST logged-models {"experiment_id":"$e","name":"second"} => k=model.info.model_id
		POST logged-models/search {"experiment_ids":["$e"],"order_by":[{"field_name":"name"}]}
		! POST logged-models/search {"experiment_ids":["$e"],"order_by":[{"field_name":"nonsense"}]}
		POST logged-models/search {"experiment_ids":["$e"],"max_results":1,"order_by":[{"field_name":"name","ascending":false}]} => t=next_page_token
		! POST logged-models/search {"experiment_ids":["$e"],"max_results":1,"filter":"name = 'x'","order_by":[{"field_name":"name","ascending":false}],"page_token":"$t"}
		POST logged-models/search {"experiment_ids":["$e"],"max_results":1,"order_by":[{"field_name":"name","ascending":false}],"page_token":"$t"}
		! POST logged-models/search {"experiment_ids":["0"],"max_results":1,"page_token":"$t"}`},
	{name: "logged model: metrics", when: withLoggedModels, script: newRun + newLogged + `
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.5,"timestamp":1,"step":0}
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.9,"timestamp":2,"step":3,"model_id":"$l"}
		POST runs/log-metric {"run_id":"$r","key":"acc","value":0.9,"timestamp":2,"step":3,"model_id":"$l"}
		POST runs/log-batch {"run_id":"$r","metrics":[{"key":"f1","value":0.8,"timestamp":3,"step":0,"model_id":"$l","dataset_name":"val","dataset_digest":"d1"}]}
		POST runs/log-metric {"run_id":"$r","key":"nan","value":"NaN","timestamp":4,"step":0,"model_id":"$l"}
		POST runs/log-metric {"run_id":"$r","key":"inf","value":"Infinity","timestamp":4,"step":0,"model_id":"$l"}
		GET logged-models/$l
		POST logged-models/search {"experiment_ids":["$e"],"filter":"source_run_id = '$r'"}
		GET runs/get?run_id=$r`},
	{name: "logged model: unknown to older servers", when: func(d *dialect.Dialect) bool { return !d.LoggedModels }, script: `
		POST logged-models/search {"experiment_ids":["0"]}
		GET logged-models/m-0123456789abcdef0123456789abcdef`},
	{name: "logged model: artifacts", when: withLoggedModels, script: newRun + newLogged + `
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/models/$l/artifacts/MLmodel flavors:
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/models/$l/artifacts/code/a.py pass
		GET logged-models/$l/artifacts/directories
		GET logged-models/$l/artifacts/directories?artifact_directory_path=code
		GET logged-models/$l/artifacts/directories?artifact_directory_path=none
		GET logged-models/$l/artifacts/directories?artifact_directory_path=../x
		GET /ajax-api/2.0/mlflow/logged-models/$l/artifacts/files?artifact_file_path=MLmodel
		! GET /ajax-api/2.0/mlflow/logged-models/$l/artifacts/files?artifact_file_path=none
		GET /ajax-api/2.0/mlflow/logged-models/$l/artifacts/files
		GET logged-models/$l/artifacts/files?artifact_file_path=MLmodel
		GET artifacts/list?run_id=$r
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/models/$l/artifacts","model_id":"$l","run_id":"$r"}
		GET /model-versions/get-artifact?name=$m&version=1&path=MLmodel`},
}

const withFiles = newRun + `
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/model/MLmodel flavors:
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/model/input_example.json {"a": 1}
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/note.txt hello
`

var artifactCases = []testCase{
	{name: "artifact: list of a run", script: withFiles + `
		GET artifacts/list?run_id=$r
		GET artifacts/list?run_id=$r&path=model
		GET artifacts/list?run_id=$r&path=none
		GET artifacts/list?run_id=$r&path=note.txt
		GET artifacts/list?run_id=0123456789abcdef0123456789abcdef
		GET artifacts/list
		GET artifacts/list?run_id=$r&path=../x
		GET artifacts/list?run_id=$r&path=/etc`},
	{name: "artifact: through the proxy", script: withFiles + `
		GET /api/2.0/mlflow-artifacts/artifacts?path=$e/$r/artifacts
		GET /api/2.0/mlflow-artifacts/artifacts?path=$e/$r/artifacts/model
		GET /api/2.0/mlflow-artifacts/artifacts?path=$e/$r/none
		GET /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/model/MLmodel
		DELETE /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/note.txt
		GET /api/2.0/mlflow-artifacts/artifacts?path=$e/$r/artifacts`},
	{name: "artifact: missing through the proxy", script: newRun + `
		! GET /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/none`},
	{name: "artifact: of a run", script: withFiles + `
		GET /get-artifact?run_id=$r&path=model/MLmodel
		GET /get-artifact?run_id=$r&path=model/input_example.json
		! GET /get-artifact?run_id=$r&path=none
		GET /get-artifact?run_id=$r&path=../x
		GET /get-artifact?run_id=0123456789abcdef0123456789abcdef&path=a
		! GET /get-artifact?run_id=$r`},
	{name: "artifact: of a version", script: withFiles + `
		POST registered-models/create {"name":"$m"}
		POST model-versions/create {"name":"$m","source":"mlflow-artifacts:/$e/$r/artifacts/model","run_id":"$r"}
		GET /model-versions/get-artifact?name=$m&version=1&path=MLmodel
		! GET /model-versions/get-artifact?name=$m&version=1&path=none
		GET /model-versions/get-artifact?name=$m&version=1&path=../x
		GET /model-versions/get-artifact?name=$m&version=1&path=a%23b
		GET /model-versions/get-artifact?name=$m&version=9&path=MLmodel
		GET /model-versions/get-artifact?name=$m-none&version=1&path=MLmodel`},
	{name: "artifact: presigned address", script: withFiles + `
		POST artifacts/presigned-download-url {"run_id":"$r","path":"model/MLmodel"}
		POST artifacts/presigned-download-url {"run_id":"$r"}
		POST artifacts/presigned-download-url {"run_id":"0123456789abcdef0123456789abcdef","path":"model/MLmodel"}
		POST artifacts/presigned-download-url {"run_id":"$r","path":"../x"}`},
	{name: "artifact: address for an upload", stores: []string{"sqlite"}, script: newRun + `
		POST artifacts/presigned-upload-url {"run_id":"$r","path":"model/MLmodel"}
		POST artifacts/presigned-upload-url {"run_id":"$r"}
		POST artifacts/presigned-upload-url {"path":"model/MLmodel"}
		POST artifacts/presigned-upload-url {"run_id":"$r","model_id":"m-1","path":"model/MLmodel"}
		POST artifacts/presigned-upload-url {"run_id":"0123456789abcdef0123456789abcdef","path":"model/MLmodel"}
		POST artifacts/presigned-upload-url {"model_id":"m-0123456789abcdef0123456789abcdef","path":"MLmodel"}
		POST artifacts/presigned-upload-url {"run_id":"$r","path":"../x"}`},
	{name: "artifact: address for an upload to a logged model", stores: []string{"sqlite"}, when: withLoggedModels,
		script: newRun + newLogged + `
		POST artifacts/presigned-upload-url {"model_id":"$l","path":"MLmodel"}`},
	{name: "artifact: upload in parts", stores: []string{"sqlite"}, script: newRun + `
		POST /api/2.0/mlflow-artifacts/mpu/create/$e/$r/artifacts/model {"path":"a.bin","num_parts":2}
		POST /api/2.0/mlflow-artifacts/mpu/create/$e/$r/artifacts/model {"num_parts":2}
		POST /api/2.0/mlflow-artifacts/mpu/complete/$e/$r/artifacts/model {"path":"a.bin","upload_id":"x","parts":[{"part_number":1,"etag":"y"}]}
		POST /api/2.0/mlflow-artifacts/mpu/complete/$e/$r/artifacts/model {"path":"a.bin","upload_id":"x"}
		POST /api/2.0/mlflow-artifacts/mpu/abort/$e/$r/artifacts/model {"path":"a.bin","upload_id":"x"}`},
	{name: "artifact: upload again", stores: []string{"sqlite"}, script: withFiles + `
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/model/MLmodel other
		GET /get-artifact?run_id=$r&path=model/MLmodel
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/model/a%20b%2Bc.txt odd
		GET artifacts/list?run_id=$r&path=model
		with Content-Type: application/octet-stream
		PUT /api/2.0/mlflow-artifacts/artifacts/$e/$r/artifacts/model/empty
		GET /get-artifact?run_id=$r&path=model/empty`},
	{name: "artifact: of a version stored elsewhere", script: versioned(1) + `
		! GET /model-versions/get-artifact?name=$m&version=1&path=MLmodel`},
}

var wireCases = []testCase{
	{name: "wire: content type", script: `
		with Content-Type: text/plain
		POST registered-models/create {"name":"$m"}
		with Content-Type:
		POST registered-models/create {"name":"$m-two"}
		with Content-Type: application/json; charset=utf-8
		POST registered-models/create {"name":"$m-three"}
		with Content-Type: text/plain
		PATCH registered-models/update {"name":"$m-three","description":"x"}
		with Content-Type: text/plain
		DELETE registered-models/delete {"name":"$m-three"}`},
	{name: "wire: unknown routes", script: `
		GET registered-models/nope
		GET registered-models/get/?name=$m
		POST registered-models/create/ {"name":"$m"}
		GET /api/2.0/mlflow
		GET /nowhere`},
	{name: "wire: wrong methods", script: `
		DELETE registered-models/get {"name":"$m"}
		GET registered-models/create
		PUT registered-models/update {"name":"$m"}
		POST model-versions/search {}
		GET runs/search`},
	{name: "wire: a DELETE needs its body", script: versioned(1) + `
		DELETE registered-models/delete?name=$m
		DELETE model-versions/delete?name=$m&version=1
		GET registered-models/get?name=$m`},
	{name: "wire: bodies other than objects", script: `
		POST registered-models/create not json
		POST registered-models/create [1]
		POST registered-models/create 7
		POST registered-models/create null
		POST registered-models/create
		POST runs/log-batch not json
		POST registered-models/create "{\"name\":\"$m\"}"
		GET registered-models/get?name=$m`},
	{name: "wire: unknown fields are ignored", script: `
		POST registered-models/create {"name":"$m","surprise":{"a":[1]},"user_id":5}
		GET registered-models/get?name=$m&surprise=1`},
	{name: "wire: numbers in strings", script: newRun + `
		GET registered-models/search?filter=name = '$m'&max_results=5
		POST runs/search {"experiment_ids":["$e"],"max_results":"5"}
		! POST runs/search {"experiment_ids":["$e"],"max_results":5.5}
		! POST runs/search {"experiment_ids":["$e"],"max_results":"5.5"}
		! POST runs/search {"experiment_ids":["$e"],"max_results":true}
		POST runs/search {"experiment_ids":["$e"],"max_results":5.0}`},
	{name: "wire: aliases are unknown to older servers", when: func(d *dialect.Dialect) bool { return !d.Aliases }, script: `
		GET registered-models/alias?name=$m&alias=champion
		POST registered-models/alias {"name":"$m","alias":"champion","version":"1"}`},
	{name: "wire: probes", script: `
		GET /health
		GET /version
		GET /api/3.0/mlflow/server-info`},
	{name: "wire: workspace header without the feature", script: `
		POST registered-models/create {"name":"$m"}
		with X-MLFLOW-WORKSPACE: team-a
		GET registered-models/get?name=$m
		with X-MLFLOW-WORKSPACE: default
		GET registered-models/get?name=$m
		with X-MLFLOW-WORKSPACE:
		GET registered-models/get?name=$m
		with X-MLFLOW-WORKSPACE: team-a
		GET /health
		with X-MLFLOW-WORKSPACE: team-a
		GET /version
		with X-MLFLOW-WORKSPACE: team-a
		GET /nowhere
		with X-MLFLOW-WORKSPACE: team-a
		GET /api/3.0/mlflow/server-info
		with X-MLFLOW-WORKSPACE: team-a
		GET /api/2.0/mlflow-artifacts/artifacts?path=none`},
	{name: "wire: hosts", script: `
		POST registered-models/create {"name":"$m"}
		with Host: mlflow:5000
		GET registered-models/get?name=$m
		with Host: mlflow.example.com
		GET registered-models/get?name=$m
		with Host: 192.168.1.7:5000
		GET registered-models/get?name=$m
		with Host: 10.0.0.1
		GET registered-models/get?name=$m
		with Host: 172.20.0.2:80
		GET registered-models/get?name=$m
		with Host: 172.32.0.2
		GET registered-models/get?name=$m
		with Host: localhost
		GET registered-models/get?name=$m
		with Host: LOCALHOST:5000
		GET registered-models/get?name=$m
		with Host: 8.8.8.8
		GET registered-models/get?name=$m
		with Host: mlflow:5000
		GET /health
		with Host: mlflow:5000
		GET /version
		with Host: mlflow:5000
		GET /nowhere`},
	{name: "wire: origins", script: `
		with Origin: https://evil.example
		POST registered-models/create {"name":"$m"}
		with Origin: http://localhost:3000
		POST registered-models/create {"name":"$m"}
		with Origin: https://evil.example
		GET registered-models/get?name=$m
		with Origin: https://evil.example
		DELETE registered-models/delete {"name":"$m"}`},
	{name: "wire: all kinds of text stay unchanged", script: `
		POST registered-models/create {"name":"$m","description":"line one\nline two\t::error::x </script> ☃ 𝒳 \u202e","tags":[{"key":"k","value":"\u0000"}]}
		POST registered-models/create {"name":"$m-two","description":"line one\nline two\t::error::x </script> & ☃ 𝒳 \u202e"}
		GET registered-models/get?name=$m-two`, stores: []string{"sqlite"}},
}
