package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// toolVariable makes this test program act as tools/release.
const toolVariable = "TEST_AS_RELEASE_TOOL"

func TestMain(m *testing.M) {
	if os.Getenv(toolVariable) != "" {
		main()
		return
	}
	code := m.Run()
	if file, err := tinyFile(); err == nil {
		os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

// hub runs the jobs in release.yml in local folders. It stands in for GitHub: the repository is a bare one, folders
// replace artifacts, and scripts replace the programs gh, skopeo and go. `go run ./tools/release` is the real tool,
// except that its build only copies prepared files.
type hub struct {
	t        *testing.T
	dir      string
	key      string // private key for the checksums
	workflow releaseWorkflow
}

type releaseWorkflow struct {
	Env  map[string]string
	Jobs yaml.MapSlice
}

type releaseJob struct {
	Strategy struct{ Matrix struct{ Runner []string } }
	Steps    []struct {
		ID, Uses, Run string
		With, Env     map[string]string
	}
}

// scripts contains the programs that the jobs call. $HUB is the hub's folder.
var scripts = map[string]string{
	"go": `shift 2
if [ "$1" = build ]; then cp -r "$HUB/prepared/$MATRIX/$3" "$5"; else ` + toolVariable + `=1 exec "$TOOL" "$@"; fi`,
	"gh": `echo "$@" >>"$HUB/gh.log"
case "$1 $2" in
"api repos/"*) cat "$HUB/compare" ;;
"api --method") cat "$HUB/green" ;;
"auth setup-git") ;;
"release view") cat "$HUB/releases/$3" ;;
"release create") echo false >"$HUB/releases/$3"; shift 6; cat "$2" >>"$HUB/gh.log" ;;
"release delete") rm "$HUB/releases/$3" ;;
*) exit 3 ;;
esac`,
	"skopeo": `case "$1" in
inspect) cat "$HUB/registry/${3##*:}" ;;
copy) file=${4#oci-archive:}
  digest=$(tar -xOf "$file" index.json | grep -o 'sha256:[0-9a-f]*')
  tar -xOf "$file" "blobs/sha256/${digest#sha256:}" >"$HUB/registry/${5##*:}" ;;
*) exit 3 ;;
esac`,
}

func newHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{t: t, dir: t.TempDir()}
	for _, folder := range []string{"bin", "prepared", "releases", "registry"} {
		if err := os.Mkdir(filepath.Join(h.dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range scripts {
		h.write("bin/"+name, "#!/bin/sh\nset -e\n"+text+"\n")
	}
	h.write("compare", "behind\n")
	h.write("green", "1\n")
	text, err := os.ReadFile(root + ".github/workflows/release.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &h.workflow); err != nil {
		t.Fatal(err)
	}
	h.shell(`git init -q --bare -b main origin.git
		ssh-keygen -q -t ed25519 -N '' -C test -f key
		ssh-keygen -q -t ed25519 -N '' -C test -f other-key
		git clone -q origin.git work && cd work && mkdir setup promote
		printf 'runs:\n  using: docker\n  image: Dockerfile\n' >action.yml
		printf 'runs:\n  using: docker\n  image: ../Dockerfile\n' >promote/action.yml
		printf '# Changelog\n\n## v1.2.1\n\n- c\n\n## v1.2.0 (today)\n\n- b\n\n## v1.1.5\n\n- a\n' >CHANGELOG.md
		echo "release@mlflow-promote namespaces=\"mlflow-promote-release\" $(cut -d ' ' -f 1,2 ../key.pub)" >setup/signers
		git add . && git commit -q -m one && git push -q origin main`)
	h.key = h.read("key")
	return h
}

// prepare writes the files that the build jobs copy.
func (h *hub) prepare(version string) {
	h.t.Helper()
	for _, runner := range []string{"ubuntu-24.04", "ubuntu-24.04-arm"} {
		buildTiny(h.t, version, filepath.Join(h.dir, "prepared", runner, version))
	}
}

func (h *hub) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hub) read(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// shell runs commands in the hub's folder and returns their output.
func (h *hub) shell(text string) string {
	h.t.Helper()
	cmd := exec.Command("bash", "-euc", text)
	cmd.Dir, cmd.Env = h.dir, gitEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s: %v\n%s", text, err, out)
	}
	return strings.TrimSpace(string(out))
}

func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com",
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com")
}

// at returns the content of a ref or file in the repository.
func (h *hub) at(name string) string { return h.shell("git -C origin.git show '" + name + "'") }

func (h *hub) commit(ref string) string { return h.shell("git -C origin.git rev-parse '" + ref + "'") }

// release runs the workflow. It returns the output of all steps and the first error.
func (h *hub) release(version, ref string) (string, error) {
	h.t.Helper()
	artifacts := h.t.TempDir()
	var log strings.Builder
	for _, item := range h.workflow.Jobs {
		var job releaseJob
		text, err := yaml.Marshal(item.Value)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &job); err != nil {
			h.t.Fatal(err)
		}
		runners := job.Strategy.Matrix.Runner
		if runners == nil {
			runners = []string{""}
		}
		for _, runner := range runners {
			fmt.Fprintf(&log, "== %s %s\n", item.Key, runner)
			values := map[string]string{
				"inputs.version": version, "github.token": "t", "secrets.RELEASE_SIGNING_KEY": h.key, "matrix.runner": runner,
				"env.IMAGE": imageName,
			}
			if err := h.job(job, values, ref, artifacts, &log); err != nil {
				return log.String(), fmt.Errorf("job %s: %w", item.Key, err)
			}
		}
	}
	return log.String(), nil
}

var expression = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)

