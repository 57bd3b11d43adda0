package client

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// result is a piece of a reply.
func result(request uint64, data []byte) *protocol.Result {
	return &protocol.Result{Stream: request, Data: data}
}

// succeeded ends a request whose reply was data.
func succeeded(request uint64, data []byte) *protocol.Ended {
	return &protocol.Ended{
		Request: request, State: uint32(fanfold.Succeeded), Bytes: int64(len(data)),
		CRC: crc32.Checksum(data, castagnoli),
	}
}

// submit starts a job that the server accepts.
func submit(ctx context.Context, c *Client, s *server, sub Submission) (*Reply, uint64) {
	s.t.Helper()
	sub.Job.Program = "words"
	replies := make(chan *Reply, 1)
	go func() {
		r, err := c.Submit(ctx, sub)
		if err != nil {
			s.t.Error(err)
		}
		replies <- r
	}()
	m := want[*protocol.Submit](s)
	s.send(accepted(m.Request))
	return <-replies, m.Request
}

func TestRepliesAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		one, first := submit(t.Context(), c, s, Submission{})
		two, second := submit(t.Context(), c, s, Submission{})
		if one.Job() == two.Job() || first == second {
			t.Errorf("jobs %s and %s, requests %d and %d", one.Job(), two.Job(), first, second)
		}
		s.send(result(second, []byte("two")), result(first, []byte("one")),
			result(second, []byte(" more")), result(99, []byte("nobody's")),
			succeeded(second, []byte("two more")), succeeded(first, []byte("one")))
		for r, text := range map[*Reply]string{one: "one", two: "two more"} {
			if got, err := io.ReadAll(r); string(got) != text || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, text)
			}
			if sum, err := r.Wait(); err != nil || sum.Job != r.Job() || sum.Bytes != int64(len(text)) {
				t.Errorf("got %+v, %v", sum, err)
			}
		}
	})
}

func TestCreditFollowsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		r, request := submit(t.Context(), c, s, Submission{})
		data := bytes.Repeat([]byte("x"), 3*replyWindow)
		go func() {
			credit := int64(replyWindow) // as Submit has it
			for sent := 0; sent < len(data); {
				n := min(int64(len(data)-sent), credit, protocol.BlockMax)
				if n == 0 {
					credit += want[*protocol.Credit](s).Bytes
					continue
				}
				s.send(result(request, data[sent:sent+int(n)]))
				sent, credit = sent+int(n), credit-n
			}
			s.send(succeeded(request, data))
		}()
		synctest.Wait()
		r.mu.Lock()
		if held := len(r.buf) - r.at; held != replyWindow {
			t.Errorf("%d bytes are held before anything was read", held)
		}
		r.mu.Unlock()
		if got, err := io.ReadAll(r); !bytes.Equal(got, data) || err != nil {
			t.Errorf("got %d bytes of %d, %v", len(got), len(data), err)
		}
	})
}

func TestWaitDiscardsTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		r, request := submit(t.Context(), c, s, Submission{})
		data := bytes.Repeat([]byte("x"), replyWindow)
		go func() {
			for block := range bytesChunks(data) {
				s.send(result(request, block))
			}
			for credit := int64(0); credit < replyWindow/2; {
				credit += want[*protocol.Credit](s).Bytes
			}
			s.send(result(request, data[:10]), succeeded(request, append(data, data[:10]...)))
		}()
		if sum, err := r.Wait(); err != nil || sum.Bytes != replyWindow+10 {
			t.Errorf("got %+v, %v", sum, err)
		}
	})
}

func bytesChunks(data []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			n := min(len(data), protocol.BlockMax)
			if !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

func TestI4ReplyIsVerified(t *testing.T) {
	tests := []struct {
		name string
		sent string
		end  *protocol.Ended
		want fanfold.Kind
	}{
		{"as committed", "abc", succeeded(1, []byte("abc")), fanfold.KindNone},
		{"short", "ab", succeeded(1, []byte("abc")), fanfold.KindCorrupt},
		{"other bytes", "abx", succeeded(1, []byte("abc")), fanfold.KindCorrupt},
		{"failed", "ab", &protocol.Ended{Request: 1, State: uint32(fanfold.Failed),
			Failure: []protocol.Failure{{Kind: uint32(fanfold.KindUser), Message: "no"}}}, fanfold.KindUser},
		{"failed without a reason", "", &protocol.Ended{Request: 1, State: uint32(fanfold.Lost)},
			fanfold.KindInternal},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			c, s := connect(t)
			r, _ := submit(t.Context(), c, s, Submission{})
			s.send(result(1, []byte(test.sent)), test.end)
			got, err := io.ReadAll(r)
			_, err2 := r.Wait()
			if string(got) != test.sent || fanfold.KindOf(err) != test.want ||
				fanfold.KindOf(err2) != test.want {
				t.Errorf("%s: got %q, %v, then %v", test.name, got, err, err2)
			}
		})
	}
}

func TestFailureInProgressIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		r, request := submit(t.Context(), c, s, Submission{})
		s.send(
			&protocol.Progress{Request: request, Bytes: 1},
			&protocol.Progress{Request: request, Bytes: 2,
				Failure: []protocol.Failure{{Kind: uint32(fanfold.KindUser), Message: "no"}}},
			&protocol.Progress{Request: request, Bytes: 3, MapsKnown: true},
		)
		synctest.Wait()
		p := <-r.Progress()
		if p.Bytes != 3 || !p.MapsKnown || p.Failure == nil || p.Failure.Kind != fanfold.KindUser {
			t.Errorf("got %+v", p)
		}
		s.send(succeeded(request, nil))
		if _, more := <-r.Progress(); more {
			t.Error("progress goes on after the end")
		}
	})
}

func TestLostConnectionFailsEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		one, _ := submit(t.Context(), c, s, Submission{})
		asked := make(chan error, 1)
		go func() {
			_, err := c.Stats(t.Context())
			asked <- err
		}()
		want[*protocol.Query](s)
		s.conn.Close()
		if _, err := io.ReadAll(one); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("reply: got %v", err)
		}
		if err := <-asked; fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("query: got %v", err)
		}
		if _, err := c.Jobs(t.Context()); fanfold.KindOf(err) != fanfold.KindUnreachable {
			t.Errorf("a later query: got %v", err)
		}
	})
}

func TestCoordinatorThatSaysWhyItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		r, _ := submit(t.Context(), c, s, Submission{})
		s.send(&protocol.Failure{Kind: uint32(fanfold.KindDenied), Message: "not you", Offset: -1})
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindDenied {
			t.Errorf("got %v", err)
		}
	})
}

func TestHostileCoordinatorEndsTheClientOnly(t *testing.T) {
	for name, m := range map[string]protocol.Body{
		"message for a process": &protocol.Assign{Stage: 1},
		"message of a worker":   &protocol.Heartbeat{},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, s := connect(t)
			r, request := submit(t.Context(), c, s, Submission{})
			s.send(accepted(request), m)
			if _, err := r.Wait(); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
}

func TestContextEndsTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		ctx, cancel := context.WithCancel(t.Context())
		r, request := submit(ctx, c, s, Submission{})
		cancel()
		if m := want[*protocol.Cancel](s); m.Request != request || len(m.Job) != 0 {
			t.Errorf("got %+v", m)
		}
		s.send(&protocol.Ended{Request: request, State: uint32(fanfold.Cancelled),
			Failure: []protocol.Failure{{Kind: uint32(fanfold.KindCancelled), Message: "cancelled"}}})
		if sum, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindCancelled ||
			sum.State != fanfold.Cancelled {
			t.Errorf("got %+v, %v", sum, err)
		}
	})
}

func TestContextEndsAnAttachedReplyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := c.Wait(ctx, fanfold.JobID{1})
			ended <- err
		}()
		s.send(accepted(want[*protocol.Attach](s).Request))
		synctest.Wait()
		cancel()
		if err := <-ended; fanfold.KindOf(err) != fanfold.KindCancelled {
			t.Errorf("got %v", err)
		}
	})
}

func TestRefusedSubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := connect(t)
		refused := make(chan error, 1)
		go func() {
			_, err := c.Submit(t.Context(), Submission{Job: fanfold.Job{Program: "words"}})
			refused <- err
		}()
		m := want[*protocol.Submit](s)
		s.send(&protocol.Failure{Request: m.Request, Kind: uint32(fanfold.KindBusy), Message: "later"})
		if err := <-refused; fanfold.KindOf(err) != fanfold.KindBusy {
			t.Errorf("got %v", err)
		}
	})
}
