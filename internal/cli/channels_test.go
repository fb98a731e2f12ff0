package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDispatchLines(t *testing.T) {
	for line, want := range map[string]dispatch{
		"model-promoted":                     {event: "model-promoted"},
		"acme/deploy:model-promoted":         {repository: "acme/deploy", event: "model-promoted"},
		"deploy.yml@main":                    {workflow: "deploy.yml", ref: "main"},
		"acme/deploy/deploy.yaml@v1":         {repository: "acme/deploy", workflow: "deploy.yaml", ref: "v1"},
		"acme/deploy/deploy.yml@release/1":   {repository: "acme/deploy", workflow: "deploy.yml", ref: "release/1"},
		"acme/my.models:registry.promoted":   {repository: "acme/my.models", event: "registry.promoted"},
		"ann_acme/x:promoted":                {repository: "ann_acme/x", event: "promoted"}, // of a managed user
		"a/b:x":                              {repository: "a/b", event: "x"},
		strings.Repeat("e", 100):             {event: strings.Repeat("e", 100)},
		"acme/deploy/deploy.yml@refs/tags/1": {repository: "acme/deploy", workflow: "deploy.yml", ref: "refs/tags/1"},
	} {
		got, why := parseDispatch(line)
		want.line = line
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(dispatch{})); diff != "" || why != "" {
			t.Errorf("%s: %s\n%s", line, why, diff)
		}
	}
	for line, part := range map[string]string{
		"deploy.yml":                    "write deploy.yml@main",
		"acme/deploy:deploy.yml":        "names a workflow without its branch",
		"deploy.yml@":                   "names no branch or tag",
		"deploy@main":                   "is not the file of a workflow",
		"acme/deploy.yml@main":          "is not a repository",
		"a/b/c/deploy.yml@main":         "is not a repository",
		"acme:promoted":                 "is not a repository",
		"../x:promoted":                 "is not a repository",
		"acme/..:promoted":              "is not a repository",
		"two words":                     "is neither",
		"acme/deploy":                   "is neither",
		strings.Repeat("e", 101):        "is neither",
		"deploy.yml@main\t::set-output": "names no branch or tag",
	} {
		if _, why := parseDispatch(line); !strings.Contains(why, part) {
			t.Errorf("%s: %q, want %q in it", line, why, part)
		}
	}
}
