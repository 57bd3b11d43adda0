package worker

import (
	"bytes"
	"strings"
	"testing"
)

func TestLogTail(t *testing.T) {
	tests := []struct {
		name   string
		writes []string
		want   string
	}{
		{"nothing", nil, ""},
		{"short", []string{"a\n", "b"}, "a\nb"},
		{"whole lines of a long log", []string{strings.Repeat("first line\n", 1000), "last\n"},
			strings.Repeat("first line\n", (logTailMax-5)/11) + "last\n"},
		{"one long line", []string{strings.Repeat("x", 3*logTailMax)}, strings.Repeat("x", logTailMax)},
		{"long line and its end", []string{strings.Repeat("x", 3*logTailMax), "\n"},
			strings.Repeat("x", logTailMax-1) + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var all bytes.Buffer
			l := &logTail{w: &all}
			for _, w := range tt.writes {
				if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
					t.Fatalf("wrote %d, %v", n, err)
				}
				if len(l.kept) > 2*logTailMax {
					t.Fatalf("%d bytes are kept", len(l.kept))
				}
			}
			if got := l.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if all.String() != strings.Join(tt.writes, "") {
				t.Error("not all was passed on")
			}
		})
	}
}
