package main

import (
	"runtime/debug"
	"testing"
)

// A program from `go install` has the version of its module, and a build from a checkout has none.
func TestProgramVersion(t *testing.T) {
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.0", Sum: "h1:x"}}
	for want, build := range map[string]struct {
		linked string
		info   *debug.BuildInfo
	}{
		"v1.2.0": {"dev", installed},
		"v1.3.0": {"v1.3.0", installed},
		"dev":    {"dev", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.1-0.20260101000000-abcdefabcdef+dirty"}}},
	} {
		version = build.linked
		if got := programVersion(build.info, build.info != nil); got != want {
			t.Errorf("%+v: %s, want %s", build, got, want)
		}
	}
	version = "dev"
	if got := programVersion(nil, false); got != "dev" {
		t.Errorf("without build information: %s", got)
	}
}
