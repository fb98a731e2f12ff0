//go:build container

package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Other programs can read the image: skopeo copies it without changing its digest, and Docker runs it with the command
// in docs/install.md.
func TestImage_SkopeoAndDocker_Container(t *testing.T) {
	dist := t.TempDir()
	buildTiny(t, "v1.2.3", dist)
	digest, err := imageDigest(dist)
	if err != nil {
		t.Fatal(err)
	}
	const script = `
		skopeo copy --all --preserve-digests "oci-archive:$1" "dir:$2/mirror"
		test "sha256:$(sha256sum <"$2/mirror/manifest.json" | cut -d ' ' -f 1)" = "$3"
		skopeo copy --override-arch amd64 "oci-archive:$1" "docker-daemon:$4:v1.2.3"
		trap 'docker rmi -f "$4:v1.2.3" >/dev/null' EXIT
		`
	setup, blocks, err := readPage(root+"docs/install.md", "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(blocks, func(b pageBlock) bool { return b.title == "Image" })
	out, err := exec.Command("bash", "-euc", script+setup+"\n"+blocks[at].text, "test",
		filepath.Join(dist, "mlflow-promote_v1.2.3_image.tar"), t.TempDir(), digest, imageName).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "mlflow-promote v1.2.3\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
