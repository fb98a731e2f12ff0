// Package filecopy copies the files of one model to a server or into a folder. It keeps no file on disk or in memory on
// the way.
//
// It must never return success unless the content at the target equals that of the source, and unless the target's list
// contains exactly the given files.
package filecopy
