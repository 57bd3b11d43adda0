//go:build linux

package cli_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// TestR43Token checks that the port is closed to those who do not have the token.
func TestR43Token(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	h.file("other", hex.EncodeToString(make([]byte, protocol.TokenLen))+"\n")
	h.file("short", "00\n")
	co := h.coordinator()
	submit := func(tokenFile string) *process {
		return h.start("submit", "--coordinator", co.tcp, "--token-file", tokenFile, "wordcount", "in")
	}
	submit("other").want(fanfold.ExitUnreachable, "does not have our token")
	submit("short").want(fanfold.ExitUnreachable, "want 64 hexadecimal digits")
	submit("missing").want(fanfold.ExitUnreachable, "no such file")
	right := submit(h.path("state/token"))
	right.want(0)
	if got := right.stdout.String(); got != inputCounts {
		t.Errorf("got %q, want %q", got, inputCounts)
	}
	co.end()
	h.checkNothingLeft()
}

// TestR43PrivateFiles checks who can reach what proves who somebody is.
func TestR43PrivateFiles(t *testing.T) {
	h := newHome(t)
	co := h.coordinator()
	c := h.dial()
	if err := wordCountOf(c, inputLines); err != nil { // the worker is there then
		t.Fatal(err)
	}
	c.Close()
	for name, want := range map[string]os.FileMode{
		"state": 0o700 | os.ModeDir, "state/token": 0o600, "spills": 0o700 | os.ModeDir,
	} {
		info, err := os.Stat(h.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	co.end()
	h.checkNothingLeft()
}

// TestR43OpenFolder checks that a coordinator does not start where others could take its place.
func TestR43OpenFolder(t *testing.T) {
	h := newHome(t)
	if err := os.Mkdir(h.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		h.run("coordinator", "--listen", "127.0.0.1:0").want(fanfold.ExitUnreachable, "chmod 700")
		if entries, err := os.ReadDir(h.path("state")); err != nil || len(entries) > 0 {
			t.Errorf("got %v and %v, want an empty folder", entries, err)
		}
	}
	for _, mode := range []os.FileMode{0o755, 0o710, 0o701} {
		if err := os.Chmod(h.path("state"), mode); err != nil {
			t.Fatal(err)
		}
		refused()
	}
	if os.Getuid() == 0 { // who else may give a folder away?
		err := os.Chmod(h.path("state"), 0o700)
		if err == nil {
			err = os.Chown(h.path("state"), nobody, nobody)
		}
		if err != nil {
			t.Fatal(err)
		}
		refused()
	}
	h.checkNothingLeft()
}

// nobody is a user that owns nothing here.
const nobody = 65534

// TestR43OtherUser checks that the socket is for its owner, also when others can reach it.
func TestR43OtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	h := newHome(t)
	a := h.attacked("--slots", "0")
	for _, path := range []string{h.dir, h.path("state"), a.unix} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan []byte, 1)
	go func() {
		defer close(got)
		runtime.LockOSThread() // and never unlocked: the thread ends with its user id
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody)
		if errno != 0 {
			t.Error(errno)
			return
		}
		c, err := net.Dial("unix", a.unix)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
		_, _ = c.Write(hello())                     // it may have been closed
		all, _ := io.ReadAll(c)                     // or reset
		got <- all
	}()
	if all := <-got; bytes.Contains(all, []byte{byte(protocol.KindWelcome)}) || len(all) > 0 {
		t.Errorf("got %q, want a connection that is closed", all)
	}
	a.end()
	h.checkNothingLeft()
}

// TestR34SecondCoordinator checks that a second coordinator on the same folder harms nothing.
func TestR34SecondCoordinator(t *testing.T) {
	h := newHome(t)
	h.file("in", inputLines)
	co := h.coordinator()
	token := h.token()
	h.run("coordinator", "--listen", "127.0.0.1:0").want(fanfold.ExitFailed,
		"another coordinator is using it", "--state-dir")
	if !bytes.Equal(h.token(), token) {
		t.Error("the token has changed")
	}
	for _, args := range [][]string{nil, {"--coordinator", co.tcp}} {
		p := h.run(append(append([]string{"submit"}, args...), "wordcount", "in")...)
		p.want(0)
		if got := p.stdout.String(); got != inputCounts {
			t.Errorf("%q: got %q, want %q", args, got, inputCounts)
		}
	}
	co.end()
	h.checkNothingLeft()
}

// TestB28BusyPort checks that a coordinator that cannot have its port starts nothing.
func TestB28BusyPort(t *testing.T) {
	h := newHome(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, command := range []string{"coordinator", "dev"} {
		p := h.run(command, "--listen", l.Addr().String())
		p.want(fanfold.ExitFailed, "port is busy", "hint: ")
		h.checkNothingLeft()
		if _, err := os.Stat(h.path("spills")); !os.IsNotExist(err) {
			t.Errorf("%s: a worker was started: %v", command, err)
		}
	}
}

// bin32 is a bin of 32 bytes.
func bin32(b []byte) []byte { return append([]byte{0xc4, 32}, b[:32]...) }

// squatterHello is the Hello of a server with a nonce and a proof.
func squatterHello(nonce, proof []byte) []byte {
	text := []byte{0xa0}
	return message(protocol.KindHello, append([]byte{0xa7}, "fanfold"...), []byte{1}, []byte{1},
		[]byte{byte(protocol.RoleCoordinator)}, text, text, []byte{0xc0}, nonce, proof)
}

// squatter is a program that has taken the port of a coordinator. It says its line, answers the
// first frame by answer(that frame), and records all that it gets.
func squatter(t *testing.T, line string, answer func(frame []byte) []byte) (
	address string, got func() []byte,
) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all := make(chan []byte, 1)
	go func() {
		defer close(all)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
		_, _ = io.WriteString(c, line)              // what it gets decides
		first := make([]byte, 4)
		if _, err := io.ReadFull(c, first); err != nil {
			all <- nil
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(first))
		_, _ = io.ReadFull(c, body)
		_, _ = c.Write(answer(body))
		rest, _ := io.ReadAll(c)
		all <- append(append(first, body...), rest...)
	}()
	return l.Addr().String(), func() []byte { return <-all }
}

