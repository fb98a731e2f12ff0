package bundle

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelcopy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Export writes a candidate into a folder.
type Export struct {
	Client *mlflow.Client // the candidate's server
	Query  fact.Query
	To     *os.Root
	Key    signing.KeyPair // signs the manifest, if there is one
	Now    func() time.Time
	Report func(filecopy.Progress) // may be nil
}

// Written is the result of an export.
type Written struct {
	Manifest  Manifest
	Lost      []string // what cannot travel, as short sentences for people
	Unchanged bool     // the folder already contained this bundle
}

// Write writes the bundle. The folder must be empty, contain an unfinished export, or contain the same bundle, which is
// then left as it is.
func (x Export) Write(ctx context.Context) (Written, error) {
	old, err := x.look(ctx)
	if err != nil {
		return Written{}, err
	}
	facts, where, err := gather.ToCopy(ctx, x.Client, x.Query)
	if err != nil {
		return Written{}, err
	}
	carried, err := modelcopy.ReadSource(ctx, x.Client, facts.Source)
	if err != nil {
		return Written{}, err
	}
	e := &exporting{Export: x, facts: facts, where: where, carried: carried}
	if old != nil {
		return e.compare(ctx, *old)
	}
	return e.write(ctx)
}

// look finds out what the folder contains, before anything is read from the server. It returns the bundle in it, or
// nil.
func (x Export) look(ctx context.Context) (*Manifest, error) {
	entries, err := fs.ReadDir(x.To.FS(), ".")
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("list the folder: %w", err)
	case len(entries) == 0 || has(unfinishedName) && !slices.ContainsFunc(entries, foreign):
		return nil, nil
	case !has(manifestName) || has(unfinishedName):
		return nil, &registry.Error{
			Reason: registry.BadInput, Msg: "export: the folder is not empty, and contains no bundle",
			Hint: "set bundle-dir to a new folder",
		}
	}
	b, err := Open(ctx, x.To, Check{Now: x.Now()})
	if err != nil {
		if e := (*registry.Error)(nil); errors.As(err, &e) {
			e.Hint = "the folder contains something else, which is not overwritten: set bundle-dir to a new folder"
		}
		return nil, err
	}
	return &b.Manifest, nil
}

// foreign reports whether an export never writes a file or folder with that name.
func foreign(e fs.DirEntry) bool {
	return !slices.Contains([]string{
		manifestName, signatureName, runName, pointsName, filesFolder, unfinishedName,
	}, e.Name())
}

// exporting is an export for which the candidate has been read.
type exporting struct {
	Export
	facts   fact.Facts
	where   mlflow.Location
	carried modelcopy.Carried
}

// write writes all files. The mark comes first and is removed last, so a folder with a part of a bundle always has it.
func (e *exporting) write(ctx context.Context) (Written, error) {
	mark, err := e.create(unfinishedName)
	if err != nil {
		return Written{}, err
	}
	_, err = io.WriteString(mark, "The export into this folder has not finished. Run it again to continue.\n")
	if err = errors.Join(err, mark.Close()); err != nil {
		return Written{}, ofFolder(err)
	}
	sums, err := e.copyFiles(ctx)
	if err != nil {
		return Written{}, err
	}
	run, err := e.create(runName)
	if err != nil {
		return Written{}, err
	}
	defer run.Close()
	points, err := e.create(pointsName)
	if err != nil {
		return Written{}, err
	}
	defer points.Close()
	described, err := e.describe(ctx, run, points)
	if err != nil {
		return Written{}, err
	}
	m, err := e.manifest(append(described, e.files(sums)...), sums, e.Now())
	if err == nil {
		err = errors.Join(run.Close(), points.Close())
	}
	if err != nil {
		return Written{}, ofFolder(err)
	}
	if m, err = e.seal(m); err != nil {
		return Written{}, err
	}
	return Written{Manifest: m, Lost: e.carried.Lost}, nil
}

// copyFiles copies the model's files into the folder.
func (e *exporting) copyFiles(ctx context.Context) (map[string]string, error) {
	if err := e.To.Mkdir(filesFolder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, ofFolder(err)
	}
	into, err := e.To.OpenRoot(filesFolder)
	if err != nil {
		return nil, ofFolder(err)
	}
	defer into.Close()
	from := filecopy.FromServer(e.Client, e.where)
	sums, err := filecopy.ToFolder(ctx, from, e.facts.Candidate.Files.OrZero(), into, e.Report)
	if err == nil && e.changed(sums) {
		err = &registry.Error{
			Reason: registry.Conflict, Msg: "export: the model's files changed while they were being read",
			Hint: "run it again",
		}
	}
	return sums, err
}

// changed reports whether the files are not those that the checks of the candidate saw.
func (e *exporting) changed(sums map[string]string) bool {
	file, read := e.facts.Candidate.MLmodel.Get()
	return read && file.Sha256 != "" && file.Sha256 != sums["MLmodel"]
}

// files returns the entries for the model's files.
func (e *exporting) files(sums map[string]string) []File {
	var out []File
	for _, f := range e.facts.Candidate.Files.OrZero() {
		out = append(out, File{filesFolder + "/" + f.Path, f.Size, sums[f.Path]})
	}
	return out
}

