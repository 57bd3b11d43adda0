package coordinator

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/internal/corpus"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
)

// lines is the format of most inputs.
var lines, _ = format.Parse("")

func TestPlan(t *testing.T) {
	gz := append([]byte{0x1f, 0x8b, 8}, bytes.Repeat([]byte{0}, 97)...)
	tests := []struct {
		name  string
		files map[string]int // bytes; below zero: compressed
		size  int64
		slots int
		want  string // splits: ranges name[from:to], in the order of tasks
		order string
	}{
		{"one file", map[string]int{"/in/a": 10}, 100, 1, "a[0:10]", "[0]"},
		{"cut", map[string]int{"/in/a": 250}, 100, 1, "a[0:83] | a[83:166] | a[166:250]", "[0 1 2]"},
		{"packed", map[string]int{"/in/a": 30, "/in/b": 0, "/in/c": 30}, 100_000, 1,
			"a[0:30] b[0:0] c[0:30]", "[0]"},
		{"packed up to the size", map[string]int{"/in/a": 60, "/in/b": 60, "/in/c": 30}, 80, 1,
			"a[0:60] | b[0:60] | c[0:30]", "[0 1 2]"},
		{"compressed alone, and first", map[string]int{"/in/a": 30, "/in/b": -1, "/in/c": 30}, 300, 1,
			"a[0:30] | b[0:100]gzip | c[0:30]", "[1 0 2]"},
		{"compressed but small", map[string]int{"/in/a": 30, "/in/b": -1, "/in/c": 30}, 100_000, 1,
			"a[0:30] b[0:100]gzip c[0:30]", "[0]"},
		{"by the slots", map[string]int{"/in/a": 8 << 20}, 0, 2,
			"a[0:1048576] | a[1048576:2097152] | a[2097152:3145728] | a[3145728:4194304] | " +
				"a[4194304:5242880] | a[5242880:6291456] | a[6291456:7340032] | a[7340032:8388608]",
			"[0 1 2 3 4 5 6 7]"},
	}
	for _, test := range tests {
		store := &memstore.Store{}
		for name, n := range test.files {
			data := bytes.Repeat([]byte("x"), max(n, 0))
			if n < 0 {
				data = gz
			}
			store.Put(name, data)
		}
		p := planner{store: store, format: lines, splitSize: test.size, slots: test.slots, tasksMax: 100}
		got, err := p.plan(context.Background(), []string{"/in"})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var splits []string
		for _, s := range got.splits {
			splits = append(splits, describe(s))
		}
		if text := strings.Join(splits, " | "); text != test.want || fmt.Sprint(got.order) != test.order {
			t.Errorf("%s: got %s, %v\nwant %s, %s", test.name, text, got.order, test.want, test.order)
		}
	}
}

// CSV is cut between records, compressed inputs between members.
func TestPlanCutsWhereRecordsAre(t *testing.T) {
	row := "1,\"a\n\n\nb\"\n" // 10 bytes
	csv, err := format.Parse("csv")
	if err != nil {
		t.Fatal(err)
	}
	members, err := corpus.BlockGzip([]byte("ab\ncd"), []byte("ef\n"), []byte("gh"))
	if err != nil {
		t.Fatal(err)
	}
	store := &memstore.Store{}
	store.Put("/in/a", []byte(strings.Repeat(row, 4)))
	store.Put("/in/b", members)
	store.Put("/in/c", []byte("\"open"+strings.Repeat("\n", 100)))
	tests := []struct {
		format *format.Format
		name   string
		want   string
	}{
		{csv, "/in/a", "a[0:20] | a[20:30] | a[30:40]"}, {csv, "/in/c", "c[0:105]"},
		{lines, "/in/b", "b[0:38]gzip | b[38:74]gzip | b[74:109]gzip"},
		{csv, "/in/b", "b[0:109]gzip"},
	}
	for _, test := range tests {
		p := planner{store: store, format: test.format, splitSize: 15, slots: 2, tasksMax: 100}
		got, err := p.plan(t.Context(), []string{test.name})
		if err != nil {
			t.Fatal(err)
		}
		var splits []string
		for _, s := range got.splits {
			splits = append(splits, describe(s))
		}
		if text := strings.Join(splits, " | "); text != test.want {
			t.Errorf("%s as %s: got %s, want %s", test.name, test.format.Name, text, test.want)
		}
	}
}

