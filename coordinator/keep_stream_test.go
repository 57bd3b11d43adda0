package coordinator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestKeptStreamGoesOnWithoutItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "9" })
		s := c.login("ann")
		s.manual = true
		s.open(&protocol.Submit{
			Job: protocol.JobSpec{Program: "echo"}, Credit: 1 << 20,
			Open: []protocol.OpenSpec{{Keep: true, Reduce: true}},
		})
		for tag := range uint64(10) {
			s.text(tag, fmt.Sprint(tag))
		}
		first := map[uint64]bool{}
		for range 5 {
			first[await[*protocol.Reply](s).Tag] = true
		}
		s.grant(3 * cost(1)) // it has three of them
		synctest.Wait()
		s.conn.Close()
		synctest.Wait()
		(<-h).answer("9")
		synctest.Wait()
		again := c.login("ann")
		again.attachTo(s.job)
		got := again.replies(7)
		for tag, r := range got {
			expect(t, r, fmt.Sprintf("succeeded %q", fmt.Sprint(tag)))
		}
		again.text(100, "more")
		again.replies(1)
		again.end()
		text, e := again.reduced()
		if text != "0+1+2+3+4+5+6+7+8+9+more" || e.Records != 11 {
			t.Errorf("got %q, %+v", text, e)
		}
	})
}

func TestKeptStreamThatEndedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{Keep: true, KeepMillis: 60_000})
		s.text(1, "x")
		s.end()
		held := <-h
		s.conn.Close()
		synctest.Wait()
		held.answer("y")
		synctest.Wait()
		for range 2 { // whoever does not say that it has it gets it again
			again := c.login("ann")
			again.manual = true
			again.attachTo(s.job)
			expect(t, await[*protocol.Reply](again), `succeeded "y"`)
			if e := again.ended(); e.Records != 1 {
				t.Errorf("ended: %+v", e)
			}
			again.conn.Close()
			synctest.Wait()
		}
		other := c.login("bob")
		other.send(&protocol.Attach{Request: 1, Job: s.job})
		if f := await[*protocol.Failure](other); fanfold.Kind(f.Kind) != fanfold.KindNotFound {
			t.Errorf("another identity: %+v", f)
		}
		pass(2 * time.Minute)
		late := c.login("ann")
		late.send(&protocol.Attach{Request: 1, Job: s.job})
		if f := await[*protocol.Failure](late); fanfold.Kind(f.Kind) != fanfold.KindNotFound {
			t.Errorf("after its time: %+v", f)
		}
		list, _ := c.client("ann").Stats(t.Context())
		if n := stat(list, "fanfold_stream_cost_bytes"); n != 0 {
			t.Errorf("%d bytes are kept", n)
		}
	})
}

func TestKeptStreamNobodyComesBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{Keep: true, KeepMillis: 10_000})
		s.text(1, "x")
		synctest.Wait()
		s.conn.Close()
		pass(20 * time.Second)
		list, err := c.client("ann").Jobs(t.Context())
		if err != nil || fanfold.State(list[0].State) != fanfold.Cancelled {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestSecondAttachTakesTheStreamOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		s := c.stream("echo", protocol.OpenSpec{Keep: true})
		s.text(1, "x")
		s.replies(1)
		other := c.login("ann")
		other.attachTo(s.job)
		if f := await[*protocol.Failure](s); f.Request != 1 || fanfold.Kind(f.Kind) != fanfold.KindBusy {
			t.Errorf("got %+v", f)
		}
		other.text(2, "y")
		expect(t, await[*protocol.Reply](other), `succeeded "y"`)
		s.text(3, "z") // nobody's any more
		other.end()
		if e := other.ended(); e.Records != 2 {
			t.Errorf("ended: %+v", e)
		}
	})
}

// TestRepliesOfAKeptStreamAreAcknowledgedAhead has a client name all replies but the first, which
// it does not deal with: it gets as many as it wants, and another one gets the first alone.
func TestRepliesOfAKeptStreamAreAcknowledgedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		s := c.login("ann")
		s.manual = true
		s.open(&protocol.Submit{
			Job: protocol.JobSpec{Program: "echo"}, Credit: cost(1),
			Open: []protocol.OpenSpec{{Keep: true}},
		})
		const n = 5 * outletTidy
		s.text(0, "0")
		s.replies(1)
		s.send(&protocol.Credit{Stream: s.number, Bytes: cost(1), Number: 1000}) // there is none
		for number := range uint64(n) {
			s.text(number+1, "x")
			if r := await[*protocol.Reply](s); r.Tag != number+1 {
				t.Fatalf("got the reply of %d, want that of %d", r.Tag, number+1)
			}
			for range 2 { // to say it again changes nothing
				s.send(&protocol.Credit{Stream: s.number, Bytes: cost(1), Number: number + 2})
			}
		}
		synctest.Wait()
		list, _ := c.client("ann").Stats(t.Context())
		if got, want := stat(list, "fanfold_stream_cost_bytes"), cost(1); got != want {
			t.Errorf("%d bytes are kept, want %d", got, want)
		}
		s.conn.Close()
		synctest.Wait()
		again := c.login("ann")
		again.attachTo(s.job)
		again.end()
		if r := await[*protocol.Reply](again); r.Tag != 0 {
			t.Errorf("got the reply of %d, want that of 0", r.Tag)
		}
		if e := again.ended(); e.Records != n+1 {
			t.Errorf("ended: %+v", e)
		}
	})
}
