package shuffle

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/fanfold/fanfold"
	"pgregory.net/rapid"
)

// inlineSource writes records, sorted, as the only partition of an inline output.
func inlineSource(t fataler, task uint32, in []record, block int) (Source, []pair) {
	t.Helper()
	var buf bytes.Buffer
	w := blockWriter{w: &buf, target: block}
	sorted := sortedPairs(in, 0, 1)
	for _, p := range sorted {
		var value []byte
		if p.value != "-" {
			value = []byte(p.value[1:])
		}
		if err := w.append(0, []byte(p.key), value); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatalf("write: %v", err)
	}
	return Source{Task: task, Inline: buf.Bytes(), Records: int64(len(in))}, sorted
}

func TestMergeIsAStableSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := testConfig("", fanfold.Program{}, 1)
		var sources []Source
		var all []record
		for task := range rapid.IntRange(0, 9).Draw(t, "streams") {
			in := records(30).Draw(t, "records")
			block := rapid.SampledFrom([]int{1, 50, blockBytes}).Draw(t, "block")
			s, _ := inlineSource(t, uint32(task), in, block)
			sources = append(sources, s)
			all = append(all, in...)
		}
		comparePairs(t, "merged", mustRead(t, c, sources...), sortedPairs(all, 0, 1))

		in, err := Merge(c, sources)
		if err != nil {
			t.Fatalf("merge: %v", err)
		}
		defer in.Close()
		take := rapid.IntRange(0, 3).Draw(t, "take") // of the values of each group
		checkGroups(t, in, sortedPairs(all, 0, 1), take)
		if in.Records() != int64(len(all)) {
			t.Fatalf("%d records were read of %d", in.Records(), len(all))
		}
	})
}

// checkGroups walks over groups, taking only some values of each.
func checkGroups(t fataler, in *Input, want []pair, take int) {
	t.Helper()
	g := in.Groups()
	for g.Next() {
		if len(want) == 0 || want[0].key != string(g.Key()) {
			t.Fatalf("group %.80q, want one of %.200q", g.Key(), fmt.Sprint(want))
		}
		for n := range take {
			value, ok := g.Values().Next()
			if !ok {
				if n < len(want) && want[n].key == string(g.Key()) {
					t.Fatalf("group %.80q ended after %d values", g.Key(), n)
				}
				break
			}
			if n == len(want) || pairOf(g.Key(), value) != want[n] {
				t.Fatalf("group %.80q: value %d is %.80q", g.Key(), n, value)
			}
		}
		key := want[0].key
		for len(want) > 0 && want[0].key == key {
			want = want[1:]
		}
	}
	if g.Err() != nil || len(want) > 0 {
		t.Fatalf("ended with %v before %.200q", g.Err(), fmt.Sprint(want))
	}
}

// More sources than one merge may read are merged in passes, and stay in order.
func TestMergeInPasses(t *testing.T) {
	const tasks = 2*sourcesMax + 10
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	var sources []Source
	var all []record
	for task := range tasks {
		in := []record{
			{key: []byte("hot"), value: fmt.Append(nil, task)},
			{key: fmt.Append(nil, task%7), value: fmt.Append(nil, task)},
		}
		s, _ := inlineSource(t, uint32(task), in, blockBytes)
		sources = append(sources, s)
		all = append(all, in...)
	}
	in, err := Merge(c, sources)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if in.Spills() != 3 {
		t.Errorf("%d runs, want 3", in.Spills())
	}
	checkGroups(t, in, sortedPairs(all, 0, 1), tasks)
	if want := int64(2 * tasks); in.Records() != want || in.Bytes() == 0 {
		t.Errorf("%d records of %d, %d bytes", in.Records(), want, in.Bytes())
	}
	emptyDir(t, c.Dir)
}

// Segment files count against the memory by what is read of them at a time.
func TestMergeOfFilesWithinMemory(t *testing.T) {
	parent := t.TempDir()
	var sources []Source
	var all []record
	value := bytes.Repeat([]byte("v"), 10_000)
	for task := range 12 {
		c := testConfig(parent+fmt.Sprint("/", task), fanfold.Program{}, 1)
		mkdir(t, c.Dir)
		var in []record
		for i := range 40 {
			r := record{key: fmt.Append(nil, i%9), value: append(fmt.Append(nil, task, i), value...)}
			in = append(in, r)
		}
		s, _ := collect(t, c, 0, in)
		s[0].Task = uint32(task)
		sources = append(sources, s...)
		all = append(all, in...)
	}
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	in, err := Merge(c, sources)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if in.Spills() < 4 {
		t.Errorf("%d runs: the sources need several times the memory", in.Spills())
	}
	checkGroups(t, in, sortedPairs(all, 0, 1), 1000)
}

// The source to blame is told apart also when it is in the middle of many.
func TestR19MergeNamesTheSource(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 1)
	var sources []Source
	for task := range uint32(20) {
		s, _ := inlineSource(t, task, []record{{key: []byte("k")}}, blockBytes)
		sources = append(sources, s)
	}
	sources[7].Inline[len(sources[7].Inline)-1] ^= 4
	in, err := Merge(c, sources)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	g := in.Groups()
	for g.Next() {
	}
	wantSourceError(t, "damaged", g.Err())

	in, err = Concat(c, sources)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := NewOutput(c, OutputConfig{Final: Final{Sort: fanfold.SortNone}, Render: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	wantSourceError(t, "damaged", in.Copy(out))
}

// Many runs become few: neither files nor merges grow with the number of spills.
func TestRunsAreFused(t *testing.T) {
	c := testConfig(t.TempDir(), fanfold.Program{}, 2)
	col := NewCollector(c)
	defer col.Close()
	const spills = 5*runsMax + 3
	var all []record
	for i := range spills {
		in := []record{
			{key: fmt.Append(nil, i%5), value: fmt.Append(nil, i)},
			{key: fmt.Append(nil, i%300), value: fmt.Append(nil, i)},
		}
		emit(t, col, in)
		spill(t, col)
		all = append(all, in...)
	}
	if n := openSpills(t); n != 5+3 || len(col.runs.list) != n {
		t.Errorf("%d spill files are open for %d runs, want 8", n, len(col.runs.list))
	}
	out, err := col.Finish()
	if err != nil {
		t.Fatal(err)
	}
	for p, s := range sourcesOf(c, 0, out) {
		comparePairs(t, "fused", mustRead(t, c, s), sortedPairs(all, p, c.Partitions))
	}
	col.Close()
	if n := openSpills(t); n != 0 {
		t.Errorf("%d spill files are open after Close", n)
	}
}
