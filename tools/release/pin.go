package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const imageName = "ghcr.io/mlflow-promote/mlflow-promote"

var (
	localImage  = regexp.MustCompile(`(?m)^(  image: )(?:\.\./)*Dockerfile$`)
	pinnedImage = regexp.MustCompile(`(?m)^  image: docker://` + regexp.QuoteMeta(imageName) + `@sha256:[0-9a-f]{64}$`)
	usesDocker  = regexp.MustCompile(`(?m)^\s*using: *['"]?docker\b`)
)

// pin turns the repository in root into the release whose files are in dist. It writes the image's digest into every
// action that runs in a container, and the checksums into the setup action's folder.
func pin(root, dist string) error {
	digest, err := imageDigest(dist)
	if err != nil {
		return err
	}
	var files []string
	for _, pattern := range []string{"action.yml", "*/action.yml"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	pinned := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !usesDocker.Match(text) {
			continue
		}
		text = localImage.ReplaceAll(text, []byte("${1}docker://"+imageName+"@"+digest))
		if len(pinnedImage.FindAll(text, -1)) != 1 {
			return fmt.Errorf("pin %s: it does not have exactly one line `image: Dockerfile`", file)
		}
		if !strings.Contains(string(text), digest) {
			return fmt.Errorf("pin %s: it names the image of another release", file)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		pinned++
	}
	if pinned == 0 {
		return errors.New("pin the image: no action runs in a container")
	}
	sums, err := os.ReadFile(filepath.Join(dist, checksums))
	if err != nil {
		return err
	}
	setup := filepath.Join(root, "setup")
	if err := os.MkdirAll(setup, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(setup, checksums), sums, 0o644)
}
