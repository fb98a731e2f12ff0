package history

import (
	"encoding/json"
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
	tagged, without := FromTags([]registry.Version{
		{Number: 1},
		version(2, `{"at":"2026-05-03T10:00:00Z","to":2,"target":{"alias":"champion"},"actor":"ann"}`, "2026-05-05T10:00:00Z"),
		version(3, `{"at":"2026-05-04T10:00:00Z","from":2,"to":3,"target":{"alias":"champion"}}`, ""),
		version(4, `{"at":`, ""),
		version(5, `{}`, ""),
		{Number: 6, Unread: "the model has many versions"},
	})
	numbers := ""
	for _, p := range tagged {
		numbers += fmt.Sprint(p.Version, " ")
	}
	if numbers != "3 2 " {
		t.Errorf("found versions %s, want 3 and 2", numbers)
	}
	if without != (NoRecord{Unread: 1, Broken: 2}) {
		t.Errorf("left out: %+v", without)
	}
	h := History{Model: "churn", Unfit: "it is not a database", Tagged: tagged, NoRecord: without}
	page := doc.Markdown(View{}.Page([]History{h}))
	for _, part := range []string{
		"from the tags of 2 versions", "it is not a database", "Anyone who may edit the model can change the tags",
		"3 May 2026", "5 May 2026", "ann", "passed", "none",
		"The tags of 1 older version were not read", "of 2 versions cannot be parsed",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is missing in\n%s", part, page)
		}
	}
	h.Tagged = nil
	if page := doc.Markdown(View{}.Page([]History{h})); !strings.Contains(page, "were not read") {
		t.Errorf("without any record:\n%s", page)
	}
	text, err := json.Marshal(h.Result(Query{}))
	if err != nil || !strings.Contains(string(text), `"no_record":{"unread":1,"broken":2}`) {
		t.Errorf("%v: %s", err, text)
	}
}
