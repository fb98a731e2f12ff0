//go:build container

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// actionStandIns contains shell steps that replace other projects' actions, which need GitHub. Folders replace
// artifacts.
var actionStandIns = map[string]string{
	"actions/setup-go":        `go version`,
	"actions/upload-artifact": `cp -r "$FILES" "$HUB/artifacts/$NAME"`,
	"actions/download-artifact": `if [ -n "$PATTERN" ]; then cp -r "$HUB/artifacts"/$PATTERN .
else cp -r "$HUB/artifacts/$NAME" "$FILES"; fi`,
	"docker/login-action":             `echo "login to $REGISTRY" >>"$HUB/gh.log"`,
	"actions/attest-build-provenance": `echo "attest $SUBJECT" >>"$HUB/gh.log"`,
}

// smallProgram replaces main.go in the test's repository. With it, twelve builds take only seconds.
const smallProgram = `package main

import "fmt"

var version = "dev"

func main() { fmt.Println("mlflow-promote", version) }
`

// standInAction is an action that runs a single shell step.
const standInAction = `name: stand-in
description: replaces NAME
inputs: {name: {}, path: {}, pattern: {}, registry: {}, subject-digest: {}, subject-checksums: {}}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: ${{ inputs.name }}
        FILES: ${{ inputs.path }}
        PATTERN: ${{ inputs.pattern }}
        REGISTRY: ${{ inputs.registry }}
        SUBJECT: ${{ inputs.subject-digest || inputs.subject-checksums }}
      run: |
        SCRIPT
`

// standIn writes the replacement for an action into a repository of its own.
func (h *hub) standIn(name, script string) {
	h.t.Helper()
	h.shell("mkdir -p 'actions/" + name + "'")
	h.write("actions/"+name+"/action.yml", strings.NewReplacer(
		"replaces NAME", "replaces "+name, "SCRIPT", strings.ReplaceAll(script, "\n", "\n        ")).Replace(standInAction))
	h.shell("cd 'actions/" + name + "' && git init -q -b main && git add . && git commit -q -m one")
}

var foreignAction = regexp.MustCompile(`uses: ([\w-]+/[\w-]+)@([0-9a-f]{40})`)

