package mlflow

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// serve returns a client for a server whose responses are written by the given function.
func serve(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	wire, err := rest.New(rest.Config{Base: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return New(wire, wire, About{Address: server.URL}, func() float64 { return 0 })
}

// listing returns a client for a server that responds to a request for a folder with the JSON that the function
// returns.
func listing(t *testing.T, folder func(dir string) string) *Client {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, folder(r.URL.Query().Get("path")))
	})
}

var modelFolder = Location{Run: "r", Path: "model"}

func TestTree_WhatServersList(t *testing.T) {
	for name, c := range map[string]struct {
		folders map[string]string
		want    string // the expected paths, or the expected error
	}{
		"paths from the run's root": {
			map[string]string{
				"model":      `{"path": "model/MLmodel", "file_size": "7"}, {"path": "model/data", "is_dir": true}`,
				"model/data": `{"path": "model/data/x.bin", "file_size": 3}`,
			},
			"MLmodel data/x.bin",
		},
		"bare names of a proxy": {
			map[string]string{
				"model":       `{"path": "MLmodel", "file_size": 7}, {"path": "model", "is_dir": true}`,
				"model/model": `{"path": "weights.bin", "file_size": 3}`,
			},
			"MLmodel model/weights.bin",
		},
		"an object store lists the folder itself": {
			map[string]string{
				"model": `{"path": "model"}, {"path": "model/", "is_dir": true}, {"path": "model/MLmodel", "file_size": 7}`,
			},
			"MLmodel",
		},
		"a folder lists only itself": {
			map[string]string{"model": `{"path": "model", "is_dir": true}`},
			"",
		},
		"a folder of the same name inside": {
			map[string]string{
				"model":       `{"path": "model/model", "is_dir": true}`,
				"model/model": `{"path": "model/model", "is_dir": true}, {"path": "model/model/w", "file_size": 1}`,
			},
			"model/w",
		},
		"a folder above": {
			map[string]string{"model": `{"path": "model/../other", "is_dir": true}`},
			`invalid list of folder "model": it contains "model/../other", which is outside the folder`,
		},
		"a path out of the folder": {
			map[string]string{"model": `{"path": "../../etc/passwd", "file_size": 1}`},
			`invalid list of folder "model": it contains "../../etc/passwd", which is outside the folder`,
		},
		"only the parent folder": {
			map[string]string{"model": `{"path": "..", "is_dir": true}`},
			`invalid list of folder "model": it contains "..", which is outside the folder`,
		},
		"an absolute path": {
			map[string]string{"model": `{"path": "/model/MLmodel", "file_size": 1}`},
			`invalid list of folder "model": it contains "/model/MLmodel", which is outside the folder`,
		},
		"a folder that lists its parent": {
			map[string]string{
				"model":      `{"path": "model/data", "is_dir": true}`,
				"model/data": `{"path": "model", "is_dir": true}, {"path": "model/data/x", "file_size": 1}`,
			},
			`invalid list of folder "model/data": it contains "model", which is outside the folder`,
		},
		"a bare name among paths": {
			map[string]string{"model": `{"path": "model/a", "file_size": 1}, {"path": "b", "file_size": 1}`},
			`invalid list of folder "model": it contains "b", which is outside the folder`,
		},
		"a file deeper than the folder": {
			map[string]string{"model": `{"path": "model/a/b", "file_size": 1}`},
			`invalid list of folder "model": it contains "model/a/b", which is outside the folder`,
		},
		"a file twice": {
			map[string]string{"model": `{"path": "model/a", "file_size": 1}, {"path": "model/a", "file_size": 2}`},
			`invalid list of folder "model": it contains "model/a", twice`,
		},
		"a file and a folder of one name": {
			map[string]string{"model": `{"path": "model/a", "file_size": 1}, {"path": "model//a", "is_dir": true}`},
			`invalid list of folder "model": it contains "model//a", twice`,
		},
		"a negative size": {
			map[string]string{"model": `{"path": "model/a", "file_size": -1}`},
			`invalid list of folder "model": it contains "model/a", with a size of -1 bytes`,
		},
		"an impossible size": {
			map[string]string{"model": `{"path": "model/a", "file_size": "9223372036854775807"}`},
			`invalid list of folder "model": it contains "model/a", with a size of 9223372036854775807 bytes`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := listing(t, func(dir string) string { return `{"files": [` + c.folders[dir] + `]}` })
			files, err := client.Artifacts.Tree(context.Background(), modelFolder)
			got := strings.Join(paths(files), " ")
			if err != nil {
				got = Short(err)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func paths(files []registry.File) (out []string) {
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

func TestTree_Bounds(t *testing.T) {
	many := func(n int, entry func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = entry(i)
		}
		return `{"files": [` + strings.Join(all, ",") + `]}`
	}
	for want, folder := range map[string]func(dir string) string{
		"the model has more than 5000 folders": func(dir string) string {
			return many(300, func(i int) string {
				return fmt.Sprintf(`{"path": "%s/%d", "is_dir": true}`, dir, i)
			})
		},
		"the model has more than 100000 files": func(dir string) string {
			return many(100_001, func(i int) string { return fmt.Sprintf(`{"path": "%s/%d", "file_size": 1}`, dir, i) })
		},
		"the model's folders are more than 100 levels deep": func(dir string) string {
			return many(1, func(int) string { return fmt.Sprintf(`{"path": "%s/d", "is_dir": true}`, dir) })
		},
	} {
		if _, err := listing(t, folder).Artifacts.Tree(context.Background(), modelFolder); err == nil ||
			err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}

	token := 0
	endless := listing(t, func(string) string { token++; return fmt.Sprintf(`{"next_page_token": "%d"}`, token) })
	want := `folder "." has more than 100000 files, or its listing more than 5000 pages`
	_, err := endless.Artifacts.Tree(context.Background(), modelFolder)
	if err == nil || err.Error() != want || token > maxListings+1 {
		t.Errorf("endless pages: %v after %d requests", err, token)
	}
}

func TestTree_Pages(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("page_token") == "" {
			fmt.Fprint(w, `{"files": [{"path": "model/a", "file_size": 1}], "next_page_token": "2"}`)
			return
		}
		fmt.Fprint(w, `{"files": [{"path": "model/b", "file_size": 1}]}`)
	})
	files, err := client.Artifacts.Tree(context.Background(), modelFolder)
	if got := strings.Join(paths(files), " "); err != nil || got != "a b" {
		t.Errorf("%s, %v", got, err)
	}
}

// A tree contains every file of the model exactly once and in order, whatever folders the model has.
func TestTree_ListsEveryFileOnce(t *testing.T) {
	name := rapid.StringMatching(`[a-z ._%é-]{1,8}`).Filter(func(s string) bool { return s != "." && s != ".." })
	files := map[string]bool{} // the files of the model in the current check
	client := listing(t, func(dir string) string {
		seen := map[string]bool{}
		var out []map[string]any
		for f := range files {
			below, ok := strings.CutPrefix("model/"+f, dir+"/")
			base, _, deeper := strings.Cut(below, "/")
			if !ok || seen[base] {
				continue
			}
			seen[base] = true
			out = append(out, map[string]any{"path": path.Join(dir, base), "is_dir": deeper, "file_size": len(f)})
		}
		text, _ := json.Marshal(map[string]any{"files": out})
		return string(text)
	})
	rapid.Check(t, func(t *rapid.T) {
		clear(files)
		folders := []string{""}
		for range rapid.IntRange(0, 20).Draw(t, "files") {
			dir := rapid.SampledFrom(folders).Draw(t, "in")
			if rapid.Bool().Draw(t, "deeper") {
				dir = path.Join(dir, "d-"+name.Draw(t, "folder"))
				folders = append(folders, dir)
			}
			files[path.Join(dir, "f-"+name.Draw(t, "file"))] = true
		}
		found, err := client.Artifacts.Tree(context.Background(), modelFolder)
		if err != nil {
			t.Fatal(err)
		}
		got := paths(found)
		if !slices.IsSorted(got) || len(got) != len(files) {
			t.Fatalf("%d files of %d: %q", len(got), len(files), got)
		}
		for _, f := range found {
			if !files[f.Path] || f.Size != int64(len(f.Path)) {
				t.Fatalf("%+v is not a file of the model", f)
			}
		}
	})
}

func TestDigest_Streams(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1<<16)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, content) })
	sum := sha256.Sum256([]byte(content))
	want := registry.FilesDigest(map[string]string{"a": hex.EncodeToString(sum[:])})

	for name, c := range map[string]struct {
		listed int64
		want   string
	}{
		"as long as listed": {int64(len(content)), want},
		"longer":            {int64(len(content)) - 1, "a is larger than the listed 1048575 bytes"},
		"much longer":       {1, "a is larger than the listed 1 bytes"},
		"shorter":           {int64(len(content)) + 1, "a is 1048576 bytes, not 1048577 as listed"},
		"too large": {contentLimit + 1, "the files are 68719476737 bytes in total, more than the limit for a digest " +
			"(68719476736)"},
	} {
		got := client.Artifacts.Digest(context.Background(), modelFolder, []registry.File{{Path: "a", Size: c.listed}})
		if text, ok := got.Get(); text+got.Why() != c.want || ok != (c.want == want) {
			t.Errorf("%s: %s%s, want %s", name, text, got.Why(), c.want)
		}
	}
}

