//go:build linux

package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/internal/oracle"
	"github.com/fanfold/fanfold/protocol"
)

// hostile is what a peer says that wants to do harm.
type hostile struct {
	name  string
	bytes []byte
}

// frame puts a body into a frame.
func frame(body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// message puts a message with encoded fields into a frame.
func message(kind protocol.Kind, fields ...[]byte) []byte {
	body := append([]byte{0x91 + byte(len(fields)), byte(kind)}, slices.Concat(fields...)...)
	return frame(body...)
}

func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// values are encodings that no message may have in it, at most about so many bytes long.
func values(most int) []hostile {
	return []hostile{
		{"array of 4 G", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}},
		{"array of 64 M", []byte{0xdd, 0x04, 0, 0, 0}},
		{"array of 16 M", []byte{0xdd, 0x01, 0, 0, 0}},
		{"map of 16 M", []byte{0xdf, 0x01, 0, 0, 0}},
		{"map of 4 G", []byte{0xdf, 0xff, 0xff, 0xff, 0xff}},
		{"bin of 4 G", []byte{0xc6, 0xff, 0xff, 0xff, 0xff}},
		{"str of 4 G", []byte{0xdb, 0xff, 0xff, 0xff, 0xff}},
		{"ext of 4 G", []byte{0xc9, 0xff, 0xff, 0xff, 0xff, 1}},
		{"arrays of 65,535 in arrays", repeat(min(3000, most/3), 0xdc, 0xff, 0xff)},
		{"depth", repeat(most, 0x91)},
		{"depth that ends", append(repeat(most-1, 0x91), 0xc0)},
		{"empty maps", append([]byte{0xdd, 0, byte(most >> 16), byte(most >> 8), 0},
			repeat(most&^0xff, 0x80)...)},
		{"a map with an array as key", []byte{0x81, 0x90, 1}},
		{"a map with nil as key", []byte{0x81, 0xc0, 0xc0}},
		{"a map with a key twice", []byte{0x82, 1, 1, 1, 1}},
		{"ext in front of a map", []byte{0xc7, 1, 1, 0x80}},
		{"fixext", []byte{0xd4, 1, 0}},
		{"the byte that is never used", []byte{0xc1}},
		{"a float", []byte{0xcb, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"a text that is cut off", []byte{0xd9, 0xff, 'a'}},
	}
}

// bodies are frames that are wrong whoever sends them.
func bodies() []hostile {
	noise := make([]byte, 64<<10)
	random := rand.NewChaCha8([32]byte{'n'})
	_, _ = random.Read(noise) // never fails
	noise[0] = 0xff
	return []hostile{
		{"length bomb", []byte{0xff, 0xff, 0xff, 0xff}},
		{"a longer frame than any", frame(repeat(protocol.BulkMax/2+1, 0x95, 12)...)},
		{"noise", noise},
		{"no message", frame(0xc0, 0xc0)},
		{"an empty message", frame(0x90, 0x90)},
		{"kind 0", frame(0x91, 0)},
		{"a negative kind", frame(0x91, 0xff)},
		{"a kind of two bytes", frame(0x91, 0xcc, 5)},
		{"an unknown kind", frame(0x91, 99)},
		{"a kind that is none yet", frame(0x91, 30)},
		{"a message that is an array16", frame(0xdc, 0, 2, 5, 0xa0)},
		{"a trailing byte", frame(0x91, byte(protocol.KindBye), 0xc0)},
		{"a message that is cut off", frame(0x92, byte(protocol.KindBye))},
		{"bulk in a control frame", frame(0x91, byte(protocol.KindBye), 0x91, byte(protocol.KindDone))},
		{"TLS", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}},
	}
}

// within puts each hostile value into a message.
func within(list []hostile, put func(value []byte) []byte) []hostile {
	var all []hostile
	for _, v := range list {
		all = append(all, hostile{v.name, put(v.bytes)})
	}
	return all
}

// hello is a Hello of a client without a token, with fields of the caller's behind those it has.
func hello(more ...[]byte) []byte {
	none := []byte{0xc0}
	text := []byte{0xa0}
	fields := [][]byte{append([]byte{0xa7}, "fanfold"...), {1}, {1}, {byte(protocol.RoleClient)},
		text, text, none, none, none, text, none, text, {0}}
	return message(protocol.KindHello, append(fields, more...)...)
}

