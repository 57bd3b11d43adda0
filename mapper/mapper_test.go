package mapper

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/filestore"
	"github.com/fanfold/fanfold/storage/memstore"
)

// kit is a store in memory and what a map attempt needs.
type kit struct {
	store *memstore.Store
	mux   *storage.Mux
	task  *fanfold.Task
}

func newKit(ctx context.Context) *kit {
	task := fanfold.NewTask(ctx, fanfold.Task{})
	k := &kit{store: &memstore.Store{}, mux: &storage.Mux{}, task: task}
	k.mux.Handle("mem", k.store)
	return k
}

// put stores an input and gives the range that is all of it.
func (k *kit) put(name, content string) fanfold.Range {
	info := k.store.Put(name, []byte(content))
	return fanfold.Range{
		Name: name, Length: info.Size, Size: info.Size, ModTime: info.ModTime, Tag: info.Tag,
	}
}

// echo emits each line with the input and the offset it came from.
type echo struct {
	task   *fanfold.Task
	closed *[]bool // whether Close had an emitter
	fail   string  // a line that fails
	err    error   // with this
}

func (e *echo) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if e.fail != "" && string(rec.Value) == e.fail {
		return e.err
	}
	emit.Emit(rec.Value, fmt.Appendf(nil, "%s:%d", e.task.Input(), rec.Offset))
	return nil
}

func (e *echo) Close(emit *fanfold.Emitter) error {
	if e.closed != nil {
		*e.closed = append(*e.closed, emit != nil)
	}
	return nil
}

// blockEcho is echo for blocks, which it overwrites as it may.
type blockEcho struct {
	echo
}

func (e *blockEcho) MapBlock(block []byte, offset int64, emit *fanfold.Emitter) error {
	whole := block
	for len(block) > 0 {
		line, rest := fanfold.NextLine(block)
		if err := e.Map(fanfold.Record{Value: line, Offset: offset}, emit); err != nil {
			return err
		}
		offset += int64(len(block) - len(rest))
		block = rest
	}
	clear(whole)
	return nil
}

func echoProgram(blocks bool) *fanfold.Program {
	return &fanfold.Program{Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		if blocks {
			return &blockEcho{echo{task: t}}, nil
		}
		return &echo{task: t}, nil
	}}
}

// runText runs a map-only attempt and gives its text.
func (k *kit) runText(t *testing.T, p *fanfold.Program, split fanfold.Split) (string, Result) {
	t.Helper()
	dir := t.TempDir()
	r, err := Run(k.task, Spec{Program: p, Split: split, Dir: dir, Storage: k.mux})
	if err != nil {
		t.Fatal(err)
	}
	if r.Output.File != "" {
		b, err := os.ReadFile(filepath.Join(dir, r.Output.File))
		if err != nil {
			t.Fatal(err)
		}
		return string(b), r
	}
	return string(bytes.Join(r.Output.Inline, nil)), r
}

// echoed is what echo makes of an input.
func echoed(name, content string) string {
	var b strings.Builder
	for _, l := range linesTwin(content) {
		fmt.Fprintf(&b, "%s\t%s:%d\n", strings.TrimSuffix(l.text, "\n"), name, l.offset)
	}
	return b.String()
}

var shapes = map[string]string{
	"empty":        "",
	"one":          "one line\n",
	"no last LF":   "a\nbb\nccc",
	"CRLF":         "a\r\nbb\r\n\r\n",
	"empty lines":  "\n\n\na\n\n",
	"only LF":      "\n",
	"NUL":          "a\x00b\n\x00\n\x00",
	"invalid UTF8": "\xff\xfe\n\x80\n",
	"long lines":   strings.Repeat("x", 70) + "\n" + strings.Repeat("y", 50) + "\nz",
}

// A file cut at every offset, into two and into three, is read as if it were whole.
func TestX11EverySplitOffset(t *testing.T) {
	for name, content := range shapes {
		t.Run(name, func(t *testing.T) {
			k := newKit(t.Context())
			whole := k.put("mem://f", content)
			want := echoed("mem://f", content)
			for a := range whole.Size + 1 {
				for b := a; b <= whole.Size; b += 7 {
					got, lines, size := "", int64(0), int64(0)
					for i, ends := range [][2]int64{{0, a}, {a, b}, {b, whole.Size}} {
						r := whole
						r.Offset, r.Length = ends[0], ends[1]-ends[0]
						split := fanfold.Split{Ranges: []fanfold.Range{r}}
						text, res := k.runText(t, echoProgram(i%2 == 0), split)
						got += text
						lines += res.In
						size += res.BytesIn
					}
					if got != want || lines != int64(len(linesTwin(content))) || size != whole.Size {
						t.Fatalf("cut at %d and %d: %d lines, %d bytes\ngot  %q\nwant %q",
							a, b, lines, size, got, want)
					}
				}
			}
		})
	}
}

