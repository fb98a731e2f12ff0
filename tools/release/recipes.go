package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

const summary = "Registers, validates and promotes MLflow model versions"

// debian returns the Debian package for a CPU. It contains only the program and its licences, and no scripts.
func (r release) debian(p platform, c content) ([]byte, error) {
	const doc = "./usr/share/doc/" + program + "/"
	folder := func(name string) member { return member{name, nil, 0o755} }
	data, err := tarFile([]member{
		folder("./"), folder("./usr/"), folder("./usr/bin/"),
		{"./usr/bin/" + program, c.binary, 0o755},
		folder("./usr/share/"), folder("./usr/share/doc/"), folder(doc),
		{doc + "copyright", append(bytes.Clone(c.license), c.notices...), 0o644},
	}, r.time)
	if err != nil {
		return nil, err
	}
	control, err := tarFile([]member{folder("./"), {"./control", []byte(fmt.Sprintf(`Package: %s
Version: %s
Architecture: %s
Maintainer: the mlflow-promote authors
Installed-Size: %d
Section: utils
Priority: optional
Recommends: ca-certificates
Homepage: %s
Description: %s
`, program, strings.TrimPrefix(r.version, "v"), p.cpu, len(data)/1024, repository, summary)), 0o644}}, r.time)
	if err != nil {
		return nil, err
	}
	parts := []member{{"debian-binary", []byte("2.0\n"), 0o644}, {"control.tar.gz", control, 0o644}, {"data.tar.gz", data, 0o644}}
	for i := range parts[1:] {
		if parts[i+1].data, err = compress(parts[i+1].data); err != nil {
			return nil, err
		}
	}
	return arFile(parts, r.time), nil
}

// arFile returns an archive in ar format, which Debian packages use.
func arFile(files []member, at time.Time) []byte {
	var out bytes.Buffer
	out.WriteString("!<arch>\n")
	for _, f := range files {
		fmt.Fprintf(&out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", f.name, at.Unix(), 0, 0, 0o100000|f.mode, len(f.data))
		out.Write(f.data)
		if len(f.data)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

// formula is a Homebrew formula in which the archives' addresses and checksums are still missing.
const formula = `class MlflowPromote < Formula
  desc "%s"
  homepage "%s"
  version "%s"
  license "Apache-2.0"

  on_macos do
    on_arm do
      %s
    end
    on_intel do
      %s
    end
  end
  on_linux do
    on_arm do
      %s
    end
    on_intel do
      %s
    end
  end

  def install
    bin.install "mlflow-promote"
    prefix.install "LICENSE", "THIRD_PARTY_NOTICES.txt"
  end

  test do
    assert_equal "mlflow-promote v#{version}", shell_output("#{bin}/mlflow-promote --version").strip
  end
end
`

// homebrew returns the formula that installs this release's archives. sums contains their checksums, keyed by file
// name.
func (r release) homebrew(sums map[string]string) []byte {
	source := func(os, cpu string) string {
		p := platform{os, cpu}
		name := p.archive(r.folder(p))
		return fmt.Sprintf("url \"%s/releases/download/%s/%s\"\n      sha256 \"%s\"", repository, r.version, name, sums[name])
	}
	return fmt.Appendf(nil, formula, summary, repository, strings.TrimPrefix(r.version, "v"),
		source("darwin", "arm64"), source("darwin", "amd64"), source("linux", "arm64"), source("linux", "amd64"))
}
