package cli

import "testing"

// The main job's cost is part of what is promised: every request more is paid by everybody at every promotion.
func TestRequestsAndRounds(t *testing.T) {
	first := []string{"promote", "--model", "wine", "--candidate", "runs:/base/model", "--alias", "champion", "--thresholds", "test_f1 >= 0.5"}
	next := []string{"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--thresholds", "test_f1 >= champion"}
	again := []string{"promote", "--model", "churn", "--candidate", "runs:/base/model", "--alias", "champion", "--thresholds", "test_f1 >= champion"}
	for name, c := range map[string]struct {
		args             []string
		requests, rounds int
	}{
		"the first version of a model":   {first, 13, 7},
		"a new version replaces the old": {next, 13, 6},
		"the target holds the candidate": {again, 7, 2},
		"judging alone":                  {append([]string{"validate"}, next[1:]...), 7, 2},
		"registering alone":              {[]string{"register", "--model", "churn", "--candidate", "runs:/better/model"}, 6, 3},
		"a candidate that is a version":  {[]string{"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "live", "--thresholds", "test_f1 >= 0.5"}, 11, 6},
		"what the server is and can do":  {[]string{"doctor"}, 8, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFlow(t, c.args...)
				result, status := f.run(t)
				if status != 0 {
					t.Fatalf("status %d: %s", status, result.Error)
				}
				if result.Requests > c.requests || result.Rounds > c.rounds {
					t.Errorf("%d requests in %d rounds, promised are %d in %d", result.Requests, result.Rounds, c.requests, c.rounds)
				}
				if got := len(f.double.Requests()); got != result.Requests {
					t.Errorf("the result says %d requests, the server saw %d", result.Requests, got)
				}
				if got := f.double.Rounds(); got != result.Rounds {
					t.Errorf("the result says %d rounds, the server saw %d", result.Rounds, got)
				}
			})
		})
	}
}
