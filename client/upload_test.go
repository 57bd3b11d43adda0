package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// upload takes what a client sends as inputs, giving credit as it likes, until InputEnd.
func (s *server) upload(request uint64) (inputs []*protocol.Input, paths []string) {
	s.t.Helper()
	credit := int64(protocol.InputWindow)
	for {
		switch m := s.next().(type) {
		case *protocol.Inputs:
			paths = append(paths, m.Paths...)
		case *protocol.Input:
			if len(paths) > 0 && paths[len(paths)-1] != "-" {
				paths = append(paths, "-")
			} else if len(paths) == 0 {
				paths = []string{"-"}
			}
			inputs = append(inputs, m)
			if credit -= int64(len(m.Data)); credit < 0 {
				s.t.Errorf("%d bytes more than the credit", -credit)
			}
			if credit < protocol.InputWindow/2 {
				s.send(&protocol.Credit{Stream: request, Bytes: 300_000})
				credit += 300_000
			}
		case *protocol.InputEnd:
			return inputs, paths
		}
	}
}

func TestStdinIsCutBehindLines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for text.Len() < 2_000_000 {
		fmt.Fprintf(&text, "%s\n", strings.Repeat("y", random.IntN(300)))
	}
	long := strings.Repeat("z", 3*protocol.BlockMax)
	tests := map[string]string{
		"empty": "", "one line": "a\n", "no last line end": text.String() + "last",
		"lines": text.String(), "a long line": "a\n" + long + "\nb\n", "only a long line": long,
	}
	for name, text := range tests {
		synctest.Test(t, func(t *testing.T) {
			c, s := connect(t)
			r, request := submit(t.Context(), c, s, Submission{
				Stdin: iotest.OneByteReader(strings.NewReader(text[:min(len(text), 10)])),
			})
			s.upload(request)
			s.send(succeeded(request, nil))
			if _, err := r.Wait(); err != nil {
				t.Error(err)
			}
			_, request = submit(t.Context(), c, s, Submission{Stdin: strings.NewReader(text)})
			inputs, _ := s.upload(request)
			checkBlocks(t, name, inputs, text)
		})
	}
}

// checkBlocks checks that inputs are a text, in blocks of whole lines.
func checkBlocks(t *testing.T, name string, inputs []*protocol.Input, text string) {
	t.Helper()
	var got []byte
	for i, in := range inputs {
		if in.Offset != int64(len(got)) || len(in.Data) > protocol.BlockMax {
			t.Errorf("%s: block %d has %d bytes at %d", name, i, len(in.Data), in.Offset)
		}
		ends := bytes.HasSuffix(in.Data, []byte("\n")) || i == len(inputs)-1
		if ends == in.More {
			t.Errorf("%s: block %d of %d: ends a line %v, more %v", name, i, len(inputs), ends, in.More)
		}
		got = append(got, in.Data...)
	}
	if string(got) != text || len(inputs) == 0 {
		t.Errorf("%s: got %d bytes of %d in %d blocks", name, len(got), len(text), len(inputs))
	}
}

func TestInputsKeepTheirOrder(t *testing.T) {
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprint("/in/", i)
	}
	tests := []struct {
		inputs []string
		want   []string
	}{
		{nil, []string{"-"}},
		{[]string{"a", "b"}, []string{"a", "b", "-"}},
		{[]string{"a", "-", "b"}, []string{"a", "-", "b"}},
		{many, append(append([]string(nil), many...), "-")},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			c, s := connect(t)
			_, request := submit(t.Context(), c, s, Submission{
				Job: fanfold.Job{Inputs: test.inputs}, Stdin: strings.NewReader("x\n"),
			})
			if _, paths := s.upload(request); strings.Join(paths, " ") != strings.Join(test.want, " ") {
				t.Errorf("got %d paths %.100q, want %d", len(paths), paths, len(test.want))
			}
		})
	}
}

func TestInputsThatMakeNoSense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t)
		for name, sub := range map[string]Submission{
			"no stdin": {Job: fanfold.Job{Inputs: []string{"-"}}},
			"twice": {Job: fanfold.Job{Inputs: []string{"-", "a", "-"}},
				Stdin: strings.NewReader("")},
		} {
			if _, err := c.Submit(t.Context(), sub); fanfold.KindOf(err) != fanfold.KindUsage {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

func TestStdinThatFailsCancelsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		r, request := submit(t.Context(), c, s, Submission{
			Stdin: iotest.ErrReader(errors.New("the tape is torn")),
		})
		if m := want[*protocol.Cancel](s); m.Request != request {
			t.Errorf("got %+v", m)
		}
		s.send(&protocol.Ended{Request: request, State: uint32(fanfold.Cancelled)})
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindInput ||
			!strings.Contains(err.Error(), "torn") {
			t.Errorf("got %v", err)
		}
	})
}

func TestCloseDoesNotWaitForStdin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		in, feed := io.Pipe()
		r, _ := submit(t.Context(), c, s, Submission{Stdin: in})
		synctest.Wait() // the upload reads
		go func() { s.conn.Read(new(protocol.Batch)) }()
		c.Close()
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("got %v", err)
		}
		feed.Close() // ends the goroutine
	})
}

func TestEndOfTheJobEndsTheUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		endless := iotest.DataErrReader(zeros{})
		r, request := submit(t.Context(), c, s, Submission{Stdin: endless})
		synctest.Wait() // it has used up its credit
		s.send(&protocol.Ended{Request: request, State: uint32(fanfold.Failed)})
		if _, err := r.Wait(); err == nil {
			t.Error("no error")
		}
	})
}

// zeros reads as lines without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("xyz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good")
	token := hex.EncodeToString(make([]byte, protocol.TokenLen)) + "\n"
	if err := os.WriteFile(good, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cfg  Config
		want fanfold.Kind
	}{
		{"no socket", Config{Address: filepath.Join(dir, "none.sock")}, fanfold.KindUnreachable},
		{"no socket with unix:", Config{Address: "unix:" + filepath.Join(dir, "none")},
			fanfold.KindUnreachable},
		{"no token file", Config{Address: "127.0.0.1:1", TokenFile: filepath.Join(dir, "none")},
			fanfold.KindUnreachable},
		{"a bad token file", Config{Address: "127.0.0.1:1", TokenFile: bad}, fanfold.KindDenied},
		{"nobody listens", Config{Address: "127.0.0.1:1", TokenFile: good}, fanfold.KindUnreachable},
	}
	for _, test := range tests {
		if _, err := Dial(context.Background(), test.cfg); fanfold.KindOf(err) != test.want {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

func TestLogsThatAreNotReadDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		hold, got := make(chan struct{}), make(chan error, 1)
		pieces := 0
		go func() {
			got <- c.Logs(t.Context(), fanfold.JobID{1}, func(protocol.LogPart) error {
				<-hold
				pieces++
				return nil
			})
		}()
		logs := want[*protocol.Query](s).Request
		part := protocol.LogPart{Data: make([]byte, 1000)}
		for range 100 {
			s.send(&protocol.Answer{Request: logs, Logs: []protocol.LogPart{part}, More: true})
		}
		go func() {
			q := want[*protocol.Query](s)
			s.send(&protocol.Answer{Request: q.Request, Stats: []protocol.Stat{{Name: "n", Value: 1}}})
		}()
		if list, err := c.Stats(t.Context()); err != nil || len(list) != 1 {
			t.Errorf("got %v, %v", list, err)
		}
		close(hold)
		s.send(&protocol.Answer{Request: logs})
		if err := <-got; err != nil || pieces != 100 {
			t.Errorf("got %d pieces, %v", pieces, err)
		}
	})
}
