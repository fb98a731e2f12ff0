package actions

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// OpenFolder opens a folder whose name comes from an input. In a job, the folder must be in the workspace, even after
// symlinks are followed. Outside Actions, any folder is allowed.
func OpenFolder(r *Runner, name string) (*os.Root, error) {
	folder, err := openFolder(r, name, false)
	if err != nil {
		return nil, fmt.Errorf("open folder %q: %w", name, err)
	}
	return folder, nil
}

// MakeFolder is like OpenFolder, and creates the folder if it does not exist.
func MakeFolder(r *Runner, name string) (*os.Root, error) {
	folder, err := openFolder(r, name, true)
	if err != nil {
		return nil, fmt.Errorf("create folder %q: %w", name, err)
	}
	return folder, nil
}

func openFolder(r *Runner, name string, create bool) (*os.Root, error) {
	if !r.InActions() {
		if !filepath.IsAbs(name) {
			name = filepath.Join(r.dir, name)
		}
		if create {
			if err := os.MkdirAll(name, 0o755); err != nil {
				return nil, plain(err)
			}
		}
		folder, err := os.OpenRoot(name)
		return folder, plain(err)
	}
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(r.workspace(), name)
		if err != nil {
			return nil, errOutside
		}
		name = rel
	}
	workspace, err := os.OpenRoot(r.workspace())
	if err != nil {
		return nil, plain(err)
	}
	defer workspace.Close()
	name = path.Clean(filepath.ToSlash(name))
	if create {
		if err := makeFolders(workspace, name); err != nil {
			return nil, plain(err)
		}
	}
	folder, err := workspace.OpenRoot(name)
	return folder, plain(err)
}

// GiveFolder gives everything in a folder of the workspace to the workspace's owner, as later steps of the job may run
// as a different user. Outside Actions it does nothing.
func GiveFolder(r *Runner, folder *os.Root) {
	workspace, err := os.OpenRoot(r.workspace())
	if err != nil || !r.InActions() {
		return
	}
	defer workspace.Close()
	_ = fs.WalkDir(folder.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name != "." {
			giveTo(workspace, folder, name)
		}
		return nil
	})
}
