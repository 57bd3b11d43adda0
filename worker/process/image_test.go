//go:build linux

package process

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
)

// copyOfSelf puts a copy of the test binary into a new file.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, from.Close(), to.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImageRunsThoughReplaced(t *testing.T) {
	sum, err := SelfHash()
	if err != nil {
		t.Fatal(err)
	}
	path := copyOfSelf(t)
	image, err := OpenImage(path, sum)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/false\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: t.TempDir(), Env: modeEnv("exit 5")}
	p, err := Start(t.Context(), image, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Close(); err != nil {
		t.Error(err)
	}
	if got, want := p.Wait().Words, "exited with status 5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := p.Conn().Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenImage(path, sum); fanfold.KindOf(err) != fanfold.KindChanged {
		t.Errorf("replaced: got %v, want kind %v", err, fanfold.KindChanged)
	}
}

func TestOpenImageFails(t *testing.T) {
	var sum [32]byte
	dir := t.TempDir()
	_, err := OpenImage(filepath.Join(dir, "none"), sum)
	if got, want := fanfold.KindOf(err), fanfold.KindNotFound; got != want {
		t.Errorf("no file: got %v (%v), want %v", got, err, want)
	}
	if _, err = OpenImage(dir, sum); fanfold.KindOf(err) != fanfold.KindInput {
		t.Errorf("directory: got %v, want kind %v", err, fanfold.KindInput)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = OpenImage(fifo, sum); fanfold.KindOf(err) != fanfold.KindInput {
		t.Errorf("FIFO: got %v, want kind %v", err, fanfold.KindInput)
	}
	if err := (Image{}).Close(); err != nil {
		t.Error(err)
	}
}
