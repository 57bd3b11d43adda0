package worker_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// What fake coordinators give to agents for their segments.
var (
	segmentToken = bytes.Repeat([]byte{2}, protocol.TokenLen)
	segmentKey   = bytes.Repeat([]byte{3}, protocol.TokenLen)
)

// loopbackSegments serve on loopback, without certificates.
func loopbackSegments() *worker.Segments {
	return &worker.Segments{
		Listen: func(ctx context.Context) (net.Listener, error) {
			var l net.ListenConfig
			return l.Listen(ctx, "tcp", "127.0.0.1:0")
		},
		Dial: func(ctx context.Context, address, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		},
	}
}

// TestAgentPulls checks that an agent fetches what it is told to from another one, once for each
// extract, and that it tells whose fault it is if it cannot.
func TestAgentPulls(t *testing.T) {
	a := startAgent(t, worker.Config{Slots: 1, Segments: loopbackSegments()})
	b := startAgent(t, worker.Config{Slots: 1, Segments: loopbackSegments()})
	p := a.process()
	p.briefJob(&protocol.Brief{Job: 1, Partitions: 1, Stages: uint32(fanfold.StageReduce)},
		fanfold.Job{Program: "echo"})
	p.assign(longLines(5000), 1)
	d := p.done(1, protocol.StatusSucceeded)
	if d.File == "" {
		t.Fatal("vacuous: the output came inline")
	}
	pull := protocol.Pull{
		Attempt: 9, Task: 1, Address: a.hello.Offer.Data, Worker: "w1", Path: d.File,
		Ticket: protocol.Ticket(segmentKey, d.File, 0), To: "job_x/map-from-1/one", Last: true,
	}
	b.send(&pull)
	var beat protocol.Beat
	if b.next(protocol.KindBeat, &beat); beat.Attempt != 9 {
		t.Errorf("got %+v", beat)
	}
	var m protocol.Pulled
	if b.next(protocol.KindPulled, &m); m.Attempt != 9 || len(m.Failure) > 0 {
		t.Errorf("got %+v", m)
	}
	extract, err := os.Stat(filepath.Join(b.hello.Dir, pull.To))
	if err != nil || extract.Size() < 100_000 {
		t.Errorf("the extract is %v, %v", extract, err)
	}

	again := pull // there already: nobody is asked
	again.Attempt, again.Address = 10, "127.0.0.1:1"
	b.send(&again)
	m = protocol.Pulled{}
	if b.next(protocol.KindPulled, &m); m.Attempt != 10 || len(m.Failure) > 0 {
		t.Errorf("again: got %+v", m)
	}

	for _, tt := range []struct {
		name string
		from *host
		kind fanfold.Kind
		here bool
		make func(*protocol.Pull)
	}{
		{"a ticket for something else", b, fanfold.KindDenied, false,
			func(m *protocol.Pull) { m.Part = 1 }},
		{"no such file", b, fanfold.KindNotFound, false, func(m *protocol.Pull) {
			m.Path = filepath.Dir(d.File) + "/other"
		}},
		{"a path that leads outside", b, fanfold.KindDisk, true,
			func(m *protocol.Pull) { m.To = "../one" }},
		{"an agent without segments", startAgent(t, worker.Config{Slots: 1}), fanfold.KindUnsupported,
			true, func(*protocol.Pull) {}},
	} {
		one := pull
		one.Attempt, one.To = 11, "job_x/map-from-1/two"
		tt.make(&one)
		tt.from.send(&one)
		m = protocol.Pulled{}
		tt.from.next(protocol.KindPulled, &m)
		if len(m.Failure) != 1 || m.Lost != 1 || m.Here != tt.here ||
			fanfold.Kind(m.Failure[0].Kind) != tt.kind {
			t.Errorf("%s: got %+v, want the kind %s, here %v", tt.name, m, tt.kind, tt.here)
		}
	}
}
