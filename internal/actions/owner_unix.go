//go:build unix

package actions

import (
	"os"
	"syscall"
)

// giveToOwner leaves the file to whoever owns the workspace. The container runs as root, and a file of root's stops the
// next checkout on a runner that keeps its disk. Where the system forbids it, the file stays as it is.
func giveToOwner(workspace *os.Root, f *os.File) {
	info, err := workspace.Stat(".")
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(owner.Uid), int(owner.Gid))
	}
}
