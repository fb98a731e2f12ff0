package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/tools/notices"
)

const (
	program     = "mlflow-promote"
	repository  = "https://github.com/mlflow-promote/mlflow-promote"
	checksums   = "checksums.txt"
	buildFlags  = "-trimpath"
	linkerFlags = "-s -w -buildid= -X main.version="
)

// platform is an operating system and a CPU, by their names in Go.
type platform struct{ os, cpu string }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// binary returns the program's file name.
func (p platform) binary() string {
	if p.os == "windows" {
		return program + ".exe"
	}
	return program
}

// archive returns the archive's file name: the folder's name with an extension.
func (p platform) archive(folder string) string {
	if p.os == "windows" {
		return folder + ".zip"
	}
	return folder + ".tar.gz"
}

// release describes what to build.
type release struct {
	version string
	source  string    // the repository's folder
	time    time.Time // the modification time of every file
	// compile writes the program for one platform to a file.
	compile func(r release, p platform, file string) error
}

// content contains the files in a platform's archive.
type content struct{ binary, license, notices []byte }

// folder returns the name of the top folder in the platform's archive. The names of all files for the platform start
// with it.
func (r release) folder(p platform) string {
	return fmt.Sprintf("%s_%s_%s_%s", program, r.version, p.os, p.cpu)
}

func (r release) image() string { return program + "_" + r.version + "_image.tar" }

// build writes all files of the release to the folder out, which must be empty or not exist yet.
func (r release) build(out string) error {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("build into %s: the folder is not empty", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	license, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return err
	}
	sums := map[string]string{} // keyed by file name
	write := func(name string, data []byte) error {
		sums[name] = digestOf(data)
		return os.WriteFile(filepath.Join(out, name), data, 0o644)
	}
	contents := map[platform]content{}
	for _, p := range platforms {
		file := filepath.Join(work, p.os+p.cpu)
		if err := r.compile(r, p, file); err != nil {
			return fmt.Errorf("build for %s/%s: %w", p.os, p.cpu, err)
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		third, err := notices.Of(file)
		if err != nil {
			return err
		}
		contents[p] = content{binary: binary, license: license, notices: third}
		folder := r.folder(p)
		sums[folder+"/"+p.binary()] = digestOf(binary)
		files := []member{
			{folder + "/LICENSE", license, 0o644},
			{folder + "/" + notices.File, third, 0o644},
			{folder + "/" + p.binary(), binary, 0o755},
		}
		archive, err := pack(p, files, r.time)
		if err != nil {
			return err
		}
		if err := write(p.archive(folder), archive); err != nil {
			return err
		}
		bill, err := r.bill(p, file, digestOf(binary))
		if err != nil {
			return fmt.Errorf("describe the program for %s/%s: %w", p.os, p.cpu, err)
		}
		if err := write(folder+".spdx.json", bill); err != nil {
			return err
		}
	}
	for p, c := range contents {
		if p.os != "linux" {
			continue
		}
		deb, err := r.debian(p, c)
		if err != nil {
			return fmt.Errorf("build Debian package for %s: %w", p.cpu, err)
		}
		if err := write(r.folder(p)+".deb", deb); err != nil {
			return err
		}
	}
	if err := write(program+".rb", r.homebrew(sums)); err != nil {
		return err
	}
	image, err := r.buildImage(contents)
	if err != nil {
		return fmt.Errorf("build image: %w", err)
	}
	if err := write(r.image(), image); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, checksums), []byte(checksumLines(sums)), 0o644)
}

// checksumLines returns the checksums in sha256sum's format, sorted by name.
func checksumLines(sums map[string]string) string {
	var lines []string
	for name, sum := range sums {
		lines = append(lines, sum+"  "+name+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return strings.Join(lines, "")
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// goBuild compiles the program. Of the caller's Go settings, it uses only those that cannot change the result: where
// modules come from and where they are stored.
func goBuild(r release, p platform, file string) error {
	settings, err := exec.Command("go", "env", "-json",
		"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("read Go's settings: %w", err)
	}
	var kept map[string]string
	if err := json.Unmarshal(settings, &kept); err != nil {
		return err
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return err
	}
	// The program must not depend on the state of the checkout. A build from the commit before the release must produce
	// the same bytes.
	cmd := exec.Command("go", "build", buildFlags, "-buildvcs=false", "-ldflags", linkerFlags+r.version, "-o", file, ".")
	cmd.Dir = r.source
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GO") || strings.HasPrefix(v, "GOTOOLCHAIN=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	for name, value := range kept {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, "GOENV=off", "GOWORK=off", "CGO_ENABLED=0",
		"GOOS="+p.os, "GOARCH="+p.cpu, "GOAMD64=v1", "GOARM64=v8.0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return checkFormat(p, file)
}
