package coordinator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

func TestB17B18ReloadUnderLoadLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 3)
		ran := map[string]int{}
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				a.mu.Lock()
				defer a.mu.Unlock()
				ran[string(call.Data)]++
				return echo(p, call)
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		const n, times = 3000, 5
		done := make(chan error, 1)
		go func() {
			for range times {
				if err := c.server.Reload(t.Context(), 0); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for tag := range uint64(n) {
			s.task(tag, protocol.Task{Data: fmt.Append(nil, tag), Key: fmt.Append(nil, tag%50)})
		}
		for tag, r := range s.replies(n) {
			expect(t, r, fmt.Sprintf("succeeded %q", fmt.Sprint(tag)))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		for data, times := range ran {
			if times != 1 {
				t.Errorf("task %s ran %d times", data, times)
			}
		}
		if got := c.agent.pid; got != 3+3*times {
			t.Errorf("%d processes were started, want %d", got, 3+3*times)
		}
	})
}

func TestB18ProcessThatDoesNotEndIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		h := holdCalls(c, func(call *fakeCall) bool { return call.Number < 2 })
		c.agent.set(func(a *fakeAgent) { a.stubborn = true })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "stuck")
		<-h
		start := time.Now()
		if err := c.server.Reload(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 2*time.Minute || took > 3*time.Minute {
			t.Errorf("it took %v", took)
		}
		expect(t, await[*protocol.Reply](s), `succeeded "stuck"`)
	})
}

func TestQueryReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		s := c.login("ann")
		s.send(&protocol.Query{Request: 7, What: protocol.QueryReload})
		if a := await[*protocol.Answer](s); a.Request != 7 {
			t.Errorf("got %+v", a)
		}
	})
}

// TestReloadDuringAnother checks that those who ask while one is under way share one more.
func TestReloadDuringAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		c.agent.set(func(a *fakeAgent) { a.stubborn = true })
		s := c.login("ann")
		const first, more = 1, reloadersMax
		for n := range uint64(first + more + 1) {
			s.send(&protocol.Query{Request: 1 + n, What: protocol.QueryReload})
		}
		f := await[*protocol.Failure](s)
		if f.Request != 1+first+more || fanfold.Kind(f.Kind) != fanfold.KindBusy {
			t.Errorf("got %+v", f)
		}
		synctest.Wait()
		c.agent.set(func(a *fakeAgent) { a.stubborn = false })
		for n := range uint64(first + more) {
			if a := await[*protocol.Answer](s); a.Request != 1+n {
				t.Fatalf("got %+v, want the answer to %d", a, 1+n)
			}
		}
		if got, want := c.agent.pid, uint32(2+2+2); got != want {
			t.Errorf("%d processes were started, want %d", got, want)
		}
	})
}