// query is a question for the stats, with fields of the caller's behind those it has.
func query(more ...[]byte) []byte {
	fields := [][]byte{{7}, {byte(protocol.QueryStats)}, {0xc0}}
	return message(protocol.KindQuery, append(fields, more...)...)
}

// mistyped are messages of a client that are sound, but not of the types of their fields.
func mistyped() []hostile {
	all := repeat(8, 0xff)
	return []hostile{
		{"-1 for a u64", message(protocol.KindQuery, []byte{0xff}, []byte{1})},
		{"2^32+5 for a u32", message(protocol.KindQuery, []byte{1},
			[]byte{0xcf, 0, 0, 0, 1, 0, 0, 0, 5})},
		{"2^64-1 for an i64", message(protocol.KindCredit, []byte{1}, append([]byte{0xcf}, all...))},
		{"nil for a number", message(protocol.KindQuery, []byte{0xc0})},
		{"nil for a struct", message(protocol.KindSubmit, []byte{1}, []byte{0xc0})},
		{"bin for a str", message(protocol.KindSubmit, []byte{1}, []byte{0x91, 0xc4, 1, 'a'})},
		{"str for a bin", message(protocol.KindQuery, []byte{1}, []byte{2}, []byte{0xa1, 'a'})},
		{"a text for a list", message(protocol.KindInputs, []byte{1}, []byte{0xa1, 'a'})},
	}
}

// foreign are messages that others than clients send.
func foreign() []hostile {
	var all []hostile
	for _, kind := range []protocol.Kind{
		protocol.KindHello, protocol.KindProof, protocol.KindWelcome, protocol.KindResult,
		protocol.KindBrief, protocol.KindAssign, protocol.KindVerdict, protocol.KindDone,
		protocol.KindBeat, protocol.KindStart, protocol.KindExited, protocol.KindLog,
		protocol.KindHeartbeat,
	} {
		all = append(all, hostile{kind.String(), message(kind, []byte{1})})
	}
	return all
}

// liar is a connection on which the first that is written is replaced.
type liar struct {
	net.Conn
	say []byte
}

func (l *liar) Write(b []byte) (int, error) {
	if l.say == nil {
		return l.Conn.Write(b)
	}
	say := l.say
	l.say = nil
	_, _ = l.Conn.Write(say) // the other side may have had enough before its end
	return len(b), nil
}

func (l *liar) Close() error { return nil } // the test sees whether the other side does

// attacked is a coordinator under attack, through its port and through its socket.
type attacked struct {
	*live
	token []byte
	unix  string
}

func (h *home) attacked(args ...string) *attacked {
	h.t.Helper()
	co := h.coordinator(args...)
	return &attacked{co, h.token(), h.path("state/coordinator.sock")}
}

// each calls try for the two ways to the coordinator; the token is nil where none is needed.
func (a *attacked) each(t *testing.T, try func(t *testing.T, dial func() net.Conn, token []byte)) {
	for _, way := range []struct {
		network, address string
		token            []byte
	}{{"tcp", a.tcp, a.token}, {"unix", a.unix, nil}} {
		t.Run(way.network, func(t *testing.T) {
			try(t, func() net.Conn {
				c, err := net.Dial(way.network, way.address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
				return c
			}, way.token)
		})
	}
}

// checkClosed checks that the other side has closed the connection.
func checkClosed(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
		t.Errorf("%d bytes came, but no end", n)
	}
}

// confront says something instead of Hello, and gives the reason for which it is turned away.
func confront(t *testing.T, c net.Conn, say []byte) error {
	t.Helper()
	conn := protocol.NewConn(&liar{c, say})
	defer conn.Close()
	ours := protocol.Hello{Role: uint8(protocol.RoleClient)}
	_, _, err := protocol.Connect(t.Context(), conn, ours, nil)
	checkClosed(t, c)
	return err
}

