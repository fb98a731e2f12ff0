//go:build unix

package actions

import (
	"os"
	"syscall"
)

// giveToOwner changes the owner of a file to the owner of the workspace. The container runs as root, and on a runner
// that keeps its disk, files of root break the next checkout. If the change is not permitted, the owner stays the same.
func giveToOwner(workspace *os.Root, f *os.File) {
	info, err := workspace.Stat(".")
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(owner.Uid), int(owner.Gid))
	}
}