func describe(s split) string {
	var ranges []string
	for _, r := range s.ranges {
		text := fmt.Sprintf("%s[%d:%d]", strings.TrimPrefix(r.Name, "/in/"), r.Offset, r.Offset+r.Length)
		if r.Codec == fanfold.Gzip {
			text += "gzip"
		}
		ranges = append(ranges, text)
	}
	return strings.Join(ranges, " ")
}

func TestPlanHasALimit(t *testing.T) {
	store := &memstore.Store{}
	store.Put("/in/a", bytes.Repeat([]byte("x"), 1000))
	p := planner{store: store, format: lines, splitSize: 1, slots: 1, tasksMax: 999}
	_, err := p.plan(context.Background(), []string{"/in"})
	if e := failureOf(t, err); e.Kind != fanfold.KindTooLarge || e.Hint == "" {
		t.Errorf("got %#v", e)
	}
}

// TestPlanWide has splits that share most of what is left, and small ones at the end.
func TestPlanWide(t *testing.T) {
	const mib = 1 << 20
	tests := []struct {
		name  string
		sizes []int64 // bytes of inputs
		size  int64
		slots int
		want  []int64 // bytes of splits
	}{
		{"one file", []int64{512 * mib}, 0, 2, []int64{192 * mib, 192 * mib, 64 * mib, 64 * mib}},
		{"as the job says", []int64{128 * mib}, 64 * mib, 2, []int64{64 * mib, 64 * mib}},
		{"no wider than the limit", []int64{960 * mib}, 0, 1,
			[]int64{256 * mib, 256 * mib, 256 * mib, 144 * mib, 48 * mib}},
		{"small", []int64{mib}, 0, 2, []int64{mib}},
		{"no slots", []int64{3 * mib}, 0, 0, []int64{2.25 * mib, 0.75 * mib}},
		{"packed", []int64{mib, mib, 30 * mib, mib, mib}, 0, 2,
			[]int64{2 * mib, 12.75 * mib, 7.21875 * mib, 7.21875 * mib, 2.8125 * mib, 2 * mib}},
	}
	for _, test := range tests {
		p := planner{format: lines, splitSize: test.size, wide: true, slots: test.slots, tasksMax: 100}
		var found []input
		var cost int64
		for i, size := range test.sizes {
			found = append(found, input{Info: storage.Info{Name: fmt.Sprint(i), Size: size}})
			cost += size
		}
		got, err := p.cut(found, p.size(cost))
		var sizes []int64
		for _, s := range got.splits {
			sizes = append(sizes, s.bytes)
		}
		if err != nil || !slices.Equal(sizes, test.want) {
			t.Errorf("%s: got %v, %v, want %v", test.name, sizes, err, test.want)
		}
	}
}

