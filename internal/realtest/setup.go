package realtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Root returns the root of the checkout: the nearest folder above the working directory that contains go.mod.
var Root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the checkout: no go.mod above the working directory")
		}
		dir = parent
	}
})

// Setup runs tools/setup with the given targets, and prints the progress to standard error.
func Setup(ctx context.Context, targets ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "tools", "setup"), targets...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("tools/setup %v: %w", targets, err)
	}
	return nil
}

// Python returns the path of a Python interpreter that can import scikit-learn and this version of MLflow. The version
// "client" contains only MLflow's client. "logins" contains the newest MLflow with mlflow-oidc-auth, AWS's plugin and
// Databricks' SDK.
func Python(ctx context.Context, version string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	target, dir := "mlflow-"+version, filepath.Join("mlflow", version)
	if version == "client" || version == "logins" {
		target, dir = version, version
	}
	return filepath.Join(root, ".cache", dir, "bin", "python"), Setup(ctx, target)
}
