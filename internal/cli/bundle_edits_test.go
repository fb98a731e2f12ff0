package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// edit changes a bundle.
type edit struct {
	name string
	do   func(t *testing.T, dir string)
}

// resealed returns the edit with all checksums corrected afterwards, as someone does who knows the format but not the
// key.
func (e edit) resealed() edit {
	return edit{e.name + ", with new checksums", func(t *testing.T, dir string) { e.do(t, dir); reseal(t, dir) }}
}

func reseal(t *testing.T, dir string) {
	t.Helper()
	manifest := filepath.Join(dir, "manifest.json")
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(mayRead(manifest)))
	dec.UseNumber()
	if dec.Decode(&m) != nil {
		return
	}
	files, sums := []any{}, map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "manifest.") {
			return err
		}
		text := content(t, filepath.Join(dir, name))
		sum := sha256.Sum256(text)
		files = append(files, map[string]any{"path": name, "size": len(text), "sha256": hex.EncodeToString(sum[:])})
		if below, ok := strings.CutPrefix(name, "files/"); ok {
			sums[below] = hex.EncodeToString(sum[:])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m["files"] = files
	if hops, _ := m["hops"].([]any); len(hops) > 0 {
		if last, ok := hops[len(hops)-1].(map[string]any); ok {
			last["files_sha256"] = registry.FilesDigest(sums)
		}
	}
	m["sha256"] = ""
	text, _ := canonical.JSON(m)
	sum := sha256.Sum256(text)
	m["sha256"] = hex.EncodeToString(sum[:])
	text, _ = canonical.JSON(m)
	save(t, manifest, append(text, '\n'))
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func save(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// must is for changes of the file system, which never fail.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var scalar = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?\d+(\.\d+)?|true|false|null`)

// valueEdits change each key and each value in a JSON file.
func valueEdits(t *testing.T, dir, name string) []edit {
	t.Helper()
	var out []edit
	for _, at := range scalar.FindAllIndex(content(t, filepath.Join(dir, name)), -1) {
		out = append(out, edit{fmt.Sprintf("%s, value at %d", name, at[0]), func(t *testing.T, dir string) {
			text := content(t, filepath.Join(dir, name))
			end := at[1]
			if text[end-1] == '"' {
				end--
			}
			save(t, filepath.Join(dir, name), slices.Concat(text[:end], []byte("1"), text[end:]))
		}})
	}
	return out
}

// fileEdits change the files of a bundle.
func fileEdits(t *testing.T, dir string) []edit {
	t.Helper()
	var names []string
	must(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	}))
	var out []edit
	add := func(name string, do func(t *testing.T, dir string)) { out = append(out, edit{name, do}) }
	for i, name := range names {
		in := func(dir string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
		change := func(what string, do func([]byte) []byte) {
			add(name+" "+what, func(t *testing.T, dir string) { save(t, in(dir), do(content(t, in(dir)))) })
		}
		change("truncated", func(b []byte) []byte { return b[:len(b)-1] })
		change("empty", func([]byte) []byte { return nil })
		change("longer", func(b []byte) []byte { return append(b, '\n') })
		change("with a different byte", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		add(name+" removed", func(t *testing.T, dir string) { must(t, os.Remove(in(dir))) })
		add(name+" renamed", func(t *testing.T, dir string) { must(t, os.Rename(in(dir), in(dir)+"2")) })
		add(name+" as a link", func(t *testing.T, dir string) {
			elsewhere := filepath.Join(t.TempDir(), "original")
			must(t, os.Rename(in(dir), elsewhere))
			must(t, os.Symlink(elsewhere, in(dir)))
		})
		add(name+" as a link in the bundle", func(t *testing.T, dir string) {
			must(t, os.Rename(in(dir), in(dir)+"2"))
			must(t, os.Symlink(filepath.Base(in(dir))+"2", in(dir)))
		})
		add(name+" as a folder", func(t *testing.T, dir string) {
			must(t, os.Remove(in(dir)))
			must(t, os.Mkdir(in(dir), 0o755))
		})
		other := names[(i+1)%len(names)]
		add(name+" swapped", func(t *testing.T, dir string) {
			a, b := content(t, in(dir)), content(t, filepath.Join(dir, other))
			save(t, in(dir), b)
			save(t, filepath.Join(dir, other), a)
		})
	}
	add("a file added", func(t *testing.T, dir string) { save(t, filepath.Join(dir, "more"), []byte("x")) })
	add("a file added to the model", func(t *testing.T, dir string) {
		save(t, filepath.Join(dir, "files", "code", "evil.py"), []byte("x"))
	})
	add("a hidden file added", func(t *testing.T, dir string) { save(t, filepath.Join(dir, "files", ".x"), []byte("x")) })
	add("a folder added", func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "files", "empty"), 0o755)) })
	add("a link to a folder added", func(t *testing.T, dir string) {
		must(t, os.Symlink("files", filepath.Join(dir, "more")))
	})
	add("the files as a link", func(t *testing.T, dir string) {
		elsewhere := filepath.Join(t.TempDir(), "original")
		must(t, os.Rename(filepath.Join(dir, "files"), elsewhere))
		must(t, os.Symlink(elsewhere, filepath.Join(dir, "files")))
	})
	add("an unfinished export", func(t *testing.T, dir string) { save(t, filepath.Join(dir, "unfinished"), nil) })
	return out
}

