//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// logsOf is what a book keeps of a job, by attempt.
func logsOf(b *LogBook, job string) map[string]string {
	logs := map[string]string{}
	for _, attempt := range b.Attempts(job) {
		logs[attempt] = string(b.Log(attempt, 0).Data)
	}
	return logs
}

func TestMarksOfATaskProcess(t *testing.T) {
	book := NewLogBook()
	p := start(t, "marks", Options{Logs: book})
	if err := book.WaitEnd(t.Context(), "job_1/map-1/1"); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Wait().Words, "exited with status 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	forged := "\x1efanfold:" + strings.Repeat("0", 32) + ":begin:job_1/map-9/1\n"
	want := map[string]string{
		"job_1/map-0/1": "in the first, no newline",
		"job_1/map-1/1": "in the second\n" + forged,
	}
	if diff := cmp.Diff(want, logsOf(book, "job_1")); diff != "" {
		t.Errorf("logs (-want +got):\n%s", diff)
	}
	if got, want := string(p.Tail(8)), "the last"; got != want {
		t.Errorf("tail: got %q, want %q", got, want)
	}
	if got, want := string(p.output.own.tail(100)), "before\nbetween\n"; got != want {
		t.Errorf("outside attempts: got %q, want %q", got, want)
	}
	for _, attempt := range []string{"job_1/map-2/1", "job_2/map-0/1"} {
		if !book.Log(attempt, 0).Ended {
			t.Errorf("%s: not ended", attempt)
		}
	}
	book.Forget("job_1")
	if got := len(book.Attempts("job_1")) + len(book.Log("job_1/map-0/1", 0).Data); got > 0 {
		t.Error("something is kept after Forget")
	}
	other := map[string]string{"job_2/map-0/1": "in the last"}
	if diff := cmp.Diff(other, logsOf(book, "job_2")); diff != "" {
		t.Errorf("another job's logs after Forget (-want +got):\n%s", diff)
	}
}

// TestMarksInAnyPieces compares output with what was meant, whatever the pieces it is read in.
func TestMarksInAnyPieces(t *testing.T) {
	nonce := strings.Repeat("ab", 16)
	fragments := []string{
		"", "x", "line\n", "\x1e", "\x1efan", markStart + nonce, markStart + nonce + ":begin",
		markStart + nonce + ":what:ever\n", markStart + strings.Repeat("ba", 16) + ":end:a/1\n",
		markStart + nonce + markBegin + strings.Repeat("l", markMax) + "\n",
	}
	rapid.Check(t, func(t *rapid.T) {
		var stream strings.Builder
		want := map[string]string{}
		var own, attempt string
		for i := range rapid.IntRange(0, 6).Draw(t, "attempts") {
			for range rapid.IntRange(0, 3).Draw(t, "prints") {
				text := rapid.SampledFrom(fragments).Draw(t, "text") + "|"
				stream.WriteString(text)
				if attempt == "" {
					own += text
				} else {
					want[attempt] += text
				}
			}
			verb := markBegin
			if attempt != "" && rapid.Bool().Draw(t, "end") {
				verb = markEnd
			} else {
				attempt = fmt.Sprintf("a/%d", i)
			}
			stream.WriteString(markStart + nonce + verb + attempt + "\n")
			if verb == markEnd {
				attempt = ""
			}
		}
		o := newOutput(nil, nonce)
		for rest := stream.String(); rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			o.write([]byte(rest[:n]))
			rest = rest[n:]
		}
		o.end()
		if diff := cmp.Diff(want, logsOf(o.book, "a")); diff != "" {
			t.Errorf("logs (-want +got):\n%s", diff)
		}
		if got := string(o.own.tail(1 << 20)); got != own {
			t.Errorf("outside attempts: got %q, want %q", got, own)
		}
	})
}

