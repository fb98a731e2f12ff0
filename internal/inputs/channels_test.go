package inputs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDispatchLines(t *testing.T) {
	for line, want := range map[string]Dispatch{
		"model-promoted":                   {Event: "model-promoted"},
		"acme/deploy:model-promoted":       {Repository: "acme/deploy", Event: "model-promoted"},
		"deploy.yml@main":                  {Workflow: "deploy.yml", Ref: "main"},
		"acme/deploy/deploy.yaml@v1":       {Repository: "acme/deploy", Workflow: "deploy.yaml", Ref: "v1"},
		"acme/deploy/deploy.yml@release/1": {Repository: "acme/deploy", Workflow: "deploy.yml", Ref: "release/1"},
		"acme/my.models:registry.promoted": {Repository: "acme/my.models", Event: "registry.promoted"},
		// the owner is a managed user
		"ann_acme/x:promoted":                {Repository: "ann_acme/x", Event: "promoted"},
		"a/b:x":                              {Repository: "a/b", Event: "x"},
		strings.Repeat("e", 100):             {Event: strings.Repeat("e", 100)},
		"acme/deploy/deploy.yml@refs/tags/1": {Repository: "acme/deploy", Workflow: "deploy.yml", Ref: "refs/tags/1"},
	} {
		got, why := parseDispatch(line)
		want.line = line
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Dispatch{})); diff != "" || why != "" {
			t.Errorf("%s: %s\n%s", line, why, diff)
		}
	}
	for line, part := range map[string]string{
		"deploy.yml":                    "write deploy.yml@main",
		"acme/deploy:deploy.yml":        "has no branch or tag; write acme/deploy:deploy.yml@main",
		"deploy.yml@":                   "has no branch or tag after the @",
		"deploy@main":                   "is not a workflow file",
		"acme/deploy.yml@main":          "is not a repository",
		"a/b/c/deploy.yml@main":         "is not a repository",
		"acme:promoted":                 "is not a repository",
		"../x:promoted":                 "is not a repository",
		"acme/..:promoted":              "is not a repository",
		"two words":                     "is not an event type",
		"acme/deploy":                   "is not an event type",
		strings.Repeat("e", 101):        "is not an event type",
		"deploy.yml@main\t::set-output": "has no branch or tag after the @",
	} {
		if _, why := parseDispatch(line); !strings.Contains(why, part) {
			t.Errorf("%s: %q, want %q in it", line, why, part)
		}
	}
}
