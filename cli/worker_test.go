//go:build linux

package cli_test

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// workerAt starts a worker that has a certificate.
func (h *home) workerAt(address, dir string, args ...string) *process {
	h.t.Helper()
	return h.start(append([]string{"worker", "--join", address, "--tls-dir", dir}, args...)...)
}

// leave ends a worker.
func (p *process) leave() {
	p.t.Helper()
	p.signal(syscall.SIGINT)
	if got := p.wait(); got != 128+int(syscall.SIGINT) {
		p.t.Errorf("worker: got exit code %d, want 130; stderr:\n%s", got, p.stderr.String())
	}
}

// workers is what `fanfold workers` prints.
func (h *home) workers() string {
	h.t.Helper()
	p := h.run("workers")
	p.want(0)
	return p.stdout.String()
}

// TestX14WorkerJoins checks that a worker that comes over TLS gets the work that waits, that its
// outputs come back, and that it is listed while it is there.
func TestX14WorkerJoins(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	h.cluster("a", "coordinator", "worker", "client")
	co := h.secured("--slots", "0", "--listen", "127.0.0.2:0", "--log-level", "info")
	submit := h.start("submit", "--coordinator", co.tcp, "--tls-dir", "a-client", "wordcount", "in")
	co.await(&co.stderr, "job accepted", 1)
	w := h.workerAt(co.tcp, "a-worker", "--slots", "2", "--label", "zone=b,disk=ssd")
	w.await(&w.stderr, "worker joined "+co.tcp+" with 2 slots", 1)
	submit.want(0)
	if got := submit.stdout.String(); got != inputCounts {
		t.Errorf("got %q, want %q", got, inputCounts)
	}
	list := h.workers()
	for _, want := range []string{"worker ", "ready", "0/2", "disk=ssd,zone=b", "fanfold 0.1.0"} {
		if !strings.Contains(list, want) {
			t.Errorf("got\n%s\nwant %q in it", list, want)
		}
	}
	w.leave()
	if list := h.workers(); strings.Contains(list, "worker ") {
		t.Errorf("after its end:\n%s", list)
	}
	co.end()
	h.checkNothingLeft()
}

// TestB6RemoteProcessIsKilled checks that the coordinator learns at once, and in words, of the end
// of a process that it reaches through a worker, and that the task runs again.
func TestB6RemoteProcessIsKilled(t *testing.T) {
	h, up := newEnding(t)
	h.cluster("a", "coordinator", "worker")
	co := h.secured("--slots", "0", "--log-level", "debug")
	w := h.workerAt(co.tcp, "a-worker", "--allow-exec", "/bin/sh,/usr/bin/sh")
	h.file("once.sh", "if mkdir once; then echo up >up; sleep 1000; else cat; fi\n")
	submit := h.start("submit", "--mapper", "sh once.sh", "in")
	up.line()
	for _, pid := range h.processes("fanfold-task") {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it runs
	}
	submit.want(0, "killed (signal 9)")
	if got := submit.stdout.String(); got != inputLines {
		t.Errorf("got %q, want %q", got, inputLines)
	}
	w.leave()
	co.end()
	h.checkNothingLeft()
}

// TestWorkerNames checks that a certificate's name is the worker's, and that a name is one worker's
// at a time.
func TestWorkerNames(t *testing.T) {
	h := newHome(t)
	h.cluster("a", "coordinator", "worker")
	co := h.secured("--slots", "0")
	h.workerAt(co.tcp, "a-worker", "--name", "other").
		want(fanfold.ExitUnreachable, "the certificate is for the worker worker, not for other")
	first := h.workerAt(co.tcp, "a-worker")
	first.await(&first.stderr, "worker joined", 1)
	second := h.workerAt(co.tcp, "a-worker")
	second.await(&second.stderr, "a worker named worker is here", 1)
	first.leave()
	second.await(&second.stderr, "worker joined", 1)
	second.leave()
	co.end()
	h.checkNothingLeft()
}

