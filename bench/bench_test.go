package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test program be the launcher that the bench starts from its own file.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == launchArg {
		os.Exit(launch(os.Args[2:]))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each launcher otherwise
	os.Exit(m.Run())
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args []string
		exit int
		want string
	}{
		{nil, 2, "wordcount"},
		{[]string{"nonsense"}, 2, `no row "nonsense"`},
		{[]string{"sort", "-h"}, 0, "-records"},
		{[]string{"-h"}, 2, "startup"},
		{[]string{"startup", "-h"}, 0, "-runs"},
		{[]string{"wordcount", "-size", "1MB"}, 2, "want a number with B, KiB, MiB or GiB"},
		{[]string{"wordcount", "-size", "0MiB"}, 2, "want a number"},
		{[]string{"wordcount", "-runs", "0"}, 2, "at least one round"},
		{[]string{"startup", "more"}, 2, "want flags only"},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		exit := run(t.Context(), tt.args, &stdout, &stderr)
		if exit != tt.exit || !strings.Contains(stderr.String(), tt.want) || stdout.Len() > 0 {
			t.Errorf("bench %q: exit %d, %q, %q, want exit %d and %q on stderr",
				tt.args, exit, stdout.String(), stderr.String(), tt.exit, tt.want)
		}
	}
}

