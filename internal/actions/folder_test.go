package actions

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// In a job, a folder from an input must be in the workspace. Outside Actions, any folder is allowed.
func TestOpenFolder(t *testing.T) {
	workspace, outside := t.TempDir(), t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(workspace, "there"), 0o755),
		os.Symlink(outside, filepath.Join(workspace, "link")),
		os.Symlink("there", filepath.Join(workspace, "inside")),
		os.WriteFile(filepath.Join(workspace, "file"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ opens, makes bool }{
		"there": {true, true}, "inside": {true, true}, "new/folder": {false, true}, "link": {}, "link/new": {},
		"../other": {}, "file": {}, filepath.Join(workspace, "there"): {true, true}, outside: {},
	} {
		env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace}
		r := New(func(name string) string { return env[name] }, io.Discard, io.Discard, workspace)
		for open, want := range map[bool]bool{true: c.opens, false: c.makes} {
			do := MakeFolder
			if open {
				do = OpenFolder
				os.RemoveAll(filepath.Join(workspace, "new"))
			}
			folder, err := do(r, name)
			if (err == nil) != want {
				t.Errorf("%s, open %t: %v", name, open, err)
			}
			if err == nil {
				GiveFolder(r, folder)
				folder.Close()
			}
		}
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("made %v outside the workspace", left)
	}
	laptop := New(func(string) string { return "" }, io.Discard, io.Discard, workspace)
	folder, err := MakeFolder(laptop, filepath.Join(outside, "new"))
	if err != nil {
		t.Fatal(err)
	}
	folder.Close()
}
