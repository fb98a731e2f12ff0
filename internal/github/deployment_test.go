package github

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func withDeployments(list ...githubtest.Deployment) func() githubtest.Repository {
	return func() githubtest.Repository {
		r := githubtest.Repository{Name: repo, Commits: []*githubtest.Commit{{SHA: base}, {SHA: head}}}
		for _, d := range list {
			d.Statuses = append([]githubtest.DeploymentStatus(nil), d.Statuses...)
			r.Deployments = append(r.Deployments, &d)
		}
		return r
	}
}

var champion = Deployment{
	Ref: head, Environment: "live", Key: "churn@champion", Record: "r8", RunID: 7, Description: "churn 8 as @champion",
	Payload: map[string]any{"model_uri": "models:/churn/8"},
}

// ours returns a deployment that this program created earlier, with the given states.
func ours(key, record string, states ...string) githubtest.Deployment {
	payload, err := json.Marshal(map[string]string{"key": key, "record": record})
	if err != nil {
		panic(err)
	}
	return githubtest.Deployment{
		SHA:         base,
		Task:        task,
		Environment: "live",
		Payload:     payload,
		Statuses:    inStates(states...),
	}
}

func inStates(states ...string) (out []githubtest.DeploymentStatus) {
	for _, state := range states {
		out = append(out, githubtest.DeploymentStatus{State: state})
	}
	return out
}

// states lists the latest state of each deployment, oldest first.
func (s *testEnv) states() string {
	var out []string
	s.state(func(r *githubtest.Repository) {
		for _, d := range r.Deployments {
			last := "-"
			if n := len(d.Statuses); n > 0 {
				last = d.Statuses[n-1].State
			}
			out = append(out, last)
		}
	})
	return strings.Join(out, " ")
}

func TestDeploy(t *testing.T) {
	onEach(t, withDeployments(), func(s *testEnv) {
		made, err := s.client.Deploy(s.Context(), champion)
		s.ok(err)
		if made.ID == 0 || made.ByJob {
			s.Errorf("got deployment %+v", made)
		}
		s.state(func(r *githubtest.Repository) {
			got := *r.Deployments[0]
			got.ID, got.Creator = 0, ""
			want := githubtest.Deployment{
				SHA: head, Ref: head, Task: "mlflow-promote", Environment: "live", Description: "churn 8 as @champion",
				Payload: json.RawMessage(`{"key":"churn@champion","model_uri":"models:/churn/8","record":"r8"}`),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				s.Error(diff)
			}
		})
		again, err := s.client.Deploy(s.Context(), champion)
		s.ok(err)
		if again != made || s.states() != "-" {
			s.Errorf("the same record was deployed again: %+v, %s", again, s.states())
		}
		next := champion
		next.Record, next.Production = "r9", true
		_, err = s.client.Deploy(s.Context(), next)
		s.ok(err)
		s.state(func(r *githubtest.Repository) {
			if len(r.Deployments) != 2 || !r.Deployments[1].Production {
				s.Errorf("another record: got %d deployments, want 2", len(r.Deployments))
			}
		})
	})
}

func TestDeploy_LostResponse(t *testing.T) {
	for fault, reason := range map[string]registry.Reason{
		"POST deployments reset after nth=1": registry.OK,
		"POST deployments reset nth=1":       registry.OK,
		"POST deployments 502 after nth=1":   registry.OK,
		"POST deployments 502":               registry.Unknown,
		"POST deployments 202 body={}":       registry.Unknown,
		"POST deployments forbidden":         registry.Forbidden,
		"GET deployments forbidden":          registry.Forbidden,
	} {
		t.Run(fault, func(t *testing.T) {
			onEach(t, withDeployments(), func(s *testEnv) {
				s.fault(fault)
				made, err := s.client.Deploy(s.Context(), champion)
				if got := registry.ReasonOf(err); got != reason {
					s.Fatalf("got reason %s, want %s: %v", got, reason, errorText(err))
				}
				want := ""
				if reason == registry.OK {
					want = "-"
				}
				if s.states() != want || (made.ID == 0) != (err != nil) {
					s.Errorf("got deployment %+v, states %q", made, s.states())
				}
			})
		})
	}
}