// TestX14WorkerOfAnotherVersion checks that a worker that the coordinator does not understand says
// so, with both versions, and does not try again.
func TestX14WorkerOfAnotherVersion(t *testing.T) {
	h := newHome(t)
	h.file("token", strings.Repeat("5a", protocol.TokenLen)+"\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := h.start("worker", "--join", l.Addr().String(), "--token-file", "token", "--name", "w")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	greeting := []byte("fanfold 9.0.0 protocol 2-3 connection 1\n")
	hello := helloOf("fanfold", 2, 3, protocol.RoleCoordinator)
	if _, err := c.Write(append(greeting, hello...)); err != nil {
		t.Fatal(err)
	}
	w.want(fanfold.ExitUnreachable, "2-3", "1-1")
}

// TestX14WorkerWithTheToken checks that a worker on the same host needs no certificate, and waits
// for its coordinator.
func TestX14WorkerWithTheToken(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	w := h.start("worker", "--name", "w")
	w.await(&w.stderr, "not at the coordinator", 1)
	co := h.coordinator("--slots", "0")
	w.await(&w.stderr, "w joined", 1)
	submit := h.run("submit", "wordcount", "in")
	if got := submit.stdout.String(); got != inputCounts {
		t.Errorf("got %q, want %q", got, inputCounts)
	}
	co.end()
	again := h.coordinator("--slots", "0") // with another token
	w.await(&w.stderr, "w joined", 2)
	w.leave()
	again.end()
	h.checkNothingLeft()
}

// TestR21WorkerDrains checks that a worker that is asked to leave ends what it runs, and then
// itself, while another goes on with the job, which notices nothing.
func TestR21WorkerDrains(t *testing.T) {
	for _, how := range []string{"command", "signal"} {
		t.Run(how, func(t *testing.T) {
			h := newHome(t)
			up, down := h.fifo("up"), h.fifo("down")
			h.file("in", strings.Repeat("line\n", 4))
			h.file("wait.sh", "echo up >up\nread x <down\ncat\n")
			co := h.coordinator("--slots", "0", "--log-level", "info")
			first := h.start("worker", "--name", "first")
			first.await(&first.stderr, "joined", 1)
			submit := h.start("submit", "--split-size", "5", "--mapper", "sh wait.sh", "in")
			up.line()
			var drain *process
			code := 0
			if how == "command" {
				drain = h.start("worker", "drain", "first")
			} else {
				first.signal(syscall.SIGTERM)
				code = 128 + int(syscall.SIGTERM)
			}
			co.await(&co.stderr, "worker drains: worker=first", 1)
			second := h.start("worker", "--name", "second")
			second.await(&second.stderr, "joined", 1)
			for range 4 { // the one that runs, and those that are left
				down.write("go\n")
			}
			submit.want(0)
			if got := submit.stdout.String(); got != strings.Repeat("line\n", 4) {
				t.Errorf("got %q", got)
			}
			if got := first.wait(); got != code {
				t.Errorf("the worker ended with %d, want %d; stderr:\n%s", got, code, &first.stderr)
			}
			if drain != nil {
				drain.want(0)
			}
			if log := co.stderr.String(); !strings.Contains(log, "worker left: worker=first") {
				t.Errorf("the coordinator says\n%s", log)
			}
			second.leave()
			co.end()
			h.checkNothingLeft()
		})
	}
}

// TestR21NothingToDrain checks what is said of a worker that cannot be drained.
func TestR21NothingToDrain(t *testing.T) {
	h := newHome(t)
	co := h.coordinator()
	h.run("worker", "drain", "nobody").want(fanfold.ExitNotFound, "no worker is named")
	h.run("worker", "drain", "local").want(fanfold.ExitFailed, "part of the coordinator", "hint: ")
	co.end()
	h.checkNothingLeft()
}

// TestR52AllowedPrograms checks that a worker that came with a certificate runs nothing but its own
// programs and what it was told to allow, and that the refusal names the flag.
func TestR52AllowedPrograms(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	h.cluster("a", "coordinator", "worker")
	co := h.secured("--slots", "0")
	w := h.workerAt(co.tcp, "a-worker")
	h.run("submit", "--mapper", "cat", "in").
		want(fanfold.ExitUnreachable, "this worker does not run cat", "--allow-exec")
	h.run("submit", "wordcount", "in").want(0)
	w.leave()
	w = h.workerAt(co.tcp, "a-worker", "--allow-exec", "/bin/cat,/usr/bin/cat")
	h.run("submit", "--mapper", "cat", "in").want(0)
	h.run("submit", "--mapper", "cat", "--reducer", "sort", "in").
		want(fanfold.ExitUnreachable, "does not run sort")
	w.leave()
	h.run("worker", "--allow-exec", "cat").want(fanfold.ExitUsage, "want any, none or absolute paths")
	co.end()
	h.checkNothingLeft()
}
