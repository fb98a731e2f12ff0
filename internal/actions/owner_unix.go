//go:build unix

package actions

import (
	"os"
	"syscall"
)

// giveToOwner gives a file or folder to the workspace's owner. The container runs as root, and on a runner that keeps
// its disk, files owned by root break the next checkout. If changing the owner is not permitted, giveToOwner does
// nothing.
func giveToOwner(workspace *os.Root, name string) { giveTo(workspace, workspace, name) }

// giveTo gives a file or folder in a folder to the workspace's owner.
func giveTo(workspace, folder *os.Root, name string) {
	info, err := workspace.Stat(".")
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = folder.Lchown(name, int(owner.Uid), int(owner.Gid))
	}
}