// act runs release.yml in the hub's repository, on this machine instead of in containers.
func (h *hub) act(version string) (string, error) {
	h.t.Helper()
	action, err := filepath.Abs(root + ".cache/bin/act")
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("event.json", `{"ref": "refs/heads/main", "inputs": {"version": "`+version+`"}}`)
	h.write("secrets", "GITHUB_TOKEN=of-no-use\nRELEASE_SIGNING_KEY=\""+strings.ReplaceAll(h.key, "\n", `\n`)+"\"\n")
	args := []string{"workflow_dispatch", "--workflows", ".github/workflows/release.yml",
		"--eventpath", filepath.Join(h.dir, "event.json"), "--secret-file", filepath.Join(h.dir, "secrets"), "--env", "HUB=" + h.dir, "--action-offline-mode",
		"--platform", "ubuntu-24.04=-self-hosted", "--platform", "ubuntu-24.04-arm=-self-hosted"}
	for _, m := range foreignAction.FindAllStringSubmatch(h.read("work/.github/workflows/release.yml"), -1) {
		if actionStandIns[m[1]] != "" {
			args = append(args, "--local-repository", m[1]+"@"+m[2]+"="+filepath.Join(h.dir, "actions", m[1]))
		}
	}
	cmd := exec.Command(action, args...)
	cmd.Dir = filepath.Join(h.dir, "work")
	cmd.Env = append(gitEnv(), "HOME="+filepath.Join(h.dir, "home"),
		"PATH="+filepath.Join(h.dir, "bin")+":"+os.Getenv("PATH"))
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			h.t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(value)))
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The release workflow runs under act, with the real release tool, Git and signatures. Stand-ins replace what needs
// GitHub or a registry: gh, skopeo and other projects' actions. Afterwards, the new release's setup action installs the
// release, and zizmor accepts its actions.
func TestReleaseWorkflow_Container(t *testing.T) {
	if out, err := exec.Command(root+"tools/setup", "act").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h := newHub(t)
	h.shell(`rm bin/go && mkdir artifacts home && git -C work rm -rq . && rm -rf work/setup work/promote`)
	work := filepath.Join(h.dir, "work")
	if err := copySource(root, work); err != nil {
		t.Fatal(err)
	}
	h.write("work/main.go", smallProgram)
	h.write("work/CHANGELOG.md", "# Changelog\n\n## v1.2.0\n\n- everything\n")
	h.shell(`public=$(cut -d ' ' -f 1,2 key.pub)
		echo "release@mlflow-promote namespaces=\"mlflow-promote-release\" $public" >work/setup/signers
		cd work && rm -f main_test.go && git add --all && git commit -q -m real && git push -q origin main
		git remote set-url origin https://github.com/mlflow-promote/mlflow-promote
		git config "url.$PWD/../origin.git.insteadOf" https://github.com/mlflow-promote/mlflow-promote`)
	for name, script := range actionStandIns {
		h.standIn(name, script)
	}
	began := time.Now()
	log, err := h.act("v1.2.0")
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Logf("the workflow took %v", time.Since(began).Round(time.Second))
	if strings.Contains(log, "PRIVATE KEY") {
		t.Error("the log contains the key")
	}

	if got, want := h.commit("v1.2.0^"), h.commit("main"); got != want {
		t.Errorf("the parent of the release is %s, want main: %s", got, want)
	}
	if release := h.commit("v1.2.0"); h.commit("v1") != release || h.commit("v1.2") != release {
		t.Error("v1 or v1.2 is not the release")
	}
	digest, err := imageDigest(filepath.Join(h.dir, "artifacts/release"))
	if err != nil {
		t.Fatal(err)
	}
	actions := strings.Fields(h.shell(`git -C origin.git ls-tree -r --name-only v1.2.0 | grep '^\([a-z]*/\)\?action.yml$'`))
	for _, file := range actions {
		text := h.at("v1.2.0:" + file)
		if strings.Contains(text, "using: docker") && !strings.Contains(text, imageName+"@"+digest) {
			t.Errorf("%s of the release does not name the image %s", file, digest)
		}
	}
	if len(actions) != 12 {
		t.Errorf("%d actions, want the root action, setup, and ten for commands: %v", len(actions), actions)
	}
	calls := h.read("gh.log")
	for _, want := range []string{
		"attest dist/checksums.txt", "attest " + digest, "login to ghcr.io", "release create v1.2.0", "- everything",
	} {
		if !strings.Contains(calls, want) {
			t.Errorf("%q is missing in what GitHub saw: %s", want, calls)
		}
	}
	installed := h.shell(fmt.Sprintf(`git clone -q --branch v1.2.0 origin.git released 2>&1
		HOME="$PWD/home" DOWNLOAD_URL="$PWD/artifacts/release" BIN_DIR="$PWD/installed" sh released/setup/install.sh
		installed/%s`, program))
	if want := "mlflow-promote v1.2.0"; !strings.HasSuffix(installed, want) {
		t.Errorf("the setup action of the release installed %q, want %q", installed, want)
	}

	// The commands in docs/closed-networks.md replace the registry in every action but keep the digest.
	_, blocks, err := readPage(root+"docs/closed-networks.md", "v1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	named := h.shell("git clone -q origin.git own && cd own && { " + blocks[0].text + "\n} >/dev/null 2>&1\n" +
		"grep -h '^  image: ' action.yml */action.yml | sort | uniq -c")
	if want := fmt.Sprintf("%d   image: docker://registry.example/mlflow-promote@%s", len(actions)-1, digest); named != want {
		t.Errorf("own copy of the actions: %s, want %s", named, want)
	}

	// On main, the actions refer to the Dockerfile, which zizmor accepts only as an exception. A release needs no
	// exception.
	zizmor, err := filepath.Abs(root + ".cache/bin/zizmor")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(zizmor); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("zizmor is not installed; make lint installs it")
	}
	h.shell(`cd released && sed '/unpinned-images/,$d' .github/zizmor.yml >../zizmor.yml
		'` + zizmor + `' --offline --quiet --persona pedantic --config ../zizmor.yml action.yml */action.yml`)
}
