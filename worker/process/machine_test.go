//go:build linux

package process

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestOpenImageOfAnotherProcessor checks that a binary for another processor is refused, by the
// names of both, in either byte order, and that what has no header is left to the kernel.
func TestOpenImageOfAnotherProcessor(t *testing.T) {
	header := func(order byte, machine ...byte) string {
		h := append([]byte("\x7fELF\x02"), order, 1)
		h = append(h, make([]byte, 18-len(h))...)
		return string(append(h, machine...)) + "the rest"
	}
	for _, tt := range []struct{ name, content, refusal string }{
		{"little", header(1, 183, 0), "is for arm64"},
		{"big", header(2, 0, 22), "is for s390x"},
		{"unknown", header(1, 0x39, 0x30), "is for machine 12345"},
		{"script", "#!/bin/sh\n", ""},
		{"short", "\x7fELF", ""},
	} {
		path := filepath.Join(t.TempDir(), tt.name)
		if err := os.WriteFile(path, []byte(tt.content), 0o700); err != nil {
			t.Fatal(err)
		}
		image, err := OpenImage(path, sha256.Sum256([]byte(tt.content)))
		_ = image.Close() // it was only read
		switch {
		case tt.refusal == "" && err != nil:
			t.Errorf("%s: got %v", tt.name, err)
		case tt.refusal != "" && (fanfold.KindOf(err) != fanfold.KindUnsupported ||
			!strings.Contains(err.Error(), tt.refusal)):
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.refusal)
		}
	}
}
