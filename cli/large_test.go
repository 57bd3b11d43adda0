package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
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

// TestX11LongLines reads lines of 1 MiB and of 64 MiB that are in many splits, and one of 8 MiB of
// a stream.
func TestX11LongLines(t *testing.T) {
	long := func(mebibytes int) [][]byte {
		return slices.Concat([][]byte{[]byte("first\n"), mebibyte, newline},
			slices.Repeat([][]byte{mebibyte}, mebibytes), [][]byte{newline, mebibyte, []byte("\nlast")})
	}
	name := filepath.Join(t.TempDir(), "long")
	writeStream(t, name, stream(long(64)...))
	c := newCluster(t, 2)
	out := filepath.Join(t.TempDir(), "out")
	c.submitted(nil, "count", "--split-size", "5MiB", "--reducers", "1", "-o", out, name)
	part, err := os.Open(filepath.Join(out, "part-00000"))
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	counts := &same{want: part}
	in := oracle.Input{Name: name, Content: stream(long(64)...)}
	if err := oracle.Count(counts, in); err != nil {
		t.Errorf("count: %v", err)
	}
	counts.end(t, "count")

	reply := &same{want: stream(append(long(8), newline)...)}
	o := c.fanfoldTo(reply, stream(long(8)...), "submit", "-q", "--state-dir", c.state,
		"--split-size", "2MiB", "grep", "-p", "pattern=")
	if o.code != 0 {
		t.Errorf("grep: exit code %d, want 0; stderr:\n%s", o.code, o.stderr)
	}
	reply.end(t, "grep")
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

// TestX11LargeStdin streams more through the coordinator than it holds in memory, while no task
// reads any of it, so that the rest has to be spooled. The mapper gives the start of each line.
func TestX11LargeStdin(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are found in /proc")
	}
	const start, cut = 16, "cut -b -16"
	page := bytes.Clone(mebibyte)
	var starts []byte
	for at := 0; at < len(page); at += 4 << 10 {
		page[at+4<<10-1] = '\n'
		starts = append(append(starts, page[at:at+start]...), '\n')
	}
	var parts [][]byte
	var want []byte
	for i := range 80 {
		number := fmt.Appendf(nil, "%0*d\n", start, i)
		parts = append(parts, number, page)
		want = append(append(want, number...), starts...)
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
		args = append(args, "-q", "--split-size", "4MiB", "--mapper", g.then(cut))
		o := c.fanfold(stdin, args...)
		if o.code != 0 {
			t.Errorf("%s: exit code %d, want 0; stderr:\n%s", args[0], o.code, o.stderr)
		}
		equal(t, args[0], o.stdout, want)
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

// TestMemoryIsBounded counts more different keys than fit in the memory of a task.
func TestMemoryIsBounded(t *testing.T) {
	keys := func(n int) text {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "key-%d\n", i*7919%n)
		}
		b.WriteString("key-1\nkey-2\nkey-1")
		return text{fmt.Sprint(n), b.String()}
	}
	files := write(t, keys(300_000), keys(50_000))
	s := newSite(t)
	got := s.run("wordcount", "--memory", "4MiB", "--slots", "2", "--reducers", "1", files[0].name)
	equal(t, "wordcount", got, wordCount.want(t, files[0]))

	o := s.fanfold(nil, "run", "--work-dir", s.work, "--memory", "1MiB", "--slots", "1",
		"--mapper", spillsSeen, "--aggregate", "count", files[1].name)
	equal(t, "command", o.stdout, wordCount.want(t, files[1]))
	if !regexp.MustCompile(`counter: test spills [1-9]`).MatchString(o.stderr) {
		t.Errorf("nothing was spilled: this test sees nothing; stderr:\n%s", o.stderr)
	}
}
