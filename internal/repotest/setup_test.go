package repotest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A .cache/ folder that was copied from a different machine may list packages as installed although they are missing on
// this one.
func TestSetup_CacheOfAnotherMachine(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("../../tools/setup")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	for path, text := range map[string]string{
		"tools/setup":          string(script),
		".cache/stamp/mariadb": "",
		"bin/apt-get":          "#!/bin/sh\necho \"$@\"\n", // users other than root see a list of the missing packages
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "dirname", "flock", "mkdir", "rm", "tail"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(bin, "bash"), filepath.Join(dir, "tools/setup"), "mariadb")
	cmd.Env = []string{"PATH=" + bin, "HOME=" + dir}
	out, err := cmd.CombinedOutput()
	log, missing := os.ReadFile(filepath.Join(dir, ".cache/log/mariadb.log"))
	if missing != nil || !strings.Contains(string(log), "mariadb-server-core") {
		t.Errorf("no package was requested: %v, %v\n%s", err, missing, out)
	}
}
