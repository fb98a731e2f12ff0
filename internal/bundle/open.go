package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/modelcopy"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Check says what a bundle must meet.
type Check struct {
	Ring     signing.Ring // the keys that the policy lists; a bundle must be signed by one of them if there are any
	Unsigned bool         // accept a bundle that is not
	Now      time.Time
}

// Bundle is a verified bundle.
type Bundle struct {
	Manifest
	Candidate registry.Candidate
	Signer    string // the name of the key in the ring; "" if the ring is empty or does not have it
	// Unsigned says why the bundle is not signed by a key in the ring, and is "" if it is. It is set only if that was
	// accepted.
	Unsigned string
	Lost     []string // what could not travel, as short sentences for people

	root    *os.Root
	carried modelcopy.Carried
	points  *points
}

// The limits for files that are read into memory, in bytes.
const (
	manifestLimit  = 64 << 20
	signatureLimit = 1 << 10
	runLimit       = 256 << 20
)

// atOnce is the number of files that are verified at the same time.
const atOnce = 4

// Open verifies a bundle: its manifest, the signature, the list of files, and the size and SHA-256 of each. The folder
// must stay open, and must not change, as long as the bundle is used.
func Open(ctx context.Context, root *os.Root, c Check) (*Bundle, error) {
	b := &Bundle{root: root}
	if _, err := root.Lstat(unfinishedName); err == nil {
		return nil, &registry.Error{
			Reason: registry.BadBundle, Msg: "read the bundle: its export has not finished",
			Hint: "run the export again; it continues where it stopped",
		}
	}
	if _, err := root.Lstat(manifestName); errors.Is(err, fs.ErrNotExist) {
		return nil, &registry.Error{
			Reason: registry.BadBundle, Msg: "read the bundle: the folder contains no " + manifestName,
			Hint: "check the folder in the candidate input; mlflow-promote export writes bundles",
		}
	}
	listed, err := list(root)
	if err != nil {
		return nil, refused(err)
	}
	text, err := b.read(manifestName, manifestLimit)
	if err == nil {
		b.Manifest, err = decode(text)
	}
	if err != nil {
		return nil, refused(fmt.Errorf("%s: %w", manifestName, err))
	}
	if err := b.checkSignature(text, c); err != nil {
		return nil, err
	}
	if err := b.checkList(listed); err != nil {
		return nil, refused(err)
	}
	if err := b.checkContent(ctx); err != nil {
		return nil, err
	}
	if err := b.load(ctx); err != nil {
		return nil, refused(err)
	}
	return b, nil
}

// refused returns the error for a bundle that is not as it was written.
func refused(err error) error {
	if own := (*registry.Error)(nil); errors.As(err, &own) {
		return err
	}
	return &registry.Error{
		Reason: registry.BadBundle, Msg: "read the bundle: " + err.Error(), Cause: err,
		Hint: "nothing was changed. Carry the bundle again, or export it again; find out who changed it",
	}
}

// list returns all files. It fails if there are links or other special files, and empty folders.
func list(root *os.Root) ([]registry.File, error) {
	var files []registry.File
	folders, used := []string{}, map[string]bool{}
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			folders = append(folders, name)
			return nil
		case !d.Type().IsRegular():
			return special(name)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, registry.File{Path: name, Size: info.Size()})
		for dir := path.Dir(name); !used[dir]; dir = path.Dir(dir) {
			used[dir] = true
		}
		return nil
	})
	if err != nil {
		return nil, plain(err)
	}
	for _, name := range folders {
		if !used[name] && name != "." {
			return nil, fmt.Errorf("the folder %.200q is empty, and was not part of it", name)
		}
	}
	return files, nil
}

// plain returns an error about a file without the machine's paths.
func plain(err error) error {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return fmt.Errorf("%.200q: %w", inner.Path, inner.Err)
	}
	return err
}

// openFile opens a regular file in the folder.
func openFile(root *os.Root, name string) (*os.File, error) {
	file, err := filecopy.Open(root, name)
	if errors.Is(err, filecopy.ErrSpecial) {
		err = special(name)
	}
	return file, err
}

func special(name string) error { return fmt.Errorf("%.200q is a link or a special file", name) }

// read reads a small file.
func (b *Bundle) read(name string, limit int64) ([]byte, error) {
	f, err := openFile(b.root, name)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is larger than %s", format.Bytes(limit))
	}
	return text, plain(err)
}

// checkSignature checks the signature with the key that the manifest states, and then with the ring.
func (b *Bundle) checkSignature(manifest []byte, c Check) error {
	signature := ""
	if b.Key != "" {
		text, err := b.read(signatureName, signatureLimit)
		line, ended := strings.CutSuffix(string(text), "\n")
		if err == nil && !ended {
			err = errors.New("it has no line end")
		}
		var own signing.Public
		if err == nil {
			own, err = signing.ParsePublic(b.Key)
		}
		if err == nil {
			_, err = b.verify(manifest, line, signing.Ring{{Name: b.Key, Public: own}}, c.Now)
		}
		if err != nil {
			return refused(fmt.Errorf("%s: %w", signatureName, err))
		}
		signature = line
	}
	if len(c.Ring) == 0 {
		return nil
	}
	err := errors.New("it is not signed, but the policy lists keys")
	if signature != "" {
		b.Signer, err = b.verify(manifest, signature, c.Ring, c.Now)
	}
	switch {
	case err == nil:
		return nil
	case c.Unsigned:
		b.Signer, b.Unsigned = "", err.Error()
		return nil
	}
	return &registry.Error{
		Reason: registry.BadBundle, Msg: "read the bundle: " + err.Error(),
		Hint: "export it with the `ledger-key` input, from the secret with a private key whose public half is in the " +
			"policy's `ledger` section. To use it without a valid signature, set `override: unsigned`, with a " +
			"justification",
	}
}

