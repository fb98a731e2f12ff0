package history

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

func TestFromTags(t *testing.T) {
	version := func(number int, record, hold string) registry.Version {
		return registry.Version{Number: number, Tags: map[string]string{
			registry.TagRecord: record, registry.TagHold: hold, registry.TagValidation: registry.ValidationPassed,
		}}
	}
	tagged := FromTags([]registry.Version{
		{Number: 1},
		version(2, `{"at":"2026-05-03T10:00:00Z","to":2,"target":{"alias":"champion"},"actor":"ann"}`, "2026-05-05T10:00:00Z"),
		version(3, `{"at":"2026-05-04T10:00:00Z","from":2,"to":3,"target":{"alias":"champion"}}`, ""),
		version(4, `{"at":`, ""),
		version(5, `{}`, ""),
	})
	numbers := ""
	for _, p := range tagged {
		numbers += fmt.Sprint(p.Version, " ")
	}
	if numbers != "3 2 " {
		t.Errorf("found versions %s, want 3 and 2", numbers)
	}
	page := doc.Markdown(View{}.Page([]History{{Model: "churn", Unfit: "it is not a database", Tagged: tagged}}))
	for _, part := range []string{
		"from the tags of 2 versions", "it is not a database", "Anyone who may edit the model can change the tags",
		"3 May 2026", "5 May 2026", "ann", "passed", "none",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is missing in\n%s", part, page)
		}
	}
}
