package worker

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// reader is the goroutine of a task process that takes what the coordinator says. It never waits
// for user code, so that a Stop overtakes the attempts before it.
type reader struct {
	conn *protocol.Conn
	in   *inbox
	slot fanfold.Slot
}

// run reads until the connection ends: nil when the coordinator closed it.
func (r *reader) run() error {
	var b protocol.Batch
	for {
		if err := r.conn.Read(&b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for m := range b.All() {
			if err := r.take(m); err != nil {
				return fanfold.Errorf(fanfold.KindProtocol, "read assignments", "%w", err)
			}
		}
		r.conn.Flush()
	}
}

// take handles one message. An error breaks the connection.
func (r *reader) take(m protocol.Message) error {
	switch m.Kind {
	case protocol.KindAssign:
		return with(m, func(a *protocol.Assign) error {
			taken, err := r.in.assign(a)
			return errors.Join(err, r.answer(!taken && err == nil, a.Attempt, protocol.StatusReturned))
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
		return with(m, func(v *protocol.Verdict) error { return remove(r.in.verdict(v)) })
	case protocol.KindForget:
		return with(m, func(f *protocol.Forget) error { return remove(r.in.forget(f.Job)...) })
	case protocol.KindError:
		return with(m, func(f *protocol.Failure) error { return f.Err() })
	case protocol.KindBye: // the end of the connection follows
		return nil
	}
	return fmt.Errorf("message of kind %d to a task process", m.Kind)
}

// answer sends, if yes, the Done of an attempt that did not start.
func (r *reader) answer(yes bool, attempt uint64, status uint8) error {
	if !yes {
		return nil
	}
	return r.conn.Send(&protocol.Done{Attempt: attempt, Status: status, Slot: uint32(r.slot)})
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

// remove removes the directories of attempts. What cannot be removed is left to the agent, which
// removes all that a job has made.
func remove(dirs ...string) error {
	for _, dir := range dirs {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	return nil
}
