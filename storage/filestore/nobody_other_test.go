//go:build !linux

package filestore

import (
	"os"
	"testing"
)

// asNobody runs f, which needs a user without the rights of root.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root may do everything")
	}
	f()
}
