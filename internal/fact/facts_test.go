package fact

import (
	"reflect"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// If With left out a need, the fact would never be gathered and the gate that needs it would always be inconclusive.
func TestNeeds_With(t *testing.T) {
	for i := range reflect.TypeFor[Needs]().NumField() {
		var one Needs
		name := reflect.TypeFor[Needs]().Field(i).Name
		switch f := reflect.ValueOf(&one).Elem().Field(i); f.Interface().(type) {
		case bool:
			f.SetBool(true)
		case []string:
			f.Set(reflect.ValueOf([]string{"a"}))
		case []registry.Ref:
			f.Set(reflect.ValueOf([]registry.Ref{registry.AliasRef("champion")}))
		default:
			t.Fatalf("%s has the type %s, which this test cannot set", name, f.Type())
		}
		want := one
		want.Files = one.Files || one.Digest
		for where, got := range map[string]Needs{
			"before": Needs{}.With(one), "after": one.With(Needs{}), "twice": one.With(one),
		} {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: %+v", name, where, got)
			}
		}
	}
}
