package shuffle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

func TestCollectorSortsLikeTheTwin(t *testing.T) {
	parent, spilled := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.SampledFrom([]int{1, 2, 10, 64}).Draw(t, "partitions")
		c := testConfig(tempDir(t, parent), fanfold.Program{}, partitions)
		c.NoInline = rapid.Bool().Draw(t, "file")
		in := records(200).Draw(t, "records")
		every := spillEvery().Draw(t, "every")
		sources, col := collect(t, c, every, in)
		if col.Spills() > 0 {
			spilled++
		}
		for p, s := range sources {
			what := fmt.Sprintf("partition %d", p)
			comparePairs(t, what, mustRead(t, c, s), sortedPairs(in, p, c.Partitions))
		}
	})
	if spilled == 0 {
		t.Error("vacuous: nothing was spilled")
	}
}

// foldTwin folds with big integers.
func foldTwin(fold fanfold.Fold, in []record, part, partitions int) []pair {
	type group struct {
		n     *big.Int
		first []byte
	}
	groups := map[string]*group{}
	var order []string
	for _, r := range in {
		if Partition(r.key, partitions) != part {
			continue
		}
		n := big.NewInt(r.n)
		if fold == fanfold.Count {
			n = big.NewInt(1)
		}
		g := groups[string(r.key)]
		switch {
		case g == nil:
			groups[string(r.key)] = &group{n, r.text()}
			order = append(order, string(r.key))
		case fold == fanfold.Sum || fold == fanfold.Count:
			g.n.Add(g.n, n)
		case fold == fanfold.Min && n.Cmp(g.n) < 0, fold == fanfold.Max && n.Cmp(g.n) > 0:
			g.n = n
		}
	}
	slices.Sort(order)
	var pairs []pair
	for _, key := range order {
		g := groups[key]
		switch {
		case fold == fanfold.Distinct:
			pairs = append(pairs, pair{key, "-"})
		case fold == fanfold.First:
			pairs = append(pairs, pairOf([]byte(key), g.first))
		case !g.n.IsInt64():
			pairs = append(pairs, pair{key, "overflow"})
		default:
			pairs = append(pairs, pair{key, "=" + g.n.String()})
		}
	}
	return pairs
}

// reduceFold is the reduce side of a fold.
func reduceFold(t fataler, c Config, sources []Source) []pair {
	in, err := Merge(c, sources)
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	defer in.Close()
	var pairs []pair
	d := newRuns(c, newMeter(c)).condense
	for g := newGroups(in.rows, nil); g.Next(); {
		if err := d.fold(g); err != nil {
			t.Fatalf("fold: %v", err)
		}
		value, err := d.acc.final(g.Key())
		p := pairOf(g.Key(), value)
		if err != nil {
			wantKind(t, err, fanfold.KindUser)
			p.value = "overflow"
		}
		pairs = append(pairs, p)
	}
	return pairs
}

func TestFoldsLikeTheTwin(t *testing.T) {
	parent, spilled, overflowed := t.TempDir(), 0, 0
	rapid.Check(t, func(t *rapid.T) {
		fold := fanfold.Fold(rapid.IntRange(int(fanfold.Sum), int(fanfold.Distinct)).Draw(t, "fold"))
		generator := numbers(200)
		if fold == fanfold.First || fold == fanfold.Distinct || fold == fanfold.Count {
			generator = records(200)
		}
		c := testConfig("", fanfold.Program{Fold: fold}, rapid.IntRange(1, 3).Draw(t, "partitions"))
		var all []record
		bySource := make([][]Source, c.Partitions)
		for task := range rapid.IntRange(0, 4).Draw(t, "tasks") {
			c.Dir = tempDir(t, parent)
			in := generator.Draw(t, "records")
			every := spillEvery().Draw(t, "every")
			sources, col := collect(t, c, every, in)
			if col.Spills() > 0 {
				spilled++
			}
			all = append(all, in...)
			for p, s := range sources {
				s.Task = uint32(task)
				bySource[p] = append(bySource[p], s)
			}
		}
		for p, sources := range bySource {
			want := foldTwin(fold, all, p, c.Partitions)
			if slices.ContainsFunc(want, func(p pair) bool { return p.value == "overflow" }) {
				overflowed++
			}
			comparePairs(t, fmt.Sprintf("fold %d", fold), reduceFold(t, c, sources), want)
		}
	})
	if spilled == 0 || overflowed == 0 {
		t.Errorf("vacuous: %d collectors spilled, %d sums overflowed", spilled, overflowed)
	}
}

