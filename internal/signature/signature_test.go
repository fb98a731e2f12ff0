package signature

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// No input makes the parser panic, and no parsed signature differs from itself.
func FuzzSignature(f *testing.F) {
	f.Add(`[{"name":"a","type":"long","required":true}]`,
		`[{"type":"tensor","tensor-spec":{"dtype":"float64","shape":[-1,4]}}]`)
	f.Add(`[{"name":NaN,"type":"long"},{"name":["a",0],"type":"any"},{"name":0,"dtype":"long"}]`, `null`)
	f.Add(`null`, `[{"type":"object","properties":{}}]`)
	f.Fuzz(func(t *testing.T, inputs, outputs string) {
		c, err := Parse(registry.Signature{Inputs: inputs, Outputs: outputs})
		if err != nil {
			return
		}
		if changes := Compare(c, c); len(changes) > 0 {
			t.Fatalf("a signature differs from itself: %+v", changes)
		}
	})
}

func parsed(t *testing.T, s registry.Signature) Contract {
	t.Helper()
	c, err := Parse(s)
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	return c
}

func TestCompare(t *testing.T) {
	in := func(text string) registry.Signature {
		return registry.Signature{Inputs: text, Outputs: `[{"type":"double"}]`}
	}
	out := func(text string) registry.Signature {
		return registry.Signature{Inputs: `[{"name":"a","type":"long"}]`, Outputs: text}
	}
	params := func(text string) registry.Signature {
		return registry.Signature{Inputs: `[{"name":"a","type":"long"}]`, Params: text}
	}
	tensor := func(dtype, shape string) string {
		return `[{"type":"tensor","tensor-spec":{"dtype":"` + dtype + `","shape":` + shape + `}}]`
	}
	for name, c := range map[string]struct {
		was, now registry.Signature
		want     Level
	}{
		"the same": {
			in(`[{"name":"a","type":"long"}]`), in(`[{"type":"long","name":"a","required":true}]`), Same,
		},
		"a number instead of a text": {
			in(`[{"name":0,"type":"long"}]`), in(`[{"name":"0","type":"long"}]`), Breaking,
		},
		"another order": {
			in(`[{"name":"a","type":"long"},{"name":"b","type":"long"}]`),
			in(`[{"name":"b","type":"long"},{"name":"a","type":"long"}]`), Same,
		},
		"a new optional input": {
			in(`[{"name":"a","type":"long"}]`),
			in(`[{"name":"a","type":"long"},{"name":"b","type":"long","required":false}]`), Additive,
		},
		"a new required input": {
			in(`[{"name":"a","type":"long"}]`), in(`[{"name":"a","type":"long"},{"name":"b","type":"long"}]`), Breaking,
		},
		"a removed input": {
			in(`[{"name":"a","type":"long"},{"name":"b","type":"long"}]`), in(`[{"name":"a","type":"long"}]`), Additive,
		},
		"a renamed input": {
			in(`[{"name":"a","type":"long"}]`), in(`[{"name":"b","type":"long"}]`), Breaking,
		},
		"an input renamed to an optional one": {
			in(`[{"name":"a","type":"long"}]`), in(`[{"name":"b","type":"long","optional":true}]`), Breaking,
		},
		"a wider input": {
			in(`[{"name":"a","type":"integer"}]`), in(`[{"name":"a","type":"double"}]`), Additive,
		},
		"a narrower input": {
			in(`[{"name":"a","type":"double"}]`), in(`[{"name":"a","type":"float"}]`), Breaking,
		},
		"long to double loses precision": {
			in(`[{"name":"a","type":"long"}]`), in(`[{"name":"a","type":"double"}]`), Breaking,
		},
		"an input that becomes required": {
			in(`[{"name":"a","type":"long","required":false}]`), in(`[{"name":"a","type":"long"}]`), Breaking,
		},
		"an input that becomes optional": {
			in(`[{"name":"a","type":"long"}]`), in(`[{"name":"a","type":"long","required":false}]`), Additive,
		},
		"another tensor shape":         {in(tensor("float64", "[-1,4]")), in(tensor("float64", "[-1,5]")), Breaking},
		"any tensor size":              {in(tensor("float32", "[-1,4]")), in(tensor("float32", "[-1,-1]")), Additive},
		"a fixed tensor size":          {in(tensor("float32", "[-1,4]")), in(tensor("float32", "[1,4]")), Breaking},
		"a wider tensor":               {in(tensor("float32", "[-1,4]")), in(tensor("float64", "[-1,4]")), Additive},
		"another number of dimensions": {in(tensor("float32", "[-1,4]")), in(tensor("float32", "[-1,4,1]")), Breaking},
		"columns instead of a tensor":  {in(tensor("float32", "[-1,4]")), in(`[{"name":"a","type":"long"}]`), Breaking},
		"a changed object": {
			in(`[{"name":"a","type":"object","properties":{"x":{"type":"long"}}}]`),
			in(`[{"name":"a","type":"object","properties":{"x":{"type":"double"}}}]`), Breaking,
		},
		"a new output": {
			out(`[{"name":"p","type":"double"}]`), out(`[{"name":"p","type":"double"},{"name":"q","type":"double"}]`),
			Additive,
		},
		"a removed output": {
			out(`[{"name":"p","type":"double"},{"name":"q","type":"double"}]`), out(`[{"name":"p","type":"double"}]`),
			Breaking,
		},
		"a wider output": {
			out(`[{"name":"p","type":"float"}]`), out(`[{"name":"p","type":"double"}]`), Breaking,
		},
		"a new parameter": {
			params(""), params(`[{"name":"t","type":"float","default":0.5,"shape":null}]`), Additive,
		},
		"another default": {
			params(`[{"name":"t","type":"float","default":0.1}]`),
			params(`[{"name":"t","type":"float","default":0.5}]`), Same,
		},
		"a removed parameter": {params(`[{"name":"t","type":"float","default":0.1}]`), params(""), Breaking},
	} {
		worst := Same
		for _, change := range Compare(parsed(t, c.was), parsed(t, c.now)) {
			worst = max(worst, change.Level)
		}
		if worst != c.want {
			t.Errorf("%s is %s, want %s", name, worst, c.want)
		}
	}
}

