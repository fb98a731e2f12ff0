package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

const (
	signer    = "release@mlflow-promote"
	namespace = "mlflow-promote-release"
	dryRunTag = "v0.0.1"
)

// dryRun builds a release twice in different environments, compares the results, and checks them with the commands in
// docs/verify.md. It then changes single bytes, and checks that the commands notice each change.
func dryRun(out io.Writer, quick bool) error {
	work, err := os.MkdirTemp("", "dry-run")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	at, err := commitTime(".")
	if err != nil {
		return err
	}
	r := release{version: dryRunTag, source: ".", time: at, compile: goBuild}
	first, second := filepath.Join(work, "first"), filepath.Join(work, "second")
	fmt.Fprintln(out, "building for the first time")
	if err := r.build(first); err != nil {
		return err
	}
	fmt.Fprintln(out, "building again: another folder, umask, time zone, language and home, no build cache, hostile Go settings")
	if err := buildElsewhere(r, work, second, quick); err != nil {
		return err
	}
	if err := compareFolders(out, first, second); err != nil {
		return err
	}
	if err := runNative(r, first); err != nil {
		return err
	}
	if err := sign(work, first); err != nil {
		return err
	}
	if err := install(out, r, filepath.Join(work, "install"), first, "docs/install.md"); err != nil {
		return err
	}
	return verifyAndSpoil(out, r, filepath.Join(work, "check"), first, "docs/verify.md")
}

// buildElsewhere builds the release in a copy of the repository, with different system and Go settings.
func buildElsewhere(r release, work, dist string, quick bool) error {
	dir := filepath.Join(work, "a folder", "deeper")
	if err := copySource(".", dir); err != nil {
		return err
	}
	tool := filepath.Join(work, "tool")
	if out, err := exec.Command("go", "build", "-o", tool, "./tools/release").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	cmd := exec.Command("sh", "-c", `umask 077 && exec "$@"`, "sh", tool, "build", "-version", r.version, "-out", dist)
	cmd.Dir = dir
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), fmt.Sprint("SOURCE_DATE_EPOCH=", r.time.Unix()), "TZ=Pacific/Kiritimati",
		"LC_ALL=tr_TR.UTF-8", "GOAMD64=v3", "GOFLAGS=-ldflags=-X=main.version=other -tags=other", "CGO_ENABLED=1",
		"GOMODCACHE="+strings.TrimSpace(string(modules)))
	if !quick {
		home := filepath.Join(work, "home")
		cmd.Env = append(cmd.Env, "HOME="+home, "GOCACHE="+filepath.Join(home, "cache"))
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build again: %w\n%s", err, text)
	}
	return nil
}

// copySource copies every file in the repository that Git tracks or would add.
func copySource(from, to string) error {
	list, err := exec.Command("git", "-C", from, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list files of the repository: %w", err)
	}
	for _, name := range strings.FieldsFunc(string(list), func(c rune) bool { return c == 0 }) {
		data, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, but the deletion has not been committed yet
		}
		if err != nil {
			return err
		}
		file := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compareFolders fails unless both folders contain the same files with the same bytes.
func compareFolders(out io.Writer, a, b string) error {
	names := map[string]bool{}
	for _, dir := range []string{a, b} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			names[e.Name()] = true
		}
	}
	var different []string
	for name := range names {
		x, errX := os.ReadFile(filepath.Join(a, name))
		y, errY := os.ReadFile(filepath.Join(b, name))
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			different = append(different, name)
		}
	}
	if len(different) > 0 {
		return fmt.Errorf("the two builds differ: %s", strings.Join(different, ", "))
	}
	digest, err := imageDigest(a)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "same bytes: %d files for %d platforms; image %s\n", len(names), len(platforms), digest)
	return nil
}

