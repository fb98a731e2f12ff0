package filecopy

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// checkFiles returns an error for files that cannot be copied under their names. Names come from servers and bundles.
func checkFiles(files []registry.File) error {
	names, folders := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		refused := ""
		switch {
		case f.Dir:
			refused = "it is a folder"
		case f.Path == "" || path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "." ||
			f.Path == ".." || strings.HasPrefix(f.Path, "../"):
			refused = "its path leaves the model's folder or is not in its shortest form"
		case len(f.Path) > mlflow.MaxPath:
			refused = fmt.Sprintf("its path has more than %d bytes", mlflow.MaxPath)
		case strings.ContainsFunc(f.Path, unicode.IsControl) || strings.Contains(f.Path, `\`):
			refused = "its path contains a control character or a backslash"
		case f.Size < 0 || f.Size > mlflow.MaxFileSize:
			refused = fmt.Sprintf("its size is %d bytes", f.Size)
		case names[f.Path]:
			refused = "it is listed twice"
		}
		if refused != "" {
			return invalid(f.Path, refused)
		}
		names[f.Path] = true
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, f := range files {
		if folders[f.Path] {
			return invalid(f.Path, "it is both a file and a folder")
		}
	}
	return nil
}

func invalid(name, why string) error {
	return &registry.Error{Reason: registry.BadInput, Msg: fmt.Sprintf("copy %q: %s", shown(name), why)}
}

// list returns the sizes of the files that the target has, by path. It fails if there are other files than the given
// ones.
func (u *uploads) list(ctx context.Context, files []registry.File) (map[string]int64, error) {
	listed, err := u.client.Artifacts.Tree(ctx, u.in)
	if err != nil {
		return nil, mlflow.Explain("list the files of the target", err)
	}
	return only(listed, files, "list the files of the target", u.root)
}

// only returns the sizes of the listed files, by path. It fails if there are others than the given ones.
func only(listed, files []registry.File, op, where string) (map[string]int64, error) {
	wanted := map[string]bool{}
	for _, f := range files {
		wanted[f.Path] = true
	}
	there := map[string]int64{}
	var extra []string
	for _, f := range listed {
		if there[f.Path] = f.Size; !wanted[f.Path] {
			extra = append(extra, shown(f.Path))
		}
	}
	if len(extra) == 0 {
		return there, nil
	}
	slices.Sort(extra)
	more := ""
	if n := len(extra) - 5; n > 0 {
		extra, more = extra[:5], fmt.Sprintf(" and %d more", n)
	}
	return nil, &registry.Error{
		Reason: registry.Conflict,
		Msg: fmt.Sprintf("%s: %s contains files that are not part of the model: %s%s",
			op, where, strings.Join(extra, ", "), more),
		Hint: "find out who writes there. Delete these files, or copy into a new folder",
	}
}
