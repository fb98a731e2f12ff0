package conformance

import "strings"

const (
	value0   = `{"key":"acc","value":0.5,"timestamp":7,"step":0}`
	valueNaN = `{"key":"acc","value":"NaN","timestamp":7,"step":0}`
	valueA   = `{"key":"acc","value":0.5,"timestamp":7,"step":0,"model_id":"$l","dataset_name":"val","dataset_digest":"d1"}`
	valueB   = `{"key":"acc","value":0.5,"timestamp":7,"step":0,"model_id":"$l","dataset_name":"test","dataset_digest":"d2"}`
	valueC   = `{"key":"acc","value":0.7,"timestamp":7,"step":0,"model_id":"$l","dataset_name":"val","dataset_digest":"d1"}`
)

func logged(run, values string) string {
	return `
		POST runs/log-batch {"run_id":"$` + run + `","metrics":[` + values + `]}`
}

func input(run, name, source, context string) string {
	return `
		POST runs/log-inputs {"run_id":"$` + run + `","datasets":[{"tags":[{"key":"mlflow.data.context","value":"` +
		context + `"}],"dataset":{"name":"` + name + `","digest":"d1","source_type":"local","source":"` + source + `"}}]}`
}

// copyCases are about writes that are repeated after a lost response, and about values that are copied.
var copyCases = []testCase{
	{name: "copy: a run with its times", group: "copies", script: newRun + `
		POST runs/create {"experiment_id":"$e","run_name":"second","user_id":"","start_time":0,"tags":[{"key":"promote.request","value":"d1e5"}]} => s=run.info.run_id
		POST runs/update {"run_id":"$s","status":"KILLED","end_time":1700000000009}
		GET runs/get?run_id=$s
		POST runs/search {"experiment_ids":["$e"],"run_view_type":"ACTIVE_ONLY","filter":"tags.` + "`promote.request`" + ` = 'd1e5'"}`},
	{name: "copy: empty values", group: "copies", script: newRun + `
		POST runs/log-batch {"run_id":"$r","params":[{"key":"p","value":""}],"tags":[{"key":"t","value":""}],"metrics":[]}
		GET runs/get?run_id=$r`},
	{name: "copy: a long tag at creation", group: "copies", script: `
		POST experiments/create {"name":"$m"} => e=experiment_id
		! POST runs/create {"experiment_id":"$e","run_name":"first","user_id":"ann","start_time":1,"tags":[{"key":"t","value":"` +
		strings.Repeat("x", 5100) + `"}]}`},
	{name: "copy: points again", group: "copies", script: newRun + logged("r", value0) + logged("r", value0) +
		logged("r", value0+","+value0) + logged("r", value0+`,{"key":"acc","value":0.6,"timestamp":7,"step":0}`) + `
		GET metrics/get-history?run_id=$r&metric_key=acc
		GET runs/get?run_id=$r`},
	{name: "copy: NaN again", group: "copies", script: newRun + logged("r", valueNaN+","+value0) +
		strings.ReplaceAll(logged("r", valueNaN)+logged("r", value0+","+valueNaN)+
			logged("r", valueNaN+`,{"key":"acc","value":0,"timestamp":8,"step":0}`), "POST", "! POST") + `
		! POST runs/log-metric {"run_id":"$r","key":"acc","value":"NaN","timestamp":7,"step":0}
		GET metrics/get-history?run_id=$r&metric_key=acc`},
	{name: "copy: a dataset again", group: "copies", when: withDatasets, script: newRun +
		input("r", "train", "{}", "training") + input("r", "train", "{}", "training") +
		input("r", "train", "elsewhere", "validation") + `
		GET runs/get?run_id=$r
		POST runs/create {"experiment_id":"$e","run_name":"second"} => s=run.info.run_id` +
		input("s", "train", "elsewhere", "validation") + `
		GET runs/get?run_id=$s`},
	{name: "copy: outputs again", group: "copies", when: withLoggedModels, script: newRun + newLogged + `
		POST runs/outputs {"run_id":"$r","models":[{"model_id":"$l","step":3}]}
		! POST runs/outputs {"run_id":"$r","models":[{"model_id":"$l","step":3}]}
		! POST runs/outputs {"run_id":"$r","models":[{"model_id":"m-0123456789abcdef0123456789abcdef","step":4},{"model_id":"$l","step":5}]}
		GET runs/get?run_id=$r`},
	{name: "copy: an output that does not exist", group: "copies", when: withLoggedModels, script: newRun + `
		POST runs/outputs {"run_id":"$r","models":[{"model_id":"m-0123456789abcdef0123456789abcdef","step":4}]}
		GET runs/get?run_id=$r`},
	{name: "copy: values of a model again", group: "copies", when: withLoggedModels, script: newRun + newLogged +
		logged("r", valueA) + logged("r", valueA) +
		logged("r", valueA+`,{"key":"f1","value":0.6,"timestamp":7,"step":0,"model_id":"$l"}`) + `
		GET logged-models/$l
		GET metrics/get-history?run_id=$r&metric_key=acc`},
	{name: "copy: other values of a model at the same place", group: "copies", when: withLoggedModels, script: newRun +
		newLogged + logged("r", valueA) + strings.ReplaceAll(logged("r", valueB)+logged("r", valueC), "POST", "! POST") + `
		GET logged-models/$l
		GET metrics/get-history?run_id=$r&metric_key=acc`},
	{name: "copy: a logged model by its tag", group: "copies", when: withLoggedModels, script: newRun + `
		POST logged-models {"experiment_id":"$e","name":"model","source_run_id":"$r","model_type":"classifier","tags":[{"key":"promote.request","value":"d1e5"},{"key":"other","value":"d1e5"}],"params":[{"key":"p","value":""}]} => l=model.info.model_id
		POST logged-models/search {"experiment_ids":["$e"],"filter":"tags.` + "`promote.request`" + ` = 'd1e5'","max_results":50}
		POST logged-models/search {"experiment_ids":["$e"],"filter":"tags.` + "`promote.request`" + ` = 'other'"}
		PATCH logged-models/$l {"model_id":"$l","status":"LOGGED_MODEL_READY"}
		PATCH logged-models/$l {"model_id":"$l","status":"LOGGED_MODEL_READY"}`},
}
