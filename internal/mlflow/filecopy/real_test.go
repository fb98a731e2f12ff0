//go:build real

package filecopy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/login"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/s3"
)

const (
	realKey    = "AKIDEXAMPLE"
	realSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// The files of a model arrive on real servers through each door, from a server of another generation. A second copy
// sends nothing.
func TestCopy_Real(t *testing.T) {
	store, err := realtest.S3(t.Context(), realKey, realSecret, "mlflow")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	env := []string{
		"AWS_ACCESS_KEY_ID=" + realKey, "AWS_SECRET_ACCESS_KEY=" + realSecret, "AWS_DEFAULT_REGION=" + store.Region,
		"MLFLOW_S3_ENDPOINT_URL=" + store.URL, "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE=path",
	}
	direct := []string{"--no-serve-artifacts", "--default-artifact-root", "s3://mlflow/a b"}
	keys := (&s3.Store{Mask: func(...string) {}, AWS: login.AWS{
		Env: func(name string) string {
			for _, pair := range env {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		},
		Now: time.Now,
	}}).Find
	source := realServer(t, realtest.Options{Workers: 1}, nil)
	model := realModel()
	from := source.folder(t, "model")
	for path, content := range model {
		if err := source.Upload(t.Context(), from.Root, escaped(path), content); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		options   realtest.Options
		keys      func(string) (*rest.Client, string)
		multipart int64
		access    Access
	}{
		"1.30.1 proxied": {options: realtest.Options{Version: "1.30.1", Workers: 1}, access: Access{true, true}},
		"3.17.2 proxied, into a bucket": {
			options: realtest.Options{
				Environment: "logins", Workers: 1, Env: env, Args: []string{"--artifacts-destination", "s3://mlflow/own"},
			},
			multipart: 5 << 20, access: Access{true, true},
		},
		"3.17.2 direct": {
			options: realtest.Options{Environment: "logins", Workers: 1, Env: env, Args: direct},
			access:  Access{true, true},
		},
		"2.22.5 direct, with keys": {
			options: realtest.Options{Version: "2.22.5", Workers: 1, Env: append(env, withBoto(t)), Args: direct},
			keys:    keys, access: Access{true, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := realServer(t, c.options, c.keys)
			target := to.folder(t, "model")
			target.Multipart = c.multipart
			access, err := Doors(t.Context(), target.Client, target.Root)
			if err != nil || access != c.access {
				t.Errorf("%v, %v", access, err)
			}
			for range 2 {
				before := target.Client.Tracking.Meter().Requests
				sums, err := Copy(t.Context(), FromServer(from.Client, from.In), model.list(), target, nil)
				if err != nil {
					t.Fatalf("%v\n%s", err, to.Tail())
				}
				for path, sum := range model.sums() {
					if sums[path] != sum {
						t.Errorf("%s: %s", path, sums[path])
					}
				}
				t.Logf("%d requests for %d files", target.Client.Tracking.Meter().Requests-before, len(model))
			}
			// other content of the same size
			other := model.with("requirements.txt", []byte("MLFLOW\n"))
			sums, err := Copy(t.Context(), other.reader(), other.list(), target, nil)
			if err != nil || sums["requirements.txt"] != other.sums()["requirements.txt"] {
				t.Errorf("%v, %v", sums, err)
			}
		})
	}
}

// realModel has one file that needs three parts of 5 MiB.
func realModel() files {
	m := aModel()
	delete(m, "code/a b+c=100%.py") // 1.30.1 decodes the name twice
	m["code/a b+c=.py"] = []byte("pass\n")
	random := rand.NewChaCha8([32]byte{2})
	m["weights.bin"] = make([]byte, 12<<20)
	random.Read(m["weights.bin"])
	return m
}

func (f files) with(path string, content []byte) files {
	out := files{path: content}
	for p, c := range f {
		if p != path {
			out[p] = c
		}
	}
	return out
}

// reader reads the files from memory.
func (f files) reader() Reader {
	return func(_ context.Context, file registry.File, open func() io.Writer) (int64, error) {
		n, err := open().Write(f[file.Path])
		return int64(n), err
	}
}

type real struct {
	*realtest.Server
	client *mlflow.Client
}

func realServer(t *testing.T, o realtest.Options, keys func(string) (*rest.Client, string)) real {
	t.Helper()
	s, err := realtest.MLflow(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	wire, err := rest.New(rest.Config{Base: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return real{s, mlflow.New(wire, wire, mlflow.About{Address: s.URL, Store: keys}, rand.Float64)}
}

// folder makes a logged model, or a run on older servers, and returns the folder for its files.
func (s real) folder(t *testing.T, name string) Target {
	t.Helper()
	run, err := s.Run(t.Context(), realtest.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Version, "3.") {
		known, err := s.client.Runs.Get(t.Context(), run.RunID)
		if err != nil {
			t.Fatal(err)
		}
		return Target{
			Client: s.client, In: mlflow.Location{Run: run.RunID, Path: name}, Root: known.OrZero().ArtifactURI,
		}
	}
	var made struct {
		Model struct {
			Info struct {
				ID   string `json:"model_id"`
				Root string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"model"`
	}
	err = s.Call(t.Context(), "POST", "logged-models", map[string]any{
		"experiment_id": run.ExperimentID, "name": name, "source_run_id": run.RunID,
	}, &made)
	if err != nil {
		t.Fatal(err)
	}
	return Target{Client: s.client, In: mlflow.Location{Model: made.Model.Info.ID}, Root: made.Model.Info.Root}
}

// withBoto lets a server use AWS's library from the environment "logins", because its own has none.
func withBoto(t *testing.T) string {
	t.Helper()
	python, err := realtest.Python(t.Context(), "logins")
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(python), "..", "lib", "*", "site-packages", "boto3"))
	if err != nil || len(found) != 1 {
		t.Fatalf("boto3: %v, %v", found, err)
	}
	dir := t.TempDir()
	for _, name := range []string{"boto3", "botocore", "s3transfer", "jmespath"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(found[0]), name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("PYTHONPATH=%s", dir)
}
