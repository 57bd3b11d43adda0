package worker_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

func TestAgentSendsAFileUnderCredit(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	data := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // several blocks
	write(t, h, "out", data)
	const offset, credit = 10, 200 << 10
	h.send(&protocol.Read{
		Stream: 7, Path: "out", Offset: offset, Length: int64(len(data) - offset), Credit: credit,
	})
	var got []byte
	allowed := credit
	for last := false; !last; {
		var r protocol.Result
		h.next(protocol.KindResult, &r)
		if r.Error != "" {
			t.Fatal(r.Error)
		}
		if r.Stream != 7 || int(r.Offset) != offset+len(got) {
			t.Fatalf("stream %d at offset %d, want 7 at %d", r.Stream, r.Offset, offset+len(got))
		}
		got, last = append(got, r.Data...), r.Last
		if len(got) > allowed {
			t.Fatalf("%d bytes came, %d were allowed", len(got), allowed)
		}
		if len(got) == allowed {
			allowed += credit
			h.send(&protocol.Credit{Stream: 7, Bytes: credit})
		}
	}
	if !bytes.Equal(got, data[offset:]) {
		t.Error("other bytes came than are in the file")
	}
	h.send(&protocol.Credit{Stream: 7, Bytes: 1}) // too late, and no harm
	h.send(&protocol.Read{Stream: 7, Path: "out", Offset: 3})
	var r protocol.Result
	if h.next(protocol.KindResult, &r); !r.Last || len(r.Data) > 0 || r.Error != "" {
		t.Errorf("an empty piece came as %+v", r)
	}
}

func TestAgentRefusesToRead(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	write(t, h, "short", []byte("12345"))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(h.hello.Dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(h.hello.Dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, why string }{
		{"missing", "no such file"},
		{"../secret", "leaves the worker's directory"},
		{secret, "leaves the worker's directory"},
		{"link", "escapes"},
		{"fifo", "no regular file"},
		{".", "no regular file"},
		{"short", "it ends before byte 6"},
	}
	for i, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			h.send(&protocol.Read{Stream: uint64(i + 1), Path: tt.path, Length: 6, Credit: 100})
			var r protocol.Result
			h.next(protocol.KindResult, &r)
			if !r.Last || len(r.Data) > 0 || !strings.Contains(r.Error, tt.why) {
				t.Errorf("got %+v, want the error %q", r, tt.why)
			}
		})
	}
}

// write makes a file in the agent's directory.
func write(t *testing.T, h *host, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.hello.Dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestR08AgentKeepsLogsApart(t *testing.T) {
	h := startAgent(t, worker.Config{Slots: 1})
	p := h.process()
	p.brief("obey")
	p.assign("print one\nlog uno\n", 1)
	p.assign("print two\n", 2)
	p.assign("flood 3000000\n", 3)
	first := p.done(1, protocol.StatusSucceeded)
	p.done(2, protocol.StatusSucceeded)
	p.done(3, protocol.StatusSucceeded)
	if len(first.Inline) > 0 && len(first.Inline[0]) > 0 {
		t.Errorf("what was printed came as output: %q", first.Inline)
	}
	name := func(task string) string { return testJob.String() + "/map-" + task + "/1" }

	h.send(&protocol.LogQuery{Stream: 1, Attempt: name("3"), Tail: 10})
	if got := logs(h, 1); got[name("3")] != "[cutzzzzzzzzzz" {
		t.Errorf("the last 10 bytes of a flood are %q", got[name("3")])
	}
	h.send(&protocol.LogQuery{Stream: 2, Job: testJob[:]})
	got := logs(h, 2)
	if got[name("1")] != "one\nuno\n" || got[name("2")] != "two\n" {
		t.Errorf("logs %.100q", got)
	}
	flood := got[name("3")]
	if n := strings.Count(flood, "z"); n >= 3_000_000 || n < 1<<20 ||
		!strings.Contains(flood, "[cut") {
		t.Errorf("%d bytes of a flood of 3000000 were kept", n)
	}
	h.send(&protocol.LogQuery{Stream: 3, Job: bytes.Repeat([]byte{9}, 16)})
	if got := logs(h, 3); len(got) > 0 {
		t.Errorf("an unknown job has logs %q", got)
	}
}

// logs reads the answer to a log query: the text by attempt, with "[cut" where some is missing.
func logs(h *host, stream uint64) map[string]string {
	h.t.Helper()
	got := map[string]string{}
	for {
		var l protocol.Log
		h.next(protocol.KindLog, &l)
		if l.Stream != stream {
			h.t.Fatalf("an answer to stream %d, want %d", l.Stream, stream)
		}
		for _, part := range l.Parts {
			if part.Worker != "w1" {
				h.t.Errorf("a log of worker %q", part.Worker)
			}
			if part.Dropped > 0 {
				got[part.Attempt] += "[cut"
			}
			got[part.Attempt] += string(part.Data)
		}
		if l.Last {
			return got
		}
	}
}