// runNative runs the program that was built for this machine and checks that it prints its version.
func runNative(r release, dist string) error {
	p := platform{runtime.GOOS, runtime.GOARCH}
	if p.os == "windows" {
		return nil
	}
	file := filepath.Join(r.folder(p), p.binary())
	text := "cd \"$(mktemp -d)\" && tar -xzf \"$OLDPWD/" + p.archive(r.folder(p)) + "\" && test \"$(" + file + " --version)\" = '" +
		program + " " + r.version + "'"
	return shell(dist, "", text)
}

// standIns replace programs that would download from GitHub or change this machine. $BIN is a folder on PATH.
var standIns = map[string]string{
	"curl": `[ "$1 ${2%/*}" = "-fLO $FILES" ] && cp "$DIST/${2##*/}" .`,
	"sudo": `case "$1 $2" in
"apt install") dpkg-deb --extract "$3" unpacked && cp unpacked/usr/bin/mlflow-promote "$BIN/" ;;
"install "*) [ "$3" = /usr/local/bin/ ] && cp "$2" "$BIN/" ;;
*) exit 1 ;;
esac`,
}

// install runs the commands on a page about installing the program. It runs them in the folder dir, with the files in
// dist.
func install(out io.Writer, r release, dir, dist, page string) error {
	if _, err := exec.LookPath("dpkg-deb"); err != nil || runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		fmt.Fprintf(out, "not run: %s: its commands are for Debian on amd64\n", page)
		return nil
	}
	setup, blocks, err := readPage(page, r.version)
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for name, script := range standIns {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nset -e\n"+script+"\n"), 0o755); err != nil {
			return err
		}
	}
	setup += fmt.Sprintf("\nexport BIN='%s' DIST='%s' FILES=\"$files\" PATH='%[1]s':\"$PATH\"", bin, dist)
	for _, b := range blocks {
		if b.notRun != "" {
			fmt.Fprintf(out, "not run: %s: %s\n", b.title, b.notRun)
			continue
		}
		if err := os.RemoveAll(filepath.Join(bin, program)); err != nil {
			return err
		}
		check := "\n[ \"$(mlflow-promote --version)\" = '" + program + " " + r.version + "' ]"
		if err := shell(dir, setup, b.text+check); err != nil {
			return fmt.Errorf("%s, %s: %w", page, b.title, err)
		}
		fmt.Fprintf(out, "installed: %s\n", b.title)
	}
	return nil
}

// sign creates a key in the folder work and uses it to sign the checksums in dist. It also writes the file signers.
func sign(work, dist string) error {
	key := filepath.Join(work, "key")
	script := `ssh-keygen -q -t ed25519 -N '' -C test -f "$1"
		ssh-keygen -q -Y sign -f "$1" -n "$2" checksums.txt
		printf '%s namespaces="%s" %s\n' "$3" "$2" "$(cut -d ' ' -f 1,2 "$1.pub")" >signers`
	cmd := exec.Command("sh", "-euc", script, "sign", key, namespace, signer)
	cmd.Dir = dist
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sign: %w\n%s", err, out)
	}
	return nil
}

// spoilers lists the files that each block on the page must check.
var spoilers = map[string][]string{
	"Signature":            {"checksums.txt", "checksums.txt.sig", "signers"},
	"Archive":              {"$archive.tar.gz", "checksums.txt"},
	"Binary":               {"$archive/mlflow-promote", "checksums.txt"},
	"Bill of materials":    {"$archive.spdx.json", "checksums.txt"},
	"Image":                {"$image", "checksums.txt"},
	"Digest in the action": {"action.yml"},
	"Content of the image": {"image/blobs/sha256/*", "checksums.txt"},
}

