package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// runner is a machine that runs the setup action.
type runner struct {
	t     *testing.T
	setup string // the action's folder
	dist  string // the signed files of the release v1.2.3
	temp  string
	shell []string
	env   []string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	r := &runner{t: t, setup: t.TempDir(), dist: t.TempDir(), temp: t.TempDir(), shell: []string{"sh"}}
	buildTiny(t, "v1.2.3", r.dist)
	if err := sign(r.temp, r.dist); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{
		"install.sh": root + "setup/install.sh", checksums: filepath.Join(r.dist, checksums), "signers": filepath.Join(r.dist, "signers"),
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.setup, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// install runs the action as a step of a job, unless env contains "GITHUB_ACTIONS=".
func (r *runner) install(env ...string) (string, error) {
	r.t.Helper()
	cmd := exec.Command(r.shell[0], append(slices.Clone(r.shell[1:]), filepath.Join(r.setup, "install.sh"))...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.temp, "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "VERSION=", "GITHUB_ACTIONS=true",
		"DOWNLOAD_URL=" + r.dist, "RUNNER_TOOL_CACHE=" + filepath.Join(r.temp, "tools"),
		"GITHUB_PATH=" + filepath.Join(r.temp, "path"), "GITHUB_OUTPUT=" + filepath.Join(r.temp, "output"),
	}, append(r.env, env...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *runner) must(want string, env ...string) {
	r.t.Helper()
	if out, err := r.install(env...); err != nil || !strings.Contains(out, want) {
		r.t.Fatalf("%v: %v, want %q:\n%s", env, err, want, out)
	}
}

// refused expects the action to fail with an error that contains want and to leave PATH unchanged.
func (r *runner) refused(want string, env ...string) {
	r.t.Helper()
	out, err := r.install(env...)
	if err == nil || !strings.Contains(out, "::error title=mlflow-promote setup::") || !strings.Contains(out, want) {
		r.t.Errorf("%v: %v, want %q:\n%s", env, err, want, out)
	}
	for _, file := range []string{"path", "output"} {
		if text, err := os.ReadFile(filepath.Join(r.temp, file)); err == nil {
			r.t.Errorf("%v: the file %s was written: %s", env, file, text)
		}
	}
}

func (r *runner) reset() {
	r.t.Helper()
	for _, name := range []string{"path", "output", "tools"} {
		if err := os.RemoveAll(filepath.Join(r.temp, name)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// change replaces the file's content with the result of edit.
func (r *runner) change(file string, edit func([]byte) []byte) {
	r.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, edit(data), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func flip(data []byte) []byte {
	data[len(data)/2] ^= 1
	return data
}

// The next step of the job finds the program on PATH.
func TestSetup_Installs(t *testing.T) {
	for _, shell := range [][]string{{"sh"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("not run: %s is not installed", shell[0])
			continue
		}
		r := newRunner(t)
		r.shell = shell
		r.must("installed mlflow-promote v1.2.3 (linux/amd64)")
		added, err := os.ReadFile(filepath.Join(r.temp, "path"))
		if err != nil {
			t.Fatal(err)
		}
		next := exec.Command("sh", "-c", "PATH=$1:$PATH; mlflow-promote --version; ls -A \"$1\"", "next", strings.TrimSpace(string(added)))
		if out, err := next.CombinedOutput(); err != nil || string(out) != "mlflow-promote v1.2.3\nmlflow-promote\n" {
			t.Errorf("%v: the next step: %v: %s", shell, err, out)
		}
		output, err := os.ReadFile(filepath.Join(r.temp, "output"))
		if want := regexp.MustCompile(`\Aversion=v1\.2\.3\npath=/.*/mlflow-promote\n\z`); err != nil || !want.Match(output) {
			t.Errorf("outputs: %s", output)
		}
		// Nothing is downloaded again, unless a different job has changed the program in the cache.
		r.must("installed", "DOWNLOAD_URL=/nowhere")
		program := filepath.Join(strings.TrimSpace(string(added)), "mlflow-promote")
		r.change(program, flip)
		r.must("installed")
		r.must("installed", "DOWNLOAD_URL=/nowhere")
	}
}

func TestSetup_Platforms(t *testing.T) {
	r := newRunner(t)
	for machine, want := range map[[2]string]string{
		{"Linux", "ARM64"}: "linux/arm64", {"macOS", "X64"}: "darwin/amd64", {"macOS", "ARM64"}: "darwin/arm64",
		{"Windows", "X64"}: "windows/amd64", {"Windows", "ARM64"}: "windows/arm64",
	} {
		if _, err := exec.LookPath("unzip"); err != nil && machine[0] == "Windows" {
			t.Log("not run: unzip is not installed")
			continue
		}
		r.must("installed mlflow-promote v1.2.3 ("+want+")", "RUNNER_OS="+machine[0], "RUNNER_ARCH="+machine[1])
	}
	// outside GitHub, the action gets the platform from uname
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "uname"), []byte("#!/bin/sh\ncase $1 in -s) echo Darwin;; -m) echo arm64;; esac\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	other := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "RUNNER_OS=", "RUNNER_ARCH=", "GITHUB_PATH=", "GITHUB_OUTPUT=", "GITHUB_ACTIONS="}
	r.must("add this folder to PATH: "+r.temp, other...)
	r.must("(darwin/arm64)", other...)
	r.reset()
	r.refused("no mlflow-promote for this CPU: X86", "RUNNER_ARCH=X86")
	r.refused("no mlflow-promote for this CPU: ARM", "RUNNER_ARCH=ARM")
	r.refused("no mlflow-promote for this operating system: Plan9", "RUNNER_OS=Plan9")
}

func TestSetup_Downloads(t *testing.T) {
	r := newRunner(t)
	mirror := httptest.NewServer(http.FileServer(http.Dir(r.dist)))
	t.Cleanup(mirror.Close)
	tools := t.TempDir()
	for _, name := range []string{
		"sh", "dirname", "tr", "sed", "cut", "awk", "mkdir", "mktemp", "rm", "mv", "tar", "gzip", "sha256sum", "cp", "curl", "wget",
	} {
		if path, err := exec.LookPath(name); err == nil && name != "curl" && name != "wget" {
			if err := os.Symlink(path, filepath.Join(tools, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.refused("neither curl nor wget is installed", "DOWNLOAD_URL="+mirror.URL, "PATH="+tools)
	for _, name := range []string{"curl", "wget"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("not run: %s is not installed", name)
			continue
		}
		link := filepath.Join(tools, name)
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		r.must("installed", "DOWNLOAD_URL="+mirror.URL+"/", "PATH="+tools)
		r.reset()
		secret := strings.Replace(mirror.URL, "//", "//ann:canary@", 1) + "/missing"
		r.refused("cannot download mlflow-promote_v1.2.3_linux_amd64.tar.gz from http://127.0.0.1", "DOWNLOAD_URL="+secret, "PATH="+tools)
		if out, _ := r.install("DOWNLOAD_URL="+secret, "PATH="+tools); strings.Contains(out, "canary") {
			t.Errorf("%s: the password is in the log:\n%s", name, out)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

// A mirror cannot make the action install a different program.
func TestSetup_RefusesOtherFiles(t *testing.T) {
	r := newRunner(t)
	archive := filepath.Join(r.dist, "mlflow-promote_v1.2.3_linux_amd64.tar.gz")
	r.change(archive, flip)
	r.refused("nothing was installed")
	r.change(archive, flip)

	// an older archive under the newer name
	dist := filepath.Join(r.temp, "old")
	buildTiny(t, "v1.2.2", dist)
	r.refused("cannot download", "DOWNLOAD_URL="+dist)
	if err := os.Rename(filepath.Join(dist, "mlflow-promote_v1.2.2_linux_amd64.tar.gz"), filepath.Join(dist, filepath.Base(archive))); err != nil {
		t.Fatal(err)
	}
	r.refused("nothing was installed", "DOWNLOAD_URL="+dist)
}

// A different version is accepted only if a listed key has signed its checksums.
func TestSetup_OtherVersions(t *testing.T) {
	r := newRunner(t)
	if err := os.Remove(filepath.Join(r.setup, checksums)); err != nil { // as on the main branch
		t.Fatal(err)
	}
	r.refused("this commit of the setup action is not a release: set version")
	r.must("installed", "VERSION=v1.2.3")
	r.reset()
	r.refused("do not list", "VERSION=v1.2.4") // signed, but for a different release
	for _, bad := range []string{
		"v1", "v1.2", "1.2.3", "v1.2.3-rc", "latest", "../v1.2.3", "v1.2.3\n::set-output name=a::b", "v1.2.3 v1.2.3", "v1.2.3\nv1.2.3",
	} {
		r.refused("version must be a release such as v1.2.0", "VERSION="+bad)
	}
	r.change(filepath.Join(r.dist, checksums), flip)
	r.refused("are not signed by a key in setup/signers", "VERSION=v1.2.3")
	r.change(filepath.Join(r.dist, checksums), flip)
	r.change(filepath.Join(r.setup, "signers"), func([]byte) []byte { return []byte("# none\n") })
	r.refused("are not signed by a key in setup/signers", "VERSION=v1.2.3")
}
