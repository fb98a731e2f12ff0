package realtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJob_ParsesOutputs(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want map[string]string
		fail bool
	}{
		"nothing":  {"", map[string]string{}, false},
		"one line": {"a=1\nb=x=y<<z\n", map[string]string{"a": "1", "b": "x=y<<z"}, false},
		"several lines, empty and not": {
			"a<<E\nx\n\ny=1\nE\nb<<E\nE\nc=2\n", map[string]string{"a": "x\n\ny=1", "b": "", "c": "2"}, false,
		},
		"an end that holds an equal sign": {"a<<E=\nx\nE=\n", map[string]string{"a": "x"}, false},
		"the last of two":                 {"a=1\na=2\n", map[string]string{"a": "2"}, false},
		"no newline":                      {"a=1", nil, true},
		"no newline after the end":        {"a<<E\nx\nE", nil, true},
		"no end":                          {"a<<E\nx\n", nil, true},
		"no command":                      {"hello\n", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := NewJob(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(job.Dir, outputFile), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := job.Outputs()
			if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.fail {
				t.Errorf("(-want +got):\n%s\nerror %v", diff, err)
			}
		})
	}
}
