package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/filecopy"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

const (
	largeFiles = 8
	manyFiles  = 2000
)

// copies is the measurement of copies from one server to another.
type copies struct {
	from, to *realtest.Server
	dir      string
}

// runCopy measures a copy between two servers, next to curl. BENCH_COPY_MIB is the size of the large model, 2048 by
// default.
func runCopy(ctx context.Context, repeat int) (err error) {
	c := copies{}
	size, err := strconv.Atoi(cmp.Or(os.Getenv("BENCH_COPY_MIB"), "2048"))
	if err != nil {
		return err
	}
	if c.from, err = realtest.MLflow(ctx, realtest.Options{Workers: 2}); err != nil {
		return err
	}
	defer c.from.Stop()
	if c.to, err = realtest.MLflow(ctx, realtest.Options{Workers: 2}); err != nil {
		return err
	}
	defer c.to.Stop()
	if c.dir, err = os.MkdirTemp("", "mlflow-promote-copy-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)

	large, err := c.fill(ctx, largeFiles, size<<20/largeFiles)
	if err != nil {
		return err
	}
	if err := c.against(ctx, large, size, repeat); err != nil {
		return err
	}
	many, err := c.fill(ctx, manyFiles, 1000)
	if err != nil {
		return err
	}
	m, _, err := c.ours(ctx, many)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d files of 1,000 bytes: %.1f s, %s\n", manyFiles, m.wall.Seconds(), m.out)
	return nil
}

// place is a logged model on one of the servers.
type place struct {
	ID  string `json:"model_id"`
	URI string `json:"artifact_uri"`
}

func newPlace(ctx context.Context, s *realtest.Server) (place, error) {
	var made struct {
		Model struct{ Info place }
	}
	body := map[string]any{"experiment_id": "0", "name": "model"}
	err := s.Call(ctx, http.MethodPost, "logged-models", body, &made)
	return made.Model.Info, err
}

func name(i int) string { return fmt.Sprintf("part-%04d.bin", i) }

// fill stores a model of n files on the source.
func (c copies) fill(ctx context.Context, n, size int) (place, error) {
	p, err := newPlace(ctx, c.from)
	if err != nil {
		return p, err
	}
	content := make([]byte, size)
	for i := range n {
		rand.Read(content)
		if err := c.from.Upload(ctx, p.URI, name(i), content); err != nil {
			return p, err
		}
	}
	return p, nil
}

// against measures pairs of copies, one by this program and one by curl.
func (c copies) against(ctx context.Context, from place, size, repeat int) error {
	fmt.Printf("%d MiB in %d files, %d pairs after one to warm up; load is %s\n\n", size, largeFiles, repeat, load())
	var ratios, walls, curls []float64
	var rss int64
	for i := range repeat + 1 {
		m, to, err := c.ours(ctx, from)
		if err != nil {
			return err
		}
		c.remove(ctx, to)
		took, err := c.curl(ctx, from)
		if err != nil {
			return err
		}
		fmt.Printf("  mlflow-promote %.1f s, %d MiB at most; curl %.1f s; load is %s\n",
			m.wall.Seconds(), m.rss>>20, took.Seconds(), load())
		if rss = max(rss, m.rss); i > 0 {
			walls, curls = append(walls, m.wall.Seconds()), append(curls, took.Seconds())
			ratios = append(ratios, m.wall.Seconds()/took.Seconds())
		}
	}
	for _, list := range [][]float64{ratios, walls, curls} {
		slices.Sort(list)
	}
	middle := func(list []float64) float64 { return list[len(list)/2] }
	fmt.Printf("\nmedians: mlflow-promote %.1f s, curl %.1f s, ratio %.2f (%.2f to %.2f); peak memory %d MiB\n",
		middle(walls), middle(curls), middle(ratios), ratios[0], ratios[len(ratios)-1], rss>>20)
	return nil
}

// ours copies a model in a process of its own, which reads every file back.
func (c copies) ours(ctx context.Context, from place) (measured, place, error) {
	to, err := newPlace(ctx, c.to)
	if err != nil {
		return measured{}, to, err
	}
	self, err := os.Executable()
	if err != nil {
		return measured{}, to, err
	}
	cmd := exec.CommandContext(ctx, self, "-copier", c.from.URL, from.ID, c.to.URL, to.ID, to.URI)
	cmd.Env = os.Environ()
	m, err := measure(cmd, nil)
	return m, to, err
}

// remove makes room on the disk for the next copy.
func (c copies) remove(ctx context.Context, to place) {
	_ = c.to.Call(ctx, http.MethodDelete, filesOf(to), nil, nil)
}

func filesOf(p place) string {
	inside, _ := mlflow.InProxy(p.URI, "")
	return "/" + mlflow.ProxyPath + "/" + inside
}

// curl downloads all files and then uploads them, several at a time.
func (c copies) curl(ctx context.Context, from place) (time.Duration, error) {
	to, err := newPlace(ctx, c.to)
	if err != nil {
		return 0, err
	}
	defer c.remove(ctx, to)
	down := []string{"-sfZ", "--parallel-max", "8"}
	up := slices.Clone(down)
	for i := range largeFiles {
		file := filepath.Join(c.dir, name(i))
		defer os.Remove(file)
		down = append(down, "-o", file, c.from.URL+filesOf(from)+"/"+name(i))
		up = append(up, "-T", file, c.to.URL+filesOf(to)+"/"+name(i))
	}
	began := time.Now()
	for _, args := range [][]string{down, up} {
		if out, err := exec.CommandContext(ctx, "curl", args...).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("curl: %w: %s", err, out)
		}
	}
	return time.Since(began), nil
}

// runCopier is the process that copies. It prints the numbers of requests.
func runCopier(ctx context.Context, args []string) error {
	dial := func(base string) (*mlflow.Client, error) {
		wire, err := rest.New(rest.Config{Base: base})
		if err != nil {
			return nil, err
		}
		return mlflow.New(wire, wire, mlflow.About{Address: base}, func() float64 { return 0.5 }), nil
	}
	from, err := dial(args[0])
	if err != nil {
		return err
	}
	to, err := dial(args[2])
	if err != nil {
		return err
	}
	in := mlflow.Location{Model: args[1]}
	files, err := from.Artifacts.Tree(ctx, in)
	if err != nil {
		return err
	}
	_, err = filecopy.Copy(ctx, filecopy.FromServer(from, in), files, filecopy.Target{
		Client: to, In: mlflow.Location{Model: args[3]}, Root: args[4],
	}, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]int{
		"files": len(files), "requests to the source": from.Tracking.Meter().Requests,
		"requests to the target": to.Tracking.Meter().Requests,
	})
}
