package mapper

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
)

// skipping gives a kit whose job skips bad records.
func skipping(t *testing.T, n int, format string) *kit {
	t.Helper()
	k := newKit(t.Context())
	k.task = fanfold.NewTask(t.Context(), fanfold.Task{
		Reading: fanfold.Reading{SkipBad: n, Format: format},
	})
	return k
}

// Whatever records a mapper fails at, by an error or a panic, the rest comes out as if they were
// not there, and each is counted once.
func TestR12SkipsWhatTheMapperFailsAt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		words := rapid.SampledFrom([]string{"a", "b", "fail", "panic", "many fail"})
		lines := rapid.SliceOfN(words, 0, 30).Draw(rt, "lines")
		k := skipping(t, 30, "")
		p := &fanfold.Program{Map: func(task *fanfold.Task) (fanfold.Mapper, error) {
			return mapFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
				text := string(rec.Value)
				n := 1
				if text == "many fail" {
					n = 2 * fanfold.BatchLen
				}
				for range n {
					emit.Emit(rec.Value, fmt.Appendf(nil, "%d", rec.Offset))
				}
				task.Count("g", text, 1)
				switch {
				case strings.Contains(text, "fail"):
					return errors.New("no")
				case text == "panic":
					panic("oh")
				}
				return nil
			}), nil
		}}
		var input, want strings.Builder
		bad, kept := int64(0), map[string]int64{}
		for _, line := range lines {
			if len(line) > 1 {
				bad++
			} else {
				fmt.Fprintf(&want, "%s\t%d\n", line, input.Len())
				kept["g\x00"+line]++
			}
			input.WriteString(line + "\n")
		}
		split := fanfold.Split{Ranges: []fanfold.Range{k.put("mem://f", input.String())}}
		got, r := k.runText(t, p, split)
		if got != want.String() || r.Skipped != bad || r.In != int64(len(lines))-bad {
			rt.Fatalf("%d skipped of %d, got %q\nwant %d and %q", r.Skipped, r.In, got, bad, &want)
		}
		if counters := k.task.Counters(); fmt.Sprint(counters) != fmt.Sprint(kept) {
			rt.Fatalf("counters %v, want %v", counters, kept)
		}
	})
}

// Records that are none of their format are skipped as they come.
func TestR12SkipsWhatIsNoRecord(t *testing.T) {
	k := skipping(t, 2, "json:a")
	p := echoProgram(false)
	input := "{\"a\":1}\n{\n[2]\n\xff\n3\n"
	split := fanfold.Split{Ranges: []fanfold.Range{k.put("mem://f", input)}}
	dir := t.TempDir()
	r, err := Run(k.task, Spec{
		Program: p, Split: split, Dir: dir, Storage: k.mux, Skipped: "mem://bad/x",
	})
	if err != nil || r.Skipped != 2 || r.In != 3 {
		t.Fatalf("%d skipped of %d, %v", r.Skipped, r.In, err)
	}
	e := wantError(t, "sample", r.Sample, fanfold.KindInput, "mem://f")
	if e.Offset != 8 || !strings.Contains(e.Error(), "not a JSON value") {
		t.Errorf("offset %d, error %v", e.Offset, e)
	}
	file, _, err := k.mux.Open(t.Context(), "mem://bad/x", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	saved := make([]byte, 1000)
	n, _ := file.Read(saved)
	for _, want := range []string{
		`{"input":"mem://f","offset":8,"error":`, `"record":"{"}`, `"record_b64":"/w=="}`,
	} {
		if !strings.Contains(string(saved[:n]), want) {
			t.Errorf("saved %s, without %s", saved[:n], want)
		}
	}
	k = skipping(t, 1, "json:a")
	split.Ranges[0] = k.put("mem://f", "{\n[2]\n{\n")
	_, err = Run(k.task, Spec{
		Program: p, Split: split, Dir: dir, Storage: k.mux, Skipped: "mem://bad/y",
	})
	e = wantError(t, "too many", err, fanfold.KindTooLarge, "mem://f")
	if e.Offset != 6 || !strings.Contains(e.Error(), "more than 1 are bad") {
		t.Errorf("offset %d, error %v", e.Offset, e)
	}
	if _, err := k.mux.Stat(t.Context(), "mem://bad/y"); fanfold.KindOf(err) != fanfold.KindNotFound {
		t.Errorf("a copy is left: %v", err)
	}
}

// What is no record's fault is not skipped.
func TestR12KeepsOtherErrors(t *testing.T) {
	k := skipping(t, 9, "")
	fail := errors.New("at the end")
	p := &fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return &summer{closed: new([]bool), err: fail}, nil
	}}
	split := fanfold.Split{Ranges: []fanfold.Range{k.put("mem://f", "a\nb\n")}}
	r, err := Run(k.task, Spec{Program: p, Split: split, Dir: t.TempDir(), Storage: k.mux})
	wantError(t, "close", err, fanfold.KindUser, "mem://f")
	if r.Skipped != 0 || !errors.Is(err, fail) {
		t.Errorf("%d skipped, %v", r.Skipped, err)
	}
}

// Bisection finds all that fails and nothing else, in few runs.
func TestR12Bisection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 2000).Draw(t, "records")
		bad := rapid.SliceOfNDistinct(rapid.Int64Range(0, max(0, n-1)), 0, min(5, int(n)),
			rapid.ID[int64]).Draw(t, "bad")
		slices.Sort(bad)
		most := rapid.IntRange(0, 5).Draw(t, "most")
		var found []int64
		runs := 0
		b := bisection{
			left: most, ctx: func() error { return nil },
			found: func(b Bad) { found = append(found, b.Record) },
			fails: func(from, to int64) error {
				runs++
				i, _ := slices.BinarySearch(bad, from)
				if i < len(bad) && bad[i] < to {
					return errors.New("no")
				}
				return nil
			},
		}
		if err := b.search(0, n); err != nil {
			t.Fatal(err)
		}
		want := bad[:min(len(bad), most+1)]
		if !slices.Equal(found, want) {
			t.Fatalf("found %v, want %v", found, want)
		}
		if limit := 1 + 2*12*len(want); runs > limit {
			t.Fatalf("%d runs for %d of %d, want at most %d", runs, len(want), n, limit)
		}
	})
}