// Any folder in a run that contains an MLmodel file is another model, however deep it is. Folders inside a model belong
// to that model.
func TestOtherModels(t *testing.T) {
	var folders []string
	for i := range 20 {
		folders = append(folders, fmt.Sprintf("plots/%d/a.png", i))
	}
	const own = "out/model"
	for name, c := range map[string]struct {
		files []string
		want  string
		asked int
	}{
		"only this one": {[]string{"out/model/MLmodel", "a.txt"}, "", 2},
		"a copy next to it": {
			[]string{"out/model/MLmodel", "out/model_copy/MLmodel"}, "out/model_copy", 3,
		},
		"two in other folders": {
			[]string{"out/model/MLmodel", "x/y/MLmodel", "b/c/d/MLmodel", "b/MLmodel.txt"}, "b/c/d x/y", 7,
		},
		"in the root": {[]string{"out/model/MLmodel", "MLmodel"}, ".", 1},
		"above it":    {[]string{"out/model/MLmodel", "out/MLmodel"}, "out", 2},
		"inside it":   {[]string{"out/model/MLmodel", "out/model/artifacts/inner/MLmodel"}, "", 2},
		"inside another one": {
			[]string{"out/model/MLmodel", "pipe/MLmodel", "pipe/step/MLmodel"}, "pipe", 3,
		},
		"20 folders": {append(folders[:18:18], "out/model/MLmodel"), "", 21},
		"21 folders": {append(folders[:19:19], "out/model/MLmodel"), "there are more than 20 folders", 3},
	} {
		t.Run(name, func(t *testing.T) {
			asked := atomic.Int32{}
			client := listing(t, func(dir string) string {
				asked.Add(1)
				entries := map[string]bool{}
				for _, file := range c.files {
					if rest, below := strings.CutPrefix("/"+file, path.Join("/", dir)+"/"); below || dir == "" {
						name, _, isDir := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
						entries[fmt.Sprintf(`{"path": %q, "is_dir": %v}`, path.Join(dir, name), isDir)] = true
					}
				}
				return `{"files": [` + strings.Join(slices.Sorted(maps.Keys(entries)), ",") + `]}`
			})
			known := client.Artifacts.OtherModels(context.Background(), "r", own)
			var got []string
			for _, dir := range known.OrZero() {
				got = append(got, cmp.Or(dir, "."))
			}
			if text := strings.Join(got, " ") + known.Why(); text != c.want {
				t.Errorf("found %q, want %q", text, c.want)
			}
			if n := int(asked.Load()); n != c.asked {
				t.Errorf("%d requests, want %d", n, c.asked)
			}
		})
	}
}

func TestOtherModels_Unreadable(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	if known := client.Artifacts.OtherModels(context.Background(), "r", "model"); known.IsAbsent() || !strings.Contains(known.Why(), "403") {
		t.Errorf("%+v", known)
	}
}