// TestR43ServerProvesFirst checks that whoever has taken the port, but does not have the token,
// gets nothing but a Hello without secrets.
func TestR43ServerProvesFirst(t *testing.T) {
	const greeting = "fanfold 0.1.0 protocol 1-1 connection 7\n"
	zeros := make([]byte, 32)
	tests := []struct {
		name, line string
		answer     func(hello []byte) []byte
		words      string
	}{
		{"another service", "220 mail ready\n", nil, "no fanfold coordinator"},
		{"no proof", greeting, func([]byte) []byte {
			return squatterHello(bin32(zeros), []byte{0xc0})
		}, "another program may have taken its port"},
		{"a wrong proof", greeting, func([]byte) []byte {
			return squatterHello(bin32(zeros), bin32(zeros))
		}, "another program may have taken its port"},
		{"our nonce for everything", greeting, func(hello []byte) []byte {
			_, nonce, _ := bytes.Cut(hello, []byte{0xc4, 32})
			return squatterHello(bin32(nonce), bin32(nonce))
		}, "another program may have taken its port"},
		{"no nonce", greeting, func([]byte) []byte {
			return squatterHello([]byte{0xc0}, bin32(zeros))
		}, "another program may have taken its port"},
		{"a welcome at once", greeting, func([]byte) []byte {
			return message(protocol.KindWelcome, []byte{1}, []byte{1})
		}, ""},
		{"a question for the proof", greeting, func([]byte) []byte {
			return message(protocol.KindProof, bin32(zeros))
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHome(t)
			token := bytes.Repeat([]byte{0x5a}, protocol.TokenLen)
			h.file("token", hex.EncodeToString(token)+"\n")
			h.file("private-input", inputLines)
			address, got := squatter(t, tt.line, tt.answer)
			p := h.run("submit", "--coordinator", address, "--token-file", "token",
				"wordcount", "private-input")
			p.want(fanfold.ExitUnreachable, tt.words)
			all := got()
			if tt.answer == nil && len(all) > 0 {
				t.Errorf("another service got %q", all)
			}
			if tt.answer != nil && (len(all) < 6 || all[5] != byte(protocol.KindHello) ||
				int(binary.BigEndian.Uint32(all)) != len(all)-4) {
				t.Errorf("got %q, want one Hello", all)
			}
			for _, secret := range []string{
				string(token), hex.EncodeToString(token), "wordcount", "private-input",
			} {
				if bytes.Contains(all, []byte(secret)) {
					t.Errorf("got %q, with %q in it", all, secret)
				}
			}
		})
	}
}

// recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	sent bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.sent.Write(b)
	return r.Conn.Write(b)
}

// TestR43Replay checks that what opened the door once does not open it again.
func TestR43Replay(t *testing.T) {
	h := newHome(t)
	a := h.attacked("--slots", "0")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", a.tcp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience)) // sockets have deadlines
		return c
	}
	r := &recorder{Conn: dial()}
	conn := protocol.NewConn(r)
	ours := protocol.Hello{Role: uint8(protocol.RoleClient)}
	if _, _, err := protocol.Connect(t.Context(), conn, ours, a.token); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	err := confront(t, dial(), r.sent.Bytes())
	checkReason(t, "replay", err, fanfold.KindDenied, "the token is not the one of this port")
	if bytes.Contains(r.sent.Bytes(), a.token) {
		t.Error("the token has travelled")
	}

	// The server's proof does not serve as the peer's.
	c := dial()
	mine := helloWithNonce(bytes.Repeat([]byte{1}, 32))
	if _, err := c.Write(mine); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for b := make([]byte, 4096); bytes.Count(answer, []byte{0xc4, 32}) < 2; {
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		answer = append(answer, b[:n]...)
	}
	_, answer, _ = bytes.Cut(answer, []byte{0xc4, 32})
	proof := answer[32+2:]
	if _, err := c.Write(message(protocol.KindProof, bin32(proof))); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(c) // it may be reset
	if !strings.Contains(string(rest), "the token is not the one of this port") {
		t.Errorf("got %q, want a refusal", rest)
	}
	a.end()
	h.checkNothingLeft()
}

// helloWithNonce is a client's Hello where a token is needed.
func helloWithNonce(nonce []byte) []byte {
	text := []byte{0xa0}
	return message(protocol.KindHello, append([]byte{0xa7}, "fanfold"...), []byte{1}, []byte{1},
		[]byte{byte(protocol.RoleClient)}, text, text, []byte{0xc0}, bin32(nonce))
}