func (h *hub) job(job releaseJob, values map[string]string, ref, artifacts string, log *strings.Builder) error {
	temp := h.t.TempDir()
	work := filepath.Join(temp, "work")
	fill := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(e string) string {
			name := expression.FindStringSubmatch(e)[1]
			value, known := values[name]
			if !known && !strings.HasPrefix(name, "github.actor") {
				h.t.Errorf("unknown expression %s", e)
			}
			return value
		})
	}
	for _, s := range job.Steps {
		with := func(name string) string { return fill(s.With[name]) }
		action, _, _ := strings.Cut(s.Uses, "@")
		switch {
		case action == "actions/checkout":
			h.shell("git clone -q origin.git '" + work + "'")
		case action == "actions/upload-artifact":
			h.shell(fmt.Sprintf("cp -r '%s' '%s'", filepath.Join(work, with("path")), filepath.Join(artifacts, with("name"))))
		case action == "actions/download-artifact" && with("pattern") != "":
			h.shell(fmt.Sprintf("cp -r '%s'/%s '%s'", artifacts, with("pattern"), work))
		case action == "actions/download-artifact":
			h.shell(fmt.Sprintf("cp -r '%s' '%s'", filepath.Join(artifacts, with("name")), filepath.Join(work, with("path"))))
		case action != "":
			fmt.Fprintf(log, "not run: %s needs GitHub or a registry\n", action)
		default:
			outputs := filepath.Join(temp, "outputs")
			cmd := exec.Command("bash", "-e", "-c", s.Run)
			cmd.Dir = work
			self, err := os.Executable()
			if err != nil {
				return err
			}
			cmd.Env = append(gitEnv(), "PATH="+filepath.Join(h.dir, "bin")+":"+os.Getenv("PATH"), "HUB="+h.dir, "TOOL="+self,
				"MATRIX="+values["matrix.runner"], "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+outputs, "GITHUB_REF="+ref,
				"GITHUB_REPOSITORY=mlflow-promote/mlflow-promote", "GITHUB_SHA="+h.commit("main"))
			for _, env := range []map[string]string{h.workflow.Env, s.Env} {
				for name, value := range env {
					cmd.Env = append(cmd.Env, name+"="+fill(value))
				}
			}
			out, err := cmd.CombinedOutput()
			log.Write(out)
			if err != nil {
				return err
			}
			text, _ := os.ReadFile(outputs)
			for _, line := range strings.Fields(string(text)) {
				name, value, _ := strings.Cut(line, "=")
				values["steps."+s.ID+".outputs."+name] = value
			}
		}
	}
	return nil
}

func (h *hub) mustRelease(version string) {
	h.t.Helper()
	h.prepare(version)
	if log, err := h.release(version, "refs/heads/main"); err != nil {
		h.t.Fatalf("%s: %v\n%s", version, err, log)
	}
}