// A sum is right when a partial sum overflows and the whole does not.
func TestSumIsExactBeyond64Bits(t *testing.T) {
	const top = 1<<63 - 1
	c := testConfig(t.TempDir(), fanfold.Program{Fold: fanfold.Sum}, 1)
	k := []byte("k")
	var in []record
	for _, n := range []int64{top, top, top, -top, -top, -7} {
		in = append(in, record{key: k, n: n, number: true})
	}
	sources, _ := collect(t, c, 0, in)
	want := []pair{{"k", "=" + strconv.Itoa(top-7)}}
	comparePairs(t, "sum", reduceFold(t, c, sources), want)
}

func TestFoldRefusesEmit(t *testing.T) {
	for _, fold := range []fanfold.Fold{fanfold.Sum, fanfold.Min, fanfold.Max} {
		col := NewCollector(testConfig(t.TempDir(), fanfold.Program{Fold: fold}, 1))
		e := fanfold.NewEmitter(col)
		e.Emit([]byte("k"), []byte("1"))
		e.Flush()
		wantKind(t, e.Err(), fanfold.KindUser)
		col.Close()
	}
}

// joiner is a combiner that keeps all values, in order: it must not change what a reduce sees.
type joiner struct{ calls *int }

func (j *joiner) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	*j.calls++
	all := []byte{}
	for v := range values.All() {
		all = append(all, v...)
	}
	emit.Emit(key, all)
	return nil
}

// lagger is a joiner that holds everything back and emits it in another order, as a command may.
type lagger struct {
	joiner
	held []record
}

func (l *lagger) Reduce(key []byte, values *fanfold.Values, _ *fanfold.Emitter) error {
	one := recorder{}
	e := fanfold.NewEmitter(&one)
	err := l.joiner.Reduce(key, values, e)
	e.Flush()
	l.held = append(l.held, one.records...)
	return err
}

func (l *lagger) Close(emit *fanfold.Emitter) error {
	for _, r := range slices.Backward(l.held) {
		emit.Emit(r.key, r.value)
	}
	return nil
}

// recorder is a Sink that keeps what comes from Emit.
type recorder struct{ records []record }

func (s *recorder) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		r := record{key: bytes.Clone(b.Key(i)), value: bytes.Clone(b.Value(i))}
		s.records = append(s.records, r)
	}
	return nil
}

func TestCombinerEqualsNoCombiner(t *testing.T) {
	parent, calls, spilled := t.TempDir(), 0, 0
	rapid.Check(t, func(t *rapid.T) {
		lag := rapid.Bool().Draw(t, "lag")
		combine := func(*fanfold.Task) (fanfold.Reducer, error) {
			if lag {
				return &lagger{joiner: joiner{&calls}}, nil
			}
			return &joiner{&calls}, nil
		}
		in := records(200).Draw(t, "records")
		every := spillEvery().Draw(t, "every")
		c := testConfig(tempDir(t, parent), fanfold.Program{Combine: combine}, 3)
		sources, col := collect(t, c, every, in)
		if col.Spills() > 1 {
			spilled++
		}
		for p, s := range sources {
			got := joined(mustRead(t, c, s))
			comparePairs(t, "combined", got, joined(sortedPairs(in, p, c.Partitions)))
		}
	})
	if calls == 0 || spilled == 0 {
		t.Errorf("vacuous: %d calls, %d checks with several spills", calls, spilled)
	}
}