// Ranges of one split keep apart: a last line without LF ends where its file does.
func TestX11ManySmallFilesInASplit(t *testing.T) {
	k := newKit(t.Context())
	for _, blocks := range []bool{false, true} {
		var split fanfold.Split
		want := ""
		for i := range 300 {
			name, content := fmt.Sprintf("mem://dir/%d", i), ""
			for j := range i % 3 {
				content += fmt.Sprintf("file %d line %d\n", i, j)
			}
			content += "end" // without LF
			split.Ranges = append(split.Ranges, k.put(name, content))
			want += echoed(name, content)
		}
		if got, _ := k.runText(t, echoProgram(blocks), split); got != want {
			t.Errorf("blocks %v: got %.200q, want %.200q", blocks, got, want)
		}
	}
}

func TestX11LongLineAmongShortOnes(t *testing.T) {
	k := newKit(t.Context())
	long, last := strings.Repeat("0123456789abcdef", 5<<20>>4), strings.Repeat("x", 3<<20)
	content := "short\n" + long + "\nshort\n" + last
	r := k.put("mem://f", content)
	want := echoed("mem://f", content)
	for _, cut := range []int64{0, 3, 1 << 20, 5 << 20, 5<<20 + 9, r.Size - 1} {
		first, second := r, r
		first.Length = cut
		second.Offset, second.Length = cut, r.Size-cut
		got, _ := k.runText(t, echoProgram(true), fanfold.Split{Ranges: []fanfold.Range{first}})
		rest, _ := k.runText(t, echoProgram(false), fanfold.Split{Ranges: []fanfold.Range{second}})
		if got+rest != want {
			t.Errorf("cut at %d: other lines", cut)
		}
	}
}

func TestInlineSplit(t *testing.T) {
	k := newKit(t.Context())
	for name, content := range shapes {
		var want strings.Builder
		for _, l := range linesTwin(content) {
			fmt.Fprintf(&want, "%s\t-:%d\n", strings.TrimSuffix(l.text, "\n"), l.offset+1000)
		}
		split := fanfold.Split{Inline: []byte(content), Offset: 1000}
		got, res := k.runText(t, echoProgram(false), split)
		if got != want.String() || res.BytesIn != int64(len(content)) {
			t.Errorf("%s: %d bytes, got %q, want %q", name, res.BytesIn, got, want.String())
		}
	}
}

