package conformance

// newTrace creates a trace of the run $r in the experiment $e, whose id ends with the given letter.
func newTrace(letter, second string) string {
	return `
		POST /api/3.0/mlflow/traces {"trace":{"trace_info":{"trace_id":"tr-$m-` + letter + `","trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"$e"}},"request_time":"2026-05-03T10:00:0` + second + `Z","execution_duration":"0.064s","state":"OK","request_preview":"{\"q\": \"` + letter + `\"}","response_preview":"\"a\"","trace_metadata":{"mlflow.sourceRun":"$r","mlflow.modelId":"m-1"},"tags":{"mlflow.traceName":"answer"}}}}`
}

// found searches the traces of the experiment $e.
func found(more string) string {
	return `
		POST /api/3.0/mlflow/traces/search {"locations":[{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"$e"}}]` +
		more + `}`
}

// Evaluations are recorded on one database only, because their requests do not depend on it.
var traceCases = []testCase{
	{name: "run: logged models as inputs", when: withLoggedModels, stores: []string{"sqlite"}, script: newRun + newLogged + `
		POST runs/log-inputs {"run_id":"$r","models":[{"model_id":"$l"}],"datasets":[{"dataset":{"name":"golden","digest":"d1","source_type":"code","source":"{}","profile":"{\"num_rows\": 4}"}}]}
		POST runs/log-inputs {"run_id":"$r","models":[{"model_id":"$l"}]}
		GET runs/get?run_id=$r
		POST runs/search {"experiment_ids":["$e"],"run_view_type":"ALL"}`},
	{
		name: "trace: search", when: withLoggedModels, stores: []string{"sqlite"},
		script: newRun + newTrace("a", "1") + newTrace("b", "2.5") + newTrace("c", "1") + found("") +
			found(`,"filter":"run_id = '$r'","max_results":2`) + ` => t=next_page_token` +
			found(`,"filter":"run_id = '$r'","max_results":2,"page_token":"$t"`) +
			found(`,"filter":"run_id = '$r'","max_results":3`) +
			found(`,"filter":"run_id = 'none'"`) + found(`,"max_results":501`) + found(`,"filter":"run_id = abc"`) + `
		POST /api/3.0/mlflow/traces/search {"locations":[{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"999999"}}]}
		POST /api/3.0/mlflow/traces/delete-traces {"experiment_id":"$e","request_ids":["tr-$m-a","tr-$m-z"]}` +
			found(`,"filter":"run_id = '$r'"`),
	},
	{
		name: "trace: assessments", when: withLoggedModels, stores: []string{"sqlite"},
		script: newRun + newTrace("a", "1") + `
		POST /api/3.0/mlflow/traces/tr-$m-a/assessments {"assessment":{"assessment_name":"ok","trace_id":"tr-$m-a","source":{"source_type":"CODE","source_id":"ok"},"create_time":"2026-05-03T10:00:01.250Z","last_update_time":"2026-05-03T10:00:01.250Z","feedback":{"value":true},"metadata":{"mlflow.assessment.sourceRunId":"$r"},"valid":true}} => a=assessment.assessment_id
		POST /api/3.0/mlflow/traces/tr-$m-a/assessments {"assessment":{"assessment_name":"n","trace_id":"tr-$m-a","source":{"source_type":"LLM_JUDGE","source_id":"judge"},"create_time":"2026-05-03T10:00:02Z","last_update_time":"2026-05-03T10:00:02Z","feedback":{"value":2.5},"rationale":"why","valid":true}} => b=assessment.assessment_id
		POST /api/3.0/mlflow/traces/tr-$m-a/assessments {"assessment":{"assessment_name":"answer","trace_id":"tr-$m-a","source":{"source_type":"HUMAN","source_id":"ann"},"create_time":"2026-05-03T10:00:03Z","last_update_time":"2026-05-03T10:00:03Z","expectation":{"value":"a"},"valid":true}} => c=assessment.assessment_id
		POST /api/3.0/mlflow/traces/tr-$m-a/assessments {"assessment":{"assessment_name":"ok","trace_id":"tr-$m-a","source":{"source_type":"HUMAN","source_id":"bob"},"create_time":"2026-05-03T10:00:04Z","last_update_time":"2026-05-03T10:00:04Z","feedback":{"value":"no"},"overrides":"$a","valid":true}} => d=assessment.assessment_id` +
			found("") + `
		DELETE /api/3.0/mlflow/traces/tr-$m-a/assessments/$b
		DELETE /api/3.0/mlflow/traces/tr-$m-a/assessments/$b` + found(""),
	},
}
