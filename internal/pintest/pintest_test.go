package pintest

import (
	"slices"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for name, c := range map[string]struct {
		format Format
		text   string
		want   string
	}{
		"a sentence": {
			Result, `{"error":"it failed","hint":""}`,
			`.error "(words)" .hint ""`,
		},
		"a field of the same name elsewhere": {
			Result, `{"data":{"training":{"parameters":{"error":"high"}}}}`,
			`.data.training.parameters.error "high"`,
		},
		"a number among sentences": {
			Result, `{"findings":[{"wanted":">= 0.5"},{"wanted":">= champion"}]}`,
			`.findings.1.wanted ">= 0.5" .findings.2.wanted "(words)"`,
		},
		"a plan in a result": {
			Result, `{"plan":{"notes":["as before","or not"],"steps":[]}}`,
			`.plan.notes.1 "(words)" .plan.notes.2 "(words)" .plan.steps []`,
		},
		"what differs in each run": {
			Result, `{"duration_ms":7,"requests":3}`,
			`.requests 3`,
		},
		"JSON in a text": {
			MLflow, `{"tag":{"promote.record":"{\"no_ledger\":\"it is off\",\"record_version\":1,\"to\":2}"}}`,
			`.tag.promote.record.json.no_ledger "(words)" .tag.promote.record.json.record_version 1` +
				` .tag.promote.record.json.to 2`,
		},
		"a record in parts, in a list of keys and values": {
			MLflow, `{"params":[{"key":"r000001.01","value":"o\":2}"},{"key":"r000001.00","value":"{\"t"}]}`,
			`.params.r000001.json.to 2`,
		},
	} {
		doc, err := Read([]byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Join(Facts("", Plain(c.format, doc)), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestSentences_AreListedOnce(t *testing.T) {
	for i, s := range Sentences {
		again := func(other Field) bool { return other.Format == s.Format && other.Path == s.Path }
		if slices.ContainsFunc(Sentences[:i], again) {
			t.Errorf("%s %s is listed twice", s.Format, s.Path)
		}
	}
}
