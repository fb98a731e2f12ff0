package folders

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Lister lists folders of runs. It stops asking after the first sign that the server does not offer this.
type Lister struct {
	server *rest.Client
	send   func(ctx context.Context, folders int, request func() error) error
	off    atomic.Bool
}

// New returns a lister that sends each request through send. The server's version may be "" if it is not known.
func New(
	c *mlflow.Client, version string, send func(ctx context.Context, folders int, request func() error) error,
) *Lister {
	l := &Lister{server: c.Tracking, send: send}
	l.off.Store(c.Dialect.Hosted || c.LoggedIn && !checksRights(version))
	return l
}

// checksRights reports whether a server with logins checks the login's permission on each run. Older servers list the
// folders of every run for every login.
func checksRights(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err == nil && (major > 3 || major == 3 && minor >= 16)
}

const (
	atOnce     = 10 // folders in one request; servers refuse more
	fewest     = 5  // models for which a request is worthwhile
	maxLevels  = 4  // levels of folders below the model's folder
	maxFolders = 30 // folders of one model
	maxBytes   = 16 << 20
)

// Tree contains the lists of a model's folders as the server sent them, by their paths in the run.
type Tree map[string][]registry.File

// Trees lists the folders of the models at these locations, which are folders of runs. It contains a location only if
// all folders below it were listed.
func (l *Lister) Trees(ctx context.Context, models []mlflow.Location) map[mlflow.Location]Tree {
	trees := map[mlflow.Location]Tree{}
	var level []folder
	for _, m := range models {
		if _, had := trees[m]; m.Run != "" && !had {
			trees[m], level = Tree{}, append(level, folder{m, m.Path})
		}
	}
	if len(level) < fewest {
		return nil
	}
	for range maxLevels {
		if len(level) == 0 {
			break
		}
		level = l.level(ctx, level, trees)
	}
	for _, f := range level { // folders that are too deep
		delete(trees, f.model)
	}
	return trees
}

// folder is a folder of a model. The path is relative to the run's artifacts.
type folder struct {
	model mlflow.Location
	path  string
}

// level lists folders and adds them to their trees. It returns their subfolders. It deletes the tree of a model if one
// of its folders could not be listed.
func (l *Lister) level(ctx context.Context, level []folder, trees map[mlflow.Location]Tree) (next []folder) {
	lists := l.lists(ctx, level)
	for _, f := range level {
		tree, whole := trees[f.model]
		files, listed := lists[f]
		if !whole || !listed {
			delete(trees, f.model)
			continue
		}
		tree[f.path] = files
		for _, file := range files {
			below := strings.HasPrefix(file.Path, strings.TrimPrefix(f.path+"/", "/"))
			if file.Dir && below && path.Clean(file.Path) == file.Path {
				next = append(next, folder{f.model, file.Path})
			}
		}
		if len(tree) > maxFolders {
			delete(trees, f.model)
		}
	}
	return next
}

// lists lists folders, several in one request.
func (l *Lister) lists(ctx context.Context, level []folder) map[folder][]registry.File {
	lists := map[folder][]registry.File{}
	var mu sync.Mutex
	var asks sync.WaitGroup
	for first := 0; first < len(level); first += atOnce {
		some := level[first:min(first+atOnce, len(level))]
		asks.Go(func() {
			found := l.ask(ctx, some)
			mu.Lock()
			defer mu.Unlock()
			for f, files := range found {
				lists[f] = files
			}
		})
	}
	asks.Wait()
	return lists
}

// listJSON is the list of a folder. It is null if the server could not list the folder.
type listJSON struct {
	Files []struct {
		Path string     `json:"path"`
		Dir  bool       `json:"isDir"`
		Size mlflow.Int `json:"fileSize"`
	} `json:"files"`
	Next string `json:"nextPageToken"`
}

// ask lists up to ten folders in one request.
func (l *Lister) ask(ctx context.Context, some []folder) map[folder][]registry.File {
	if l.off.Load() {
		return nil
	}
	var inputs, fields strings.Builder
	variables := map[string]any{}
	for i, f := range some {
		fmt.Fprintf(&inputs, "$f%d: MlflowListArtifactsInput ", i)
		fmt.Fprintf(&fields, "f%d: mlflowListArtifacts(input: $f%[1]d) {%s} ", i, listed)
		input := map[string]string{"runId": f.model.Run}
		if f.path != "" {
			input["path"] = f.path
		}
		variables[fmt.Sprintf("f%d", i)] = input
	}
	var out struct {
		Data map[string]*listJSON `json:"data"`
	}
	err := l.send(ctx, len(some), func() error {
		return l.server.JSON(ctx, rest.Request{
			Method: "POST", Path: "graphql", Class: rest.Read, Expect: "data", Limit: maxBytes,
			Body: map[string]any{
				"query":     fmt.Sprintf("query (%s) {%s}", inputs.String(), fields.String()),
				"variables": variables,
			},
		}, &out)
	})
	if err != nil || out.Data == nil {
		l.off.Store(true)
		return nil
	}
	found := map[folder][]registry.File{}
	for i, f := range some {
		list := out.Data[fmt.Sprintf("f%d", i)]
		if list == nil || list.Files == nil || list.Next != "" {
			continue
		}
		files := []registry.File{}
		for _, file := range list.Files {
			files = append(files, registry.File{Path: file.Path, Dir: file.Dir, Size: int64(file.Size)})
		}
		found[f] = files
	}
	return found
}

const listed = "files {path isDir fileSize} nextPageToken"
