package actions

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestData(t *testing.T) {
	var out bytes.Buffer
	r := New(func(string) string { return "" }, &out, &out, t.TempDir())
	r.Mask("hunter22")
	want := map[string]string{
		"a": strings.Repeat("x", 100_000), "b": "👩\u200d🚀 ##[set-output name=x;]y \u202e", "c": "hunter22",
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Data(string(text)); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want["c"] = "***"
	for k := range want {
		if got[k] != want[k] {
			t.Errorf("%s: got %.40q, want %.40q", k, got[k], want[k])
		}
	}
	for _, bad := range []string{"##[", "\u202e", "hunter22"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q was printed", bad)
		}
	}
}
