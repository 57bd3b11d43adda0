package jobs

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// link records what a handler sends ahead of its results.
type link struct {
	said []string
}

func (l *link) Partial(_ *fanfold.Reply, data []byte, status string) error {
	l.said = append(l.said, status+string(data))
	return nil
}

func (l *link) Call(
	context.Context, *fanfold.Reply, string, [][]byte,
) ([]fanfold.Outcome, error) {
	return nil, errors.New("no job of this package calls another")
}

// handle runs one task on a new handler of a program.
func handle(t *testing.T, p fanfold.Program, params map[string]string, in string) (string, *link) {
	t.Helper()
	h, err := p.Handle(fanfold.NewTask(t.Context(), fanfold.Task{Params: params}))
	if err != nil {
		t.Fatal(err)
	}
	l := &link{}
	r := fanfold.Reply{Link: l, Input: []byte(in)}
	if err := h.Handle(t.Context(), r.In(), &r); err != nil {
		t.Fatal(err)
	}
	return string(r.Buffer()), l
}

func TestEcho(t *testing.T) {
	for _, test := range []struct{ bytes, in, want string }{
		{"-1", "any\x00bytes", "any\x00bytes"}, {"3", "any", "any"}, {"2", "any", "an"},
		{"0", "any", ""}, {"9", "any", "any"},
	} {
		got, _ := handle(t, Echo(), map[string]string{"bytes": test.bytes}, test.in)
		if got != test.want {
			t.Errorf("bytes=%s of %q: got %q, want %q", test.bytes, test.in, got, test.want)
		}
	}
}

func TestSteps(t *testing.T) {
	got, l := handle(t, Steps(), map[string]string{"pause": "0"}, "it")
	want := []string{"step 1 of 3", "step 2 of 3", "step 3 of 3", `worked on "it"`}
	if got != "finished" || !slices.Equal(l.said, want) {
		t.Errorf("got %q after %q, want finished after %q", got, l.said, want)
	}
}

func TestStepsIsCancelled(t *testing.T) {
	h, err := Steps().Handle(fanfold.NewTask(t.Context(), fanfold.Task{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Handle(ctx, nil, &fanfold.Reply{Link: &link{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// shards is Rank as a job has it: one handler a shard, tasks sent where its Route says.
type shards struct {
	t    *testing.T
	list []fanfold.Handler
}

func newShards(t *testing.T, n int) *shards {
	s := &shards{t: t}
	for range n {
		s.list = append(s.list, s.empty())
	}
	return s
}

func (s *shards) empty() fanfold.Handler {
	h, err := Rank().Handle(fanfold.NewTask(s.t.Context(), fanfold.Task{}))
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

// ask gives the answer to a line.
func (s *shards) ask(line string) string {
	s.t.Helper()
	key, all := Rank().Route([]byte(line))
	if !all {
		at := int(crc32.ChecksumIEEE(key)) % len(s.list)
		return string(s.one(at, line))
	}
	var answers [][]byte
	for at := range s.list {
		answers = append(answers, s.one(at, line))
	}
	return s.merge(answers)
}

func (s *shards) one(at int, line string) []byte {
	s.t.Helper()
	var r fanfold.Reply
	if err := s.list[at].Handle(s.t.Context(), []byte(line), &r); err != nil {
		s.t.Fatal(err)
	}
	return r.Buffer()
}

// merge is what the reducer makes of the answers of all shards.
func (s *shards) merge(answers [][]byte) string {
	reducer, err := Rank().Reduce(fanfold.NewTask(s.t.Context(), fanfold.Task{}))
	if err != nil {
		s.t.Fatal(err)
	}
	var out values
	emit := fanfold.NewEmitter(&out)
	v := fanfold.NewValues(func() (v []byte, ok bool) {
		if len(answers) == 0 {
			return nil, false
		}
		v, answers = answers[0], answers[1:]
		return v, true
	})
	if err := reducer.Reduce(nil, v, emit); err != nil {
		s.t.Fatal(err)
	}
	emit.Flush()
	return string(out)
}

// values collects emitted values, one behind the other.
type values []byte

func (v *values) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		*v = append(*v, b.Value(i)...)
	}
	return nil
}

func TestRank(t *testing.T) {
	for _, n := range []int{1, 4, 16} {
		s := newShards(t, n)
		for _, line := range []string{
			"join red ann 5", "join red bob 9", "join red cid 7", "join blue ann 8",
			"join green dan -1", "join red ann 10", "leave red cid", "leave red nobody",
			"leave nowhere ann",
		} {
			s.ask(line)
		}
		for _, test := range []struct{ ask, want string }{
			{"top red 1", "10\tred\tann\n"},
			{"top red 0", ""},
			{"top none 3", ""},
			{"members red", "10\tred\tann\n9\tred\tbob\n"},
			{"groups ann", "10\tred\tann\n8\tblue\tann\n"},
			{"groups nobody", ""},
			{"top 3", "10\tred\tann\n9\tred\tbob\n8\tblue\tann\n"},
			{"top 99", "10\tred\tann\n9\tred\tbob\n8\tblue\tann\n-1\tgreen\tdan\n"},
		} {
			if got := s.ask(test.ask); got != test.want {
				t.Errorf("%d shards, %s: got %q, want %q", n, test.ask, got, test.want)
			}
		}
	}
}

// TestRankIsRestored checks that a shard that starts again from its snapshot answers as before.
func TestRankIsRestored(t *testing.T) {
	s := newShards(t, 1)
	for _, line := range []string{"join red ann 5", "join red bob 9", "join blue ann 8"} {
		s.ask(line)
	}
	want := s.ask("top 9")
	var kept bytes.Buffer
	if err := s.list[0].(fanfold.Snapshotter).Snapshot(&kept); err != nil {
		t.Fatal(err)
	}
	s.list[0] = s.empty()
	if got := s.ask("top 9"); got != "" {
		t.Fatalf("a new shard has %q", got)
	}
	if err := s.list[0].(fanfold.Snapshotter).Restore(&kept); err != nil {
		t.Fatal(err)
	}
	if got := s.ask("top 9"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := s.empty().(fanfold.Snapshotter).Restore(strings.NewReader("no ranks")); err == nil {
		t.Error("a snapshot that is none was taken")
	}
}

func TestRankRefuses(t *testing.T) {
	h := newShards(t, 1).list[0]
	lines := []string{"", "join red ann", "join red ann many", "top", "top red x", "sing"}
	for _, line := range lines {
		err := h.Handle(t.Context(), []byte(line), &fanfold.Reply{})
		if fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("%q: got %v, want a usage error", line, err)
		}
	}
}
