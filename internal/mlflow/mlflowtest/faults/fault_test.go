package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFault(t *testing.T) {
	for line, want := range map[string]Fault{
		"POST model-versions/create reset after":                           {Method: "POST", Path: "model-versions/create", Kind: Reset, After: true},
		"GET registered-models/get 503 nth=1 retry-after=2":                {Method: "GET", Path: "registered-models/get", Kind: Status, Status: 503, Nth: 1, Header: http.Header{"Retry-After": {"2"}}},
		"* runs/log-batch 502 type=text/html body=<h1>a = b</h1>":          {Path: "runs/log-batch", Kind: Status, Status: 502, Body: "<h1>a = b</h1>", Header: http.Header{"Content-Type": {"text/html"}}},
		"* runs/get late delay=3s skip=2":                                  {Path: "runs/get", Kind: Late, Delay: 3 * time.Second, Skip: 2},
		"GET registered-models/get redirect location=http://host.example/": {Method: "GET", Path: "registered-models/get", Kind: Redirect, Header: http.Header{"Location": {"http://host.example/"}}},
	} {
		if want.Header == nil {
			want.Header = http.Header{}
		}
		got, err := Parse(line)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", line, err, diff)
		}
	}
	for _, line := range []string{"", "GET runs/get", "GET runs/get explode", "GET runs/get reset nth=x", "GET runs/get reset later", "GET runs/get late delay=3"} {
		if _, err := Parse(line); err == nil {
			t.Errorf("%q was understood", line)
		}
	}
}