const (
	signedBundle   = "signed"
	unsignedBundle = "unsigned"
)

// Nothing is promoted from a bundle in which anything was changed: no value, no file, no signature.
func TestBundle_Edited(t *testing.T) {
	for _, kind := range []string{signedBundle, unsignedBundle} {
		t.Run(kind, func(t *testing.T) {
			b := newBetween(t, "3.17.2", "3.17.2")
			args := slices.Clone(fromBundle)
			if kind == signedBundle {
				b.exported(t, "2", "--ledger-key", testKey)
				args = keyed(t, "acc", append([]string{"promote"}, args...))[1:]
				args[3] = "champion" // which has gates in that policy
			} else {
				b.exported(t, "2")
			}
			dir := filepath.Join(b.dir, "bundle")
			var edits []edit
			for _, name := range []string{"manifest.json", "run.json", "points.jsonl"} {
				edits = append(edits, valueEdits(t, dir, name)...)
			}
			edits = append(edits, fileEdits(t, dir)...)
			if kind == signedBundle {
				for _, e := range slices.Clone(edits) {
					if !strings.HasPrefix(e.name, "manifest.sig") && !strings.Contains(e.name, "link") {
						edits = append(edits, e.resealed())
					}
				}
				edits = append(edits, signatureEdits(t)...)
			} else {
				edits = append(edits, outside...)
			}
			for i, e := range edits {
				changed := fmt.Sprintf("bundle-%d", i)
				must(t, os.CopyFS(filepath.Join(b.dir, changed), os.DirFS(dir)))
				e.do(t, filepath.Join(b.dir, changed))
				if sameBundle(t, dir, filepath.Join(b.dir, changed)) {
					continue // the corrected checksums undo the edit
				}
				args[1] = "bundle:" + changed
				got, status := b.run(t, "promote", args...)
				if status == 0 || got.Reason != registry.BadBundle || len(b.prod.Writes()) > 0 {
					t.Fatalf("%s: %d %s: %s, %d writes", e.name, status, got.Reason, got.Error, len(b.prod.Writes()))
				}
			}
			t.Logf("%d edits", len(edits))
			args[1] = "bundle:bundle"
			if got, status := b.run(t, "promote", args...); status != 0 {
				t.Errorf("unchanged: %d %s: %s", status, got.Reason, got.Error)
			}
		})
	}
}