// intrude logs in, says something, and gives the reason for which it is thrown out.
func intrude(t *testing.T, c net.Conn, token, say []byte) error {
	t.Helper()
	conn := protocol.NewConn(&liar{Conn: c})
	defer conn.Close()
	ours := protocol.Hello{Role: uint8(protocol.RoleClient)}
	if _, _, err := protocol.Connect(t.Context(), conn, ours, token); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(say) // the other side may have had enough before its end
	var b protocol.Batch
	for {
		if err := conn.Read(&b); err != nil {
			return fmt.Errorf("no reason was given: %w", err)
		}
		for m := range b.All() {
			var f protocol.Failure
			if m.Kind != protocol.KindError {
				continue
			}
			if err := protocol.Decode(m, &f); err != nil {
				return err
			}
			if f.Request == 0 {
				checkClosed(t, c)
				return f.Err()
			}
		}
	}
}

// refusals are the kinds of the reasons that a hostile peer may get.
var refusals = []fanfold.Kind{fanfold.KindProtocol, fanfold.KindTooLarge, fanfold.KindDenied}

func checkRefused(t *testing.T, name string, err error) {
	t.Helper()
	if !slices.Contains(refusals, fanfold.KindOf(err)) {
		t.Errorf("%s: got %v, want a refusal", name, err)
	}
}

// TestB9HostileBytes attacks a coordinator before and after the handshake. It gives the reason and
// closes the connection; it lives, its memory stays bounded, and another client's jobs go on.
func TestB9HostileBytes(t *testing.T) {
	h := newHome(t)
	a := h.attacked()
	other := h.bystander()
	before := a.peak()

	a.each(t, func(t *testing.T, dial func() net.Conn, token []byte) {
		const most = protocol.HandshakeMax - 64
		list := within(values(most), func(v []byte) []byte { return hello(v) })
		for _, say := range slices.Concat(list, bodies(), foreign()[1:]) {
			other.act()
			checkRefused(t, "before the handshake: "+say.name, confront(t, dial(), say.bytes))
		}
		list = within(values(protocol.ControlMax-64), func(v []byte) []byte { return query(v) })
		for _, say := range slices.Concat(list, bodies(), mistyped()) {
			other.act()
			checkRefused(t, say.name, intrude(t, dial(), token, say.bytes))
		}
	})
	other.check()
	if grown := a.peak() - before; grown > 128<<20 {
		t.Errorf("the coordinator's memory has grown by %d MiB", grown>>20)
	}
	a.end()
	h.checkNothingLeft()
}

// peak is the most memory that the coordinator has had, in bytes.
func (a *attacked) peak() int64 {
	a.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		a.t.Fatal(err)
	}
	return kib << 10
}

// bystander is a client that has nothing to do with what happens to others.
type bystander struct {
	t       *testing.T
	client  *client.Client
	another chan struct{} // capacity one; closed by check
	done    chan error    // receives how the jobs went, once
}

func (h *home) bystander() *bystander {
	h.t.Helper()
	b := &bystander{h.t, h.dial(), make(chan struct{}, 1), make(chan error, 1)}
	go func() {
		var first error
		for range b.another {
			first = cmp.Or(first, wordCountOf(b.client, "a bystander and a job\n"))
		}
		b.done <- first
	}()
	b.act()
	return b
}

// act has the bystander run a job while the caller goes on.
func (b *bystander) act() {
	select {
	case b.another <- struct{}{}:
	default: // one is to come
	}
}

// check checks that all jobs went well.
func (b *bystander) check() {
	b.t.Helper()
	close(b.another)
	if err := <-b.done; err != nil {
		b.t.Errorf("a bystander's job: %v", err)
	}
	b.client.Close()
}

// wordCountOf counts words by way of a client, and compares with the oracle.
func wordCountOf(c *client.Client, text string) error {
	job := client.Submission{Job: fanfold.Job{Program: "wordcount"}, Stdin: strings.NewReader(text)}
	reply, err := c.Submit(context.Background(), job)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(reply)
	if err != nil {
		return err
	}
	var want bytes.Buffer
	in := oracle.Input{Name: "-", Content: strings.NewReader(text)}
	if err := oracle.WordCount(&want, in); err != nil {
		return err
	}
	if !bytes.Equal(got, want.Bytes()) {
		return fmt.Errorf("got %q, want %q", got, want.Bytes())
	}
	return nil
}