// verifyAndSpoil runs the commands on the page against the signed release in dist. It then changes one byte at a time
// in each file that a block checks, and the block must fail each time.
func verifyAndSpoil(out io.Writer, r release, dir, dist, page string) error {
	setup, blocks, err := readPage(page, r.version)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(dist)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "action.yml"),
		[]byte("runs:\n  using: docker\n  image: Dockerfile\n"), 0o644); err != nil {
		return err
	}
	if err := pin(dir, dir); err != nil {
		return err
	}
	found := 0
	for _, b := range blocks {
		if b.notRun != "" {
			fmt.Fprintf(out, "not run: %s: %s\n", b.title, b.notRun)
			continue
		}
		if err := shell(dir, setup, b.before); err != nil {
			return err
		}
		if err := shell(dir, setup, b.text); err != nil {
			return fmt.Errorf("%s, %s: %w", page, b.title, err)
		}
		if len(spoilers[b.title]) == 0 {
			return fmt.Errorf("%s, %s: no changed file is tried", page, b.title)
		}
		changes := 0
		for _, pattern := range spoilers[b.title] {
			n, err := spoil(r, dir, setup, b, pattern)
			if err != nil {
				return err
			}
			changes += n
		}
		fmt.Fprintf(out, "verified: %s; %d changed bytes noticed\n", b.title, changes)
		found++
	}
	if found != len(spoilers) {
		return fmt.Errorf("%s: %d blocks were checked, want %d", page, found, len(spoilers))
	}
	return nil
}

// spoil changes single bytes in the files that match the pattern, and returns how many of the changes the block
// noticed. It fails if the block misses any.
func spoil(r release, dir, setup string, b pageBlock, pattern string) (noticed int, err error) {
	linux := r.folder(platform{"linux", "amd64"})
	pattern = strings.NewReplacer("$archive", linux, "$image", r.image()).Replace(pattern)
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("%s: no file %s (%v)", b.title, pattern, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		good, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		for _, at := range places(b, filepath.Base(file), good) {
			bad := bytes.Clone(good)
			bad[at] ^= 1
			if err := os.WriteFile(file, bad, info.Mode()); err != nil {
				return 0, err
			}
			if shell(dir, setup, b.text) == nil {
				return 0, fmt.Errorf("%s: byte %d of %s was changed, and the commands succeed", b.title, at, pattern)
			}
			noticed++
		}
		if err := os.WriteFile(file, good, info.Mode()); err != nil {
			return 0, err
		}
	}
	return noticed, nil
}

var (
	hexDigest = regexp.MustCompile(`[0-9a-f]{64}`)
	keyText   = regexp.MustCompile(`(?:ssh-ed25519 |\n)([A-Za-z0-9+/]{40,})`)
)

// places returns the positions at which the block must notice a changed byte. In files with checksums, these are in the
// lines that the block uses. In keys and signatures, they are in the base64 text. In all other files, they are at the
// start, in the middle and at the end.
func places(b pageBlock, name string, data []byte) []int {
	switch {
	case name == checksums && b.title != "Signature":
		var out []int
		for _, m := range hexDigest.FindAllIndex(data, -1) {
			line, _, _ := bytes.Cut(data[m[1]:], []byte("\n"))
			if wanted(b.title, string(line)) {
				out = append(out, m[0], m[1]-1)
			}
		}
		return out
	case name == "action.yml":
		m := hexDigest.FindIndex(data)
		return []int{m[0], (m[0] + m[1]) / 2, m[1] - 1}
	case name == "signers", name == "checksums.txt.sig":
		m := keyText.FindSubmatchIndex(data)
		return []int{m[2] + 20, (m[2] + m[3]) / 2, m[3] - 8}
	}
	return []int{0, len(data) / 2, len(data) - 1}
}

// wanted reports whether a block uses the checksum line that ends in rest.
func wanted(title, rest string) bool {
	switch title {
	case "Archive":
		return strings.HasSuffix(rest, "linux_amd64.tar.gz")
	case "Binary":
		return strings.HasSuffix(rest, "linux_amd64/mlflow-promote")
	case "Bill of materials":
		return strings.HasSuffix(rest, "linux_amd64.spdx.json")
	case "Image":
		return strings.HasSuffix(rest, "_image.tar")
	case "Content of the image":
		return strings.Contains(rest, "_linux_") && strings.HasSuffix(rest, "/mlflow-promote")
	}
	return false
}
