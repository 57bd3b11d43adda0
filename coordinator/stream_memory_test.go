package coordinator

import (
	"runtime"
	"testing"
	"time"

	"github.com/fanfold/fanfold/protocol"
)

// load is a client and a worker at a server, outside of any bubble.
type load struct {
	t      *testing.T
	server *Server
	worker *echoWorker
	conn   *protocol.Conn
	batch  protocol.Batch
	task   protocol.Task
	reply  protocol.Reply
	credit int64
	sent   int
	got    int
}

// newLoad makes a load whose client takes so much of replies.
func newLoad(t *testing.T, limits Limits, credit int64) *load {
	l := &load{t: t, server: New(lastingConfig(limits)), credit: protocol.InputWindow}
	l.conn = enterAs(t, l.server, protocol.Hello{Role: uint8(protocol.RoleClient)})
	l.task = protocol.Task{Request: 1, Data: make([]byte, 64)}
	l.send(&protocol.Submit{
		Request: 1, Job: protocol.JobSpec{Program: "echo"}, Credit: credit,
		Open: []protocol.OpenSpec{{}},
	})
	t.Cleanup(func() {
		l.conn.Close()
		if l.worker != nil {
			l.worker.close()
		}
		if err := l.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *load) send(m protocol.Body) {
	l.t.Helper()
	if err := l.conn.WaitQueued(l.t.Context(), protocol.QueueMax/2); err != nil {
		l.t.Fatal(err)
	}
	if err := l.conn.Send(m); err != nil {
		l.t.Fatal(err)
	}
}

// lastingConfig is openConfig for workers without heartbeats.
func lastingConfig(limits Limits) Config {
	limits.WorkerLostAfter = time.Hour
	return openConfig(limits)
}

// queue sends so many tasks, as credit comes.
func (l *load) queue(n int) {
	for range n {
		for l.credit <= 0 {
			l.conn.Flush()
			l.read()
		}
		l.task.Tag = uint64(l.sent)
		if l.conn.Queued() > protocol.QueueMax/2 {
			l.send(&l.task)
		} else if err := l.conn.Send(&l.task); err != nil {
			l.t.Fatal(err)
		}
		l.sent++
		l.credit -= cost(len(l.task.Data))
	}
	l.conn.Flush()
}

// read takes what has come.
func (l *load) read() {
	l.t.Helper()
	if err := l.conn.Read(&l.batch); err != nil {
		l.t.Fatal(err)
	}
	for m := range l.batch.All() {
		switch m.Kind {
		case protocol.KindReply:
			if err := protocol.Decode(m, &l.reply); err != nil || l.reply.State != 3 {
				l.t.Fatalf("%v, %+v", err, l.reply)
			}
			l.got++
		case protocol.KindCredit:
			var c protocol.Credit
			if err := protocol.Decode(m, &c); err != nil {
				l.t.Fatal(err)
			}
			l.credit += c.Bytes
		}
	}
}

// drain reads until all is answered.
func (l *load) drain() {
	for l.got < l.sent {
		l.read()
	}
}

// cycle sends and reads so many tasks with a window of them under way.
func (l *load) cycle(n int) {
	for n > 0 {
		part := min(n, 1024)
		l.queue(part)
		l.drain()
		n -= part
	}
}

func TestTasksAllocateNothing(t *testing.T) {
	l := newLoad(t, Limits{}, 1<<40)
	if raced {
		t.Skip("the race detector allocates")
	}
	l.worker = newEchoWorker(t, l.server, "w1", 2)
	l.cycle(50_000)
	const n = 100_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l.cycle(n)
	runtime.ReadMemStats(&after)
	if each := float64(after.Mallocs-before.Mallocs) / n; each > 0.05 {
		t.Errorf("%.3f allocations a task, at both ends and in between", each)
	}
}

func TestQueuedTasksTakeLittleMemory(t *testing.T) {
	n := 300_000
	if raced {
		n = 50_000
	}
	l := newLoad(t, Limits{}, 1<<40)
	before := memoryInUse()
	l.queue(n)
	l.await("fanfold_tasks_queued", n)
	if each := float64(memoryInUse()-before) / float64(n); each > 200 {
		t.Errorf("%.0f bytes for a task that waits", each)
	} else {
		t.Logf("%.0f bytes for a task that waits", each)
	}
	l.worker = newEchoWorker(t, l.server, "w1", 1)
	l.drain()
	left := memoryInUse() - before
	if t.Logf("%d bytes left", left); left > 12<<20 {
		t.Errorf("%d bytes are left when all is answered", left)
	}
}

// TestRepliesThatWaitTakeLittleMemory cancels tasks that wait, and looks at what they leave until
// their client reads the replies.
func TestRepliesThatWaitTakeLittleMemory(t *testing.T) {
	n, most := 300_000, 120.0
	if raced {
		n, most = 50_000, 250 // what does not depend on their number counts for more
	}
	l := newLoad(t, Limits{}, 1)
	before := memoryInUse()
	l.queue(n)
	l.await("fanfold_tasks_queued", n)
	l.send(&protocol.Cancel{Request: 1})
	l.await("fanfold_tasks_cancelled_total", n)
	each := float64(memoryInUse()-before) / float64(n)
	if t.Logf("%.0f bytes for a reply that waits", each); each > most {
		t.Errorf("%.0f bytes for a reply that waits", each)
	}
}

// await waits until the coordinator has counted so much.
func (l *load) await(name string, n int) {
	for count := int64(0); count < int64(n); {
		l.send(&protocol.Query{Request: 2, What: protocol.QueryStats})
		l.conn.Flush()
		for answered := false; !answered; {
			if err := l.conn.Read(&l.batch); err != nil {
				l.t.Fatal(err)
			}
			for m := range l.batch.All() {
				var a protocol.Answer
				if m.Kind == protocol.KindAnswer && protocol.Decode(m, &a) == nil {
					count, answered = stat(a.Stats, name), true
				}
			}
		}
	}
}
