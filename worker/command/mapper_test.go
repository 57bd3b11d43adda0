//go:build linux

package command

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanfold/fanfold"
)

func TestMapper(t *testing.T) {
	const text = "b x\na y\n\nb\tz\tw\n"
	reduced := []string{"cat"}
	tests := []struct {
		name    string
		command fanfold.Command
		blocks  []string
		want    []string
	}{
		{"map only", fanfold.Command{Mapper: []string{"cat"}}, []string{text},
			[]string{"b x", "a y", "", "b\tz\tw"}},
		{"buffers all", fanfold.Command{Mapper: []string{"sort"}}, []string{text, "a a\n"},
			[]string{"", "a a", "a y", "b\tz\tw", "b x"}},
		{"key and value", fanfold.Command{Mapper: []string{"cat"}, Reducer: reduced},
			[]string{text, "c\t\n"}, []string{"b x", "a y", "", "b\tz\tw", "c\t"}},
		{"separator", fanfold.Command{Mapper: []string{"cat"}, Reducer: reduced, Separator: ", "},
			[]string{"a, b, c\nd,e\n"}, []string{"a\tb, c", "d,e"}},
		{"two key fields", fanfold.Command{
			Mapper: []string{"cat"}, Reducer: reduced, Separator: " ", KeyFields: 2},
			[]string{"a b c d\ne f\ng\n"}, []string{"a b\tc d", "e f", "g"}},
		{"no last LF, another input", fanfold.Command{Mapper: []string{"cat", "-n"}},
			[]string{"a\nb", "c"}, []string{"     1\ta", "     2\tb", "     3\tc"}},
		{"output without last LF", fanfold.Command{Mapper: []string{"printf", "a\\nb"}},
			[]string{"x\n"}, []string{"a", "b"}},
		{"CR is data", fanfold.Command{Mapper: []string{"cat"}}, []string{"a\r\n"},
			[]string{"a\r"}},
		{"bytes", fanfold.Command{Mapper: []string{"cat"}}, []string{"\x00\xff\n"},
			[]string{"\x00\xff"}},
		{"empty split", fanfold.Command{Mapper: []string{"wc", "-l"}}, nil, []string{"0"}},
		{"no mapper", fanfold.Command{Reducer: reduced}, []string{"a\tb\nc\n"},
			[]string{"a\tb", "c"}},
		{"count", fanfold.Command{Mapper: []string{"tr", "-s", " ", "\n"}, Aggregate: "count"},
			[]string{"a b  a\n"}, []string{"a\t+1", "b\t+1", "a\t+1"}},
		{"count fields", fanfold.Command{Aggregate: "count", Separator: ","},
			[]string{"a,1\nb\n"}, []string{"a\t+1", "b\t+1"}},
		{"first", fanfold.Command{Aggregate: "first"}, []string{"a\t1\na\n"},
			[]string{"a\t1", "a"}},
		{"awk", fanfold.Command{Mapper: []string{"awk", `{print NF "\t" $1}`}},
			[]string{"x y\nz\n"}, []string{"2\tx", "1\tz"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := runMapper(t.Context(), test.command, test.blocks...)
			if r.err != nil {
				t.Fatal(r.err)
			}
			if diff := cmp.Diff(test.want, r.records); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
	wantNoChild(t)
}

// TestMapperNeverWaits gives a command that writes as much as it reads far more than pipes hold.
func TestMapperNeverWaits(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	block := strings.Repeat(line, 10_000)
	const blocks = 100
	r := newRun(t.Context(), fanfold.StageMap)
	counted := 0
	s := testSpec("mapper", "cat")
	m := &mapper{spec: s, task: r.task, take: func(line []byte, _ *fanfold.Emitter) error {
		counted += len(line) + 1
		return nil
	}}
	emit := fanfold.NewEmitter(r)
	for range blocks {
		if r.err = m.MapBlock([]byte(block), 0, emit); r.err != nil {
			break
		}
	}
	r.end(m, emit)
	if want := blocks * len(block); counted != want || r.err != nil {
		t.Errorf("got %d bytes, %v, want %d", counted, r.err, want)
	}
}

func TestMapperStopsReading(t *testing.T) {
	blocks := slices.Repeat([]string{strings.Repeat("first\n", 100_000)}, 10)
	r := runMapper(t.Context(), fanfold.Command{Mapper: []string{"head", "-n", "1"}}, blocks...)
	if r.err != nil || r.text() != "first" {
		t.Errorf("got %.40q, %v, want first", r.text(), r.err)
	}
	closes := sh("exec <&-; echo said; exec 1>&-")
	if r = runMapper(t.Context(), fanfold.Command{Mapper: closes}, blocks...); r.text() != "said" {
		t.Errorf("got %.40q, %v, want said", r.text(), r.err)
	}
}

func TestMapperFailsBeforeItsInputEnds(t *testing.T) {
	r := newRun(t.Context(), fanfold.StageMap)
	p := program(t, fanfold.Command{Mapper: sh("exit 3")})
	m, err := p.Map(r.task)
	if err != nil {
		t.Fatal(err)
	}
	block := []byte(strings.Repeat("a\n", 100_000))
	emit := fanfold.NewEmitter(r)
	calls := 0
	for r.err == nil {
		calls++
		r.err = mapBlock(m, block, 0, emit)
	}
	if got, want := r.err.Error(), "mapper `sh -c 'exit 3'`: exited with status 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := mapBlock(m, block, 0, emit); err == nil {
		t.Error("a block after the error: got no error")
	}
	r.end(m, emit)
	wantNoChild(t)
}

func TestMapperInPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
	dir := t.TempDir()
	const script = `import sys
for line in sys.stdin:
    for word in line.split():
        print(word + "\t" + str(1 // (len(word) - 3)), flush=True)
`
	if err := os.WriteFile(dir+"/m.py", []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	c := fanfold.Command{Mapper: []string{"python3", "m.py"}, Aggregate: "sum", Dir: dir}
	r := runMapper(t.Context(), c, "a bb\n", "cccc\n")
	if want := "a\t-1\nbb\t-1\ncccc\t1"; r.text() != want || r.err != nil {
		t.Errorf("got %q, %v, want %q", r.text(), r.err, want)
	}
	r = runMapper(t.Context(), c, "a ccc\n")
	e, ok := r.err.(*fanfold.Error)
	if !ok || e.Kind != fanfold.KindUser {
		t.Fatalf("got %v, want kind %v", r.err, fanfold.KindUser)
	}
	if want := "mapper `python3 m.py`: exited with status 1"; e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
	for _, want := range []string{"Traceback", "ZeroDivisionError"} {
		if !strings.Contains(e.Log, want) || !strings.Contains(r.log.String(), want) {
			t.Errorf("log: got %q, want %s in it", e.Log, want)
		}
	}
}

func TestAggregatesWantNumbers(t *testing.T) {
	r := runMapper(t.Context(), fanfold.Command{Aggregate: "sum"}, "a\t1\nb\n")
	if r.err == nil || !strings.Contains(r.err.Error(), "`b`") {
		t.Errorf("got %v, want an error that shows the line", r.err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("INHERITED", "yes")
	dir := t.TempDir()
	c := fanfold.Command{Mapper: sh("env; pwd"), Dir: dir, Env: []string{"ADDED=1", "INHERITED=no"}}
	r := runMapper(t.Context(), c, "x\n")
	job := r.task.ID.Job.String()
	for _, want := range []string{
		"ADDED=1", "INHERITED=no", "TMPDIR=" + r.task.Dir, dir,
		"FANFOLD_JOB_ID=" + job, "mapreduce_job_id=" + job, "mapred_job_id=" + job,
		"mapreduce_task_id=" + job + "/map-3", "mapreduce_task_attempt_id=" + job + "/map-3/2",
		"mapreduce_task_partition=3", "mapreduce_task_ismap=true", "mapred_task_is_map=true",
		"mapreduce_map_input_file=/data/in.txt", "FANFOLD_INPUT_FILE=/data/in.txt",
		"mapreduce_map_input_start=100", "FANFOLD_INPUT_START=100", "FANFOLD_TASK_STAGE=map",
	} {
		if !slices.Contains(r.records, want) {
			t.Errorf("no line %q", want)
		}
	}
	c = fanfold.Command{Reducer: sh("env; pwd"), Dir: dir + "/not/there"}
	r = runReducer(t.Context(), program(t, c).Reduce)
	for _, want := range []string{"mapreduce_task_ismap=false", "INHERITED=yes", r.task.Dir} {
		if !slices.Contains(r.records, want) {
			t.Errorf("reducer: no line %q", want)
		}
	}
	if strings.Contains(r.text(), "map_input") {
		t.Error("reducer: it was told of an input")
	}
}

func TestLines(t *testing.T) {
	var got []string
	each := func(line []byte) error {
		got = append(got, string(line))
		return nil
	}
	l := lines{max: 10}
	for _, chunk := range []string{"a", "b\n\nc\nd", "", "e", "\n1234567890\n12345", "67890\n"} {
		if err := l.feed([]byte(chunk), each); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"ab", "", "c", "de", "1234567890", "1234567890"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if err := l.feed([]byte("123456"), each); err != nil {
		t.Fatal(err)
	}
	if err := l.feed([]byte("78901"), each); err != errLong {
		t.Errorf("got %v, want %v", err, errLong)
	}
	stop := fmt.Errorf("stop")
	l = lines{max: 10}
	if err := l.feed([]byte("a\nb\n"), func([]byte) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
}