// What a combiner that lags emits is sorted within the memory for merges, and beyond it on disk.
func TestLaggingCombinerIsSortedWithinItsMemory(t *testing.T) {
	calls := 0
	combine := func(*fanfold.Task) (fanfold.Reducer, error) {
		return &lagger{joiner: joiner{&calls}}, nil
	}
	c := testConfig(t.TempDir(), fanfold.Program{Combine: combine}, 2)
	var in []record
	for i := range 30_000 {
		key := strconv.AppendInt(nil, int64(i*7919%30_000), 10)
		in = append(in, record{key: key, value: strconv.AppendInt(nil, int64(i), 10)})
	}
	sources, col := collect(t, c, 0, in)
	if col.Spills() == 0 || calls < 2*len(in) {
		t.Errorf("vacuous: %d spills, %d calls", col.Spills(), calls)
	}
	for p, s := range sources {
		comparePairs(t, "combined", mustRead(t, c, s), sortedPairs(in, p, c.Partitions))
	}
}

// joined concatenates the values of each key.
func joined(pairs []pair) []pair {
	var out []pair
	for _, p := range pairs {
		if len(out) == 0 || out[len(out)-1].key != p.key {
			out = append(out, pair{p.key, ""})
		}
		out[len(out)-1].value += p.value[1:]
	}
	return out
}

// stray is a combiner that emits another key than it was given.
type stray struct{}

func (stray) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	emit.Emit([]byte("zz"), nil)
	emit.Emit(key, nil)
	return nil
}

func TestCombinerMustKeepItsKeys(t *testing.T) {
	dir := t.TempDir()
	combine := func(*fanfold.Task) (fanfold.Reducer, error) { return stray{}, nil }
	col := NewCollector(testConfig(dir, fanfold.Program{Combine: combine}, 1))
	emit(t, col, []record{{key: []byte("a")}, {key: []byte("b")}})
	_, err := col.Finish()
	wantKind(t, err, fanfold.KindUser)
	col.Close()
	emptyDir(t, dir)
}

// failing is a combiner that fails, and says when it is closed.
type failing struct{ closed *int }

func (f failing) Reduce([]byte, *fanfold.Values, *fanfold.Emitter) error { return errors.New("no") }
func (f failing) Close(e *fanfold.Emitter) error {
	if e == nil {
		*f.closed++
	}
	return nil
}

func TestFailedCombinerIsClosedWithoutEmitter(t *testing.T) {
	closed := 0
	combine := func(*fanfold.Task) (fanfold.Reducer, error) { return failing{&closed}, nil }
	col := NewCollector(testConfig(t.TempDir(), fanfold.Program{Combine: combine}, 1))
	defer col.Close()
	emit(t, col, []record{{key: []byte("a")}})
	_, err := col.Finish()
	wantKind(t, err, fanfold.KindUser)
	if closed != 1 {
		t.Errorf("closed %d times, want once", closed)
	}
}

// The budget holds with far more distinct keys than fit, and what comes out is all of them.
func TestX12MemoryIsBounded(t *testing.T) {
	const memory = 2 << 20
	key := func(i int) []byte { return strconv.AppendUint(nil, uint64(i)*0x9E3779B97F4A7C15, 36) }
	for name, program := range map[string]fanfold.Program{
		"table":    {Fold: fanfold.Sum},
		"first":    {Fold: fanfold.First},
		"distinct": {Fold: fanfold.Distinct},
		"buffer":   {},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t.TempDir(), program, 3)
			c.Memory = memory
			distinct := 300_000
			if name != "table" {
				distinct = 100_000
			}
			col := NewCollector(c)
			defer col.Close()
			e := fanfold.NewEmitter(col)
			for i := range distinct {
				e.Add(key(i), 1)
			}
			e.Flush()
			if e.Err() != nil {
				t.Fatal(e.Err())
			}
			out, err := col.Finish()
			if err != nil {
				t.Fatal(err)
			}
			peak := int64(0)
			switch s := col.store.(type) {
			case *buffer:
				peak = s.peak
			case *table:
				peak = s.peak
			}
			if col.Spills() < 3 || out.Records != int64(distinct) {
				t.Errorf("%d spills, %d records", col.Spills(), out.Records)
			}
			reserved := int64(runsMax * newBudget(memory).runBlock)
			if peak+reserved > memory || peak < memory/4 {
				t.Errorf("held %d and %d bytes, want up to %d", peak, reserved, memory)
			}
			last, read := "", 0
			for p, s := range sourcesOf(c, 0, out) {
				last = ""
				for _, r := range mustRead(t, c, s) {
					if r.key <= last || Partition([]byte(r.key), 3) != p {
						t.Fatalf("key %q behind %q in partition %d", r.key, last, p)
					}
					last = r.key
					read++
				}
			}
			if read != distinct {
				t.Errorf("%d records came back, want %d", read, distinct)
			}
		})
	}
}

