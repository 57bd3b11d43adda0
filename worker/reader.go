package worker

import (
	"fmt"
	"os"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// reader takes what the coordinator says. One hand at a time has it: the one that inbox.reading is
// set for.
type reader struct {
	conn  *protocol.Conn
	in    *inbox
	slot  fanfold.Slot
	batch protocol.Batch
	calls callReader
}

// read waits for messages and handles them. It returns io.EOF when the coordinator has closed the
// connection.
func (r *reader) read() error {
	if err := r.conn.Read(&r.batch); err != nil {
		return err
	}
	if err := r.takeAll(); err != nil {
		return fanfold.Errorf(fanfold.KindProtocol, "read assignments", "%w", err)
	}
	return nil
}

// takeAll handles what one Read gave.
func (r *reader) takeAll() error {
	for m := range r.batch.All() {
		if m.Kind == protocol.KindCall {
			if err := r.call(m); err != nil {
				return err
			}
			continue
		}
		if err := r.queueCalls(); err != nil {
			return err
		}
		if err := r.take(m); err != nil {
			return err
		}
	}
	return r.queueCalls()
}

// take handles a message that is not a Call. An error breaks the connection.
func (r *reader) take(m protocol.Message) error {
	switch m.Kind {
	case protocol.KindAssign:
		return with(m, func(a *protocol.Assign) error {
			accepted, err := r.in.assign(a)
			if err != nil || accepted {
				return err
			}
			return r.answer(takenAttempt, a.Attempt, protocol.StatusReturned)
		})
	case protocol.KindInput:
		return with(m, r.in.input)
	case protocol.KindSource:
		return with(m, r.in.source)
	case protocol.KindBrief:
		return with(m, r.in.brief)
	case protocol.KindStop:
		return with(m, func(s *protocol.Stop) error {
			return r.answer(r.in.stop(s.Attempt), s.Attempt, protocol.StatusStopped)
		})
	case protocol.KindRevoke:
		return with(m, func(v *protocol.Revoke) error {
			return r.answer(r.in.revoke(v.Attempt), v.Attempt, protocol.StatusReturned)
		})
	case protocol.KindVerdict:
		return with(m, func(v *protocol.Verdict) error { return remove(r.in.verdict(v)...) })
	case protocol.KindForget:
		return with(m, func(f *protocol.Forget) error { return remove(r.in.forget(f.Job)...) })
	case protocol.KindRetire:
		return with(m, func(*protocol.Retire) error { r.in.drain(); return nil })
	case protocol.KindTold:
		return with(m, r.in.told)
	case protocol.KindSnapshot:
		return with(m, r.in.restore)
	case protocol.KindError:
		return with(m, func(f *protocol.Failure) error { return f.Err() })
	case protocol.KindBye: // the end of the connection follows
		return nil
	}
	return fmt.Errorf("message of kind %d to a task process", m.Kind)
}

// answer sends the Done or the Return of an attempt that did not start.
func (r *reader) answer(what taken, attempt uint64, status uint8) (err error) {
	switch what {
	case takenAttempt:
		err = r.conn.Send(&protocol.Done{
			Attempt: attempt, Status: status, Slot: uint32(r.slot),
		})
	case takenCall:
		err = r.conn.Send(&protocol.Return{Attempt: attempt, Status: status})
	}
	r.conn.Flush()
	return err
}

// with decodes m and hands it on.
func with[B any, P interface {
	*B
	protocol.Body
}](m protocol.Message, f func(P) error) error {
	var body B
	if err := protocol.Decode(m, P(&body)); err != nil {
		return err
	}
	return f(&body)
}

// remove removes directories of attempts, and files. What cannot be removed is left to the agent,
// which removes all that a job has made.
func remove(paths ...string) error {
	for _, path := range paths {
		if path != "" {
			_ = os.RemoveAll(path)
		}
	}
	return nil
}