func TestDeploy_ByJob(t *testing.T) {
	byJob := func(url string) githubtest.Deployment {
		return githubtest.Deployment{
			SHA:         head,
			Ref:         "main",
			Environment: "live",
			Statuses:    []githubtest.DeploymentStatus{{State: "in_progress", LogURL: url}},
		}
	}
	for sentence, c := range map[string]struct {
		there githubtest.Deployment
		want  bool
	}{
		"of this run":                {byJob("https://github.com/acme/churn/actions/runs/7/job/99"), true},
		"of this run, without a job": {byJob("https://github.com/acme/churn/actions/runs/7"), true},
		"of another run":             {byJob("https://github.com/acme/churn/actions/runs/71/job/99"), false},
		"without a link":             {byJob(""), false},
		"without a status":           {githubtest.Deployment{SHA: head, Ref: "main", Environment: "live"}, false},
		"to another environment": {githubtest.Deployment{
			SHA:         head,
			Environment: "test",
			Statuses:    byJob("https://github.com/acme/churn/actions/runs/7/job/99").Statuses,
		}, false},
		"of another commit": {githubtest.Deployment{
			SHA:         base,
			Environment: "live",
			Statuses:    byJob("https://github.com/acme/churn/actions/runs/7/job/99").Statuses,
		}, false},
		"ours, of an earlier record in this run": {githubtest.Deployment{
			SHA: head, Task: task, Environment: "live", Payload: ours("churn@champion", "r7").Payload,
			Statuses: []githubtest.DeploymentStatus{
				{State: "success", LogURL: "https://github.com/acme/churn/actions/runs/7"},
			},
		}, false},
		"another program's with our record": {
			githubtest.Deployment{SHA: head, Environment: "live", Payload: ours("churn@champion", "r8").Payload},
			false,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, withDeployments(c.there), func(s *testEnv) {
				made, err := s.client.Deploy(s.Context(), champion)
				s.ok(err)
				if made.ByJob != c.want || (len(s.double.Writes()) == 0) != c.want {
					s.Errorf("got deployment %+v, writes %q", made, s.wrote())
				}
			})
		})
	}
}

func TestDeploymentStatus(t *testing.T) {
	other := ours("fraud@champion", "r1", "success")
	onEach(t, withDeployments(other), func(s *testEnv) {
		made, err := s.client.Deploy(s.Context(), champion)
		s.ok(err)
		long := strings.Repeat("é", 200)
		for _, status := range []Status{
			{State: InProgress, Description: "moving"}, {
				State:          Success,
				Description:    long,
				LogURL:         "https://github.com/acme/churn/actions/runs/7",
				EnvironmentURL: "https://mlflow.example/#/models/churn/versions/8",
			},
		} {
			s.ok(s.client.DeploymentStatus(s.Context(), made.ID, status))
		}
		if got := s.states(); got != "success success" {
			s.Errorf("got states %s", got)
		}
		s.state(func(r *githubtest.Repository) {
			got := r.Deployments[1].Statuses[1]
			got.ID = 0
			want := githubtest.DeploymentStatus{
				State: "success", Description: strings.Repeat("é", 139) + "…",
				LogURL:         "https://github.com/acme/churn/actions/runs/7",
				EnvironmentURL: "https://mlflow.example/#/models/churn/versions/8",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				s.Error(diff)
			}
		})
	})
}

func TestDeploymentStatus_LostResponse(t *testing.T) {
	for _, fault := range []string{
		"POST statuses reset after nth=1", "POST statuses reset nth=1", "POST statuses 502 after nth=1",
	} {
		t.Run(fault, func(t *testing.T) {
			withAPI(t, "github.com", withDeployments(ours("churn@champion", "r7", "success")), nil, func(s *testEnv) {
				var id int64
				s.state(func(r *githubtest.Repository) { id = r.Deployments[0].ID })
				s.fault(fault)
				s.ok(s.client.DeploymentStatus(s.Context(), id, Status{State: Inactive, Description: "replaced"}))
				s.state(func(r *githubtest.Repository) {
					if n := len(r.Deployments[0].Statuses); n != 2 {
						s.Errorf("got %d statuses, want 2", n)
					}
				})
			})
		})
	}
}