// Column names come from a DataFrame, so they may be numbers, lists or NaN. All of them are shown as text. A string
// that looks like a number or a list is still a different column.
func TestParse_Names(t *testing.T) {
	for raw, want := range map[string]string{
		`0`: "0", `"0"`: `"0"`, `1.5`: "1.5", `true`: "true", `"true"`: `"true"`, `""`: `""`, `"#1"`: "#1",
		`null`:     "#1",
		`["a", 1]`: `["a",1]`, `"a & b"`: "a & b", `NaN`: "NaN", `-Infinity`: "-Infinity", `"no \" NaN"`: `no " NaN`,
	} {
		text := `[{"type": "double", "name": ` + raw + `}]`
		c, err := Parse(registry.Signature{Inputs: text})
		if err != nil || c.Inputs[0].name != want {
			t.Errorf("%s: %v: %v", raw, c.Inputs, err)
		}
	}
	c := parsed(t, registry.Signature{
		Inputs: `[{"type": "long", "name": 0}, {"type": "long", "name": "0"}, {"type": "long"}]`,
	})
	if len(c.Inputs) != 3 {
		t.Error(c.Inputs)
	}
	for _, text := range []string{
		`[{"type": "double", "name": {"a": 0}}]`,
		`[{"type": "double", "name": "a"}, {"type": "long", "name": "a"}]`,
		`[{"type": "double", "name": 0}, {"type": "long", "name": 0}]`,
		`[{"type": "double", "name": nan}]`, `[NaN]`,
	} {
		if c, err := Parse(registry.Signature{Inputs: text}); err == nil {
			t.Errorf("%s: %v", text, c.Inputs)
		}
	}
}

// The MLflow 2.6 client writes a parameter's type under a different key. Default values need not be finite.
func TestParse_Params(t *testing.T) {
	was := parsed(t, registry.Signature{Params: `[{"name": "t", "dtype": "double", "default": NaN, "shape": null}]`})
	now := parsed(t, registry.Signature{Params: `[{"name": "t", "type": "double", "default": -Infinity}]`})
	if changes := Compare(was, now); len(changes) > 0 {
		t.Error(changes)
	}
}
