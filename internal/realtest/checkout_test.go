//go:build container

package realtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// On a self-hosted runner, the workspace belongs to the runner's user, but the container runs as root. The next
// checkout must be able to remove every file that the action wrote.
func TestContainer_NextCheckout(t *testing.T) {
	server := shared(t).server
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("this test must run as root, because only root can give the workspace to another user")
		}
		t.Skip("only root can give the workspace to another user")
	}
	logged, err := server.Train(t.Context(), Spec{Experiment: "checkout", Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	promote := map[string]string{
		"command": "promote", "alias": "champion", "candidate": "runs:/" + logged[0].RunID + "/model",
		"thresholds": "test_accuracy >= 0.9",
	}
	audit := map[string]string{
		"command": "audit", "html-file": "new/page/audit.html", "sarif-file": "other/new/audit.sarif",
	}
	for _, with := range []map[string]string{promote, audit} {
		name := with["command"]
		with["tracking-uri"], with["model"] = server.URL, "checkout"
		c := newContainer(t, with)
		folder := filepath.Join(c.Dir, workspace)
		asRunner := func(name string, args ...string) ([]byte, error) {
			cmd := exec.Command(name, args...)
			cmd.Dir, cmd.Env = folder, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(c.Dir, "home")}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: runnerUser, Gid: runnerUser}}
			return cmd.CombinedOutput()
		}
		for dir := folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			_ = os.Chmod(dir, 0o755) // a test's folders belong to root, and no other user can enter them
		}
		if out, err := asRunner("git", "init", "--quiet"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if status, out := c.run(t); status != 0 {
			t.Fatalf("%s: status %d\n%s", name, status, out)
		}
		wrote, err := os.ReadDir(folder)
		if err != nil || len(wrote) < 2 {
			t.Errorf("%s wrote nothing: %v %v", name, wrote, err)
		}
		if out, err := asRunner("git", "clean", "-ffdx"); err != nil {
			t.Errorf("%s: the next checkout fails: %v\n%s", name, err, out)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) != 1 { // only .git must be left
			t.Errorf("%s: files are left: %v %v", name, left, err)
		}
	}
}
