package inputs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrayInputs(t *testing.T) {
	cases := map[string]struct {
		environ  []string
		given    map[string]string
		leaky    bool
		problems []string
		unknown  []string
	}{
		"the runner sets all declared inputs": {
			environ: []string{
				"INPUT_MODEL=churn", "INPUT_DRY-RUN=false", "INPUT_POLICY-FILE=", "INPUTS=x", "PATH=/bin",
			},
		},
		"an underscore instead of a dash": {
			environ:  []string{"INPUT_DRY_RUN=true"},
			problems: []string{"dry_run is not an input; write dry-run: true"},
		},
		"an underscore instead of a dash, next to the right input": {
			environ:  []string{"INPUT_DRY_RUN=true"},
			given:    map[string]string{"dry-run": "true"},
			problems: []string{"dry_run is not an input; write dry-run: true"},
		},
		"a value that the input does not accept": {
			environ:  []string{"INPUT_DRYRUN=yes"},
			problems: []string{"dryrun is not an input; write dry-run, with true or false"},
		},
		"an empty value": {
			environ:  []string{"INPUT_DRY_RUN="},
			problems: []string{"dry_run is not an input; write dry-run, with true or false"},
		},
		"a missing, added, replaced or swapped letter": {
			environ: []string{
				"INPUT_ALIS=champion", "INPUT_MODELL=churn", "INPUT_STATE=Production", "INPUT_FORM=Staging",
			},
			problems: []string{
				"alis is not an input; write alias: champion", "form is not an input; write from: Staging",
				"modell is not an input; write model: churn", "state is not an input; write stage: Production",
			},
		},
		"synonyms": {
			environ: []string{
				"INPUT_VERSION=7", "INPUT_RUN-ID=abc", "INPUT_RUN_ID=abc", "INPUT_MODEL-NAME=churn",
				"INPUT_FORCE=true", "INPUT_THRESHOLD=0.9", "INPUT_MODE=report",
			},
			problems: []string{
				"force is not an input; write override, with " + Get("override").Wants(),
				"mode is not an input; write mode: report in the policy file",
				"model-name is not an input; write model: churn",
				"run-id is not an input; write candidate: runs:/RUN_ID/model",
				"run_id is not an input; write candidate: runs:/RUN_ID/model",
				"threshold is not an input; write thresholds: accuracy >= 0.85",
				"version is not an input; write candidate: models:/MODEL/VERSION",
			},
		},
		"secrets and addresses are not shown": {
			environ: []string{
				"INPUT_GITHUB_TOKEN=ghs-secret", "INPUT_API-KEY=secret", "INPUT_TRACKING_URI=https://ann:secret@mlflow",
			},
			problems: []string{
				"api-key is not an input; write token", "github_token is not an input; write github-token",
				"tracking_uri is not an input; write tracking-uri",
			},
		},
		"names that are similar to no input": {
			environ: []string{"INPUT_PYTHON-VERSION=3.12", "INPUT_CACHE=pip"},
			unknown: []string{"cache", "python-version"},
		},
		"inputs of the runner itself": {environ: []string{"INPUT_ARGS=--json", "INPUT_ENTRYPOINT=/x"}},
		"under act, an input of the surrounding action": {
			environ: []string{"INPUT_DRY_RUN=true", "INPUT_VERSION=7", "INPUT_NAME=churn"},
			leaky:   true,
			given:   map[string]string{"dry-run": "true", "candidate": "models:/churn/7", "model": "churn"},
			unknown: []string{"dry_run", "name", "version"},
		},
		"under act, a boolean next to the default may be a typo": {
			environ:  []string{"INPUT_DRY_RUN=true"},
			leaky:    true,
			given:    map[string]string{"dry-run": "false"},
			problems: []string{"dry_run is not an input; write dry-run: true"},
		},
		"under act, a boolean with the same value as the default": {
			environ: []string{"INPUT_DRY_RUN=false", "INPUT_STATE="},
			leaky:   true,
			given:   map[string]string{"dry-run": "false"},
			unknown: []string{"dry_run", "state"},
		},
		"under act, an input without a value of its own": {
			environ:  []string{"INPUT_THRESHOLD=acc >= 0.9"},
			leaky:    true,
			problems: []string{"threshold is not an input; write thresholds: accuracy >= 0.85"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := StrayInputs(c.environ, func(name string) string { return c.given[name] }, c.leaky)
			var problems []string
			for _, p := range got.Problems {
				problems = append(problems, p.String())
			}
			if diff := cmp.Diff(c.problems, problems); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.unknown, got.unknown); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStrays_Warning(t *testing.T) {
	st := Strays{unknown: []string{"cache", "python-version"}}
	if got, want := st.Warning(), "warning: unknown inputs are ignored: cache, python-version"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range 30 {
		st.unknown = append(st.unknown, fmt.Sprint("x", i))
	}
	if got := st.Warning(); !strings.HasSuffix(got, "x17 and 12 more") || strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
}

// No synonym is itself an input, and no synonym is in two rows.
func TestSynonyms(t *testing.T) {
	seen := map[string]string{}
	for _, s := range synonyms {
		for _, name := range strings.Fields(s.names) {
			if seen[name] != "" {
				t.Errorf("%s is a synonym of %s and of %s", name, seen[name], s.input)
			}
			seen[name] = s.input
			in, line, ok := nearestInput(name)
			if Declared(name) || !ok || in.Name != s.input || line != s.line {
				t.Errorf("%s: got input %q, want %s", name, in.Name, s.input)
			}
		}
	}
}

func TestNearestInput(t *testing.T) {
	for _, in := range All {
		if got, _, ok := nearestInput(strings.ReplaceAll(in.Name, "-", "_")); !ok || got.Name != in.Name {
			t.Errorf("%s: got input %q", in.Name, got.Name)
		}
	}
}
