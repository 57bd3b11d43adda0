package worker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeDir makes the directory of an attempt, and that of its job where it is the first there.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o700)
}

// keepOnly removes all that an attempt left in its directory but its output. What cannot be removed
// stays until the agent removes what the job has made.
func keepOnly(dir, output string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != output {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
