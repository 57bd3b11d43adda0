package filestore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames a file and replaces nothing.
func renameNew(from *os.Root, fromName string, to *os.Root, toName string) error {
	err := between(from, to, func(f, t int) error {
		return unix.Renameat2(f, fromName, t, toName, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkNew(from, fromName, to, toName) // not every file system knows the flag
	}
	return err
}
