package coordinator

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// tally is what fake processes know of the tasks that they ran, by key, in their order.
type tally struct {
	mu  sync.Mutex // guards ran
	ran map[string][]string
	at  map[string]map[*fakeProcess]bool
}

func newTally(c *cluster) *tally {
	y := &tally{ran: map[string][]string{}, at: map[string]map[*fakeProcess]bool{}}
	c.agent.set(func(a *fakeAgent) { a.handle = y.handle })
	return y
}

func (y *tally) handle(p *fakeProcess, call *fakeCall) *protocol.Return {
	y.mu.Lock()
	defer y.mu.Unlock()
	key := string(call.Key)
	y.ran[key] = append(y.ran[key], string(call.Data))
	if y.at[key] == nil {
		y.at[key] = map[*fakeProcess]bool{}
	}
	y.at[key][p] = true
	return echo(p, call)
}

func (y *tally) processes(key string) int { return len(y.at[key]) }

func TestB4B33TasksOfAKeyRunInOneProcessInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 3)
		y := newTally(c)
		s := c.stream("echo", protocol.OpenSpec{})
		used := map[*fakeProcess]bool{}
		var want []string
		for n := range 100 {
			for k := range 20 {
				s.task(uint64(n*20+k), protocol.Task{
					Key: fmt.Appendf(nil, "key-%d", k), Data: fmt.Append(nil, n),
				})
			}
			want = append(want, fmt.Sprint(n))
		}
		s.replies(2000)
		for k := range 20 {
			key := fmt.Sprintf("key-%d", k)
			if !slices.Equal(y.ran[key], want) || y.processes(key) != 1 {
				t.Errorf("%s ran in %d processes: %v", key, y.processes(key), y.ran[key])
			}
			for p := range y.at[key] {
				used[p] = true
			}
		}
		if len(used) < 2 {
			t.Errorf("all keys are in %d processes", len(used))
		}
	})
}

func TestB33ShardsAreStableAndTotal(t *testing.T) {
	st := &stream{spec: protocol.OpenSpec{Shards: 7}}
	seen := map[uint32]bool{}
	for n := range 1000 {
		key := fmt.Append(nil, n)
		shard := st.shardOf(key)
		if seen[shard] = true; shard < 1 || shard > 7 || st.shardOf(key) != shard {
			t.Fatalf("key %d: shard %d", n, shard)
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d shards of 7 have keys", len(seen))
	}
	const sum = 0xd24ec4f1a98c6e5b // XXH64 of "a": the same in every language
	if got := st.shardOf([]byte("a")); got != 1+sum%7 {
		t.Errorf("shard %d", got)
	}
}

func TestB14DeadlinesEndTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "slow" })
		s := c.stream("echo", protocol.OpenSpec{TaskMillis: 60_000})
		start := time.Now()
		s.task(1, protocol.Task{Data: []byte("slow"), Millis: 1000})
		s.task(2, protocol.Task{Data: []byte("waits"), Millis: 500})
		if m := (<-h).Millis; m < 900 || m > 1000 {
			t.Errorf("the call has %d ms", m)
		}
		first := await[*protocol.Reply](s)
		expect(t, first, `timed-out "" deadline`)
		if first.Tag != 2 || time.Since(start) > 600*time.Millisecond {
			t.Errorf("tag %d after %v", first.Tag, time.Since(start))
		}
		second := await[*protocol.Reply](s)
		if expect(t, second, `timed-out "" deadline`); time.Since(start) > 1100*time.Millisecond {
			t.Errorf("after %v", time.Since(start))
		}
		s.text(3, "fine")
		expect(t, await[*protocol.Reply](s), `succeeded "fine"`)
		s.text(4, "slow") // it has the stream's deadline
		<-h
		expect(t, await[*protocol.Reply](s), `timed-out "" deadline`)
		if took := time.Since(start); took < time.Minute {
			t.Errorf("after %v", took)
		}
	})
}

func TestPrioritiesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, func(call *fakeCall) bool { return string(call.Data) == "stuck" })
		s := c.stream("echo", protocol.OpenSpec{})
		s.text(1, "stuck")
		held := <-h
		for tag, p := range map[uint64]uint8{8: 8, 1: 1, 5: 0} {
			s.task(100+tag, protocol.Task{Data: []byte("x"), Priority: p})
		}
		synctest.Wait()
		held.answer("y")
		var got []uint64
		for range 4 {
			got = append(got, await[*protocol.Reply](s).Tag)
		}
		if !slices.Equal(got, []uint64{1, 101, 105, 108}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestTaskForAllShardsIsReducedToOneReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 2)
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				if call.Op == protocol.OpReduce {
					return echo(p, call)
				}
				if string(call.Data) == "bad" && call.Shard == 3 {
					return failedCall(call, fanfold.KindUsage, "not this shard")
				}
				r := echo(p, call)
				r.Data = fmt.Append(nil, call.Shard)
				return r
			}
		})
		s := c.stream("state", protocol.OpenSpec{Shards: 5})
		s.task(1, protocol.Task{Data: []byte("query"), Flags: protocol.TaskAll})
		for range 5 {
			await[*protocol.ShardMoved](s)
		}
		expect(t, await[*protocol.Reply](s), `succeeded "1+2+3+4+5"`)
		s.task(2, protocol.Task{Data: []byte("bad"), Flags: protocol.TaskAll})
		expect(t, await[*protocol.Reply](s), `failed "" usage`)
		s.task(3, protocol.Task{Data: []byte("query"), Flags: protocol.TaskAll, ID: "a"})
		s.task(4, protocol.Task{Data: []byte("query"), Flags: protocol.TaskAll, ID: "a"})
		for _, r := range s.replies(2) {
			expect(t, r, `succeeded "1+2+3+4+5"`)
		}
		s.end()
		if e := s.ended(); e.Records != 3 {
			t.Errorf("ended: %+v", e)
		}
		plain := c.stream("plain", protocol.OpenSpec{})
		plain.task(1, protocol.Task{Flags: protocol.TaskAll})
		expect(t, await[*protocol.Reply](plain), `failed "" usage`)
	})
}

func TestCancelOfATaskForAllShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		h := holdCalls(c, all)
		s := c.stream("echo", protocol.OpenSpec{Shards: 5})
		s.task(1, protocol.Task{Flags: protocol.TaskAll})
		<-h
		s.send(&protocol.CancelTask{Request: 1, Tag: 1})
		expect(t, await[*protocol.Reply](s), `cancelled "" cancelled`)
		s.end()
		s.ended()
	})
}

func TestShardOfADeadProcessIsRestoredFromItsSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				switch string(call.Data) {
				case "snapshot":
					p.conn.Send(&protocol.Snapshot{
						Job: call.Job, Shard: call.Shard, Tasks: 2, Data: []byte("state"),
					})
				case "die":
					if call.Number < 2 {
						c.all.Go(p.kill)
						return nil
					}
				}
				return echo(p, call)
			}
		})
		s := c.stream("state", protocol.OpenSpec{Shards: 1})
		key := []byte("k")
		send := func(tag uint64, text string) { s.task(tag, protocol.Task{Key: key, Data: []byte(text)}) }
		send(1, "a")
		if m := await[*protocol.ShardMoved](s); m.Epoch != 1 || m.Lost || m.Restored || m.Behind != 0 {
			t.Errorf("first: %+v", m)
		}
		s.replies(1)
		for tag, text := range []string{"b", "snapshot", "c"} {
			send(uint64(tag), text)
		}
		s.replies(3)
		send(9, "die")
		m := await[*protocol.ShardMoved](s)
		if m.Epoch != 2 || !m.Lost || !m.Restored || m.Behind != 2 {
			t.Errorf("then: %+v", m)
		}
		r := await[*protocol.Reply](s)
		if expect(t, r, `succeeded "die"`); r.Epoch != 2 || r.Attempts != 2 {
			t.Errorf("reply: %+v", r)
		}
		p := c.agent.process(0)
		if n := p.restored; len(n) != 1 || string(n[0].Data) != "state" || n[0].Tasks != 2 {
			t.Errorf("restored: %+v", n)
		}
		list, _ := c.client("ann").Stats(t.Context())
		if n := stat(list, "fanfold_snapshot_bytes"); n != 5 {
			t.Errorf("%d bytes of snapshots", n)
		}
		s.end()
		s.ended()
		list, _ = c.client("ann").Stats(t.Context())
		if n := stat(list, "fanfold_snapshot_bytes"); n != 0 {
			t.Errorf("%d bytes of snapshots are left", n)
		}
	})
}

func TestKeyedTaskThatFailsIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, openConfig(Limits{}), 1)
		c.agent.set(func(a *fakeAgent) {
			a.handle = func(p *fakeProcess, call *fakeCall) *protocol.Return {
				return failedCall(call, fanfold.KindUser, "no")
			}
		})
		s := c.stream("echo", protocol.OpenSpec{})
		s.task(1, protocol.Task{Key: []byte("k"), Data: []byte("x")})
		r := await[*protocol.Reply](s)
		if expect(t, r, `failed "" user`); r.Attempts != 1 || r.Failure[0].Message != "no" {
			t.Errorf("reply: %+v", r)
		}
	})
}
