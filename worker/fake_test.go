package worker_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// testJob is the id of the job that fake coordinators hand out.
var testJob = fanfold.JobID{1, 2, 3}

// fake is a scripted coordinator with one task process: a worker.Main in this process, or a process
// that an agent has started.
type fake struct {
	t     testing.TB
	conn  *protocol.Conn
	dir   string // the worker's
	hello protocol.Hello
	batch protocol.Batch
	ready []protocol.Message // read and not looked at

	ended  chan error    // what Main returned; nil for a process
	closed chan struct{} // closed by the test that lets go of a process; nil for Main
}

// startMain starts a Main and shakes hands with it.
func startMain(t testing.TB, cfg worker.MainConfig, programs ...fanfold.Program) *fake {
	t.Helper()
	ours, theirs := protocol.Pair()
	cfg.Storage, cfg.Name = files(), "w1"
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	f := &fake{t: t, conn: ours, dir: cfg.Dir, ended: make(chan error, 1)}
	go func() { f.ended <- worker.Main(context.Background(), theirs, programs, cfg) }()
	var err error
	f.hello, _, err = protocol.Accept(t.Context(), ours, protocol.AcceptConfig{
		Identity: &protocol.Identity{Name: "test"},
		Roles:    []protocol.Role{protocol.RoleProcess},
		Hello:    protocol.Hello{Product: "fanfold test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if f.hello.Name != "w1" || !slices.Equal(f.hello.Slots, []uint32{uint32(cfg.Slot)}) {
		t.Fatalf("hello of %q with slots %v", f.hello.Name, f.hello.Slots)
	}
	t.Cleanup(func() {
		_ = ours.Close()
		<-f.ended
	})
	return f
}

// send sends messages.
func (f *fake) send(messages ...protocol.Body) {
	f.t.Helper()
	for _, m := range messages {
		if err := f.conn.Send(m); err != nil {
			f.t.Fatal(err)
		}
	}
	f.conn.Flush()
}

// brief tells of a job of one map stage, as job 1.
func (f *fake) brief(program string) {
	f.t.Helper()
	b := &protocol.Brief{Job: 1, Stages: uint32(fanfold.StageMap)}
	f.briefJob(b, fanfold.Job{Program: program})
}

func (f *fake) briefJob(b *protocol.Brief, job fanfold.Job) {
	f.t.Helper()
	b.ID, b.Spec = testJob[:], protocol.FromJob(job)
	b.Spec.Sort = uint32(fanfold.SortNone)
	f.send(b)
}

// assign sends map attempts of job 1, with the text as their inline split.
func (f *fake) assign(text string, attempts ...uint64) {
	f.t.Helper()
	for _, handle := range attempts {
		f.send(&protocol.Input{Stream: handle, Data: []byte(text)}, mapAssign(handle))
	}
}

// mapAssign is the Assign of an attempt of job 1 with an inline split.
func mapAssign(handle uint64) *protocol.Assign {
	return &protocol.Assign{
		Attempt: handle, Job: 1, Stage: uint8(fanfold.StageMap), Task: uint32(handle), Number: 1,
		Inline: true, Split: protocol.AppendSplit(nil, &fanfold.Split{First: true}),
	}
}

// next is the next message but Beats, valid until the one after.
func (f *fake) next() (protocol.Message, error) {
	for {
		for len(f.ready) > 0 {
			m := f.ready[0]
			f.ready = f.ready[1:]
			if m.Kind != protocol.KindBeat {
				return m, nil
			}
		}
		if err := f.conn.Read(&f.batch); err != nil {
			return protocol.Message{}, err
		}
		f.ready = slices.AppendSeq(f.ready, f.batch.All())
	}
}

// done waits for the Done of an attempt and checks its status.
func (f *fake) done(handle uint64, status uint8) *protocol.Done {
	f.t.Helper()
	m, err := f.next()
	if err != nil {
		f.t.Fatal(err)
	}
	var d protocol.Done
	if err := protocol.Decode(m, &d); err != nil {
		f.t.Fatal(err)
	}
	if d.Attempt != handle || d.Status != status {
		f.t.Fatalf("done of attempt %d with status %d (%v), want %d with %d",
			d.Attempt, d.Status, d.Failure, handle, status)
	}
	for i := range d.Inline {
		d.Inline[i] = slices.Clone(d.Inline[i])
	}
	return &d
}

// failure is done for an attempt that failed.
func (f *fake) failure(handle uint64) *fanfold.Error {
	f.t.Helper()
	d := f.done(handle, protocol.StatusFailed)
	if len(d.Failure) != 1 {
		f.t.Fatalf("%d failures in the Done", len(d.Failure))
	}
	return d.Failure[0].Err()
}

// end waits for the end of the connection and of Main.
func (f *fake) end() error {
	f.t.Helper()
	if m, err := f.next(); !errors.Is(err, io.EOF) {
		f.t.Fatalf("message of kind %s, error %v; want the end", m.Kind, err)
	}
	return f.result()
}

// result waits for the end of Main.
func (f *fake) result() error {
	err := <-f.ended
	f.ended <- err
	return err
}