func TestCompeteInterleaves(t *testing.T) {
	contestants := []contestant{{name: "a"}, {name: "b", missing: "not here"}, {name: "c"}}
	var order []string
	samples, err := compete(t.Context(), contestants, 2,
		func(_ context.Context, c contestant) (sample, error) {
			order = append(order, c.name)
			return sample{Wall: time.Duration(len(order))}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "c", "a", "c", "a", "c"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	a, b, c := samples[0], samples[1], samples[2]
	if len(b) != 0 || len(a) != 2 || a[0].Wall != 3 || len(c) != 2 || c[1].Wall != 6 {
		t.Errorf("samples %v, want none of the warm-up and none of b", samples)
	}
}

func TestCompeteStopsAtAFailure(t *testing.T) {
	broken, calls := errors.New("broken"), 0
	_, err := compete(t.Context(), []contestant{{name: "a"}, {name: "b"}}, 5,
		func(context.Context, contestant) (sample, error) {
			calls++
			return sample{}, broken
		})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "a, round 0") || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestSpread(t *testing.T) {
	tests := []struct {
		values []int64
		want   spread
	}{
		{[]int64{7}, spread{7, 7, 7}},
		{[]int64{9, 1, 4}, spread{4, 1, 9}},
		{[]int64{9, 1, 4, 2}, spread{3, 1, 9}},
	}
	for _, tt := range tests {
		given := slices.Clone(tt.values)
		if got := spreadOf(tt.values); got != tt.want || !slices.Equal(given, tt.values) {
			t.Errorf("spread of %v: %v, want %v", given, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for _, text := range []string{"512MiB", "1GiB", "3KiB", "17B", "1025B"} {
		var s size
		if err := s.Set(text); err != nil || s.String() != text {
			t.Errorf("set %s: %v, %v", text, s.String(), err)
		}
	}
	for _, text := range []string{"", "1", "MiB", "-1MiB", "1.5GiB", "9999999999GiB"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("set %q: %v, want an error", text, s)
		}
	}
}

// example is a report with a reference, a contestant on less input, and one that is missing.
func example() report {
	c := contest{
		title: "A row", reference: "ours",
		contestants: []contestant{
			{name: "ours", bytes: 10 << 20}, {name: "a | b", bytes: 5 << 20},
			{name: "gone", missing: "gone is not installed"},
		},
	}
	samples := [][]sample{
		{
			{Wall: 2 * time.Second, CPU: 3 * time.Second, Peak: 5 << 20},
			{Wall: 1 * time.Second, CPU: 1 * time.Second, Peak: 7 << 20},
			{Wall: 4 * time.Second, CPU: 2 * time.Second, Peak: 6 << 20},
		},
		{{Wall: 500 * time.Millisecond, CPU: 1234567, Peak: 1 << 20}},
		nil,
	}
	m := machine{CPU: "Abacus", Cores: 2, Kernel: "Linux 7", Go: "go1.26"}
	r := newReport(c, 3, samples, m, []string{"ours: 1.0"})
	r.Command = "go run ./bench row -x"
	return r
}

func TestText(t *testing.T) {
	var got strings.Builder
	if err := writeText(&got, example()); err != nil {
		t.Fatal(err)
	}
	notes := "Medians of 3 runs in turns, after one to warm up. CPU is that of all processes. " +
		"Memory is the most that all of them together had in RAM, looked at every 50 ms; " +
		"what they share is counted for each.\n" +
		"Machine: Abacus, 2 cores, Linux 7, go1.26.\n" +
		"Versions: ours: 1.0.\n" +
		"Made by: go run ./bench row -x\n"
	want := `A row
program  input   wall: median (min–max)        rate     CPU      memory  time ×  CPU ×  memory ×
ours     10 MiB  2.00 s (1.00 s–4.00 s)        5 MB/s   2.00 s   7 MiB   1.00    1.00   1.00
a | b    5 MiB   500.0 ms (500.0 ms–500.0 ms)  10 MB/s  1.23 ms  1 MiB   0.50    0.00   0.17
gone     gone is not installed
` + notes
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestMarkdown(t *testing.T) {
	var got strings.Builder
	if err := writeMarkdown(&got, example()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### A row\n\n| program | input |", "|---|---|---:|---:|---:|---:|---:|---:|---:|\n",
		"| a \\| b | 5 MiB | 500.0 ms (500.0 ms–500.0 ms) | 10 MB/s | 1.23 ms | 1 MiB | 0.50 | 0.00 |",
		"| gone | gone is not installed |", "Made by: `go run ./bench row -x`\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("got\n%s\nwant it to have %q", got.String(), want)
		}
	}
}

func TestJSON(t *testing.T) {
	var text bytes.Buffer
	if err := writeJSON(&text, example()); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if r := got.Results[0]; r.Wall.Median != 2e9 || len(r.Samples) != 3 || r.Samples[0].Peak != 5<<20 {
		t.Errorf("%+v", r)
	}
}

func TestMachine(t *testing.T) {
	if m := thisMachine(); m.CPU == "" || m.Cores < 1 || m.Kernel == "" || m.Go == "" {
		t.Errorf("%+v", m)
	}
	if got := cpuModel("processor\t: 0\nmodel name\t: Abacus 3: fast\n"); got != "Abacus 3: fast" {
		t.Errorf("model %q", got)
	}
}

// TestMeasureRow runs a contest of real processes from end to end.
func TestMeasureRow(t *testing.T) {
	want := filepath.Join(t.TempDir(), "want")
	if err := os.WriteFile(want, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text, err string }{
		{"right", "hello", ""},
		{"wrong", "hallo", `wrong in line 1: "hallo\n", want "hello\n"`},
		{"failed", "hello; echo oh dear >&2; exit 3", "oh dear"},
		{"too much", "hello; echo hello", "wrong in line 2"},
		{"too little", `-n ''`, "wrong in line 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			prepare := func(context.Context, *workshop) (contest, error) {
				return contest{title: "greeting", reference: "true", contestants: []contestant{
					{name: "true", args: []string{"true"}, version: []string{"echo", "1.0\nmore"}},
					{name: "hello", args: []string{"sh", "-c", "echo " + tt.text}, want: want},
				}}, nil
			}
			reported := false
			err := measureRow(t.Context(), one(prepare), 2, t.TempDir(), io.Discard, func(r report) error {
				reported = true
				if !slices.Equal(r.Versions, []string{"true: 1.0"}) || len(r.Results) != 2 {
					t.Errorf("%+v", r)
				}
				for _, res := range r.Results {
					if len(res.Samples) != 2 || res.Wall.Min <= 0 || res.Peak.Min <= 0 || res.Ratio <= 0 {
						t.Errorf("%+v, want two samples with time and memory", res)
					}
				}
				return nil
			})
			if tt.err == "" && (err != nil || !reported) {
				t.Errorf("%v, reported %v", err, reported)
			}
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || reported) {
				t.Errorf("%v, want an error with %q and no report", err, tt.err)
			}
		})
	}
}

// TestPeers runs the peers on a little text, those that are installed here.
func TestPeers(t *testing.T) {
	b := &workshop{temp: t.TempDir(), cache: t.TempDir(), log: io.Discard}
	text, err := newText(b, 50_000)
	if err != nil {
		t.Fatal(err)
	}
	again, err := newText(b, 50_000)
	if err != nil || again != text {
		t.Errorf("%+v, %v, want the cached %+v", again, err, text)
	}
	peers := []contestant{
		mawk(text), parallelMawk(text, "2"), duckDB(text, "2"), sortUniq(text, "2"),
	}
	for _, pkg := range []string{"bench/peers/wordcount", "bench/peers/idiomatic"} {
		program, err := b.build(t.Context(), pkg)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, text.contestant(pkg, program, text.file))
	}
	for _, c := range peers {
		if c.missing != "" {
			t.Logf("%s: %s", c.name, c.missing)
			continue
		}
		if _, err := b.measure(t.Context(), c); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	wrong := text.contestant("cat", "cat", text.file)
	if _, err := b.measure(t.Context(), wrong); err == nil {
		t.Error("cat passed for a word count")
	}
}

func TestConvertUniq(t *testing.T) {
	got, err := convertUniq([]byte("      7 word\n"))
	if err != nil || string(got) != "word\t7\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := convertUniq([]byte("word\n")); err == nil {
		t.Error("no error for a line without a count")
	}
	differ := bufio.NewReader(strings.NewReader("7 word\n"))
	want := bufio.NewReader(strings.NewReader("word\t7\n"))
	if err := compare(differ, want, convertUniq); err != nil {
		t.Error(err)
	}
}

// TestInterruptedRunEnds stops a run in the middle: nothing of it stays behind.
func TestInterruptedRunEnds(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := &workshop{temp: t.TempDir(), log: io.Discard}
	ended := make(chan error, 1)
	go func() {
		_, err := b.measure(ctx, contestant{
			args: []string{"sh", "-c", `exec 5>"$0"; echo started >&5; sleep 1000; :`, fifo},
		})
		ended <- err
	}()
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if line, err := r.ReadString('\n'); line != "started\n" || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	cancel()
	if _, err := io.ReadAll(r); err != nil { // until the last process has closed it
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("an interrupted run is no error")
	}
}
