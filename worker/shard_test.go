package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker"
)

// tally is a stateful handler that adds numbers up and answers with the sum so far.
type tally struct {
	sum    int
	closed *int
}

func tallies(closed *int) fanfold.Program {
	return fanfold.Program{
		Name: "tally", Stateful: true, SnapshotEvery: 3,
		Handle: func(*fanfold.Task) (fanfold.Handler, error) { return &tally{closed: closed}, nil },
	}
}

func (s *tally) Handle(_ context.Context, in []byte, r *fanfold.Reply) error {
	n, err := strconv.Atoi(string(in))
	if err != nil {
		return err
	}
	if n < 0 {
		panic("below zero")
	}
	s.sum += n
	_, err = fmt.Fprint(r, s.sum)
	return err
}

func (s *tally) Snapshot(w io.Writer) error {
	if s.sum == 666 {
		return errors.New("cannot be said")
	}
	_, err := fmt.Fprint(w, s.sum)
	return err
}

func (s *tally) Restore(r io.Reader) error {
	_, err := fmt.Fscan(r, &s.sum)
	return err
}

func (s *tally) Close() error {
	*s.closed++
	return nil
}

// add sends a call of a shard.
func (f *fake) add(attempt uint64, shard uint32, text string) {
	f.t.Helper()
	f.send(&protocol.Call{
		Attempt: attempt, Job: 1, Data: []byte(text), Shard: shard, Key: []byte("k"),
	})
}

// saved waits for a Snapshot.
func (f *fake) saved(shard uint32, tasks uint64, data string) {
	f.t.Helper()
	var s protocol.Snapshot
	f.get(&s)
	if s.Job != 1 || s.Shard != shard || s.Tasks != tasks || string(s.Data) != data {
		f.t.Errorf("snapshot %+v of %q, want shard %d, %d tasks, %q", s, s.Data, shard, tasks, data)
	}
}

func TestShardsKeepTheirState(t *testing.T) {
	closed := 0
	f := startMain(t, worker.MainConfig{TasksMax: 3}, tallies(&closed))
	f.open(tallies(nil), fanfold.Job{})
	for i, want := range []struct {
		shard     uint32
		add, sum  string
		snapshots string
	}{
		{1, "1", "1", ""}, {2, "10", "10", ""}, {1, "2", "3", ""}, {1, "3", "6", "6"},
		{1, "4", "10", ""}, {2, "x", "", ""}, {2, "-1", "", ""}, {2, "20", "30", ""},
		{2, "30", "60", "60"},
	} {
		f.add(uint64(i+1), want.shard, want.add)
		if want.sum == "" {
			f.fails(uint64(i + 1)) // the state is as it was
			continue
		}
		if got := f.returned(uint64(i+1), protocol.StatusSucceeded); got != want.sum {
			t.Errorf("call %d of shard %d gave %s, want %s", i+1, want.shard, got, want.sum)
		}
		if want.snapshots != "" {
			f.saved(want.shard, 3, want.snapshots)
		}
	}
	f.send(&protocol.Retire{})
	f.saved(1, 4, "10") // shard 2 has not changed
	var bye protocol.Bye
	f.get(&bye)
	if err := f.end(); err != nil || closed != 2 {
		t.Errorf("Main returned %v, %d handlers were closed", err, closed)
	}
}

func TestShardIsRestored(t *testing.T) {
	closed := 0
	f := startMain(t, worker.MainConfig{}, tallies(&closed))
	f.open(tallies(nil), fanfold.Job{})
	f.send(&protocol.Snapshot{Job: 1, Shard: 5, Tasks: 100, Data: []byte("1000")})
	f.add(1, 5, "1")
	f.add(2, 6, "1")
	f.add(3, 5, "1")
	for i, want := range []string{"1001", "1", "1002"} {
		if got := f.returned(uint64(i+1), protocol.StatusSucceeded); got != want {
			t.Errorf("call %d gave %s, want %s", i+1, got, want)
		}
	}
	f.add(4, 5, "1")
	f.returned(4, protocol.StatusSucceeded)
	f.saved(5, 103, "1003")
	// The shard has been elsewhere meanwhile.
	f.send(&protocol.Snapshot{Job: 1, Shard: 5, Tasks: 200, Data: []byte("2000")})
	f.add(5, 5, "1")
	if got := f.returned(5, protocol.StatusSucceeded); got != "2001" || closed != 1 {
		t.Errorf("call 5 gave %s, %d handlers were closed", got, closed)
	}
	f.send(&protocol.Snapshot{Job: 1, Shard: 7, Tasks: 1, Data: []byte("rubbish")})
	f.add(6, 7, "1")
	f.add(7, 7, "1")
	for _, handle := range []uint64{6, 7} {
		if e := f.fails(handle); !strings.Contains(e.Error(), "restore shard 7: expected integer") {
			t.Errorf("call of a shard that cannot be restored: %v", e)
		}
	}
	f.send(&protocol.Forget{Job: 1})
	_ = f.conn.Close()
	if err := f.result(); err != nil || closed != 5 {
		t.Errorf("Main returned %v, %d handlers were closed", err, closed)
	}
}

func TestSnapshotThatCannotBeHad(t *testing.T) {
	closed, log := 0, bytes.Buffer{}
	f := startMain(t, worker.MainConfig{Log: &log}, tallies(&closed))
	f.open(tallies(nil), fanfold.Job{})
	for i, n := range []string{"600", "60", "6", "1", "1", "1"} {
		f.add(uint64(i+1), 1, n)
		f.returned(uint64(i+1), protocol.StatusSucceeded)
	}
	f.saved(1, 6, "669")
	_ = f.conn.Close()
	_ = f.result()
	want := "snapshot of shard 1 after 3 tasks: cannot be said\n"
	if log.String() != want {
		t.Errorf("log %q, want %q", log.String(), want)
	}
}