func gzipped(t *testing.T, members ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCompressedInput(t *testing.T) {
	k := newKit(t.Context())
	content := gzipped(t, "a\nb", "b\nc\n", "end")
	r := k.put("mem://f.txt", content)
	r.Codec = fanfold.Gzip
	other := k.put("mem://g", "g\n")
	var progress []int64
	dir := t.TempDir()
	res, err := Run(k.task, Spec{
		Program: echoProgram(false), Dir: dir, Storage: k.mux,
		Split:    fanfold.Split{Ranges: []fanfold.Range{r, other}},
		Progress: func(n int64) { progress = append(progress, n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := echoed("mem://f.txt", "a\nbb\nc\nend") + "g\tmem://g:0\n"
	if got := string(res.Output.Inline[0]); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	total := int64(len(content)) + 2
	if res.In != 5 || res.BytesIn != total || progress[len(progress)-1] != total {
		t.Errorf("%d lines, %d bytes, progress %v; want 5, %d", res.In, res.BytesIn, progress, total)
	}

	for name, bad := range map[string]string{
		"truncated": content[:len(content)-9],
		"garbage":   "\x1f\x8b nothing",
		"flipped":   content[:20] + "\x55" + content[21:],
	} {
		r := k.put("mem://bad", bad)
		r.Codec = fanfold.Gzip
		_, err := Run(k.task, Spec{
			Program: echoProgram(true), Dir: dir, Storage: k.mux,
			Split: fanfold.Split{Ranges: []fanfold.Range{r}},
		})
		wantError(t, name, err, fanfold.KindInput, "mem://bad")
	}
}

// wantError checks the kind of an error and the input that it names.
func wantError(
	t *testing.T, what string, err error, kind fanfold.Kind, input string,
) *fanfold.Error {
	t.Helper()
	var e *fanfold.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Input != input {
		t.Fatalf("%s: error %+v, want kind %v and input %q", what, err, kind, input)
	}
	return e
}

func TestR47InputErrors(t *testing.T) {
	k := newKit(t.Context())
	spec := Spec{Program: echoProgram(false), Dir: t.TempDir(), Storage: k.mux}
	run := func(r fanfold.Range, p *fanfold.Program) error {
		s := spec
		if p != nil {
			s.Program = p
		}
		s.Split.Ranges = []fanfold.Range{r}
		_, err := Run(k.task, s)
		return err
	}
	missing := k.put("mem://f", "a\n")
	missing.Name = "mem://missing"
	wantError(t, "missing", run(missing, nil), fanfold.KindNotFound, "mem://missing")

	r := k.put("mem://f", "a\nb\n")
	k.put("mem://f", "a\nb\n") // the same bytes, but another file
	err := run(r, nil)
	wantError(t, "changed before", err, fanfold.KindInput, "mem://f")
	if !strings.Contains(err.Error(), "changed while the job ran") {
		t.Errorf("error %q", err)
	}

	r = k.put("mem://f", "a\nb\n")
	changing := &fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return mapFunc(func(fanfold.Record, *fanfold.Emitter) error {
			k.put("mem://f", "a\nb\nc\n")
			return nil
		}), nil
	}}
	wantError(t, "changed meanwhile", run(r, changing), fanfold.KindInput, "mem://f")
}

func TestX11LineOverTheLimit(t *testing.T) {
	k := newKit(t.Context())
	r := k.put("mem://f", "short\n"+strings.Repeat("x", 200)+"\n")
	f := feeder{
		task: k.task, result: &Result{}, emit: fanfold.NewEmitter(discard{}), mapper: mapFunc(nothing),
		spec: &Spec{Storage: k.mux, Split: fanfold.Split{Ranges: []fanfold.Range{r}}},
	}
	f.format, _ = format.Parse("")
	f.records = format.Reader{
		Format: f.format, Limits: format.Limits{Block: 64, Behind: 64, Record: 100},
	}
	e := wantError(t, "long line", f.feed(), fanfold.KindTooLarge, "mem://f")
	want := "mem://f: the line at offset 6 is longer than 100 bytes"
	if e.Offset != 6 || !strings.Contains(e.Error(), want) {
		t.Errorf("offset %d, error %q", e.Offset, e)
	}
}

// A full work directory is the system's fault, not the user's.
func TestR45SinkErrorKeepsItsKind(t *testing.T) {
	k := newKit(t.Context())
	split := fanfold.Split{Inline: bytes.Repeat([]byte("a line of some length\n"), 200_000)}
	for _, blocks := range []bool{false, true} {
		_, err := Run(k.task, Spec{
			Program: echoProgram(blocks), Split: split, Partitions: 3,
			Dir: filepath.Join(t.TempDir(), "missing"), Storage: k.mux, Memory: 1,
		})
		if fanfold.KindOf(err) != fanfold.KindDisk {
			t.Errorf("error %v, want one of kind disk", err)
		}
	}
}

func TestOutputFolder(t *testing.T) {
	dir, folder := t.TempDir(), t.TempDir()
	mux := &storage.Mux{}
	mux.Handle("", filestore.New())
	task := fanfold.NewTask(t.Context(), fanfold.Task{})
	spec := Spec{
		Program: echoProgram(false), Split: fanfold.Split{Inline: []byte("a\n")}, Dir: dir, Storage: mux,
		Final: shuffle.Final{Output: folder + "/out/", Name: "map-0-1.0"},
	}
	r, err := Run(task, spec)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(folder + "/out/" + r.Output.File)
	if err != nil || string(got) != "a\t-:0\n" || r.Output.File != "map-0-1.0" || r.Output.Bytes != 6 {
		t.Errorf("%v: %q, output %+v", err, got, r.Output)
	}
	wantEmpty(t, dir)
	_, err = Run(task, spec)
	if fanfold.KindOf(err) != fanfold.KindExists {
		t.Errorf("error %v, want one of kind exists", err)
	}
}

func BenchmarkRunWords(b *testing.B) {
	k := newKit(b.Context())
	line := "the quick brown fox jumps over the lazy dog and some more words of text\n"
	text := strings.Repeat(line, 200_000)
	r := k.put("mem://f", text)
	p := &fanfold.Program{Fold: fanfold.Sum, Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return mapFunc(func(rec fanfold.Record, emit *fanfold.Emitter) error {
			for w, rest := fanfold.NextWord(rec.Value); len(w) > 0; w, rest = fanfold.NextWord(rest) {
				emit.Add(w, 1)
			}
			return nil
		}), nil
	}}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		split := fanfold.Split{Ranges: []fanfold.Range{r}}
		spec := Spec{Program: p, Split: split, Partitions: 2, Dir: b.TempDir(), Storage: k.mux}
		if _, err := Run(k.task, spec); err != nil {
			b.Fatal(err)
		}
	}
}

// line is one line, with its LF if it has one, and where it starts.
type line struct {
	text   string
	offset int64
}

// linesTwin cuts a whole input into lines.
func linesTwin(input string) []line {
	var all []line
	offset := int64(0)
	for text := range strings.Lines(input) {
		all = append(all, line{text, offset})
		offset += int64(len(text))
	}
	return all
}
