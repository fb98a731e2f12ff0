package main

import (
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	program     = "mlflow-promote"
	repository  = "https://github.com/mlflow-promote/mlflow-promote"
	checksums   = "checksums.txt"
	buildFlags  = "-trimpath"
	linkerFlags = "-s -w -buildid= -X main.version="
)

// platform is an operating system and a CPU, as Go names them.
type platform struct{ os, cpu string }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// binary returns the file name of the program.
func (p platform) binary() string {
	if p.os == "windows" {
		return program + ".exe"
	}
	return program
}

// archive returns the file name of the archive, which is the folder's name with an extension.
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

// folder returns the name of the top folder in the platform's archive. The names of the platform's files start with it
// too.
func (r release) folder(p platform) string {
	return fmt.Sprintf("%s_%s_%s_%s", program, r.version, p.os, p.cpu)
}

func (r release) image() string { return program + "_" + r.version + "_image.tar" }

// build writes all files of the release to the folder out, which must be empty or must not exist.
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
	binaries := map[platform][]byte{}
	for _, p := range platforms {
		file := filepath.Join(work, p.os+p.cpu)
		if err := r.compile(r, p, file); err != nil {
			return fmt.Errorf("build for %s/%s: %w", p.os, p.cpu, err)
		}
		binary, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		binaries[p] = binary
		folder := r.folder(p)
		sums[folder+"/"+p.binary()] = digestOf(binary)
		files := []member{
			{folder + "/LICENSE", license, 0o644},
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
	image, err := r.buildImage(binaries)
	if err != nil {
		return fmt.Errorf("build image: %w", err)
	}
	if err := write(r.image(), image); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, checksums), []byte(checksumLines(sums)), 0o644)
}

// checksumLines returns the lines that sha256sum reads, sorted by name.
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

// goBuild compiles the program. It uses only those of the caller's Go settings that cannot change the result: where
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
	// The program must not contain the state of the checkout: a build from the commit before the release must give the
	// same bytes.
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

// checkFormat fails unless the file is an executable for the platform and needs no shared libraries beyond the system's
// own.
func checkFormat(p platform, file string) error {
	wrong := fmt.Errorf("%s is not an executable for %s/%s", file, p.os, p.cpu)
	switch p.os {
	case "windows":
		f, err := pe.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		want := map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm64": pe.IMAGE_FILE_MACHINE_ARM64}[p.cpu]
		if f.Machine != want || f.Characteristics&pe.IMAGE_FILE_EXECUTABLE_IMAGE == 0 {
			return wrong
		}
	case "darwin":
		f, err := macho.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		want := map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64}[p.cpu]
		if f.Cpu != want || f.Type != macho.TypeExec {
			return wrong
		}
	default:
		f, err := elf.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[p.cpu]
		libraries, err := f.ImportedLibraries()
		if err != nil {
			return err
		}
		if f.Machine != want || f.Type != elf.ET_EXEC || len(libraries) > 0 {
			return wrong
		}
	}
	return nil
}
