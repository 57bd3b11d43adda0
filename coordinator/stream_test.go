package coordinator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestB1RepliesReachTheirStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		ann, bob := c.stream("echo", protocol.OpenSpec{}), c.stream("echo", protocol.OpenSpec{})
		const n = 500
		for tag := range uint64(n) {
			ann.text(tag, fmt.Sprintf("ann %d", tag))
			bob.text(tag, fmt.Sprintf("bob %d", tag))
		}
		for name, s := range map[string]*fakeStream{"ann": ann, "bob": bob} {
			s.end()
			for tag, r := range s.replies(n) {
				expect(t, r, fmt.Sprintf("succeeded %q", fmt.Sprintf("%s %d", name, tag)))
				if r.Attempts != 1 || r.Worker != "w1" {
					t.Errorf("attempts %d, worker %q", r.Attempts, r.Worker)
				}
			}
			if e := s.ended(); e.Records != n || fanfold.State(e.State) != fanfold.Succeeded {
				t.Errorf("ended: %+v", e)
			}
		}
	})
}

func TestB4QueuedTasksRunInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "0" })
		s := c.stream("echo", protocol.OpenSpec{})
		const n = 3000
		for tag := range uint64(n) {
			s.text(tag, fmt.Sprint(tag))
		}
		stuck := <-h
		synctest.Wait()
		stuck.answer("0")
		for want := range uint64(n) {
			if r := await[*protocol.Reply](s); r.Tag != want {
				t.Fatalf("got the reply of %d, want that of %d", r.Tag, want)
			}
		}
	})
}

func TestB7StreamThatIsNotReadHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		slow := c.login("ann")
		slow.manual = true
		slow.open(&protocol.Submit{
			Job: protocol.JobSpec{Program: "echo"}, Credit: 1, Open: []protocol.OpenSpec{{}},
		})
		const n = 300
		for tag := range uint64(n) {
			slow.text(tag, fmt.Sprint(tag))
		}
		slow.end()
		synctest.Wait()
		other := c.stream("echo", protocol.OpenSpec{})
		other.text(1, "x")
		expect(t, await[*protocol.Reply](other), `succeeded "x"`)
		pass(time.Minute) // nobody takes who waits for credit for stalled
		slow.grant(1 << 20)
		if got := len(slow.replies(n)); got != n {
			t.Errorf("got %d replies", got)
		}
		slow.ended()
	})
}

func TestB2OneWayTasksAreAnsweredOnlyWhenTheyFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		c.agent.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
			if string(call.Data) == "bad" {
				return failedCall(call, fanfold.KindUsage, "no good")
			}
			return echo(p, call)
		}
		s := c.stream("echo", protocol.OpenSpec{})
		s.task(1, protocol.Task{Data: []byte("fine"), Flags: protocol.TaskOneWay})
		s.task(2, protocol.Task{Data: []byte("bad"), Flags: protocol.TaskOneWay})
		s.end()
		r := await[*protocol.Reply](s)
		if expect(t, r, `failed "" usage`); r.Tag != 2 {
			t.Errorf("tag %d", r.Tag)
		}
		if e := s.ended(); e.Records != 1 || fanfold.State(e.State) != fanfold.Failed {
			t.Errorf("ended: %+v", e)
		}
	})
}

// failedCall is the end of a call whose handler returned an error.
func failedCall(call *fakeCall, kind fanfold.Kind, text string) *protocol.Return {
	f := protocol.FromError(fanfold.Errorf(kind, "handle task", "%s", text))
	return &protocol.Return{
		Attempt: call.Attempt, Status: protocol.StatusFailed, Failure: []protocol.Failure{f},
	}
}

// TestPipelinedCommandIsSentManyLinesAhead checks that the first lines go out together, although
// nothing is known of how long one takes; those of a command that is not pipelined go alone.
func TestPipelinedCommandIsSentManyLinesAhead(t *testing.T) {
	for feed, want := range map[fanfold.Feed]int{
		fanfold.FeedKept: 1, fanfold.FeedPipelined: fanfold.BatchMax,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, openConfig(Limits{}), 1)
			held := holdCalls(c, all)
			s := c.login("ann")
			job := protocol.JobSpec{Program: fanfold.CommandProgram, Mapper: []string{"cat"}}
			job.Feed = uint32(feed)
			s.open(&protocol.Submit{Job: job, Credit: 1 << 20, Open: []protocol.OpenSpec{{}}})
			for tag := range uint64(fanfold.BatchMax + 100) {
				s.text(tag, "line")
			}
			synctest.Wait()
			if got := len(held); got != want {
				t.Errorf("feed %d: %d tasks were sent at once, want %d", feed, got, want)
			}
		})
	}
}
