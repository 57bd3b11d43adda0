package coordinator

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// fakeStream speaks as the client of an open job does, message by message.
type fakeStream struct {
	c      *cluster
	conn   *protocol.Conn
	number uint64
	job    []byte
	credit int64 // for tasks
	manual bool  // it gives no credit for replies by itself
	batch  protocol.Batch
	queue  []protocol.Body
	err    error // with which the connection has ended
}

// openInfo is what is known of the program that fake processes handle tasks with.
var openInfo = protocol.ProgramInfo{Handles: true, Reduces: true}

// openConfig is a Config whose workers have the program "echo", and others as they are named.
func openConfig(limits Limits) Config {
	fold, state := openInfo, openInfo
	fold.Associative, state.Stateful = true, true
	return Config{Limits: limits, Programs: map[string]protocol.ProgramInfo{
		"echo": openInfo, "fold": fold, "state": state, "plain": {Handles: true}, "lines": {Maps: true},
	}}
}

// login connects a client that will speak for itself.
func (c *cluster) login(name string) *fakeStream {
	c.t.Helper()
	conn := c.attach(name)
	hello := protocol.Hello{Role: uint8(protocol.RoleClient)}
	if _, _, err := protocol.Connect(c.t.Context(), conn, hello, nil); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return &fakeStream{c: c, conn: conn, number: 1, credit: protocol.InputWindow}
}

// stream opens a job of a program on a connection of its own.
func (c *cluster) stream(program string, open protocol.OpenSpec) *fakeStream {
	c.t.Helper()
	s := c.login("ann")
	s.open(&protocol.Submit{
		Job: protocol.JobSpec{Program: program}, Credit: 1 << 20, Open: []protocol.OpenSpec{open},
	})
	return s
}

// open submits a job and waits until it is accepted.
func (s *fakeStream) open(m *protocol.Submit) {
	s.c.t.Helper()
	m.Request = s.number
	s.send(m)
	s.job = await[*protocol.Accepted](s).Job
}

// attachTo takes over the stream of a job.
func (s *fakeStream) attachTo(job []byte) {
	s.c.t.Helper()
	s.send(&protocol.Attach{Request: s.number, Job: job, Credit: 1 << 20})
	s.job = await[*protocol.Accepted](s).Job
}

// send sends a message, without waiting for the credit that it needs.
func (s *fakeStream) send(m protocol.Body) {
	s.c.t.Helper()
	if err := s.conn.WaitQueued(context.Background(), protocol.QueueMax/2); err != nil {
		s.c.t.Fatal(err)
	}
	if err := s.conn.Send(m); err != nil {
		s.c.t.Fatalf("send %T: %v", m, err)
	}
	s.conn.Flush()
}

// task sends a task when there is credit for it.
func (s *fakeStream) task(tag uint64, m protocol.Task) {
	s.c.t.Helper()
	m.Request, m.Tag = s.number, tag
	for s.credit <= 0 {
		s.fill()
	}
	s.credit -= cost(len(m.Key) + len(m.Data))
	s.send(&m)
}

// text sends a task whose payload is a text.
func (s *fakeStream) text(tag uint64, text string) {
	s.c.t.Helper()
	s.task(tag, protocol.Task{Data: []byte(text)})
}

// end says that there are no more tasks.
func (s *fakeStream) end() { s.send(&protocol.InputEnd{Request: s.number}) }

// fill reads what has come. It waits until something has.
func (s *fakeStream) fill() {
	s.c.t.Helper()
	if err := s.conn.Read(&s.batch); err != nil {
		s.c.t.Fatalf("read: %v", err)
	}
	for m := range s.batch.All() {
		s.take(m)
	}
}

func (s *fakeStream) take(m protocol.Message) {
	switch m.Kind {
	case protocol.KindCredit:
		s.credit += decoded[protocol.Credit](s.c, m).Bytes
	case protocol.KindReply:
		r := decoded[protocol.Reply](s.c, m)
		r.Data = bytes.Clone(r.Data)
		s.queue = append(s.queue, r)
		s.acknowledge(len(r.Data))
	case protocol.KindPartial:
		p := decoded[protocol.Partial](s.c, m)
		p.Data = bytes.Clone(p.Data)
		s.queue = append(s.queue, p)
		s.acknowledge(len(p.Data))
	case protocol.KindResult:
		r := decoded[protocol.Result](s.c, m)
		r.Data = bytes.Clone(r.Data)
		s.queue = append(s.queue, r)
		s.acknowledge(len(r.Data))
	case protocol.KindAccepted:
		s.queue = append(s.queue, decoded[protocol.Accepted](s.c, m))
	case protocol.KindEnded:
		s.queue = append(s.queue, decoded[protocol.Ended](s.c, m))
	case protocol.KindError:
		s.queue = append(s.queue, decoded[protocol.Failure](s.c, m))
	case protocol.KindAnswer:
		s.queue = append(s.queue, decoded[protocol.Answer](s.c, m))
	case protocol.KindShardMoved:
		s.queue = append(s.queue, decoded[protocol.ShardMoved](s.c, m))
	}
}

// acknowledge gives credit for what has come, unless the test does that.
func (s *fakeStream) acknowledge(n int) {
	if !s.manual {
		s.grant(int64(n) + protocol.TaskCost)
	}
}

func (s *fakeStream) grant(n int64) { s.send(&protocol.Credit{Stream: s.number, Bytes: n}) }

// read is the next message that is no Credit.
func (s *fakeStream) read() protocol.Body {
	s.c.t.Helper()
	for len(s.queue) == 0 {
		s.fill()
	}
	m := s.queue[0]
	s.queue = s.queue[1:]
	return m
}

// await is the next message, which must be of a type.
func await[T protocol.Body](s *fakeStream) T {
	s.c.t.Helper()
	m := s.read()
	v, ok := m.(T)
	if !ok {
		s.c.t.Fatalf("got %T %+v, want %T", m, m, v)
	}
	return v
}

// replies reads so many replies and gives them by their tags. None may come twice.
func (s *fakeStream) replies(n int) map[uint64]*protocol.Reply {
	s.c.t.Helper()
	all := map[uint64]*protocol.Reply{}
	for range n {
		r := await[*protocol.Reply](s)
		if all[r.Tag] != nil {
			s.c.t.Fatalf("tag %d was answered twice", r.Tag)
		}
		all[r.Tag] = r
	}
	return all
}

// ended reads the end of the stream.
func (s *fakeStream) ended() *protocol.Ended {
	s.c.t.Helper()
	return await[*protocol.Ended](s)
}

// outcome is a reply in words.
func outcomeOf(r *protocol.Reply) string {
	text := fmt.Sprintf("%v %q", fanfold.State(r.State), r.Data)
	for _, f := range r.Failure {
		text += fmt.Sprintf(" %v", fanfold.Kind(f.Kind))
	}
	return text
}

// expect compares a reply in words.
func expect(t *testing.T, r *protocol.Reply, want string) {
	t.Helper()
	if got := outcomeOf(r); got != want {
		t.Errorf("reply %d: got %s, want %s (%+v)", r.Tag, got, want, r.Failure)
	}
}
