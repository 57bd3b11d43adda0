package cli_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestCommandsAreAPipeline holds that mapper and reducer print what `mapper | sort | reducer` does.
func TestCommandsAreAPipeline(t *testing.T) {
	t.Setenv("LC_ALL", "C") // for uniq and sort
	file := write(t, text{"book.txt", words(t, 8, 20_000)})[0]
	shell := exec.Command("sh", "-c", `tr -s " " "\n" | sort | uniq -c`)
	shell.Stdin = strings.NewReader(file.content)
	want, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, 2)
	for _, size := range []string{"64MiB", "1KiB"} {
		got := c.succeeds(nil, "--split-size", size,
			"--mapper", `tr -s " " "\n"`, "--reducer", "uniq -c", file.name)
		equal(t, "splits of "+size, got, want)
	}
}

// TestAggregates compares each aggregate with a naive one.
func TestAggregates(t *testing.T) {
	content := sums(t, 9, 10_000) + "again\t1.0\nagain\t1.00\nagain\t1\nbig\t12345678901234567890\n" +
		"big\t98765432109876543210.5\n\t7\n"
	files := write(t, text{"1", content}, text{"2", sums(t, 10, 5_000) + "again\t1.000"})
	c := newCluster(t, 2)
	for name, want := range aggregates(t, files) {
		for _, mapper := range []string{"", "cat"} {
			args := []string{"--split-size", "1KiB", "--aggregate", name, "--mapper", mapper}
			got := c.succeeds(nil, append(args, names(files)...)...)
			equal(t, fmt.Sprintf("%s with mapper %q", name, mapper), got, want)
		}
	}
}

// aggregates computes what each aggregate must print.
func aggregates(t *testing.T, files []text) map[string][]byte {
	t.Helper()
	values := map[string][]string{}
	for _, f := range files {
		for line := range strings.Lines(f.content) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			values[key] = append(values[key], value)
		}
	}
	compare := func(a, b string) int {
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		return x.Cmp(y)
	}
	folds := map[string]func(values []string) string{
		"count":    func(v []string) string { return "\t" + strconv.Itoa(len(v)) },
		"first":    func(v []string) string { return "\t" + v[0] },
		"distinct": func([]string) string { return "" },
		"min":      func(v []string) string { return "\t" + slices.MinFunc(v, compare) },
		"max":      func(v []string) string { return "\t" + slices.MaxFunc(v, compare) },
		"avg": func(v []string) string {
			mean := new(big.Rat)
			for _, text := range v {
				x, _ := new(big.Rat).SetString(text)
				mean.Add(mean, x)
			}
			mean.Quo(mean, new(big.Rat).SetInt64(int64(len(v))))
			return "\t" + strings.TrimRight(strings.TrimRight(mean.FloatString(12), "0"), ".")
		},
	}
	want := map[string][]byte{"sum": builtInNamed("sum").want(t, files...)}
	for name, fold := range folds {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			want[name] = append(want[name], key+fold(values[key])+"\n"...)
		}
	}
	return want
}

// TestI5CountersAreExact adds up what mappers count in several splits, in both forms.
func TestI5CountersAreExact(t *testing.T) {
	const lines = 200
	files := write(t, text{"lines", strings.Repeat("some words\n", lines)})
	c := newCluster(t, 2)
	job := fanfold.Job{Program: fanfold.CommandProgram, Inputs: names(files), SplitSize: 100}
	script := `{ print "reporter:counter:lines,seen,1" > "/dev/stderr"; print }
		END { print "reporter:counter:tasks,ended,1" > "/dev/stderr"
		json = "{\"counter\":{\"group\":\"lines\",\"name\":\"at the end\",\"n\":"
		print json NR "}}" > "/dev/stderr" }`
	job.Command = &fanfold.Command{Mapper: []string{"awk", script}}
	reply, summary := c.submit(job, nil)
	equal(t, "awk", reply, []byte(files[0].content))
	for _, want := range []struct {
		group, name string
		n           int64
	}{
		{"lines", "seen", lines}, {"lines", "at the end", lines},
		{"tasks", "ended", int64(len(files[0].content) / 100)},
		{"fanfold", "map_records_in", lines}, {"fanfold", "map_records_out", lines},
		{"fanfold", "map_bytes_in", int64(len(files[0].content))},
	} {
		if got := counter(summary, want.group, want.name); got != want.n {
			t.Errorf("counter %s %s: got %d, want %d", want.group, want.name, got, want.n)
		}
	}
}

// addUp is a combiner and reducer: it adds the numbers of adjacent lines with one key, and counts
// the lines that it reads as NAME.
const addUp = `awk -F "\t" '
	$1 != key && NR > 1 { print key "\t" n; n = 0 }
	{ key = $1; n += $2 }
	END { if (NR) print key "\t" n; print "reporter:counter:read,NAME," NR > "/dev/stderr" }'`

