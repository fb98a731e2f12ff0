package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Format is the format of bundles. It changes if older releases could misread a newer bundle.
const Format = "bundle/1"

// The names in a bundle. The model's own files are below filesFolder.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
	runName       = "run.json"
	pointsName    = "points.jsonl"
	filesFolder   = "files"
	// unfinishedName marks a folder that an export has not finished, so that the next one may continue.
	unfinishedName = "unfinished"
)

// Manifest describes a bundle. It is stored as canonical JSON.
type Manifest struct {
	Format  string         `json:"format"`
	Created string         `json:"created"`           // RFC 3339, UTC
	Hops    []registry.Hop `json:"hops"`              // where the model comes from; the last server wrote the bundle
	Version *Version       `json:"version,omitempty"` // nil if the candidate was not a version
	Files   []File         `json:"files"`             // all but the manifest and its signature, sorted by path
	Key     string         `json:"key,omitempty"`     // public half of the key that signed the manifest
	Digest  string         `json:"sha256"`            // of the manifest without this field
}

// Version is the version of a registered model that the candidate was.
type Version struct {
	Model       string            `json:"model"`
	Number      int               `json:"number"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// File is a file in a bundle.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Origin returns the model on the server that wrote the bundle.
func (m Manifest) Origin() registry.Hop { return m.Hops[len(m.Hops)-1] }

// Size returns the number of the model's own files, and the size of all files in bytes.
func (m Manifest) Size() (files int, bytes int64) {
	for _, f := range m.Files {
		if bytes += f.Size; strings.HasPrefix(f.Path, filesFolder+"/") {
			files++
		}
	}
	return files, bytes
}

// encode returns the stored form, with the right digest.
func (m Manifest) encode() ([]byte, error) {
	m.Digest = ""
	text, err := canonical.JSON(m)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	m.Digest = hex.EncodeToString(sum[:])
	text, err = canonical.JSON(m)
	return append(text, '\n'), err
}

// decode reads the stored form. It fails if encode would not have written the same bytes.
func decode(text []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	decodeErr := dec.Decode(&m)
	switch {
	case m.Format != Format && m.Format != "":
		return m, fmt.Errorf("its format is %.40q, and this release reads only %s", m.Format, Format)
	case decodeErr != nil || m.Format == "":
		return m, errors.New("it is not a manifest")
	}
	same, err := m.encode()
	if err != nil || !bytes.Equal(same, text) {
		return m, errors.New("it was changed after it was written: its content does not have the SHA-256 that it " +
			"states")
	}
	return m, m.check()
}

// check fails if the manifest contradicts itself.
func (m Manifest) check() error {
	if _, err := m.created(); err != nil {
		return errors.New("its time is not valid")
	}
	hops, err := registry.ParseHops(registry.HopsTag(m.Hops))
	if err != nil || len(hops) == 0 {
		return errors.New("it does not say where the model comes from")
	}
	if m.Origin().At != m.Created {
		return errors.New("it has two different times")
	}
	c, err := m.candidate()
	switch {
	case err != nil:
		return fmt.Errorf("the candidate %.200q is not valid", m.Origin().Ref)
	case (m.Version != nil) != (c.Number != 0),
		m.Version != nil && (m.Version.Model != c.Model || m.Version.Number != c.Number):
		return fmt.Errorf("its version is not the candidate %.200q", m.Origin().Ref)
	}
	var earlier []registry.Hop
	if m.Version != nil {
		if earlier, err = registry.ParseHops(m.Version.Tags[registry.TagOrigin]); err != nil {
			return fmt.Errorf("its tag %s is not valid", registry.TagOrigin)
		}
	}
	if !slices.Equal(earlier, m.Hops[:len(m.Hops)-1]) {
		return fmt.Errorf("it contradicts its tag %s", registry.TagOrigin)
	}
	return m.checkFiles()
}

func (m Manifest) checkFiles() error {
	for i, f := range m.Files {
		sum, err := hex.DecodeString(f.SHA256)
		switch {
		case err != nil || len(sum) != sha256.Size || f.Size < 0:
			return fmt.Errorf("its entry for %.200q is not valid", f.Path)
		case i > 0 && m.Files[i-1].Path >= f.Path:
			return fmt.Errorf("its entry for %.200q is out of order", f.Path)
		case f.Path != runName && f.Path != pointsName && !strings.HasPrefix(f.Path, filesFolder+"/"):
			return fmt.Errorf("it lists %.200q, which is not part of a bundle", f.Path)
		}
	}
	for _, name := range []string{runName, pointsName, filesFolder + "/MLmodel"} {
		if _, ok := m.file(name); !ok {
			return fmt.Errorf("it does not list %s", name)
		}
	}
	if registry.FilesDigest(m.sums()) != m.Origin().Digest {
		return errors.New("the digest of the model's files is not the one that the candidate had")
	}
	return nil
}

func (m Manifest) file(name string) (File, bool) {
	byPath := func(f File, name string) int { return strings.Compare(f.Path, name) }
	i, ok := slices.BinarySearchFunc(m.Files, name, byPath)
	if !ok {
		return File{}, false
	}
	return m.Files[i], true
}

// sums returns the SHA-256 of the model's own files, by their path in the model.
func (m Manifest) sums() map[string]string {
	out := map[string]string{}
	for _, f := range m.Files {
		if name, ok := strings.CutPrefix(f.Path, filesFolder+"/"); ok {
			out[name] = f.SHA256
		}
	}
	return out
}

func (m Manifest) created() (time.Time, error) { return time.Parse(time.RFC3339, m.Created) }

// candidate returns the candidate that the bundle contains.
func (m Manifest) candidate() (registry.Candidate, error) {
	ref := m.Origin().Ref
	c, err := registry.ParseCandidate(ref, "")
	if err == nil && (c.Number == 0 && c.ModelID == "" && c.Path == "" || !strings.Contains(ref, ":/")) {
		err = errors.New("it is not a version, a logged model or a model of a run")
	}
	return c, err
}

// message is what the signature covers. Its first line distinguishes it from everything else that the key signs.
func message(manifest []byte) string { return Format + "\n" + string(manifest) }

// verify checks the signature of a manifest, and returns the name of the key in the ring. The key must be valid when
// the bundle was written and now, because the time in the manifest is only what its writer says.
func (m Manifest) verify(manifest []byte, signature string, ring signing.Ring, now time.Time) (string, error) {
	at, err := m.created()
	if err != nil {
		return "", err
	}
	name, err := ring.Verify(message(manifest), signature, at)
	if err == nil {
		_, err = ring.Verify(message(manifest), signature, now)
	}
	return name, err
}
