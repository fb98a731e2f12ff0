package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mlflow-promote/mlflow-promote/tools/notices"
)

const root = "../../"

// tinyFile compiles a small program once for all tests.
var tinyFile = sync.OnceValues(func() (file string, err error) {
	dir, err := os.MkdirTemp("", "tiny")
	if err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"go.mod": "module example.com/tiny\n\ngo 1.26.0\n", "LICENSE": "free\n",
		"main.go": "package main\n\nimport \"os\"\n\nvar version string\n\n" +
			"func main() { os.Stdout.WriteString(\"mlflow-promote \" + version + \"\\n\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	file = filepath.Join(dir, "tiny")
	return file, goBuild(release{version: "v1.2.3", source: dir}, platform{"linux", "amd64"}, file)
})

// tiny returns a release that packs the same small program for every platform.
func tiny(t *testing.T) release {
	t.Helper()
	file, err := tinyFile()
	if err != nil {
		t.Fatal(err)
	}
	r := release{version: "v1.2.3", source: filepath.Dir(file), time: time.Unix(1_700_000_000, 0).UTC()}
	r.compile = func(_ release, p platform, out string) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(out, append(data, p.os+p.cpu...), 0o755)
	}
	return r
}

// buildTiny writes a release of the small program to the folder dist. It builds each version only once.
func buildTiny(t *testing.T, version, dist string) {
	t.Helper()
	r := tiny(t)
	r.version = version
	built := filepath.Join(r.source, version)
	if _, err := os.Stat(built); err != nil {
		if err := r.build(built); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dist, os.DirFS(built)); err != nil {
		t.Fatal(err)
	}
}

