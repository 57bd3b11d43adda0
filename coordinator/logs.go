package coordinator

import (
	"slices"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// logsHeldMax is how many bytes of logs wait for a client that reads slowly; what does not fit is
// dropped, and counted as such.
const logsHeldMax = 8 << 20

// logFlow is the answer to a client's query for the logs of a job, as workers send them.
type logFlow struct {
	request uint64
	asked   int // workers that have not answered in full
	parts   []protocol.LogPart
	held    int   // bytes in parts
	dropped int64 // bytes that did not fit since the last part
}

// logging is a LogQuery under way at a worker.
type logging struct {
	worker *worker
	peer   *peer
	flow   *logFlow
}

// queryLogs asks every worker for what the attempts of a job have printed.
func (o *owner) queryLogs(p *peer, m *protocol.Query) {
	j, err := o.find(p, m.Job)
	if err == nil && p.role == protocol.RoleViewer {
		err = fanfold.Errorf(fanfold.KindDenied, "show logs", "a viewer sees no payloads")
	}
	if err != nil {
		o.refuse(p, m.Request, err)
		return
	}
	flow := &logFlow{request: m.Request, asked: len(o.workers)}
	p.client.logs = append(p.client.logs, flow)
	for _, w := range o.workers {
		number := o.number()
		o.streams[number] = &logging{w, p, flow}
		o.send(w.peer, &protocol.LogQuery{Stream: number, Job: j.id[:]})
	}
	o.touch(p)
}

// logged takes logs from a worker.
func (o *owner) logged(p *peer, m *protocol.Log) {
	switch s := o.streams[m.Stream].(type) {
	case *tail:
		if s.worker == p.worker {
			o.tailCame(m.Stream, s, m)
		}
	case *logging:
		if s.worker != p.worker {
			return
		}
		for _, part := range m.Parts {
			s.flow.add(part)
		}
		if m.Last {
			delete(o.streams, m.Stream)
			s.flow.asked--
		}
		o.touch(s.peer)
	}
}

func (f *logFlow) add(part protocol.LogPart) {
	if f.held+len(part.Data) > logsHeldMax {
		f.dropped += int64(len(part.Data))
		return
	}
	part.Dropped += f.dropped
	f.dropped = 0
	f.held += len(part.Data)
	f.parts = append(f.parts, part)
}

// tellLogs sends a client the logs that are there, as long as there is room.
func (o *owner) tellLogs(p *peer) {
	c := p.client
	for len(c.logs) > 0 {
		f := c.logs[0]
		for len(f.parts) > 0 {
			if !o.room(p) {
				return
			}
			part := f.parts[0]
			f.parts, f.held = f.parts[1:], f.held-len(part.Data)
			o.send(p, &protocol.Answer{
				Request: f.request, Logs: []protocol.LogPart{part}, More: true,
			})
		}
		if f.asked > 0 {
			return // the one behind has to wait
		}
		o.send(p, &protocol.Answer{Request: f.request})
		c.logs = slices.Delete(c.logs, 0, 1)
	}
}

// loseStreams ends what was asked of a worker that has gone.
func (o *owner) loseStreams(w *worker) {
	for number, s := range o.streams {
		switch s := s.(type) {
		case *reading:
			if s.out.worker == w {
				o.endReading(number, s)
				o.enter(s.request)
			}
		case *tail:
			if s.worker == w {
				o.tailCame(number, s, &protocol.Log{Last: true})
			}
		case *logging:
			if s.worker == w {
				delete(o.streams, number)
				s.flow.asked--
				o.touch(s.peer)
			}
		}
	}
}