// describe writes the run and its points, and returns their entries.
func (e *exporting) describe(ctx context.Context, run, points io.Writer) ([]File, error) {
	a, b := newSummed(run), newSummed(points)
	if err := e.carried.Write(ctx, a, b); err != nil {
		if own := (*registry.Error)(nil); errors.As(err, &own) {
			return nil, err
		}
		return nil, &registry.Error{Reason: registry.ServerError, Msg: "export: " + err.Error(), Cause: err}
	}
	return []File{a.file(runName), b.file(pointsName)}, nil
}

// manifest returns the manifest for these files.
func (e *exporting) manifest(files []File, sums map[string]string, at time.Time) (Manifest, error) {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	origin := e.facts.Origin
	m := Manifest{Format: Format, Created: at.UTC().Format(time.RFC3339), Files: files}
	m.Hops = append(slices.Clone(origin.Earlier), registry.Hop{
		Server: origin.Server, Ref: e.facts.Source.URI, RunID: e.facts.Source.RunID,
		Digest: registry.FilesDigest(sums), At: m.Created,
	})
	if v, ok := origin.Version.Get(); ok {
		m.Version = &Version{Model: v.Model, Number: v.Number, Description: v.Description, Tags: v.Tags}
	}
	if e.Key.Exists() {
		m.Key = e.Key.Public().String()
	}
	if err := m.check(); err != nil {
		return m, &registry.Error{Reason: registry.Unsupported, Msg: "export: " + err.Error()}
	}
	return m, nil
}

// seal writes the manifest and its signature, and removes the mark.
func (e *exporting) seal(m Manifest) (Manifest, error) {
	text, err := m.encode()
	if err == nil {
		err = e.replace(manifestName, text)
	}
	if err == nil && e.Key.Exists() {
		err = e.replace(signatureName, []byte(e.Key.Sign(message(text))+"\n"))
	}
	if err == nil {
		err = e.To.Remove(unfinishedName)
	}
	if err != nil {
		return m, ofFolder(err)
	}
	return decode(text)
}

func (e *exporting) replace(name string, text []byte) error {
	f, err := e.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// create creates a file. It first removes one from an earlier attempt, which may be a link.
func (e *exporting) create(name string) (*os.File, error) {
	if err := e.To.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, ofFolder(err)
	}
	f, err := e.To.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, ofFolder(err)
	}
	return f, nil
}

// compare finds out whether the folder's bundle is the one that would be written. It reads all files of the candidate.
// A bundle that has not been signed, or by another key, is signed.
func (e *exporting) compare(ctx context.Context, old Manifest) (Written, error) {
	same, err := e.same(ctx, old)
	out := Written{Manifest: old, Lost: e.carried.Lost, Unchanged: true}
	switch {
	case err != nil:
		return Written{}, err
	case !same:
		return Written{}, &registry.Error{
			Reason: registry.BadInput,
			Msg: fmt.Sprintf("export: the folder contains another bundle, with %s from %s as it was at %s",
				old.Origin().Ref, old.Origin().Server, old.Created),
			Hint: "set bundle-dir to a new folder, or delete this one",
		}
	case !e.Key.Exists() || e.Key.Public().String() == old.Key:
		return out, nil
	}
	if err := e.replace(unfinishedName, nil); err != nil {
		return Written{}, err
	}
	old.Key = e.Key.Public().String()
	out.Manifest, err = e.seal(old)
	out.Unchanged = false
	return out, err
}

// same reports whether a bundle is the one that would be written, apart from its time and signature.
func (e *exporting) same(ctx context.Context, old Manifest) (bool, error) {
	at, err := old.created()
	if err != nil {
		return false, err
	}
	sums := old.sums()
	if same, err := e.sameFiles(ctx, sums); err != nil || !same {
		return false, err
	}
	described, err := e.describe(ctx, io.Discard, io.Discard)
	if err != nil {
		return false, err
	}
	now, err := e.manifest(append(described, e.files(sums)...), sums, at)
	if err != nil {
		return false, err
	}
	now.Key, old.Key = "", ""
	a, errA := now.encode()
	b, errB := old.encode()
	return bytes.Equal(a, b), cmp.Or(errA, errB)
}

// sameFiles reports whether the candidate's files have these checksums.
func (e *exporting) sameFiles(ctx context.Context, sums map[string]string) (bool, error) {
	files := e.facts.Candidate.Files.OrZero()
	if len(files) != len(sums) {
		return false, nil
	}
	digest := e.Client.Artifacts.Digest(ctx, e.where, files)
	have, ok := digest.Get()
	if !ok {
		return false, &registry.Error{
			Reason: registry.ServerError, Msg: "export: read the candidate's files: " + digest.Why(),
		}
	}
	return have == registry.FilesDigest(sums), nil
}

// ofFolder returns the error for a folder that cannot be written.
func ofFolder(err error) error {
	if own := (*registry.Error)(nil); errors.As(err, &own) {
		return err
	}
	return &registry.Error{
		Reason: registry.BadInput, Msg: "export: write into the folder: " + err.Error(), Cause: err,
		Hint: "check the permissions of the folder, and the free disk space; then run it again",
	}
}

// summed passes on what is written, and computes its size and SHA-256.
type summed struct {
	to   io.Writer
	hash hash.Hash
	size int64
}

func newSummed(to io.Writer) *summed { return &summed{to: to, hash: sha256.New()} }

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	return n, err
}

func (s *summed) file(name string) File {
	return File{name, s.size, hex.EncodeToString(s.hash.Sum(nil))}
}
