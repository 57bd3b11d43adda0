package protocol

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// stranger runs testdata/client.py against a coordinator that serve plays, for a job or (with
// "stream" ahead of the program) an open one.
func stranger(
	t *testing.T, token []byte, input []byte, serve func(*Conn) error, what ...string,
) (stdout, stderr string, exit int) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not here")
	}
	file := filepath.Join(t.TempDir(), "token")
	must0(t, os.WriteFile(file, []byte(hex.EncodeToString(token)+"\n"), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must0(t, err)
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		s, err := l.Accept()
		if err != nil {
			served <- err
			return
		}
		c := NewConn(s)
		defer c.Close()
		if _, _, err = Accept(t.Context(), c, serverConfig()); err == nil {
			err = serve(c)
		}
		served <- err
	}()
	args := append([]string{"../testdata/client.py", l.Addr().String(), file}, what...)
	cmd := exec.Command(python, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &errs
	cmd.Run() // the exit code says it
	if err := <-served; (err == nil) != (bytes.Equal(token, testToken)) {
		t.Errorf("the coordinator: %v", err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// echo plays a coordinator whose job replies with its input.
type echo struct {
	c       *Conn
	input   []byte
	granted int64 // for Input
	credit  int64 // for Result
	over    bool  // the last Input ended the last line
	ended   bool
}

// next handles what the client sends.
func (e *echo) next(m Message) error {
	var (
		submit Submit
		input  Input
		credit Credit
	)
	switch m.Kind {
	case KindSubmit:
		e.credit = submit.Credit
		if err := Decode(m, &submit); err != nil {
			return err
		}
		e.credit, e.granted = submit.Credit, InputWindow
		return e.c.transmit(&Accepted{Request: submit.Request, Job: make([]byte, 16)})
	case KindInput:
		if err := Decode(m, &input); err != nil {
			return err
		}
		n := int64(len(input.Data))
		if input.Offset != int64(len(e.input)) || n > e.granted || e.over {
			return fmt.Errorf("offset %d, %d bytes, behind the last line %v", input.Offset, n, e.over)
		}
		e.input = append(e.input, input.Data...)
		e.over = !input.More && !bytes.HasSuffix(input.Data, []byte("\n"))
		if e.granted -= n; e.granted < BlockMax {
			e.granted += 3 * BlockMax / 2
			return e.c.transmit(&Credit{Stream: 1, Bytes: 3 * BlockMax / 2})
		}
	case KindInputEnd:
		e.ended = true
	case KindCredit:
		if err := Decode(m, &credit); err != nil {
			return err
		}
		e.credit += credit.Bytes
	}
	return nil
}

// until reads until done.
func (e *echo) until(done func() bool) error {
	var b Batch
	for !done() {
		if err := e.c.Read(&b); err != nil {
			return err
		}
		for m := range b.All() {
			if err := e.next(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *echo) serve() error {
	if err := e.until(func() bool { return e.ended }); err != nil {
		return err
	}
	for at := 0; at < len(e.input); {
		if err := e.until(func() bool { return e.credit > 0 }); err != nil {
			return err
		}
		n := min(len(e.input)-at, int(e.credit), BlockMax)
		e.credit -= int64(n)
		if err := e.c.WaitQueued(context.Background(), QueueMax); err != nil {
			return err
		}
		err := e.c.transmit(&Result{Stream: 1, Offset: int64(at), Data: e.input[at : at+n]})
		if err != nil {
			return err
		}
		at += n
	}
	end := Ended{Request: 1, State: uint32(fanfold.Succeeded), Bytes: int64(len(e.input)),
		CRC: crc32.Checksum(e.input, crc32.MakeTable(crc32.Castagnoli))}
	return e.farewell(&end)
}

func (e *echo) farewell(end *Ended) error {
	if err := e.c.Send(end); err != nil {
		return err
	}
	return e.c.Shutdown(context.Background())
}

// TestPythonClient checks that a client written from the specification alone can submit a job and
// read its reply.
func TestPythonClient(t *testing.T) {
	for name, input := range map[string][]byte{
		"empty": nil, "short": []byte("to be or not to be\n"), "no last newline": []byte("to be, or"),
		"long": bytes.Repeat([]byte("123456789\n"), 300_000), "long line": make([]byte, 1_000_000),
	} {
		out, errs, exit := stranger(t, testToken, input, func(c *Conn) error {
			return (&echo{c: c}).serve()
		}, "wordcount")
		if exit != 0 || out != string(input) || errs != "" {
			t.Errorf("%s: got %d bytes, exit code %d and %q, want %d bytes",
				name, len(out), exit, errs, len(input))
		}
	}
}

// TestPythonClientFails checks that it tells a failure, whether the job or the connection failed.
func TestPythonClientFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		token []byte
		serve func(*echo) error
		exit  int
		words string
	}{
		{"job", testToken, func(e *echo) error {
			f := FromError(&fanfold.Error{Op: "open input", Kind: fanfold.KindInput, Input: "-",
				Offset: 7, Log: "oh\n", Err: os.ErrNotExist})
			return e.farewell(&Ended{Request: 1, State: uint32(fanfold.Failed), Failure: []Failure{f}})
		}, fanfold.ExitNotFound, "open input: file does not exist\n  input - at byte 7\n  | oh\n"},
		{"refused", testToken, func(e *echo) error {
			return e.c.Fail(context.Background(), fanfold.Errorf(fanfold.KindBusy, "submit", "later"))
		}, fanfold.ExitBusy, "submit: later"},
		{"lost", testToken, func(e *echo) error { return e.c.Close() }, fanfold.ExitUnreachable,
			"closed the connection"},
		{"token", make([]byte, TokenLen), nil, fanfold.ExitUnreachable, "does not have our token"},
	} {
		out, errs, exit := stranger(t, tt.token, []byte("x\n"), func(c *Conn) error {
			e := &echo{c: c}
			if err := e.until(func() bool { return e.ended }); err != nil {
				return err
			}
			return tt.serve(e)
		}, "wordcount")
		if exit != tt.exit || out != "" || !strings.Contains(errs, tt.words) {
			t.Errorf("%s: got exit code %d, %q and %q, want %d and %q",
				tt.name, exit, out, errs, tt.exit, tt.words)
		}
	}
}