func sameBundle(t *testing.T, a, b string) bool {
	t.Helper()
	return bytes.Equal(content(t, filepath.Join(a, "manifest.json")), mayRead(filepath.Join(b, "manifest.json"))) &&
		bytes.Equal(content(t, filepath.Join(a, "run.json")), mayRead(filepath.Join(b, "run.json"))) &&
		len(listed(a)) == len(listed(b)) && slices.Equal(listed(a), listed(b))
}

func mayRead(file string) []byte {
	text, _ := os.ReadFile(file)
	return text
}

// listed describes all files and folders.
func listed(dir string) (out []string) {
	_ = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		out = append(out, fmt.Sprint(name, d.Type(), sha256.Sum256(mayRead(filepath.Join(dir, name)))))
		return err
	})
	return out
}

// signatureEdits replace the signature.
func signatureEdits(t *testing.T) []edit {
	t.Helper()
	other, err := signing.Generate(strings.NewReader(strings.Repeat("b", 32)))
	must(t, err)
	ours, err := signing.ParsePrivate(testKey)
	must(t, err)
	sign := func(k signing.KeyPair, message func([]byte) string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			text := message(content(t, filepath.Join(dir, "manifest.json")))
			save(t, filepath.Join(dir, "manifest.sig"), []byte(k.Sign(text)+"\n"))
		}
	}
	bundle := func(m []byte) string { return "bundle/1\n" + string(m) }
	return []edit{
		{"another key", sign(other, bundle)},
		{"another key, also in the manifest", func(t *testing.T, dir string) {
			manifest := filepath.Join(dir, "manifest.json")
			text := content(t, manifest)
			save(t, manifest, bytes.ReplaceAll(text, []byte(ours.Public().String()), []byte(other.Public().String())))
			reseal(t, dir)
			sign(other, bundle)(t, dir)
		}},
		{"without the first line", sign(ours, func(m []byte) string { return string(m) })},
		{"of another message", sign(ours, func([]byte) string { return "bundle/1\n{}\n" })},
		{"no key and no signature", func(t *testing.T, dir string) {
			manifest := filepath.Join(dir, "manifest.json")
			save(t, manifest, regexp.MustCompile(`"key":"[^"]*",`).ReplaceAll(content(t, manifest), nil))
			must(t, os.Remove(filepath.Join(dir, "manifest.sig")))
			reseal(t, dir)
		}},
	}
}

// outside are manifests that refer to files which are not in the bundle. Their checksums are right.
var outside = []edit{
	{"a path with ..", listing("files/../../secret")},
	{"a path with .. within", listing("files/x/../../run.json2")},
	{"an absolute path", listing("/etc/hostname")},
	{"a path in the wrong form", listing("files//secret")},
}

func listing(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		save(t, filepath.Join(filepath.Dir(dir), "secret"), []byte("secret"))
		manifest := filepath.Join(dir, "manifest.json")
		sum := sha256.Sum256([]byte("secret"))
		var m map[string]any
		must(t, json.Unmarshal(content(t, manifest), &m))
		files, _ := m["files"].([]any)
		files = append(files, map[string]any{"path": name, "size": 6, "sha256": hex.EncodeToString(sum[:])})
		slices.SortFunc(files, func(a, b any) int {
			return strings.Compare(a.(map[string]any)["path"].(string), b.(map[string]any)["path"].(string))
		})
		sums := map[string]string{}
		for _, f := range files {
			entry := f.(map[string]any)
			if below, ok := strings.CutPrefix(entry["path"].(string), "files/"); ok {
				sums[below] = entry["sha256"].(string)
			}
		}
		m["files"], m["sha256"] = files, ""
		hops := m["hops"].([]any)
		hops[len(hops)-1].(map[string]any)["files_sha256"] = registry.FilesDigest(sums)
		text, _ := canonical.JSON(m)
		digest := sha256.Sum256(text)
		m["sha256"] = hex.EncodeToString(digest[:])
		text, _ = canonical.JSON(m)
		save(t, manifest, append(text, '\n'))
	}
}
