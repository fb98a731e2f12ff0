package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/mlflow-promote/mlflow-promote/tools/notices"
)

// Media types in the OCI image specification.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// entrypoint and labels are the same as in the Dockerfile; a test compares them.
var (
	entrypoint = []string{"/mlflow-promote"}
	labels     = map[string]string{
		"org.opencontainers.image.title":       "mlflow-promote",
		"org.opencontainers.image.description": summary,
		"org.opencontainers.image.source":      repository,
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *imagePlatform    `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type imagePlatform struct {
	CPU string `json:"architecture"`
	OS  string `json:"os"`
}

type index struct {
	Schema      int               `json:"schemaVersion"`
	MediaType   string            `json:"mediaType"`
	Manifests   []descriptor      `json:"manifests"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	Schema    int          `json:"schemaVersion"`
	MediaType string       `json:"mediaType"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

type imageConfig struct {
	imagePlatform
	Created time.Time `json:"created"`
	Config  struct {
		Entrypoint []string          `json:"Entrypoint"`
		Labels     map[string]string `json:"Labels"`
	} `json:"config"`
	Files struct {
		Type    string   `json:"type"`
		Digests []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// blobs contains the parts of an image, keyed by digest.
type blobs map[string][]byte

func (b blobs) add(mediaType string, data []byte) descriptor {
	sum := digestOf(data)
	b[sum] = data
	return descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(data)}
}

func (b blobs) addJSON(mediaType string, value any) (descriptor, error) {
	data, err := json.Marshal(value)
	return b.add(mediaType, data), err
}

// buildImage returns the image for all CPUs as a tar file in OCI layout. The image contains only the CA certificates,
// the program and its licences.
func (r release) buildImage(contents map[platform]content) ([]byte, error) {
	parts := blobs{}
	certificates := []member{
		{"etc/", nil, 0o755}, {"etc/ssl/", nil, 0o755}, {"etc/ssl/certs/", nil, 0o755},
		{"etc/ssl/certs/ca-certificates.crt", authorities(), 0o644},
	}
	annotations := maps.Clone(labels) // registries show the annotations of the index
	annotations["org.opencontainers.image.version"] = r.version
	all := index{Schema: 2, MediaType: typeIndex, Annotations: annotations}
	for _, p := range platforms {
		if p.os != "linux" {
			continue
		}
		config := imageConfig{imagePlatform: imagePlatform{p.cpu, p.os}, Created: r.time}
		config.Config.Entrypoint, config.Config.Labels = entrypoint, labels
		config.Files.Type = "layers"
		m := manifest{Schema: 2, MediaType: typeManifest}
		files := []member{
			{"licenses/", nil, 0o755},
			{"licenses/LICENSE", contents[p].license, 0o644},
			{"licenses/" + notices.File, contents[p].notices, 0o644},
			{program, contents[p].binary, 0o755},
		}
		for _, files := range [][]member{certificates, files} {
			layer, err := tarFile(files, r.time)
			if err != nil {
				return nil, err
			}
			small, err := compress(layer)
			if err != nil {
				return nil, err
			}
			config.Files.Digests = append(config.Files.Digests, "sha256:"+digestOf(layer))
			m.Layers = append(m.Layers, parts.add(typeLayer, small))
		}
		var err error
		if m.Config, err = parts.addJSON(typeConfig, config); err != nil {
			return nil, err
		}
		d, err := parts.addJSON(typeManifest, m)
		if err != nil {
			return nil, err
		}
		d.Platform = &config.imagePlatform
		all.Manifests = append(all.Manifests, d)
	}
	root, err := parts.addJSON(typeIndex, all)
	if err != nil {
		return nil, err
	}
	root.Annotations = map[string]string{"org.opencontainers.image.ref.name": r.version}
	top, err := json.Marshal(index{Schema: 2, MediaType: typeIndex, Manifests: []descriptor{root}})
	if err != nil {
		return nil, err
	}
	files := []member{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644},
		{"index.json", top, 0o644},
		{"blobs/", nil, 0o755}, {"blobs/sha256/", nil, 0o755},
	}
	for _, sum := range slices.Sorted(maps.Keys(parts)) {
		files = append(files, member{"blobs/sha256/" + sum, parts[sum], 0o644})
	}
	return tarFile(files, r.time)
}

// authorities returns Mozilla's CA certificates in PEM form, from the module version listed in go.mod. It leaves out
// certificates that Mozilla trusts only under conditions, such as a latest date of issue, because a PEM file cannot
// express conditions.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return out.Bytes()
}

// imageDigest returns the digest of the image in a build's folder. It is the digest of the index for all CPUs, which is
// the one that registries show.
func imageDigest(dist string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dist, "*_image.tar"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("find image in %q: %d files are called *_image.tar (%v)", dist, len(files), err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("read %s: %w", files[0], err)
		}
		if h.Name != "index.json" {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return "", err
		}
		var top index
		if err := json.Unmarshal(data, &top); err != nil {
			return "", err
		}
		if len(top.Manifests) != 1 {
			return "", errors.New("read " + files[0] + ": it does not contain exactly one image")
		}
		return top.Manifests[0].Digest, nil
	}
}
