//go:build unix

package actions_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadWorkspace(t *testing.T) {
	r, s := step(t)
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "secret")
	write(t, filepath.Join(s.Workspace, ".github/policy.yml"), "gates")
	in := func(name string) string { return filepath.Join(s.Workspace, name) }
	link(t, ".github/policy.yml", in("inside"))
	link(t, outside, in("absolute"))
	link(t, "../../../../../../../../../../../../"+outside, in("relative"))
	link(t, filepath.Dir(outside), in("dir"))
	link(t, "loop", in("loop"))
	if err := syscall.Mkfifo(in("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	const escapes = "path is outside the workspace"
	for path, says := range map[string]string{ // "" means that the file can be read
		".github/policy.yml": "", "./.github/../.github/policy.yml": "", "inside": "", in(".github/policy.yml"): "",
		"absolute": escapes, "relative": escapes, "dir/secret": escapes, "../secret": escapes, outside: escapes,
		"/etc/passwd": escapes, "../workspace/inside": escapes, ".github/../../x": escapes,
		"missing": "no such file", "loop": "too many", "pipe": "not a regular file", ".github": "not a regular file",
		"": "",
	} {
		data, err := r.ReadWorkspace(path, 100)
		if path == "" {
			if err == nil {
				t.Error("an empty path was read")
			}
			continue
		}
		if says == "" && (err != nil || string(data) != "gates") {
			t.Errorf("%s: got %q, %v", path, data, err)
		}
		if says != "" && (err == nil || !strings.Contains(err.Error(), says) ||
			!strings.HasPrefix(err.Error(), "read ")) {
			t.Errorf("%s: got %q, %v, want %q", path, data, err, says)
		}
	}
}

func TestReadWorkspace_Limit(t *testing.T) {
	r, s := step(t)
	write(t, filepath.Join(s.Workspace, "f"), "12345")
	if data, err := r.ReadWorkspace("f", 5); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := r.ReadWorkspace("f", 4); err == nil || !strings.Contains(err.Error(), "larger than 4 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestReadWorkspace_Laptop(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "work", "policy.yml"), "a")
	write(t, filepath.Join(dir, "shared.yml"), "b")
	r, _, _ := laptop(filepath.Join(dir, "work"))
	for path, want := range map[string]string{
		"policy.yml":                     "a",
		"../shared.yml":                  "b",
		filepath.Join(dir, "shared.yml"): "b",
	} {
		if data, err := r.ReadWorkspace(path, 10); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	name, err := r.WriteReport("plan-*.json", []byte("{}"))
	if _, stat := os.Stat(filepath.Join(dir, "work", name)); err != nil || stat != nil {
		t.Errorf("%s: %v, %v", name, err, stat)
	}
}

func TestWriteReport(t *testing.T) {
	r, s := step(t)
	if os.Geteuid() == 0 { // as in the container, where the workspace belongs to a different user
		if err := os.Chown(s.Workspace, 1001, 1002); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for range 5 {
		name, err := r.WriteReport("promote-*.json", []byte(`{"a": 1}`))
		if err != nil || seen[name] || filepath.IsAbs(name) || !strings.HasPrefix(name, ".mlflow-promote/promote-") ||
			!strings.HasSuffix(name, ".json") {
			t.Errorf("got name %q, error %v", name, err)
		}
		seen[name] = true
		info, err := os.Stat(filepath.Join(s.Workspace, name))
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		if os.Geteuid() == 0 && (owner.Uid != 1001 || owner.Gid != 1002) {
			t.Errorf("file is owned by %d:%d", owner.Uid, owner.Gid)
		}
		if data, err := r.ReadWorkspace(name, 100); err != nil || string(data) != `{"a": 1}` {
			t.Errorf("%q, %v", data, err)
		}
	}
}

// Folders that are created along the way also belong to the workspace's owner, and git ignores the reports.
func TestCreateWorkspace_Folders(t *testing.T) {
	r, s := step(t)
	if os.Geteuid() == 0 {
		if err := os.Chown(s.Workspace, 1001, 1002); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"out/sub/page.html", "out/other/a.sarif"} {
		f, err := r.CreateWorkspace(name)
		if err == nil {
			err = f.Close()
		}
		if err != nil || f.Name() != name {
			t.Fatal(f.Name(), err)
		}
	}
	if _, err := r.WriteReport("promote-*.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	ignore, err := os.ReadFile(filepath.Join(s.Workspace, ".mlflow-promote", ".gitignore"))
	if err != nil || string(ignore) != "*\n" {
		t.Errorf(".gitignore: %q, %v", ignore, err)
	}
	err = filepath.WalkDir(s.Workspace, func(path string, entry os.DirEntry, err error) error {
		info, statErr := os.Lstat(path)
		if err != nil || statErr != nil {
			t.Fatal(err, statErr)
		}
		if owner := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && (owner.Uid != 1001 || owner.Gid != 1002) {
			t.Errorf("%s is owned by %d:%d", path, owner.Uid, owner.Gid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriteReport_OnlyPlainNames(t *testing.T) {
	r, s := step(t)
	for _, pattern := range []string{"../x.json", "/tmp/x.json", "a/b.json", `a\b.json`, "", "..", "."} {
		if name, err := r.WriteReport(pattern, []byte("new")); err == nil {
			t.Errorf("%q: wrote to %q, want an error", pattern, name)
		}
	}
	if err := os.RemoveAll(filepath.Join(s.Workspace, ".mlflow-promote")); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	for _, to := range []string{elsewhere, "other"} {
		link(t, to, filepath.Join(s.Workspace, ".mlflow-promote"))
		if name, err := r.WriteReport("x-*.json", []byte("new")); err == nil {
			t.Errorf("through a link to %s: wrote to %q", to, name)
		}
		if err := os.Remove(filepath.Join(s.Workspace, ".mlflow-promote")); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := os.ReadDir(elsewhere); len(left) > 0 {
		t.Errorf("wrote outside the workspace: %v", left)
	}
}
