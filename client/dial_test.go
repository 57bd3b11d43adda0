package client

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// TestR43TokenFileOfOthers checks that a token that somebody else could have is not used, and that
// its owner is told what to do.
func TestR43TokenFileOfOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	text := hex.EncodeToString(make([]byte, protocol.TokenLen)) + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640, 0o604, 0o620, 0o601, 0o666} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		kind, hint := fanfold.KindUnreachable, "" // nobody listens
		if mode != mode&0o700 {
			kind, hint = fanfold.KindDenied, "chmod 600 "+file
		}
		wantDialError(t, file, kind, hint)
	}
	if os.Getuid() != 0 {
		file = "/etc/passwd" // of root
	} else if err := errors.Join(os.Chmod(file, 0o600), os.Chown(file, 65534, -1)); err != nil {
		t.Fatal(err)
	}
	wantDialError(t, file, fanfold.KindDenied,
		"copy it to a file of your own, and chmod 600 that")
}

// wantDialError connects with a token file to where nobody listens.
func wantDialError(t *testing.T, file string, kind fanfold.Kind, hint string) {
	t.Helper()
	_, err := Dial(t.Context(), Config{Address: "127.0.0.1:1", TokenFile: file})
	var e *fanfold.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Hint != hint {
		t.Errorf("got %#v, want an error of kind %s and the hint %q", err, kind, hint)
	}
}
