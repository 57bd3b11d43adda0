//go:build !linux

package filestore

import "os"

// renameNew renames a file and replaces nothing.
func renameNew(from *os.Root, fromName string, to *os.Root, toName string) error {
	return linkNew(from, fromName, to, toName)
}
