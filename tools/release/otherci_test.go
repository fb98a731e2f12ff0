package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The scripts for GitLab and cron install the program and run it in a plain shell.
func TestOtherCI_Scripts(t *testing.T) {
	page, err := os.ReadFile(root + "docs/other-ci.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(title string) string {
		_, rest, _ := strings.Cut(string(page), "\n## "+title+"\n")
		_, rest, _ = strings.Cut(rest, "```")
		_, rest, _ = strings.Cut(rest, "\n")
		text, _, _ := strings.Cut(rest, "```")
		return text
	}
	var gitlab struct{ Promote struct{ Script []string } }
	if err := yaml.Unmarshal([]byte(block("GitLab")), &gitlab); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"GitLab": strings.Join(gitlab.Promote.Script, "\n"), "cron": block("Cron"),
	} {
		r := newRunner(t)
		work := filepath.Join(r.temp, "mlflow-audit")
		bin := filepath.Join(r.temp, "stubs")
		for _, dir := range []string{work, bin} {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		git := "#!/bin/sh\nfor to; do :; done\nmkdir \"$to\" && cp -r \"$SETUP\" \"$to/setup\"\n" // the last argument
		if err := os.WriteFile(filepath.Join(bin, "git"), []byte(git), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-euc", script+"\n test -x bin/mlflow-promote")
		cmd.Dir = work
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + r.temp, "SETUP=" + r.setup, "DOWNLOAD_URL=" + r.dist, "CANDIDATE=7"}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "installed mlflow-promote v1.2.3") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
