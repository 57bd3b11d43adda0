package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold/internal/oracle"
)

// mebibyte is 1 MiB without a line feed; newline is one.
var (
	mebibyte = bytes.ReplaceAll([]byte(random(2, 1<<20)), []byte("\n"), []byte(" "))
	newline  = []byte("\n")
)

// stream is a text that is made while it is read: what is large is not held.
func stream(parts ...[]byte) io.Reader {
	readers := make([]io.Reader, 0, len(parts))
	for _, part := range parts {
		readers = append(readers, bytes.NewReader(part))
	}
	return io.MultiReader(readers...)
}

// same is a writer that compares what is written with a stream.
type same struct {
	want io.Reader
	buf  []byte
	n    int64 // bytes that were the same
}

func (s *same) Write(p []byte) (int, error) {
	s.buf = append(s.buf[:0], p...)
	n, err := io.ReadFull(s.want, s.buf)
	if err != nil || !bytes.Equal(s.buf[:n], p) {
		return 0, fmt.Errorf("other bytes between %d and %d", s.n, s.n+int64(len(p)))
	}
	s.n += int64(n)
	return n, nil
}

// end wants that the stream has ended too.
func (s *same) end(t *testing.T, what string) {
	t.Helper()
	if n, err := s.want.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Errorf("%s: only %d bytes came (%v)", what, s.n, err)
	}
}

// TestX11LongLines reads lines of 1 MiB and of 64 MiB, which are in many splits.
func TestX11LongLines(t *testing.T) {
	parts := slices.Concat([][]byte{[]byte("first\n"), mebibyte, newline},
		slices.Repeat([][]byte{mebibyte}, 64), [][]byte{newline, mebibyte, []byte("\nlast")})
	name := filepath.Join(t.TempDir(), "long")
	writeStream(t, name, stream(parts...))
	s := newSite(t)
	args := []string{"run", "-q", "--work-dir", s.work, "--slots", "2", "--reducers", "1",
		"--split-size", "5MiB"}
	reply := &same{want: stream(append(parts, newline)...)}
	o := s.fanfoldTo(reply, nil, append(args, "grep", "-p", "pattern=", name)...)
	if o.code != 0 {
		t.Errorf("grep: exit code %d, want 0; stderr:\n%s", o.code, o.stderr)
	}
	reply.end(t, "grep")

	out := filepath.Join(t.TempDir(), "out")
	s.fanfold(nil, append(args, "-o", out, "count", name)...)
	part, err := os.Open(filepath.Join(out, "part-00000"))
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	counts := &same{want: part}
	if err := oracle.Count(counts, oracle.Input{Name: name, Content: stream(parts...)}); err != nil {
		t.Errorf("count: %v", err)
	}
	counts.end(t, "count")
}

func writeStream(t *testing.T, name string, from io.Reader) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, from)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// gate is a FIFO at which commands wait: each takes a line out of it.
type gate struct{ *os.File }

func newGate(t *testing.T) gate {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0) // so that nobody waits for the other side
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return gate{f}
}

// then is a command that waits at the gate and then does what script says.
func (g gate) then(script string) string {
	return fmt.Sprintf("sh -c 'read go < %q; %s'", g.Name(), script)
}

// open lets n commands pass.
func (g gate) open(n int) error {
	_, err := g.WriteString(strings.Repeat("\n", n))
	return err
}

// atEnd calls do once the stream before it has ended.
type atEnd func() error

func (do atEnd) Read([]byte) (int, error) {
	if err := do(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// ends is a command that gives the first and the last bytes of each line, which is 1 MiB long.
const ends = "cut -b 1-16,1048000-"

// TestX11LargeStdin streams more through the coordinator than it holds in memory, while no task
// reads any of it, so that the rest has to be spooled.
func TestX11LargeStdin(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are found in /proc")
	}
	var parts [][]byte
	var want strings.Builder
	for i := range 80 {
		number := fmt.Sprintf("%015d ", i)
		parts = append(parts, []byte(number), mebibyte, newline)
		want.WriteString(number + string(mebibyte[1048000-1-len(number):]) + "\n")
	}
	c := newCluster(t, 2)
	for _, args := range [][]string{
		{"run", "--work-dir", c.work, "--slots", "2"},
		{"submit", "--state-dir", c.state},
	} {
		g := newGate(t)
		spooled := 0
		stdin := io.MultiReader(stream(parts...), atEnd(func() error {
			spooled = openSpools(t, c.work)
			return g.open(100)
		}))
		o := c.fanfold(stdin, append(args, "-q", "--mapper", g.then(ends))...)
		if o.code != 0 {
			t.Errorf("%s: exit code %d, want 0; stderr:\n%s", args[0], o.code, o.stderr)
		}
		equal(t, args[0], o.stdout, []byte(want.String()))
		if spooled != 1 {
			t.Errorf("%s: %d files of a spool were open, want 1", args[0], spooled)
		}
	}
}

// openSpools counts the files of spools in a folder that this process has open.
func openSpools(t *testing.T, folder string) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		to, _ := os.Readlink(f) // it may be closed by now
		if strings.HasPrefix(to, filepath.Join(folder, "fanfold-spool-")) {
			n++
		}
	}
	return n
}

// spillsSeen is a mapper that gives back what it reads, and then counts the files of spilled
// records that its task process has open.
const spillsSeen = `sh -c 'cat; n=$(ls -l /proc/$PPID/fd | grep -c spill-); ` +
	`echo "reporter:counter:test,spills,$n" >&2'`

// TestMemoryIsBounded counts 300,000 different keys with a budget that they do not fit in.
func TestMemoryIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&b, "key-%d\n", i*2_654_435_761%300_007)
	}
	b.WriteString("key-1\nkey-2\nkey-1")
	files := write(t, text{"keys", b.String()})
	want := wordCount.want(t, files...)
	s := newSite(t)
	args := []string{"--memory", "4MiB", "--slots", "2", "--reducers", "1"}
	got := s.run(nil, append(args, "wordcount", files[0].name)...)
	equal(t, "wordcount", got, want)

	args = append(args, "--mapper", spillsSeen, "--aggregate", "count", files[0].name)
	o := s.fanfold(nil, append([]string{"run", "--work-dir", s.work}, args...)...)
	equal(t, "command", o.stdout, want)
	if !strings.Contains(o.stderr, "counter: test spills ") ||
		strings.Contains(o.stderr, "counter: test spills 0\n") {
		t.Errorf("nothing was spilled: this test sees nothing; stderr:\n%s", o.stderr)
	}
}