// A release is one commit on top of main. Its tag never moves, v1 and v1.2 never move backwards, and a re-run changes
// nothing.
func TestReleaseWorkflow(t *testing.T) {
	h := newHub(t)
	head := h.commit("main")
	h.mustRelease("v1.2.0")
	first := h.commit("v1.2.0")
	if got := h.commit("v1.2.0^"); got != head || h.commit("main") != head {
		t.Errorf("the parent of the release is %s, want main: %s", got, head)
	}
	if h.commit("v1") != first || h.commit("v1.2") != first {
		t.Error("v1 or v1.2 is not the release")
	}
	digest, err := imageDigest(filepath.Join(h.dir, "prepared/ubuntu-24.04/v1.2.0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"action.yml", "promote/action.yml"} {
		if got, want := h.at("v1.2.0:"+file), "  image: docker://"+imageName+"@"+digest; !strings.HasSuffix(got, want) {
			t.Errorf("%s of the release ends in %s, want %s", file, got, want)
		}
	}
	if got := h.at("v1.2.0:setup/checksums.txt"); got+"\n" != h.read("prepared/ubuntu-24.04/v1.2.0/checksums.txt") {
		t.Errorf("the setup action has other checksums: %s", got)
	}
	changed := strings.Fields(h.shell("git -C origin.git diff --name-only main v1.2.0"))
	if !slices.Equal(changed, []string{"action.yml", "promote/action.yml", "setup/checksums.txt"}) {
		t.Errorf("the release changes %v", changed)
	}
	log := h.read("gh.log")
	for _, want := range []string{"release create v1.2.0 --verify-tag", "dist/checksums.txt.sig", "dist/mlflow-promote_v1.2.0_windows_arm64.zip", "\n- b\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the release lacks %q: %s", want, log)
		}
	}
	if strings.Contains(log, "\n- a\n") || strings.Contains(log, "\n- c\n") {
		t.Errorf("the notes are those of another release: %s", log)
	}

	h.shell("sleep 1.1; git -C work commit -q --allow-empty -m two") // Git's timestamps have a resolution of one second
	if text, err := h.release("v1.2.0", "refs/heads/main"); err != nil {
		t.Errorf("a re-run: %v\n%s", err, text)
	}
	if h.commit("v1.2.0") != first || strings.Count(h.read("gh.log"), "release create") != 1 {
		t.Error("a re-run changed the release")
	}
	h.write("releases/v1.2.0", "true\n") // the upload of the files was interrupted
	if text, err := h.release("v1.2.0", "refs/heads/main"); err != nil || strings.Count(h.read("gh.log"), "release create") != 2 {
		t.Errorf("a re-run with a draft: %v\n%s", err, text)
	}

	h.shell("git -C work push -q origin main")
	h.mustRelease("v1.2.1")
	second := h.commit("v1.2.1")
	if h.commit("v1") != second || h.commit("v1.2") != second || h.commit("v1.2.0") != first {
		t.Error("v1.2.1 did not move v1 and v1.2, or moved v1.2.0")
	}
	h.mustRelease("v1.1.5")
	if h.commit("v1") != second || h.commit("v1.2") != second || h.commit("v1.1") != h.commit("v1.1.5") {
		t.Error("v1.1.5 moved v1 or v1.2, or did not make v1.1")
	}
}

// A release that must be refused is stopped before a tag exists.
func TestReleaseWorkflow_Refuses(t *testing.T) {
	for name, c := range map[string]struct {
		version, ref, want string
		before             func(h *hub)
	}{
		"pre-release":          {version: "v1.2.0-rc", want: "without a suffix"},
		"no version":           {version: "main", want: "without a suffix"},
		"branch":               {ref: "refs/heads/topic", want: "start this workflow on main"},
		"tag":                  {ref: "refs/tags/v1.2.0", want: "start this workflow on main"},
		"commit not on main":   {want: "not on main", before: func(h *hub) { h.write("compare", "diverged\n") }},
		"commit ahead of main": {want: "not on main", before: func(h *hub) { h.write("compare", "ahead\n") }},
		"CI red":               {want: "CI has not passed", before: func(h *hub) { h.write("green", "0\n") }},
		"no changelog":         {version: "v1.2.2", want: "no section v1.2.2"},
		"no key": {want: "setup/signers has no key", before: func(h *hub) {
			h.shell("cd work && echo '# none' >setup/signers && git commit -qam none && git push -q origin main")
		}},
		"other commit": {want: "already released from another commit", before: func(h *hub) {
			h.shell("cd work && git commit -q --allow-empty -m a && git commit -q --allow-empty -m b && git tag v1.2.0 && " +
				"git push -q origin v1.2.0")
		}},
		"other content": {want: "tag 'v1.2.0' already exists", before: func(h *hub) {
			h.shell("cd work && git commit -q --allow-empty -m a && git tag v1.2.0 && git push -q origin v1.2.0")
		}},
		"different builds": {want: "differ", before: func(h *hub) {
			h.write("prepared/ubuntu-24.04-arm/v1.2.0/mlflow-promote_v1.2.0_linux_arm64.tar.gz", "other")
		}},
		"wrong key": {want: "Could not verify signature", before: func(h *hub) { h.key = h.read("other-key") }},
		"image tag taken": {want: "exists with the digest", before: func(h *hub) {
			h.write("registry/v1.2.0", "another image")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			if c.version == "" {
				c.version = "v1.2.0"
			}
			if c.ref == "" {
				c.ref = "refs/heads/main"
			}
			if _, err := parseVersion(c.version); err == nil {
				h.prepare(c.version)
			}
			if c.before != nil {
				c.before(h)
			}
			before := h.shell("git -C origin.git tag")
			log, err := h.release(c.version, c.ref)
			if err == nil || !strings.Contains(log, c.want) {
				t.Errorf("%v, want %q:\n%s", err, c.want, log)
			}
			if after := h.shell("git -C origin.git tag"); after != before {
				t.Errorf("tags were made: %s", after)
			}
		})
	}
}
