//go:build unix

package filecopy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func rootAt(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

// A model that goes through a folder arrives unchanged.
func TestFolder_RoundTrip(t *testing.T) {
	from, to, model := startDouble(t, "3.17.2", nil), startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	root, _ := rootAt(t)
	for range 2 {
		var last Progress
		sums, err := ToFolder(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), root,
			func(p Progress) { last = p })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(model.sums(), sums); diff != "" {
			t.Error(diff)
		}
		if last.Files != len(model) || last.Bytes != last.OfBytes {
			t.Errorf("%+v", last)
		}
	}
	listed, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := Copy(t.Context(), FromFolder(root), listed, to.target(t), nil)
	if diff := cmp.Diff(model.sums(), sums); diff != "" || err != nil {
		t.Error(diff, err)
	}
	model.check(t, to)
}

func TestFolder_Refuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	write := func(path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(outside)
	for name, make := range map[string]func(dir string) error{
		"a link out":            func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "f")) },
		"a link inside":         func(dir string) error { write(dir + "/g"); return os.Symlink("g", dir+"/f") },
		"a pipe":                func(dir string) error { return syscall.Mkfifo(dir+"/f", 0o600) },
		"a folder":              func(dir string) error { return os.Mkdir(dir+"/f", 0o700) },
		"a shorter file":        func(dir string) error { return os.WriteFile(dir+"/f", []byte("secre"), 0o600) },
		"a longer file":         func(dir string) error { return os.WriteFile(dir+"/f", []byte("secrets"), 0o600) },
		"nothing":               func(string) error { return nil },
		"a link in place of it": func(dir string) error { return os.Symlink("/dev/zero", dir+"/f") },
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := rootAt(t)
			if err := make(dir); err != nil {
				t.Fatal(err)
			}
			to := startDouble(t, "3.17.2", nil)
			_, err := Copy(t.Context(), FromFolder(root), []registry.File{{Path: "f", Size: 6}}, to.target(t), nil)
			if err == nil || len(to.sent()) > 0 {
				t.Errorf("sent %v, %v", to.sent(), err)
			}
			special := strings.Contains(name, "link") || name == "a pipe"
			if _, err := List(root); (err != nil) != special {
				t.Errorf("list: %v", err)
			}
		})
	}
	// a folder that is a link out
	root, dir := rootAt(t)
	if err := os.Symlink(filepath.Dir(outside), dir+"/d"); err != nil {
		t.Fatal(err)
	}
	to := startDouble(t, "3.17.2", nil)
	_, err := Copy(t.Context(), FromFolder(root), []registry.File{{Path: "d/secret", Size: 6}}, to.target(t), nil)
	if err == nil || len(to.sent()) > 0 {
		t.Errorf("sent %v, %v", to.sent(), err)
	}
}

// An export never writes through a link, and never keeps a file with other content.
func TestToFolder_Existing(t *testing.T) {
	from, model := startDouble(t, "3.17.2", nil), aModel()
	model.put(from)
	reader := FromServer(from.dial(t, nil), from.in())
	root, dir := rootAt(t)
	if err := os.WriteFile(dir+"/stranger", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ToFolder(t.Context(), reader, model.list(), root, nil)
	if registry.ReasonOf(err) != registry.Conflict || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("%v", err)
	}
	outside := t.TempDir()
	root, dir = rootAt(t)
	if err := os.Symlink(outside, dir+"/data"); err != nil {
		t.Fatal(err)
	}
	if _, err := ToFolder(t.Context(), reader, model.list(), root, nil); err == nil {
		t.Error("wrote through a link")
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("%v", left)
	}
	root, dir = rootAt(t)
	if err := os.WriteFile(dir+"/model.pkl", make([]byte, len(model["model.pkl"])), 0o600); err != nil {
		t.Fatal(err)
	}
	if sums, err := ToFolder(t.Context(), reader, model.list(), root, nil); err != nil ||
		sums["model.pkl"] != model.sums()["model.pkl"] {
		t.Errorf("%v", err)
	}
}

// The source may fail once. Then no part of the first attempt is left.
func TestToFolder_Faults(t *testing.T) {
	for _, f := range []faults.Fault{
		{Kind: faults.Truncate, Nth: 2}, {Kind: faults.Reset, Nth: 1}, {Kind: faults.Status, Status: 503, Nth: 3},
	} {
		from, model := startDouble(t, "3.17.2", nil), aModel()
		model.put(from)
		f.Method, f.Path = "GET", "/api/2.0/mlflow-artifacts/artifacts/*/models/*/artifacts/*"
		from.Fault(f)
		root, _ := rootAt(t)
		sums, err := ToFolder(t.Context(), FromServer(from.dial(t, nil), from.in()), model.list(), root, nil)
		if diff := cmp.Diff(model.sums(), sums); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
}