func TestDeactivate(t *testing.T) {
	foreign := githubtest.Deployment{
		SHA:         base,
		Environment: "live",
		Payload:     json.RawMessage(`{"key": "churn@champion"}`),
		Statuses:    inStates("success"),
	}
	asText := ours("churn@champion", "r6", "success")
	text, err := json.Marshal(string(asText.Payload))
	if err != nil {
		t.Fatal(err)
	}
	asText.Payload = text
	cases := map[string]struct {
		before []githubtest.Deployment
		after  string
	}{
		"none":                         {nil, ""},
		"the last one":                 {[]githubtest.Deployment{ours("churn@champion", "r7", "success")}, "inactive"},
		"of another model":             {[]githubtest.Deployment{ours("fraud@champion", "r7", "success")}, "success"},
		"of another program":           {[]githubtest.Deployment{foreign}, "success"},
		"with the payload as a string": {[]githubtest.Deployment{asText}, "inactive"},
		"with an invalid payload": {[]githubtest.Deployment{{
			SHA:         base,
			Task:        task,
			Environment: "live",
			Payload:     json.RawMessage(`"oops"`),
			Statuses:    inStates("success"),
		}}, "success"},
		"one that failed": {
			[]githubtest.Deployment{ours("churn@champion", "r6", "success"), ours("churn@champion", "r7", "failure")},
			"inactive failure",
		},
		"one that was interrupted": {[]githubtest.Deployment{
			ours("churn@champion", "r6", "success"),
			ours("churn@champion", "r7", "in_progress"),
		}, "inactive inactive"},
		"one without a status": {[]githubtest.Deployment{ours("churn@champion", "r7")}, "inactive"},
		"one that is inactive already": {[]githubtest.Deployment{
			ours("churn@champion", "r5", "success", "inactive"),
			ours("churn@champion", "r6", "success"),
		}, "inactive inactive"},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			onEach(t, withDeployments(append(c.before, ours("churn@champion", "r8", "success"))...), func(s *testEnv) {
				var keep int64
				s.state(func(r *githubtest.Repository) { keep = r.Deployments[len(r.Deployments)-1].ID })
				s.ok(s.client.Deactivate(s.Context(), "live", "churn@champion", keep, "replaced by models:/churn/8"))
				if got, want := s.states(), strings.TrimSpace(c.after+" success"); got != want {
					s.Errorf("got states %q, want %q", got, want)
				}
			})
		})
	}
}

// A run may report its deployment only after the next run has reported a later one.
func TestDeactivate_LaterDeployment(t *testing.T) {
	for name, c := range map[string]struct{ later, after string }{
		"a later one is live":        {"success", "inactive inactive success"},
		"a later one is in progress": {"in_progress", "inactive success in_progress"},
		"a later one has failed":     {"failure", "inactive success failure"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := withDeployments(
				ours("churn@champion", "r6", "success"),
				ours("churn@champion", "r7", "success"),
				ours("churn@champion", "r8", c.later),
			)
			onEach(t, repository, func(s *testEnv) {
				var keep int64
				s.state(func(r *githubtest.Repository) { keep = r.Deployments[1].ID })
				s.ok(s.client.Deactivate(s.Context(), "live", "churn@champion", keep, "replaced"))
				if got := s.states(); got != c.after {
					s.Errorf("got states %q, want %q", got, c.after)
				}
			})
		})
	}
}

func TestDeactivate_Interrupted(t *testing.T) {
	repository := withDeployments(ours("churn@champion", "r5", "success"), ours("churn@champion", "r6", "success"),
		ours("churn@champion", "r7", "success"))
	for nth := 1; nth <= 3; nth++ {
		withAPI(t, "github.com", repository, nil, func(s *testEnv) {
			s.fault(fmt.Sprintf("POST statuses forbidden nth=%d", nth))
			s.reason(s.client.Deactivate(s.Context(), "live", "churn@champion", 0, "replaced"), registry.Forbidden)
			s.ok(s.client.Deactivate(s.Context(), "live", "churn@champion", 0, "replaced"))
			if got := s.states(); got != "inactive inactive inactive" {
				s.Errorf("interrupted at %d: got states %s", nth, got)
			}
		})
	}
}

// If the history is long, only the deployments that may still be active are read, regardless of the list's order.
func TestDeactivate_LongHistory(t *testing.T) {
	var list []githubtest.Deployment
	for i := range 40 {
		d := ours("churn@champion", fmt.Sprint("r", i), "success", "inactive")
		d.ID = int64(500 - i) // the first in the list is the newest
		if i == 0 {
			d.Statuses = inStates("success")
		}
		list = append(list, d)
	}
	withAPI(t, "github.com", withDeployments(list...), nil, func(s *testEnv) {
		s.ok(s.client.Deactivate(s.Context(), "live", "churn@champion", 0, "replaced"))
		s.state(func(r *githubtest.Repository) {
			if n := len(r.Deployments[0].Statuses); n != 2 {
				s.Errorf("the newest has %d statuses, want 2", n)
			}
		})
		if n := len(s.double.Requests()); n != 4 {
			s.Errorf("got %d requests; want the list, two statuses and one change", n)
		}
	})
}