// TestCombiner holds that a combiner changes nothing but how many lines the reducer reads.
func TestCombiner(t *testing.T) {
	file := write(t, text{"book.txt", words(t, 11, 30_000)})[0]
	c := newCluster(t, 2)
	o := c.fanfold(nil, "submit", "--state-dir", c.state, "--progress", "none",
		"--mapper", `awk '{ for (i = 1; i <= NF; i++) print $i "\t" 1 }'`, "--split-size", "4KiB",
		"--combiner", strings.Replace(addUp, "NAME", "combiner", 1),
		"--reducer", strings.Replace(addUp, "NAME", "reducer", 1), file.name)
	equal(t, "reply", o.stdout, wordCount.want(t, file))
	read := map[string]int{}
	counters := regexp.MustCompile(`counter: read (\w+) (\d+)`)
	for _, m := range counters.FindAllStringSubmatch(o.stderr, -1) {
		read[m[1]], _ = strconv.Atoi(m[2])
	}
	if all := len(strings.Fields(file.content)); read["combiner"] < all || read["reducer"] >= all ||
		read["reducer"] == 0 {
		t.Errorf("of %d words %v were read, want the reducer to read fewer; stderr:\n%s",
			all, read, o.stderr)
	}
}

// TestEmptyPartitions runs a reducer for partitions without a key, and for a job without a record.
func TestEmptyPartitions(t *testing.T) {
	files := write(t, text{"one", "word\nword\n"}, text{"none", ""})
	c := newCluster(t, 2)
	args := []string{"--mapper", "cat", "--reducer", "wc -l"}
	got := c.succeeds(nil, append(args, "--reducers", "8", files[0].name)...)
	lines := strings.Fields(got)
	slices.Sort(lines)
	equal(t, "eight partitions", strings.Join(lines, " "), []byte("0 0 0 0 0 0 0 2"))
	got = c.succeeds(nil, append(args, files[1].name)...)
	equal(t, "no record", strings.TrimSpace(got), []byte("0"))

	out := filepath.Join(t.TempDir(), "out")
	c.submitted(nil, append(args, "--reducers", "8", "-o", out, files[0].name)...)
	if parts, _ := filepath.Glob(filepath.Join(out, "part-*")); len(parts) != 8 {
		t.Errorf("got parts %q, want 8", parts)
	}
}

// TestR04CommandFails holds that a failure names the command, how it ended, the input and where in
// it, and shows what the command printed last.
func TestR04CommandFails(t *testing.T) {
	python := "python3"
	if err := exec.Command(python, "-c", "").Run(); err != nil {
		t.Skipf("no python3: %v", err)
	}
	const good, bad = "a good line\n", "boom\n"
	before := strings.Repeat(good, 100)
	files := write(t,
		text{"lines", before + bad + strings.Repeat(good, 10)},
		text{"map.py", "import sys\nfor line in sys.stdin:\n" +
			"    if line == 'boom\\n':\n        raise ValueError('cannot map ' + repr(line))\n" +
			"    print(line, end='')\n"},
		text{"dies.sh", "grep -q boom || exit 0\necho last words >&2\nkill -9 $$\n"})
	c := newCluster(t, 2)
	tests := []struct {
		mapper string
		want   []string
	}{
		{python + " " + files[1].name, []string{files[1].name, "exited with status 1",
			"Traceback (most recent call last)", `ValueError: cannot map 'boom\n'`}},
		{"sh " + files[2].name, []string{files[2].name, "killed (signal 9)", "last words"}},
		{"no-such-command -x", []string{"no-such-command -x", "no such command in PATH"}},
	}
	for _, tt := range tests {
		o := c.submitted(nil, "--split-size", "300", "--max-attempts", "2", "--mapper", tt.mapper,
			files[0].name)
		if o.code != fanfold.ExitFailed || o.stdout != "" {
			t.Errorf("%s: exit code %d and %d bytes, want 1 and none", tt.mapper, o.code, len(o.stdout))
		}
		for _, want := range append(tt.want, "/map-", "on local") {
			if !strings.Contains(o.stderr, want) {
				t.Errorf("%s: %q is not in\n%s", tt.mapper, want, o.stderr)
			}
		}
		place := regexp.MustCompile(`input: (.*) at byte (\d+)`).FindStringSubmatch(o.stderr)
		if place == nil || place[1] != files[0].name {
			t.Errorf("%s: no input and offset in\n%s", tt.mapper, o.stderr)
			continue
		}
		at, _ := strconv.Atoi(place[2])
		if strings.HasPrefix(tt.mapper, "no") {
			continue // it fails in any split
		}
		if at > len(before) || at < len(before)-300 {
			t.Errorf("%s: failed at byte %d, want the split with byte %d", tt.mapper, at, len(before))
		}
	}
}

// TestCommandKeepsBytes sends what is no text through a command.
func TestCommandKeepsBytes(t *testing.T) {
	file := write(t, text{"random", random(12, 50_000)})[0]
	c := newCluster(t, 2)
	got := c.succeeds(nil, "--mapper", "cat", "--split-size", "4KiB", file.name)
	equal(t, "cat", got, everyLine.want(t, file))
	got = c.succeeds(nil, "--mapper", "cat", "--reducer", "cat", "--split-size", "4KiB", file.name)
	var sorted bytes.Buffer
	lines := strings.Split(strings.TrimSuffix(file.content, "\n"), "\n")
	slices.SortStableFunc(lines, func(a, b string) int {
		x, _, _ := strings.Cut(a, "\t")
		y, _, _ := strings.Cut(b, "\t")
		return strings.Compare(x, y)
	})
	for _, line := range lines {
		sorted.WriteString(line + "\n")
	}
	equal(t, "cat and cat", got, sorted.Bytes())
}
