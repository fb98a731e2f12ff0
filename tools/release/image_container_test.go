//go:build container

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Other programs can read the image: skopeo copies it without changing its digest, and Docker runs it.
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
		skopeo copy --override-arch amd64 "oci-archive:$1" docker-daemon:mlflow-promote:release-test
		trap 'docker rmi -f mlflow-promote:release-test >/dev/null' EXIT
		docker run --rm mlflow-promote:release-test --version`
	out, err := exec.Command("bash", "-euc", script, "test",
		filepath.Join(dist, "mlflow-promote_v1.2.3_image.tar"), t.TempDir(), digest).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "mlflow-promote v1.2.3\n") {
		t.Errorf("%v\n%s", err, out)
	}
}
