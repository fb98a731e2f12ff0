package plan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/pintest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Rewording the sentences in a plan or record does not change its digest.
func TestDigest_IgnoresSentences(t *testing.T) {
	var p Plan
	fill(reflect.ValueOf(&p).Elem(), "plan")
	reworded, sentences := reword(t, p)
	if sentences == 0 {
		t.Fatal("the plan holds no sentence, so nothing is tested")
	}
	digest, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := reworded.Digest(); err != nil || got != digest {
		t.Errorf("the plan's digest depends on a sentence: %v, %v", p.Differences(reworded), err)
	}
	record := func(p Plan, f fact.Facts) ledger.Record {
		at := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
		return NewRecord(p, Applied{Digest: digest, Version: 7, At: at}, Intent{}, ledger.Origin{}, f)
	}
	if diff := cmp.Diff(record(p, unreadable("a")), record(reworded, unreadable("b"))); diff != "" {
		t.Errorf("the record holds a sentence:\n%s", diff)
	}
}

// unreadable returns facts that could not be read, for the given reason.
func unreadable(why string) fact.Facts {
	f := fact.Facts{Candidate: fact.Subject{
		Version: registry.Unreadable[registry.Version](why), Run: registry.Unreadable[registry.Run](why),
		MLmodel: registry.Unreadable[registry.MLmodel](why), Logged: registry.Unreadable[registry.LoggedModel](why),
		Files: registry.Unreadable[[]registry.File](why), Digest: registry.Unreadable[string](why),
	}}
	f.Model = registry.Unreadable[registry.Model](why)
	f.Holders = map[registry.Ref]registry.Known[fact.Subject]{fact.Incumbent: registry.Unreadable[fact.Subject](why)}
	f.Review = registry.Is(fact.Review{Environments: registry.Unreadable[[]fact.Approval](why)})
	return f
}

// The note in a tag whose value is split into several tags is also a sentence.
func TestDigest_IgnoresSplitNotes(t *testing.T) {
	tags := registry.SplitTag(registry.TagDatasets, strings.Repeat("x", 2*registry.MaxTagValue))
	note := tags[registry.TagDatasets]
	digestWith := func(note string) string {
		tags[registry.TagDatasets] = note
		digest, err := Plan{Steps: []Step{{Do: CreateVersion, Tags: tags}}}.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	want := digestWith(note)
	if got := digestWith("in parts, whose digest is " + note[len(note)-16:]); got != want {
		t.Error("other words change the digest")
	}
	if got := digestWith(note[:len(note)-16] + "0123456789abcdef"); got == want {
		t.Error("another value has the same digest")
	}
}

// reword replaces every sentence in a plan, and returns how many there are.
func reword(t *testing.T, p Plan) (out Plan, sentences int) {
	t.Helper()
	text, err := canonical.JSON(p)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := pintest.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	text, err = canonical.JSON(pintest.Reworded(pintest.Plan, doc, func(string) string {
		sentences++
		return fmt.Sprintf("sentence %d in other words", sentences)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out, sentences
}

// fill sets every exported field in v, at every level: each string to the path of its field, each list to two elements,
// and each bool to true in the second element only.
func fill(v reflect.Value, where string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), where)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), where+"."+f.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprintf("%s.%d", where, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, where+".value")
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), value)
	case reflect.String:
		v.SetString(where)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(strings.Contains(where, ".1."))
	}
}