// One key that has nearly all records goes through a small memory.
func TestR50OneHotKey(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 4)
	var in []record
	for i := range 40_000 {
		key := []byte("hot")
		if i%10 == 0 {
			key = strconv.AppendInt(nil, int64(i), 10)
		}
		in = append(in, record{key: key, value: strconv.AppendInt(nil, int64(i), 10)})
	}
	sources, col := collect(t, c, 1000, in)
	if col.Spills() < 10 {
		t.Fatalf("vacuous: %d spills", col.Spills())
	}
	for p, s := range sources {
		comparePairs(t, "partition", mustRead(t, c, s), sortedPairs(in, p, c.Partitions))
	}
}

func TestNothingIsLeftAfterAnError(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(c *Config, cancel context.CancelCauseFunc)
		kind  fanfold.Kind
	}{
		{"cancelled", func(_ *Config, cancel context.CancelCauseFunc) {
			cancel(nil)
		}, fanfold.KindCancelled},
		{"timeout", func(_ *Config, cancel context.CancelCauseFunc) {
			cancel(fanfold.Errorf(fanfold.KindTimeout, "run attempt", "too slow"))
		}, fanfold.KindTimeout},
		{"no directory", func(c *Config, _ context.CancelCauseFunc) {
			os.Remove(c.Dir)
		}, fanfold.KindDisk},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			c := testConfig(t.TempDir()+"/attempt", fanfold.Program{Fold: fanfold.Count}, 2)
			c.Task = fanfold.NewTask(ctx, fanfold.Task{})
			if err := os.Mkdir(c.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			col := NewCollector(c)
			col.store.(*table).memory = 20_000
			e := fanfold.NewEmitter(col)
			for i := 0; i < 100_000 && e.Err() == nil; i++ {
				if i == 5_000 {
					if openSpills(t) == 0 {
						t.Fatal("vacuous: nothing was spilled")
					}
					test.spoil(&c, cancel)
				}
				e.Add(strconv.AppendInt(nil, int64(i), 10), 1)
			}
			wantKind(t, e.Err(), test.kind)
			col.Close()
			if n := openSpills(t); n != 0 {
				t.Errorf("%d spill files are open", n)
			}
			if _, err := os.Stat(c.Dir); err == nil {
				emptyDir(t, c.Dir)
			}
		})
	}
}

func TestNoAllocationPerRecord(t *testing.T) {
	key, value := make([]byte, 30), []byte("some value")
	for name, program := range map[string]fanfold.Program{
		"table": {Fold: fanfold.Sum}, "first": {Fold: fanfold.First}, "buffer": {},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t.TempDir(), program, 8)
			c.Memory = 64 << 20
			col := NewCollector(c)
			defer col.Close()
			e := fanfold.NewEmitter(col)
			const each = 10_000
			allocs := testing.AllocsPerRun(5, func() {
				for i := range each {
					key[3], key[9], key[20] = byte(i), byte(i>>8), byte(i>>3)
					if program.Fold == fanfold.Sum {
						e.Add(key[:10+i%20], 1)
					} else {
						e.Emit(key[:10+i%20], value)
					}
				}
			})
			if e.Err() != nil || allocs/each > 0.01 {
				t.Errorf("%v: %v allocations in %d records", e.Err(), allocs, each)
			}
		})
	}
}