func TestPlanCoversEveryByteOnce(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		store := &memstore.Store{}
		sizes := map[string]int64{}
		for i := range 1 + random.IntN(20) {
			name := fmt.Sprintf("/in/%02d", i)
			sizes[name] = random.Int64N(3000)
			store.Put(name, bytes.Repeat([]byte("x"), int(sizes[name])))
		}
		p := planner{
			store: store, format: lines, splitSize: 1 + random.Int64N(2000), slots: 2, tasksMax: 1e6,
		}
		if p.wide = seed%2 == 0; p.wide {
			p.splitSize, p.slots = 0, 1+random.IntN(4)
			name := "/in/10-large"
			sizes[name] = random.Int64N(40 << 20)
			store.Put(name, bytes.Repeat([]byte("x"), int(sizes[name])))
		}
		got, err := p.plan(context.Background(), []string{"/in"})
		if err != nil {
			t.Fatal(err)
		}
		covered, last := map[string]int64{}, ""
		for _, s := range got.splits {
			for _, r := range s.ranges {
				if r.Name < last || r.Offset != covered[r.Name] {
					t.Fatalf("seed %d: %s[%d:] comes after %s and %d bytes", seed, r.Name, r.Offset,
						last, covered[r.Name])
				}
				last = r.Name
				covered[r.Name] += r.Length
			}
		}
		for name, size := range sizes {
			if covered[name] != size {
				t.Errorf("seed %d: %d bytes of %s, want %d", seed, covered[name], name, size)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	key, value, none := uint32(fanfold.SortKey), uint32(fanfold.SortValue), uint32(fanfold.SortNone)
	reduces, maps := protocol.ProgramInfo{Reduces: true}, protocol.ProgramInfo{}
	tests := []struct {
		name  string
		spec  protocol.JobSpec
		info  protocol.ProgramInfo
		slots int
		want  stages
		sort  uint32
	}{
		{"map only", protocol.JobSpec{}, maps, 4, stages{}, none},
		{"map only, sorted", protocol.JobSpec{Sort: key}, maps, 4,
			stages{reduces: 4, ranges: true}, key},
		{"map only, sorted on one slot", protocol.JobSpec{Sort: key}, maps, 1, stages{reduces: 1}, key},
		{"ranges", protocol.JobSpec{Sort: none}, protocol.ProgramInfo{Reduces: true, Ranges: true}, 4,
			stages{reduces: 4, ranges: true}, none},
		{"ranges of a reducer that may emit other keys", protocol.JobSpec{Sort: key},
			protocol.ProgramInfo{Reduces: true, Ranges: true}, 4,
			stages{reduces: 4, ranges: true, gathers: true}, key},
		{"ranges of a fold", protocol.JobSpec{},
			protocol.ProgramInfo{Fold: 1, Reduces: true, Ranges: true}, 4,
			stages{reduces: 4, ranges: true}, key},
		{"map only, top", protocol.JobSpec{Top: 3}, maps, 4, stages{gathers: true}, none},
		{"map only, by value", protocol.JobSpec{Sort: value}, maps, 4, stages{gathers: true}, value},
		{"reduce on one slot", protocol.JobSpec{}, reduces, 1, stages{reduces: 1}, key},
		{"reduce on four", protocol.JobSpec{}, reduces, 4, stages{reduces: 4, gathers: true}, key},
		{"reduce before any worker", protocol.JobSpec{}, reduces, 0, stages{reduces: 1}, key},
		{"reduce to a folder", protocol.JobSpec{Output: "/o"}, reduces, 4, stages{reduces: 4}, key},
		{"reduce by value to a folder", protocol.JobSpec{Output: "/o", Sort: value}, reduces, 4,
			stages{reduces: 4, gathers: true}, value},
		{"unsorted", protocol.JobSpec{Sort: none}, reduces, 4, stages{reduces: 4}, none},
		{"the program's", protocol.JobSpec{},
			protocol.ProgramInfo{Reduces: true, Reducers: 2, Sort: none}, 4, stages{reduces: 2}, none},
		{"the job's", protocol.JobSpec{Reducers: 7}, protocol.ProgramInfo{Reduces: true, Reducers: 2}, 4,
			stages{reduces: 7, gathers: true}, key},
	}
	for _, test := range tests {
		spec := test.spec
		if got := resolve(&spec, test.info, test.slots); got != test.want || spec.Sort != test.sort {
			t.Errorf("%s: got %+v, sort %d; want %+v, %d", test.name, got, spec.Sort, test.want, test.sort)
		}
	}
}

func TestCombineCRC(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table := newCRCTable()
	for range 200 {
		a, b := make([]byte, random.IntN(300)), make([]byte, random.IntN(70_000))
		for i := range a {
			a[i] = byte(random.Uint32())
		}
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		got := table.combine(crc32.Checksum(a, castagnoli), crc32.Checksum(b, castagnoli), int64(len(b)))
		if want := crc32.Checksum(append(a, b...), castagnoli); got != want {
			t.Fatalf("%d and %d bytes: got %08x, want %08x", len(a), len(b), got, want)
		}
	}
}