// Two builds give the same bytes, and the commands in docs/verify.md accept them and notice every changed byte.
func TestRelease_VerifyPage(t *testing.T) {
	r, dir := tiny(t), t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, out := range []string{first, second} {
		t.Setenv("TZ", out) // a different value for each build
		if err := r.build(out); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	if err := compareFolders(&log, first, second); err != nil {
		t.Fatal(err)
	}
	if err := sign(dir, first); err != nil {
		t.Fatal(err)
	}
	if err := verifyAndSpoil(&log, r, filepath.Join(dir, "check"), first, root+"docs/verify.md"); err != nil {
		t.Fatal(err)
	}
	t.Log(log.String())
	if err := os.WriteFile(filepath.Join(second, checksums), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := compareFolders(io.Discard, first, second); err == nil || !strings.Contains(err.Error(), checksums) {
		t.Errorf("a different file: %v", err)
	}
}

// The commands in docs/install.md install the program.
func TestRelease_InstallPage(t *testing.T) {
	dist := t.TempDir()
	buildTiny(t, "v1.2.3", dist)
	r := tiny(t)
	var log bytes.Buffer
	if err := install(&log, r, t.TempDir(), dist, root+"docs/install.md"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "its commands are for Debian") {
		t.Skip(log.String())
	}
	for _, want := range []string{"installed: Archive", "installed: Debian and Ubuntu"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is missing:\n%s", want, log.String())
		}
	}
	if err := os.Remove(filepath.Join(dist, "mlflow-promote_v1.2.3_linux_amd64.tar.gz")); err != nil {
		t.Fatal(err)
	}
	if err := install(&log, r, t.TempDir(), dist, root+"docs/install.md"); err == nil {
		t.Error("a release without the archive was installed")
	}
}

// The caller's Go settings must not affect the result of a build.
func TestRelease_GoSettings(t *testing.T) {
	r, dir := tiny(t), t.TempDir()
	var want []byte
	for i, setting := range []string{"GOAMD64=v1", "GOAMD64=v3", "GOFLAGS=-tags=a -ldflags=-X=main.version=b", "CGO_ENABLED=1"} {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
		file := filepath.Join(dir, "out")
		if err := goBuild(r, platform{"linux", "amd64"}, file); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && !bytes.Equal(got, want) {
			t.Errorf("%s changes the program", setting)
		}
		want = got
	}
}

// A program is accepted only for its own platform, and only if every property is right.
func TestCheckFormat(t *testing.T) {
	r := tiny(t)
	file := filepath.Join(t.TempDir(), "program")
	for own, spoilers := range map[platform]map[string]func(data []byte){
		{"linux", "amd64"}: {"not executable": func(data []byte) { data[16] = 3 }}, // a shared library
		{"windows", "amd64"}: {
			"not for the console": func(data []byte) { data[headerOfPE(data)+24+68] = 2 },
			"not executable":      func(data []byte) { data[headerOfPE(data)+22] &^= 2 },
			"kernel32.dll":        func(data []byte) { data[bytes.LastIndex(data, []byte("kernel32.dll\x00"))] = 'K' },
		},
		{"darwin", "arm64"}: {
			"not signed":         func(data []byte) { data[loadOf(data, loadSignature)] = 0x1e },
			"not executable":     func(data []byte) { data[loadOf(data, loadMain)] = 0 },
			"part of the system": func(data []byte) { data[bytes.Index(data, []byte("/usr/lib/libS"))] = '.' },
		},
	} {
		if err := goBuild(r, own, file); err != nil { // which also checks the format
			t.Fatal(err)
		}
		for _, p := range platforms {
			if err := checkFormat(p, file); (err == nil) != (p == own) {
				t.Errorf("a program for %v as %v: %v", own, p, err)
			}
		}
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for want, spoil := range spoilers {
			bad := bytes.Clone(good)
			spoil(bad)
			if err := os.WriteFile(file, bad, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := checkFormat(own, file); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", own, err, want)
			}
		}
	}
}

// headerOfPE returns the position of the PE header in a program for Windows.
func headerOfPE(data []byte) int { return int(binary.LittleEndian.Uint32(data[0x3c:])) }

// loadOf returns the position of a load command in a program for macOS.
func loadOf(data []byte, command uint32) int {
	at := 32
	for binary.LittleEndian.Uint32(data[at:]) != command {
		at += int(binary.LittleEndian.Uint32(data[at+4:]))
	}
	return at
}

// The Makefile, the Dockerfile and the release build the program in the same way for each platform. The image has the
// licences, labels and entrypoint that the Dockerfile specifies.
func TestRelease_SameAsDockerfile(t *testing.T) {
	dockerfile, err := os.ReadFile(root + "Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for want, file := range map[string][]byte{
		"CGO_ENABLED=0 GOARCH=$TARGETARCH go build " + buildFlags + " \\\n    -ldflags=\"" + linkerFlags + "${VERSION}\"": dockerfile,
		"-ldflags '" + linkerFlags + "$(VERSION)'":                                makefile,
		"\nCOPY --from=build /src/LICENSE /out/" + notices.File + " /licenses/\n": dockerfile,
	} {
		if !strings.Contains(string(file), want) {
			t.Errorf("other lines than %q", want)
		}
	}
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(org\.opencontainers[\w.]+)="(.*)"`).FindAllStringSubmatch(string(dockerfile), -1) {
		got[m[1]] = m[2]
	}
	if !reflect.DeepEqual(got, labels) {
		t.Errorf("labels of the Dockerfile: %v, want %v", got, labels)
	}
	var entry []string
	_, rest, _ := strings.Cut(string(dockerfile), "\nENTRYPOINT ")
	if err := json.Unmarshal([]byte(rest), &entry); err != nil || !reflect.DeepEqual(entry, entrypoint) {
		t.Errorf("entrypoint of the Dockerfile: %v, %v", entry, err)
	}
}

// Each archive, and the image for each CPU, contains the program's licence and those of other software, just like an
// image built from the Dockerfile.
func TestRelease_Licences(t *testing.T) {
	dist := t.TempDir()
	buildTiny(t, "v1.2.3", dist)
	const script = `cd "$1" && for file in *.zip; do unzip -q "$file"; done && for file in *64.tar.gz; do tar -xzf "$file"; done
		mkdir image && tar -xf *_image.tar -C image && cd image/blobs/sha256 && for blob in *; do
			if tar -tzf "$blob" mlflow-promote >/dev/null 2>&1; then mkdir "../$blob" && tar -xzf "$blob" -C "../$blob"; fi
		done`
	if out, err := exec.Command("bash", "-euc", script, "unpack", dist).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	folders := 0
	for _, pattern := range []string{"mlflow-promote_v1.2.3_*64", "image/blobs/*/licenses"} {
		found, err := filepath.Glob(filepath.Join(dist, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range found {
			folders++
			for name, want := range map[string]string{"LICENSE": "free\n", notices.File: "Copyright 2009 The Go Authors"} {
				text, err := os.ReadFile(filepath.Join(folder, name))
				if err != nil || !strings.Contains(string(text), want) {
					t.Errorf("%s in %s: %v\n%s", name, folder, err, text)
				}
			}
		}
	}
	if folders != len(platforms)+2 {
		t.Errorf("%d folders with licences, want one for each platform and one for each CPU of the image", folders)
	}
}

// Debian's own tool can read the packages, and they contain the program and its licences.
func TestRelease_Debian(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is not installed")
	}
	dist := t.TempDir()
	buildTiny(t, "v1.2.3", dist)
	for _, cpu := range []string{"amd64", "arm64"} {
		const script = `dpkg-deb --field "$1" Package Version Architecture && dpkg-deb --extract "$1" "$2" && cd "$2" &&
			find . -type f -printf '%M %p\n' | sort`
		out, err := exec.Command("sh", "-euc", script, "read", filepath.Join(dist, "mlflow-promote_v1.2.3_linux_"+cpu+".deb"),
			filepath.Join(dist, cpu)).CombinedOutput()
		want := "Package: mlflow-promote\nVersion: 1.2.3\nArchitecture: " + cpu + "\n" +
			"-rw-r--r-- ./usr/share/doc/mlflow-promote/copyright\n-rwxr-xr-x ./usr/bin/mlflow-promote\n"
		if err != nil || string(out) != want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", cpu, err, out, want)
		}
		program, err := os.ReadFile(filepath.Join(dist, cpu, "usr/bin/mlflow-promote"))
		if err != nil {
			t.Fatal(err)
		}
		sums, err := os.ReadFile(filepath.Join(dist, checksums))
		if err != nil {
			t.Fatal(err)
		}
		if line := digestOf(program) + "  mlflow-promote_v1.2.3_linux_" + cpu + "/mlflow-promote\n"; !strings.Contains(string(sums), line) {
			t.Errorf("the program in the package for %s is not that of the archive", cpu)
		}
	}
}

// In the formula, each platform's block contains the address of its archive, followed by the archive's checksum.
func TestRelease_Homebrew(t *testing.T) {
	dist := t.TempDir()
	buildTiny(t, "v1.2.3", dist)
	text, err := os.ReadFile(filepath.Join(dist, "mlflow-promote.rb"))
	if err != nil {
		t.Fatal(err)
	}
	sources := regexp.MustCompile(`(?s)on_(macos|linux) do\s+on_arm do\s+url "(\S+)"\s+sha256 "(\w+)"\s+end\s+`+
		`on_intel do\s+url "(\S+)"\s+sha256 "(\w+)"\s+end`).FindAllStringSubmatch(string(text), -1)
	if len(sources) != 2 || !strings.Contains(string(text), "\n  version \"1.2.3\"\n") {
		t.Fatalf("%s", text)
	}
	for _, m := range sources {
		system := map[string]string{"macos": "darwin", "linux": "linux"}[m[1]]
		for cpu, found := range map[string][]string{"arm64": m[2:4], "amd64": m[4:6]} {
			name := "mlflow-promote_v1.2.3_" + system + "_" + cpu + ".tar.gz"
			archive, err := os.ReadFile(filepath.Join(dist, name))
			if err != nil {
				t.Fatal(err)
			}
			if want := []string{repository + "/releases/download/v1.2.3/" + name, digestOf(archive)}; !reflect.DeepEqual(found, want) {
				t.Errorf("%s on %s: %v, want %v", m[1], cpu, found, want)
			}
		}
	}
}

// The bill of materials contains the fields that SPDX 2.3 requires, and lists the program's modules.
func TestBill(t *testing.T) {
	r := tiny(t)
	self, err := os.Executable() // a program with many modules
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.bill(platform{"linux", "amd64"}, self, strings.Repeat("a", 64))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(spdxSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("spdx.json", schema); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile("spdx.json").Validate(doc); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"pkg:golang/golang.org/x/crypto/x509roots/fallback@v", "pkg:golang/stdlib@1."} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// spdxSchema contains the rules from the official SPDX 2.3 JSON schema for the parts that we write.
const spdxSchema = `{"type": "object",
"required": ["SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace", "packages", "relationships"],
"properties": {
 "spdxVersion": {"const": "SPDX-2.3"}, "SPDXID": {"const": "SPDXRef-DOCUMENT"}, "dataLicense": {"const": "CC0-1.0"},
 "creationInfo": {"type": "object", "required": ["created", "creators"], "properties": {
  "created": {"pattern": "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$"},
  "creators": {"type": "array", "minItems": 1, "items": {"pattern": "^(Tool|Person|Organization): .+"}}}},
 "packages": {"type": "array", "minItems": 2, "items": {"type": "object", "required": ["SPDXID", "name", "downloadLocation"],
  "properties": {"SPDXID": {"pattern": "^SPDXRef-[A-Za-z0-9.-]+$"},
   "versionInfo": {"type": "string", "minLength": 1},
   "primaryPackagePurpose": {"enum": ["APPLICATION", "LIBRARY"]},
   "checksums": {"items": {"properties": {"algorithm": {"const": "SHA256"}, "checksumValue": {"pattern": "^[0-9a-f]{64}$"}}}},
   "externalRefs": {"items": {"required": ["referenceCategory", "referenceLocator", "referenceType"]}}}}},
 "relationships": {"type": "array", "items": {"required": ["spdxElementId", "relatedSpdxElement", "relationshipType"],
  "properties": {"relationshipType": {"enum": ["DESCRIBES", "CONTAINS"]}}}}}}`

func TestVersion(t *testing.T) {
	for _, bad := range []string{
		"", "1.2.3", "v1.2", "v1", "v1.2.3-rc", "v1.2.3+a", "v01.2.3", "v1.2.3\n", " v1.2.3", "v1.2.3.4", "v1.2.9999999999",
	} {
		if v, err := parseVersion(bad); err == nil {
			t.Errorf("%q is read as %v", bad, v)
		}
	}
	if v, err := parseVersion("v10.0.3"); err != nil || v.String() != "v10.0.3" {
		t.Errorf("%v, %v", v, err)
	}
}

// Moving tags never move backwards.
func TestMoving(t *testing.T) {
	const lines = "0123abcd\trefs/tags/v1.2.9\n0123abcd\trefs/tags/v1.2.9^{}\n0123abcd\trefs/tags/v1.10.0\nff\trefs/tags/v1\n" +
		"ff\trefs/tags/v3.0.0-rc\nff\trefs/tags/nested/v9.9.9\nff\trefs/tags/v0.9.0\n"
	for release, want := range map[string]string{
		"v1.2.8": "", "v1.2.10": "v1.2", "v1.9.0": "v1.9", "v1.10.0": "v1 v1.10", "v1.10.1": "v1 v1.10", "v1.11.0": "v1 v1.11",
		"v2.0.0": "v2 v2.0", "v0.9.1": "v0 v0.9", "v0.8.9": "v0.8", "v3.0.0": "v3 v3.0",
	} {
		var out bytes.Buffer
		if err := run([]string{"moving", release}, strings.NewReader(lines), &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); got != want {
			t.Errorf("%s moves %q, want %q", release, got, want)
		}
	}
}

// Pinning changes every action in this repository that runs in a container, and nothing else.
func TestPin(t *testing.T) {
	dist, copied := t.TempDir(), t.TempDir()
	buildTiny(t, "v1.2.3", dist)
	digest, err := imageDigest(dist)
	if err != nil {
		t.Fatal(err)
	}
	if err := copySource(root, copied); err != nil {
		t.Fatal(err)
	}
	nested := filepath.Join(copied, "other")
	if err := os.MkdirAll(nested, 0o755); err != nil {
		t.Fatal(err)
	}
	action := filepath.Join(nested, "action.yml")
	if err := os.WriteFile(action, []byte("runs:\n  using: docker\n  image: ../Dockerfile\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := pin(copied, dist); err != nil {
		t.Fatal(err)
	}
	diff, err := exec.Command("diff", "-r", "--exclude=.git", "--exclude=.cache", "--exclude=bin", root, copied).Output()
	if err != nil && len(diff) == 0 {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(diff)), "\n") {
		switch {
		case strings.HasPrefix(line, "diff "), strings.HasPrefix(line, "< "), line == "---",
			regexp.MustCompile(`^\d+c\d+$`).MatchString(line),
			line == ">   image: docker://"+imageName+"@"+digest,
			strings.HasPrefix(line, "Only in "+copied) && strings.HasSuffix(line, ": other"),
			strings.HasPrefix(line, "Only in "+copied) && strings.HasSuffix(line, ": "+checksums),
			strings.HasPrefix(line, "Only in "+copied) && strings.HasSuffix(line, ": setup"),
			strings.HasPrefix(line, "Only in "+root): // files that Git ignores
		default:
			t.Errorf("unexpected change: %s", line)
		}
	}
	if err := pin(copied, dist); err != nil {
		t.Errorf("a second time: %v", err)
	}
	for _, text := range []string{
		"runs:\n  using: docker\n  image: Containerfile\n",
		"runs:\n  using: docker\n  image: docker://" + imageName + "@sha256:" + strings.Repeat("0", 64) + "\n",
		"runs:\n  using: 'docker'\n",
	} {
		if err := os.WriteFile(action, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := pin(copied, dist); err == nil {
			t.Errorf("pinned: %s", text)
		}
	}
}
