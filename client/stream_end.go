package client

import (
	"cmp"
	"errors"
	"io"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// conclude takes the end of the job. s.mu is held.
func (s *Stream) conclude(m *protocol.Ended) {
	sum := Summary{
		Job: s.job, State: fanfold.State(m.State), Counters: m.Counters, Bytes: m.Bytes,
		Records: m.Records, Millis: m.Millis,
	}
	var err error
	switch {
	case len(m.Failure) > 0:
		err = m.Failure[0].Err()
	case sum.State != fanfold.Succeeded:
		err = fanfold.Errorf(fanfold.KindInternal, "run job", "it ended as %s", sum.State)
	case s.received != m.Bytes || s.crc != m.CRC:
		err = fanfold.Errorf(fanfold.KindCorrupt, "read reply",
			"%d bytes with CRC %08x came, not %d with %08x", s.received, s.crc, m.Bytes, m.CRC)
	case s.received > reducedMax:
		err = fanfold.Errorf(fanfold.KindTooLarge, "read reply",
			"the result of the reduce has %d bytes: the most is %d", s.received, reducedMax)
	}
	s.finish(sum, err)
}

// fail notes that the connection is lost. A stream that is kept can go on over another one; tasks
// whose callers wait for them, and which cannot be sent again, are lost even so.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || !s.spec.Open.Keep || s.job == (fanfold.JobID{}) {
		s.finish(Summary{Job: s.job, State: fanfold.Lost}, err)
		return
	}
	e := *fanfold.UserError("run task", err)
	e.Hint = "Stream.Resume goes on with it over another connection"
	s.cut, s.err = true, &e
	s.accept() // of a Resume under way
	for tag, p := range s.calls {
		if s.saved[tag] == nil {
			s.window.answer(tag)
			delete(s.calls, tag)
			p.call.end(p.i, Result{Tag: tag, State: fanfold.Lost, Err: lostError(err)})
		}
	}
	s.stir()
	s.wake()
}

// finish ends the request: each task that has no answer gets one now. s.mu is held.
func (s *Stream) finish(sum Summary, err error) {
	if s.over {
		return
	}
	s.over, s.cut, s.summary, s.err = true, false, sum, err
	s.accept()
	r := Result{State: fanfold.Lost, Err: lostError(err)}
	if sum.State == fanfold.Cancelled || sum.State == fanfold.TimedOut {
		r.State = sum.State
	}
	for tag := range s.window.all() {
		r.Tag = tag
		s.deliver(&r, s.window.answer(tag), 0)
	}
	if s.unwatch != nil {
		s.unwatch()
	}
	s.pay(0)
	s.saved = nil
	close(s.ended)
	s.stir()
	s.wake()
}

// lostError is the error of tasks that got no answer, because of err.
func lostError(err error) *fanfold.Error {
	if err == nil || errors.Is(err, io.EOF) {
		return fanfold.Errorf(fanfold.KindLost, "run task", "the job has ended without an answer")
	}
	e := fanfold.UserError("run task", err)
	if e.Kind == fanfold.KindUnreachable {
		e.Hint = cmp.Or(e.Hint,
			"it may have run; with an ID, on a stream that is kept, Resume sends it again")
	}
	return e
}
