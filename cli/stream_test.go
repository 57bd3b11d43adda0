//go:build linux

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// screen is a terminal: what somebody types goes in, what is to be seen comes out.
type screen struct {
	t              *testing.T
	keyboard, line *os.File // the two ends
	text           []byte   // all that was to be seen
}

func newScreen(t *testing.T) *screen {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no terminal:", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	raw, err := keyboard.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var wrong error
	err = raw.Control(func(fd uintptr) {
		if wrong = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); wrong == nil {
			number, wrong = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil || wrong != nil {
		t.Skip("no terminal:", err, wrong)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminal:", err)
	}
	t.Cleanup(func() { line.Close() })
	return &screen{t: t, keyboard: keyboard, line: line}
}

// until waits for a text behind all others.
func (s *screen) until(text string) {
	s.t.Helper()
	_ = s.keyboard.SetReadDeadline(time.Now().Add(patience)) // it has deadlines
	for b := make([]byte, 1<<10); !bytes.HasSuffix(s.text, []byte(text)); {
		n, err := s.keyboard.Read(b)
		s.text = append(s.text, b[:n]...)
		if err != nil {
			s.t.Fatalf("got %q and %v, want %q behind it", s.text, err, text)
		}
	}
}

func (s *screen) enter(text string) {
	s.t.Helper()
	if _, err := s.keyboard.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// TestStreamIsTypedByHand checks that somebody who types tasks is prompted, and sees each result
// as it comes, and what was wrong with what is no task.
func TestStreamIsTypedByHand(t *testing.T) {
	h := newHome(t)
	s := newScreen(t)
	co := h.coordinator()
	cmd := h.command("stream", "--key-field", "1", "-p", "bytes=3", "echo")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.line, s.line, s.line
	p := h.begin(cmd)
	s.until("fanfold: each line is a task; Ctrl-D ends\r\n> ")
	s.enter("abcd\n")
	s.until("abc\r\n> ")
	s.enter("\n")
	s.until("input: line 2 of standard input\r\n> ")
	s.enter("efgh\n")
	s.until("efg\r\n> ")
	s.enter("\x04") // the end of the input
	if code := p.wait(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	got := strings.ReplaceAll(string(s.text), "> \r\x1b[K", "") // a prompt that was replaced
	want := "fanfold: each line is a task; Ctrl-D ends\r\n> abcd\r\nabc\r\n> \r\n" +
		"fanfold: read task: it has 0 words, and the key is word 1\r\n" +
		"input: line 2 of standard input\r\n> efgh\r\nefg\r\n> "
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	co.end()
	h.checkNothingLeft()
}

// numbers are lines with the numbers from 1 to n.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i+1)
	}
	return b.String()
}

// fed is a command with a standard input of its own.
func (h *home) fed(input string, args ...string) *process {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Stdin = strings.NewReader(input)
	return h.begin(cmd)
}

// TestB12StreamOverSocketAndPort has the same streams over the Unix socket and over the port.
func TestB12StreamOverSocketAndPort(t *testing.T) {
	h, up := newEnding(t)
	co := h.coordinator("--slots", "2")
	for _, to := range []struct{ name, address string }{
		{"socket", h.path("state/coordinator.sock")}, {"port", co.tcp},
	} {
		t.Run(to.name, func(t *testing.T) {
			h := &home{t, h.dir}
			stream := func(args ...string) []string {
				return append([]string{"stream", "--coordinator", to.address}, args...)
			}
			want := numbers(2000)
			p := h.fed(want, stream("--ordered", "echo")...)
			p.want(0)
			equal(t, "in order", p.stdout.String(), []byte(want))

			p = h.fed(want, stream("--key-field", "1", "echo")...)
			p.want(0)
			equal(t, "as they come", sortedLines(p.stdout.String()), []byte(sortedLines(want)))

			p = h.fed("a\n", stream("--task-deadline", "20ms", "-p", "pause=1000000", "steps")...)
			p.want(fanfold.ExitFailed, "task 1 timed-out", "deadline has passed")

			p = h.fed("a\n", stream("--deadline", "20ms", "-p", "pause=1000000", "steps")...)
			p.want(fanfold.ExitDeadline, "deadline")

			p = h.fed("a\n", stream("--mapper", "sh hang.sh")...)
			up.line()
			p.signal(syscall.SIGINT)
			p.want(128 + int(syscall.SIGINT))
			h.await(h.newest(), fanfold.Cancelled)
			if got := p.stdout.String(); got != "" {
				t.Errorf("got %q, want nothing", got)
			}
			h.fed("a\n", stream("ecko")...).want(fanfold.ExitUsage, "did you mean echo")
		})
	}
	co.end()
	h.checkNothingLeft()
}

// result is what a stream prints with --json.
type result struct {
	ID       int    `json:"id"`
	State    string `json:"state"`
	Result   string `json:"result"`
	Attempts int    `json:"attempts"`
}

// tasks are the counts of the newest job, as status shows them.
func (h *home) tasks() map[string]int {
	h.t.Helper()
	p := h.run("status", "--json", h.newest().String())
	p.want(0)
	var status struct {
		Tasks map[string]int `json:"tasks"`
	}
	if err := json.Unmarshal([]byte(p.stdout.String()), &status); err != nil {
		h.t.Fatal(err)
	}
	return status.Tasks
}

// TestB6StreamSurvivesKills kills every task process again and again while tasks run in it.
func TestB6StreamSurvivesKills(t *testing.T) {
	const tasks, kills = 240, 3
	h := newHome(t)
	co := h.coordinator("--slots", "2")
	var input strings.Builder
	for i := range tasks {
		fmt.Fprintf(&input, `{"id":%d,"payload":"%d"}`+"\n", i+1, i+1)
	}
	p := h.fed(input.String(), "stream", "--json", "-p", "pause=1", "steps")
	for n := range kills {
		p.await(&p.stdout, `"succeeded"`, 1+n*tasks/(kills+1))
		for _, pid := range h.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // one may have ended with the one before
		}
	}
	p.want(0)
	results := map[int]int{}
	repeated := 0
	for line := range strings.Lines(p.stdout.String()) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if r.State == "partial" {
			continue
		}
		if results[r.ID]++; r.State != "succeeded" || r.Result != "finished" {
			t.Errorf("got %+v, want a success", r)
		}
		if r.Attempts > 1 {
			repeated++
		}
	}
	for i := range tasks {
		if results[i+1] != 1 {
			t.Errorf("task %d has %d results, want one", i+1, results[i+1])
		}
	}
	counts := h.tasks()
	if repeated == 0 || counts["retried"] == 0 || counts["succeeded"] != tasks {
		t.Errorf("%d tasks ran twice, and the counts are %v: nothing was killed", repeated, counts)
	}
	co.end()
	h.checkNothingLeft()
}

