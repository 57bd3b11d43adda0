package coordinator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// enter shakes hands as a role.
func (c *cluster) enter(hello protocol.Hello) *protocol.Conn {
	c.t.Helper()
	name := "ann"
	if hello.Name != "" { // of a worker
		name = "agent"
	}
	conn := c.attach(name)
	if _, _, err := protocol.Connect(c.t.Context(), conn, hello, nil); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// refusal reads until an Error with request 0, and the end of the connection behind it.
func refusal(conn *protocol.Conn) (*fanfold.Error, error) {
	var b protocol.Batch
	var f *fanfold.Error
	for {
		if err := conn.Read(&b); err != nil {
			return f, err
		}
		for m := range b.All() {
			var v protocol.Failure
			if m.Kind == protocol.KindError && protocol.Decode(m, &v) == nil && v.Request == 0 {
				f = v.Err()
			}
		}
	}
}

func TestB30MessagesOfOtherRolesAreRefused(t *testing.T) {
	ann := protocol.Hello{Role: uint8(protocol.RoleClient)}
	submit := &protocol.Submit{Request: 1, Job: protocol.JobSpec{Program: "words"}}
	process := protocol.Hello{
		Role: uint8(protocol.RoleProcess), Name: "w1", Slots: []uint32{0},
	}
	tests := []struct {
		name string
		as   protocol.Hello
		send protocol.Body
	}{
		{"client sends Done", ann, &protocol.Done{Attempt: 1, Status: 1}},
		{"client sends Heartbeat", ann, &protocol.Heartbeat{}},
		{"client sends Assign", ann, &protocol.Assign{Stage: 1}},
		{"process sends Submit", process, submit},
		{"process sends Heartbeat", process, &protocol.Heartbeat{}},
		{"viewer sends Submit", protocol.Hello{Role: uint8(protocol.RoleViewer)}, submit},
		{"worker sends Done", protocol.Hello{Role: uint8(protocol.RoleWorker), Name: "w9"},
			&protocol.Done{Attempt: 1, Status: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 2)
				conn := c.enter(test.as)
				defer conn.Close()
				if err := conn.Send(test.send); err != nil {
					t.Fatal(err)
				}
				conn.Flush()
				f, err := refusal(conn)
				if f == nil || !errors.Is(err, io.EOF) {
					t.Errorf("got %v, then %v; want a reason and the end", f, err)
				}
				out, _, err := c.run(c.client("bob"), fanfold.Job{Program: "words"}, "a\n")
				if out != "a\t1\n" {
					t.Errorf("another client: got %q, %v", out, err)
				}
			})
		})
	}
}

func TestR09ProcessThatLiesIsCutOff(t *testing.T) {
	tests := []struct {
		name string
		lie  func(d *protocol.Done)
	}{
		{"a file outside", func(d *protocol.Done) { d.File, d.Inline = "../../etc/passwd", nil }},
		{"an absolute file", func(d *protocol.Done) { d.File, d.Inline = "/etc/passwd", nil }},
		{"another's file", func(d *protocol.Done) { d.File, d.Inline = "job_x/map-0-1.0/out", nil }},
		{"too many parts", func(d *protocol.Done) { d.Inline = make([][]byte, 9) }},
		{"negative bytes", func(d *protocol.Done) { d.Bytes = -1 }},
		{"a status that does not exist", func(d *protocol.Done) { d.Status = 99 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, Config{}, 1)
				c.agent.set(func(a *fakeAgent) {
					a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
						d := inline(p, f)
						if f.assign.Stage == 1 && f.assign.Number == 1 {
							test.lie(d)
							p.done(d)
							c.all.Go(func() {
								<-p.ended
								a.startProcess(0, nil)
							})
							return nil
						}
						return d
					}
				})
				r := c.submit(c.client("ann"), fanfold.Job{Program: "words"}, "a\n")
				if e := firstFailure(r); e == nil || e.Kind != fanfold.KindProtocol {
					t.Errorf("first failure: %#v", e)
				}
				if out, _, err := readAll(r); out != "a\t1\n" || err != nil {
					t.Errorf("got %q, %v", out, err)
				}
			})
		})
	}
}

func TestX14ProcessOfUnknownWorkerIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		for _, hello := range []protocol.Hello{
			{Role: uint8(protocol.RoleProcess), Name: "nobody", Slots: []uint32{0}},
			{Role: uint8(protocol.RoleProcess), Name: "w1", Slots: []uint32{7}},
			{Role: uint8(protocol.RoleProcess), Name: "w1"},
		} {
			_, _, err := protocol.Connect(t.Context(), c.attach("agent"), hello, nil)
			if fanfold.KindOf(err) != fanfold.KindNotFound {
				t.Errorf("%v: got %v", hello, err)
			}
		}
	})
}

func TestConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{ConnectionsMax: 3}}, 1) // worker and process: two
		cl := c.client("ann")
		_, err := client.New(t.Context(), c.attach("ann"), client.Config{})
		if fanfold.KindOf(err) != fanfold.KindBusy {
			t.Errorf("got %v", err)
		}
		cl.Close()
		synctest.Wait()
		c.client("ann")
	})
}

func TestB24IdleClientIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{IdleAfter: time.Minute}}, 1)
		h := hold(c, func(*fakeAttempt) bool { return true })
		idle, waiting := c.client("ann"), c.client("ann")
		r := c.submit(waiting, fanfold.Job{Program: "words"}, "a\n")
		<-h.ch
		pass(2 * time.Minute)
		if _, err := idle.Jobs(t.Context()); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("idle client: got %v", err)
		}
		if _, err := waiting.Job(t.Context(), r.Job()); err != nil {
			t.Errorf("waiting client: got %v", err)
		}
	})
}

func TestHandshakesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{HandshakesMax: 2}}, 1)
		start, ended := time.Now(), make([]time.Duration, 3)
		var all sync.WaitGroup
		for i := range ended {
			ours, theirs := net.Pipe()
			all.Go(func() {
				_ = c.server.Attach(t.Context(), protocol.NewConn(theirs), protocol.Identity{Name: "x"})
			})
			all.Go(func() {
				_, _ = io.Copy(io.Discard, ours) // until the other side ends it
				ended[i] = time.Since(start)
				ours.Close()
			})
			synctest.Wait()
		}
		all.Wait()
		if ended[0] != 0 || ended[1] != 5*time.Second || ended[2] != 5*time.Second {
			t.Errorf("handshakes ended after %v, want the first evicted and the others timed out", ended)
		}
	})
}

// hostile is what a port may be sent by somebody who means harm: before and after the handshake.
var hostile = map[string][]byte{
	"text":              []byte("GET / HTTP/1.1\r\n\r\n"),
	"length bomb":       {0xff, 0xff, 0xff, 0xff},
	"array bomb":        frame(0xdd, 0xff, 0xff, 0xff, 0xff),
	"map bomb":          frame(0x92, 21, 0xdf, 0xff, 0xff, 0xff, 0xff),
	"bin bomb":          frame(0x92, 21, 0xc6, 0xff, 0xff, 0xff, 0xff),
	"deep nesting":      frame(append([]byte{0x92, 21}, bytes.Repeat([]byte{0x91}, 4000)...)...),
	"extension":         frame(0x92, 21, 0xd4, 1, 2),
	"unknown kind":      frame(0x92, 99, 1),
	"no message":        frame(0xc1),
	"truncated message": frame(0x95, 10, 1),
	"half a frame":      {0, 0, 1, 0, 0x92},
	"wrong type":        frame(0x93, 21, 0xa1, 'x', 1),
	"query of nothing":  frame(0x91, 21),
}

func frame(body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestB9HostileBytesCloseTheirConnectionOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Programs: map[string]protocol.ProgramInfo{"words": wordInfo}})
	served := make(chan error, 1)
	go func() {
		served <- s.Serve(t.Context(), l, ann)
	}()
	good, err := client.Dial(t.Context(), client.Config{Address: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range hostile {
		for _, greeted := range []bool{false, true} {
			sendHostile(t, l.Addr().String(), name, data, greeted)
			if _, err := good.Stats(t.Context()); err != nil {
				t.Fatalf("%s: another client: %v", name, err)
			}
		}
	}
	if err := good.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// sendHostile sends data on a connection of its own, and waits until the server has closed that.
func sendHostile(t *testing.T, address, name string, data []byte, greeted bool) {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if greeted {
		if err := greet(raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := raw.Write(data); err != nil {
		t.Fatal(err)
	}
	raw.(*net.TCPConn).CloseWrite() // or a half frame would wait for the rest of it
	answer, _ := io.ReadAll(raw)    // a reset is an end, too
	if name == "text" && !greeted && !strings.Contains(string(answer), "fanfold submit") {
		t.Errorf("text was answered by %q", answer)
	}
}

// greet does the client's half of the handshake on a raw connection.
func greet(raw net.Conn) error {
	hello := []byte{0x9e, 1, 0xa7, 'f', 'a', 'n', 'f', 'o', 'l', 'd', 1, 1, 1, 0xa0, 0xa0, 0x90,
		0xc4, 0, 0xc4, 0, 0xa0, 0xc4, 0, 0xa0, 0}
	if _, err := raw.Write(frame(hello...)); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, err := raw.Read(buf) // the greeting, at least
	for err == nil && !bytes.Contains(buf[:n], []byte{0x9a, 3}) {
		var more int
		more, err = raw.Read(buf[n:])
		n += more
	}
	return err
}

func TestR43WrongTokenOrRoleIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	token := bytes.Repeat([]byte{7}, protocol.TokenLen)
	s := New(Config{Token: token})
	served := make(chan error, 1)
	go func() {
		served <- s.Serve(t.Context(), l, anyone)
	}()
	cfg := client.Config{Address: l.Addr().String(), Token: token}
	good, err := client.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", cfg.Address)
	if err != nil {
		t.Fatal(err)
	}
	hello := protocol.Hello{Role: uint8(protocol.RoleCoordinator)}
	_, _, err = protocol.Connect(t.Context(), protocol.NewConn(raw), hello, token)
	if fanfold.KindOf(err) != fanfold.KindDenied {
		t.Errorf("a coordinator with the token: got %v", err)
	}
	for name, token := range map[string][]byte{
		"none": nil, "another": bytes.Repeat([]byte{8}, protocol.TokenLen),
	} {
		cfg.Token = token
		if _, err := client.Dial(t.Context(), cfg); fanfold.KindOf(err) != fanfold.KindDenied {
			t.Errorf("%s: got %v", name, err)
		}
	}
	good.Close()
	s.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// ann takes whoever comes for ann.
func ann(_ context.Context, c net.Conn) (net.Conn, *protocol.Identity, error) {
	return c, &protocol.Identity{Name: "ann"}, nil
}

// anyone leaves it to the token who a peer is.
func anyone(_ context.Context, c net.Conn) (net.Conn, *protocol.Identity, error) {
	return c, nil, nil
}
