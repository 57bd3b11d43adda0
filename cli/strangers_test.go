//go:build linux

package cli_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// helloOf is a Hello of the caller's magic, versions and role.
func helloOf(magic string, from, to byte, role protocol.Role) []byte {
	text := append([]byte{0xa0 | byte(len(magic))}, magic...)
	return message(protocol.KindHello, text, []byte{from}, []byte{to}, []byte{byte(role)},
		append([]byte{0xa5}, "other"...))
}

// TestR41WrongHello checks what a peer is told that speaks something else.
func TestR41WrongHello(t *testing.T) {
	h := newHome(t)
	a := h.attacked("--slots", "0")
	tests := []struct {
		name  string
		say   []byte
		kind  fanfold.Kind
		words []string
	}{
		{"magic", helloOf("gearman", 1, 1, protocol.RoleClient), fanfold.KindProtocol,
			[]string{`"gearman"`, `"fanfold"`}},
		{"newer", helloOf("fanfold", 2, 3, protocol.RoleClient), fanfold.KindVersion,
			[]string{"2-3", "1-1"}},
		{"older", helloOf("fanfold", 0, 0, protocol.RoleClient), fanfold.KindVersion,
			[]string{"0-0", "1-1"}},
	}
	a.each(t, func(t *testing.T, dial func() net.Conn, _ []byte) {
		for _, tt := range tests {
			checkReason(t, tt.name, confront(t, dial(), tt.say), tt.kind, tt.words...)
		}
	})
	a.end()
	h.checkNothingLeft()
}

func checkReason(t *testing.T, name string, err error, kind fanfold.Kind, words ...string) {
	t.Helper()
	if fanfold.KindOf(err) != kind {
		t.Errorf("%s: got %v, want kind %s", name, err, kind)
	}
	for _, word := range words {
		if err != nil && !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want %s in it", name, err, word)
		}
	}
}

// TestB30Roles checks that nobody comes in by the port or the socket as what does not come, even
// with the token.
func TestB30Roles(t *testing.T) {
	h := newHome(t)
	a := h.attacked("--slots", "0")
	a.each(t, func(t *testing.T, dial func() net.Conn, token []byte) {
		for _, role := range []protocol.Role{
			0, protocol.RoleCoordinator, 99,
		} {
			c := dial()
			conn := protocol.NewConn(c)
			ours := protocol.Hello{Role: uint8(role), Name: "local", Slots: []uint32{0}}
			_, _, err := protocol.Connect(t.Context(), conn, ours, token)
			conn.Close()
			checkReason(t, role.String(), err, fanfold.KindDenied, role.String())
		}
	})
	a.end()
	h.checkNothingLeft()
}

// TestB30ForeignMessages checks that a client may not send what others do.
func TestB30ForeignMessages(t *testing.T) {
	h := newHome(t)
	a := h.attacked("--slots", "0")
	a.each(t, func(t *testing.T, dial func() net.Conn, token []byte) {
		for _, say := range foreign() {
			err := intrude(t, dial(), token, say.bytes)
			checkReason(t, say.name, err, fanfold.KindDenied, say.name)
		}
	})
	a.end()
	h.checkNothingLeft()
}

// TestR41People checks what somebody sees who types, or a browser.
func TestR41People(t *testing.T) {
	h := newHome(t)
	a := h.attacked("--slots", "0")
	a.each(t, func(t *testing.T, dial func() net.Conn, _ []byte) {
		for _, say := range []string{"help\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n"} {
			c := dial()
			if _, err := io.WriteString(c, say); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(c)
			if err != nil {
				t.Fatal(err)
			}
			greeting, answer, _ := strings.Cut(string(got), "\n")
			if !strings.HasPrefix(greeting, "fanfold 0.1.0 protocol 1-1 connection ") {
				t.Errorf("%q: got greeting %q", say, greeting)
			}
			if !strings.Contains(answer, "fanfold submit") || !strings.HasSuffix(answer, "\n") {
				t.Errorf("%q: got answer %q, want a line with a command", say, answer)
			}
		}
	})
	a.end()
	h.checkNothingLeft()
}

// TestX10SlowAndSilent checks that peers that say nothing, or not enough, keep nobody out, and are
// not kept for ever.
func TestX10SlowAndSilent(t *testing.T) {
	h := newHome(t)
	a := h.attacked()
	other := h.bystander()
	a.each(t, func(t *testing.T, dial func() net.Conn, _ []byte) {
		t.Parallel()
		var slow []net.Conn
		for _, say := range [][]byte{
			nil, {0}, {0, 0, 0, 9}, hello()[:20], {0xff}, frame(), frame(0x92, 1)[:5],
		} {
			c := dial()
			if _, err := c.Write(say); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, c)
			other.act()
		}
		for _, c := range slow {
			checkClosed(t, c)
		}
	})
	// Subtests that run beside each other have not begun before this function returns.
	t.Cleanup(func() {
		other.check()
		a.end()
		h.checkNothingLeft()
	})
}

// TestX10Crowd checks that more peers than may shake hands at once evict the oldest, not the
// newest.
func TestX10Crowd(t *testing.T) {
	const crowd = 300
	h := newHome(t)
	a := h.attacked("--slots", "0")
	a.each(t, func(t *testing.T, dial func() net.Conn, token []byte) {
		first := dial()
		for range crowd {
			dial()
		}
		checkClosed(t, first)
		conn := protocol.NewConn(dial())
		defer conn.Close()
		ours := protocol.Hello{Role: uint8(protocol.RoleClient)}
		if _, _, err := protocol.Connect(t.Context(), conn, ours, token); err != nil {
			t.Errorf("behind the crowd: %v", err)
		}
	})
	a.end()
	h.checkNothingLeft()
}