// checkList compares the files in the folder with those in the manifest.
func (b *Bundle) checkList(listed []registry.File) error {
	var missing, extra, sizes []string
	there := map[string]bool{}
	for _, f := range listed {
		there[f.Path] = true
		want, ok := b.file(f.Path)
		switch {
		case f.Path == manifestName, f.Path == signatureName && b.Key != "":
		case !ok:
			extra = append(extra, fmt.Sprintf("%.200q", f.Path))
		case want.Size != f.Size:
			sizes = append(sizes, fmt.Sprintf("%.200q has %d bytes, not %d", f.Path, f.Size, want.Size))
		}
	}
	for _, f := range b.Files {
		if !there[f.Path] {
			missing = append(missing, fmt.Sprintf("%.200q", f.Path))
		}
	}
	switch {
	case len(missing) > 0:
		return &registry.Error{
			Reason: registry.BadBundle, Msg: "read the bundle: it lacks " + format.First(missing, 5),
			Hint: "carry it again, with all files. The action actions/upload-artifact leaves out files whose names " +
				"begin with a dot, unless include-hidden-files is true",
		}
	case len(extra) > 0:
		return errors.New("it has files that were not part of it: " + format.First(extra, 5))
	case len(sizes) > 0:
		return errors.New(format.First(sizes, 5))
	}
	return nil
}

// checkContent compares the SHA-256 of each file with the one in the manifest.
func (b *Bundle) checkContent(ctx context.Context) error {
	check := func(ctx context.Context, f File) (struct{}, error) {
		in, err := b.open(ctx, f)
		if err == nil {
			_, err = io.Copy(io.Discard, in)
			err = errors.Join(err, in.Close())
		}
		return struct{}{}, err
	}
	for _, err := range parallel.Map(ctx, parallel.Values(b.Files), atOnce, check) {
		switch {
		case ctx.Err() != nil:
			return mlflow.Explain("read the bundle", context.Cause(ctx))
		case err != nil:
			return refused(err)
		}
	}
	return nil
}

// open opens a file. Reading it to its end fails if its content is not the one in the manifest.
func (b *Bundle) open(ctx context.Context, f File) (io.ReadCloser, error) {
	file, err := openFile(b.root, f.Path)
	if err != nil {
		return nil, plain(err)
	}
	from := io.LimitReader(file, f.Size+1)
	return &checked{Closer: file, ctx: ctx, file: f, in: newSummed(io.Discard), from: from}, nil
}

// checked is a file whose content is compared with the manifest while it is read.
type checked struct {
	io.Closer
	ctx  context.Context
	file File
	from io.Reader
	in   *summed
}

func (c *checked) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	c.in.Write(p[:n])
	switch {
	case err == io.EOF && c.in.file(c.file.Path) != c.file, c.in.size > c.file.Size:
		return n, fmt.Errorf("the content of %.200q was changed after the bundle was written", c.file.Path)
	case err != nil && err != io.EOF:
		return n, plain(err)
	}
	return n, err
}

// load reads the run, checks all points, and compares both with the manifest.
func (b *Bundle) load(ctx context.Context) error {
	text, err := b.read(runName, runLimit)
	if err != nil {
		return fmt.Errorf("%s: %w", runName, err)
	}
	entry, _ := b.file(runName)
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != entry.SHA256 {
		return fmt.Errorf("the content of %q was changed after the bundle was written", runName)
	}
	file, _ := b.file(pointsName)
	open := func() (io.ReadCloser, error) { return b.open(ctx, file) }
	if b.carried, err = modelcopy.Load(bytes.NewReader(text), open); err != nil {
		return fmt.Errorf("%s: %w", runName, err)
	}
	for _, err := range b.carried.Run.Points(ctx) {
		if err != nil {
			return fmt.Errorf("%s: %w", pointsName, err)
		}
	}
	if b.points, err = indexed(b.root); err != nil {
		return fmt.Errorf("%s: %w", pointsName, err)
	}
	if b.Candidate, err = b.candidate(); err != nil {
		return err
	}
	b.Lost = b.carried.Lost
	run := modelcopy.Run{}
	if b.carried.Run != nil {
		run = *b.carried.Run
	}
	model := modelcopy.Model{}
	if b.carried.Model != nil {
		model = *b.carried.Model
	}
	switch c := b.Candidate; {
	case b.Origin().RunID != run.ID:
		return errors.New("its run is not the one of the candidate")
	case run.ID != "" && !plainID(run.ID):
		return fmt.Errorf("the id of its run, %.100q, is not valid", run.ID)
	case model.ID != "" && !plainID(model.ID):
		return fmt.Errorf("the id of its logged model, %.100q, is not valid", model.ID)
	case c.ModelID != "" && c.ModelID != model.ID:
		return errors.New("its logged model is not the candidate")
	case c.RunID != "" && (c.RunID != run.ID || c.Path != b.carried.Path && c.Path != model.Name):
		return errors.New("its model is not the candidate")
	}
	return nil
}