// TestB17B18StreamUnderReload replaces the task processes, by the command and by SIGHUP, while
// tasks come without an end.
func TestB17B18StreamUnderReload(t *testing.T) {
	const reloads = 1 // of each kind
	h := newHome(t)
	co := h.coordinator("--slots", "2")
	c := h.dial()
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	l := newLoad(ctx, t, c)
	for n := range 2 * reloads {
		<-l.answered
		before := taskProcesses(ctx, t, c)
		if n%2 == 0 {
			h.run("reload").want(0)
		} else {
			_ = co.cmd.Process.Signal(syscall.SIGHUP) // it runs
		}
		for _, pid := range before {
			if err := awaitExit(int(pid), time.Now().Add(patience)); err != nil {
				t.Errorf("reload %d: process %d: %v", n, pid, err)
			}
		}
	}
	if sent := l.end(); sent < reloads {
		t.Errorf("%d tasks were sent: there was no load", sent)
	}
	c.Close()
	co.end()
	h.checkNothingLeft()
	if got := co.stderr.String(); strings.Contains(got, "WARN") {
		t.Errorf("the coordinator warns: %s", got)
	}
}

// taskProcesses are the task processes of all slots, as soon as each has one.
func taskProcesses(ctx context.Context, t *testing.T, c *client.Client) (pids []uint32) {
	t.Helper()
	for len(pids) == 0 || slices.Contains(pids, 0) {
		pids = nil
		workers, err := c.Workers(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range workers {
			pids = append(pids, w.Processes...)
		}
	}
	return pids
}

// load is a stream of tasks, each of which must have its own result, in order.
type load struct {
	isOver   atomic.Bool
	answered chan struct{} // something was; has room for one
	sent     chan int      // how many tasks were; sent once
	received chan int      // how many results came; sent once
	t        *testing.T
}

const loadAhead = 100 // tasks that may be unanswered

func newLoad(ctx context.Context, t *testing.T, c *client.Client) *load {
	t.Helper()
	job := fanfold.Job{Program: "steps", Params: map[string]string{"pause": "1"}}
	s, err := c.Open(ctx, client.StreamSpec{Job: job, Ordered: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l := &load{
		answered: make(chan struct{}, 1), sent: make(chan int, 1), received: make(chan int, 1), t: t,
	}
	room := make(chan struct{}, loadAhead)
	go func() {
		n := 0
		for ; !l.isOver.Load(); n++ {
			select {
			case room <- struct{}{}:
			case <-ctx.Done(): // Send says it
			}
			if _, err := s.Send(ctx, client.Task{}); err != nil {
				t.Error(err)
				break
			}
		}
		_ = s.CloseSend() // or the stream has ended, which Recv sees
		l.sent <- n
	}()
	go func() {
		n := 0
		defer func() { l.received <- n }()
		for {
			r, err := s.Recv(ctx)
			if err != nil {
				if err != io.EOF {
					t.Error(err)
				}
				l.isOver.Store(true)
				return
			}
			if r.Partial {
				continue
			}
			if n++; r.State != fanfold.Succeeded || r.Tag != uint64(n) {
				t.Errorf("result %d: got %s of task %d, and %v", n, r.State, r.Tag, r.Err)
			}
			<-room
			select {
			case l.answered <- struct{}{}:
			default: // nobody has asked since the last one
			}
		}
	}()
	return l
}

// end ends the load, and says how many tasks it had, all of which must have been answered.
func (l *load) end() int {
	l.t.Helper()
	l.isOver.Store(true)
	sent, received := <-l.sent, <-l.received
	if sent != received {
		l.t.Errorf("%d tasks have %d results", sent, received)
	}
	return sent
}

const (
	soakRounds     = 15
	soakTasks      = 2000
	soakBytes      = 4 << 10  // of a task
	soakGrowthMax  = 32 << 20 // of the resident memory behind the first rounds, in bytes
	soakWarmRounds = 3
)

// TestB35SoakIsFlat has one coordinator serve streams, one after the other, whose bytes are three
// times what its memory may grow by, and more.
func TestB35SoakIsFlat(t *testing.T) {
	h := newHome(t)
	co := h.coordinator("--slots", "2")
	c := h.dial()
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	data := bytes.Repeat([]byte{'x'}, soakBytes)
	var warm int64
	for round := range soakRounds {
		if round == soakWarmRounds {
			warm = resident(t, co.cmd.Process.Pid)
		}
		soak(ctx, t, c, data)
	}
	if grown := resident(t, co.cmd.Process.Pid) - warm; grown > soakGrowthMax {
		t.Errorf("the coordinator has grown by %d bytes in %d rounds, want at most %d", grown,
			soakRounds-soakWarmRounds, soakGrowthMax)
	}
	c.Close()
	co.end()
	h.checkNothingLeft()
}

// soak has tasks worked on by one stream.
func soak(ctx context.Context, t *testing.T, c *client.Client, data []byte) {
	t.Helper()
	s, err := c.Open(ctx, client.StreamSpec{Job: fanfold.Job{Program: "echo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sent := make(chan error, 1)
	go func() {
		for range soakTasks {
			if _, err := s.Send(ctx, client.Task{Data: data}); err != nil {
				sent <- err
				return
			}
		}
		sent <- s.CloseSend()
	}()
	n := 0
	for {
		r, err := s.Recv(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n++; r.State != fanfold.Succeeded || len(r.Data) != len(data) {
			t.Fatalf("got %s and %d bytes, want success and %d", r.State, len(r.Data), len(data))
		}
	}
	if err := <-sent; err != nil || n != soakTasks {
		t.Fatalf("got %d results and %v, want %d", n, err, soakTasks)
	}
}

// resident is the resident memory of a process, in bytes.
func resident(t *testing.T, pid int) (kib int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nVmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