func TestR08FloodIsBounded(t *testing.T) {
	const mib = 64
	p := start(t, fmt.Sprintf("flood %d", mib), Options{})
	if got, want := p.Wait().Words, "exited with status 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l := &p.output.own
	if got, want := l.size(), LogHeadMax+LogTailMax; got != want {
		t.Errorf("kept: got %d bytes, want %d", got, want)
	}
	if got, want := l.dropped, int64(mib<<20-LogHeadMax-LogTailMax); got != want {
		t.Errorf("dropped: got %d bytes, want %d", got, want)
	}
	if limit := 2 * (LogHeadMax + LogTailMax); cap(l.head)+cap(l.ring) > limit {
		t.Errorf("holds %d bytes, want at most %d", cap(l.head)+cap(l.ring), limit)
	}
}

func TestLogKeepsHeadAndTail(t *testing.T) {
	var all []byte
	var l log
	for i := 0; len(all) < 3*(LogHeadMax+LogTailMax); i++ {
		piece := bytes.Repeat([]byte(fmt.Sprintf("%d,", i)), 1+i*i%70_000)
		all = append(all, piece...)
		l.write(piece)
	}
	want := append(bytes.Clone(all[:LogHeadMax]), all[len(all)-LogTailMax:]...)
	if !bytes.Equal(l.tail(len(all)), want) {
		t.Error("got other bytes than the first and the last")
	}
	for _, n := range []int{0, 1, LogTailMax, LogTailMax + 1} {
		if got := l.tail(n); !bytes.Equal(got, want[len(want)-n:]) {
			t.Errorf("tail of %d: got %d other bytes", n, len(got))
		}
	}
	if got, want := l.dropped, int64(len(all)-len(want)); got != want {
		t.Errorf("dropped: got %d, want %d", got, want)
	}
}

func TestLogBookDropsTheOldest(t *testing.T) {
	nonce := strings.Repeat("cd", 16)
	b := NewLogBook()
	o := newOutput(b, nonce)
	mark := func(verb, attempt string) {
		o.write([]byte(markStart + nonce + verb + attempt + "\n"))
	}
	other := newOutput(b, nonce)
	other.write([]byte(markStart + nonce + markBegin + "j/running\nfirst"))
	const each = LogHeadMax + LogTailMax
	const n = LogBookMax/each + 4
	for i := range n {
		mark(markBegin, fmt.Sprintf("j/%d", i))
		o.write(bytes.Repeat([]byte{'x'}, each))
		mark(markEnd, fmt.Sprintf("j/%d", i))
	}
	names := b.Attempts("j")
	last := fmt.Sprintf("j/%d", n-1)
	if len(names) < 2 || names[0] != "j/running" || names[len(names)-1] != last {
		t.Errorf("got %v, want the running one and the last", names)
	}
	if b.size > LogBookMax {
		t.Errorf("got %d bytes, want at most %d", b.size, LogBookMax)
	}
	if l := b.Log("j/0", 0); len(l.Data) > 0 {
		t.Error("the oldest is still there")
	}
	b.Forget("j")
	other.write([]byte("second")) // of a forgotten job: counts for nothing
	if b.size != 0 {
		t.Errorf("empty book: got %d bytes, want 0", b.size)
	}
}

func TestWaitEnd(t *testing.T) {
	nonce := strings.Repeat("ef", 16)
	b := NewLogBook()
	o := newOutput(b, nonce)
	waited := make(chan error)
	for _, attempt := range []string{"j/1", "j/2"} {
		go func() { waited <- b.WaitEnd(t.Context(), attempt) }()
	}
	o.write([]byte(markStart + nonce + markBegin + "j/1\nx"))
	o.write([]byte(markStart + nonce + markBegin + "j/2\n"))
	if err := <-waited; err != nil {
		t.Error(err)
	}
	o.end()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if err := b.WaitEnd(ctx, "j/3"); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	for i := range 2 * silentMax { // what is remembered is bounded
		o.write([]byte(markStart + nonce + markBegin + fmt.Sprintf("k/%d\n", i)))
	}
	if len(b.silent) != silentMax || len(b.entries) != 2 {
		t.Errorf("got %d silent, %d entries, want %d, 2", len(b.silent), len(b.entries), silentMax)
	}
}
