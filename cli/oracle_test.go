package cli_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/corpus"
)

// words is text of a size in which words come as often as in a language.
func words(t *testing.T, seed uint64, size int64) string {
	t.Helper()
	var b strings.Builder
	c := corpus.WordsConfig{Seed: seed, Bytes: size, Vocabulary: 2000}
	if err := corpus.Words(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sums is text that every built-in job can read: words, a TAB and a number in each line.
func sums(t *testing.T, seed uint64, size int64) string {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	var b strings.Builder
	for line := range strings.Lines(words(t, seed, size)) {
		n := 1 + random.IntN(8)
		key := strings.Join(strings.Fields(line)[:min(n, len(strings.Fields(line)))], " ")
		fmt.Fprintf(&b, "%s\t%d", key, random.Int64N(2_000_000)-1_000_000)
		if random.IntN(3) == 0 {
			fmt.Fprintf(&b, ".%0*d", 1+random.IntN(12), random.IntN(10))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestL1WordCount holds that the number of partitions changes nothing but the files of an output
// folder, and that no key is in two of them.
func TestL1WordCount(t *testing.T) {
	files := write(t, text{"a.txt", words(t, 1, 60_000)}, text{"b.txt", words(t, 2, 20_000)})
	job := fanfold.Job{Program: "wordcount", Inputs: names(files), SplitSize: 8 << 10}
	want := wordCount.want(t, files...)
	c := newCluster(t, 3)
	for _, job.Reducers = range []int{1, 2, 10, 64} {
		job.Output = ""
		reply, _ := c.submit(job, nil)
		equal(t, fmt.Sprintf("reply of %d reducers", job.Reducers), reply, want)

		job.Output = filepath.Join(t.TempDir(), "out")
		reply, summary := c.submit(job, nil)
		if len(reply) > 0 {
			t.Errorf("got %d bytes of reply beside an output folder", len(reply))
		}
		checkParts(t, job, summary.Files, want)
	}
}

// checkParts wants an output folder with as many parts as reducers, each ordered, all different,
// and together want.
func checkParts(t *testing.T, job fanfold.Job, files []string, want []byte) {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(job.Output, "part-*"))
	if err != nil || len(parts) != job.Reducers {
		t.Errorf("got parts %.200q (%v), want %d", parts, err, job.Reducers)
	}
	success := filepath.Join(job.Output, "_SUCCESS")
	if want := append(slices.Clone(parts), success); !slices.Equal(files, want) {
		t.Errorf("the summary has %.200q, want %.200q", files, want)
	}
	if all, err := os.ReadDir(job.Output); err != nil || len(all) != len(parts)+1 {
		t.Errorf("got %d files (%v), want the parts and _SUCCESS", len(all), err)
	}
	in := map[string]string{} // the part that a key is in
	var lines []string
	for _, part := range parts {
		content, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for line := range strings.Lines(string(content)) {
			key, _, _ := strings.Cut(line, "\t")
			if in[key] != "" {
				t.Fatalf("%q is in %s and %s", key, in[key], part)
			}
			if key < last {
				t.Fatalf("%s: %q comes behind %q", part, key, last)
			}
			in[key], last = part, key
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	equal(t, fmt.Sprintf("files of %d reducers", job.Reducers), strings.Join(lines, ""), want)
}

// TestL2Index holds that a mapper knows the name of its input, however the file is split, and that
// the order of the files changes nothing.
func TestL2Index(t *testing.T) {
	files := write(t, text{"first", words(t, 3, 900)}, text{"b/second", words(t, 4, 700)},
		text{"empty", ""}, text{"third", "no last newline here"})
	want := index.want(t, files...)
	reversed := names(files)
	slices.Reverse(reversed)
	c := newCluster(t, 3)
	for _, inputs := range [][]string{names(files), reversed} {
		for _, size := range []int64{0, 5, 37, 1000} {
			job := fanfold.Job{Program: "index", Inputs: inputs, SplitSize: size, Reducers: 2}
			reply, _ := c.submit(job, nil)
			equal(t, fmt.Sprintf("%q in splits of %d bytes", inputs, size), reply, want)
		}
	}
}

// TestBuiltInJobs runs every built-in job on the same random text, cut in many splits.
func TestBuiltInJobs(t *testing.T) {
	files := write(t, text{"1", sums(t, 5, 30_000)}, text{"2", sums(t, 6, 10_000)},
		text{"3", strings.TrimSuffix(sums(t, 7, 3_000), "\n")})
	c := newCluster(t, 2)
	for _, b := range builtIns {
		t.Run(b.name, func(t *testing.T) {
			want := b.want(t, files...)
			if len(want) == 0 {
				t.Fatal("the oracle says that nothing is to come: this test sees nothing")
			}
			for _, size := range []int64{0, 1 << 10} {
				job := fanfold.Job{Program: b.name, Params: b.params, Inputs: names(files),
					SplitSize: size}
				reply, _ := c.submit(job, nil)
				equal(t, fmt.Sprintf("splits of %d bytes", size), reply, want)
			}
		})
	}
}

// TestMapOnlyRepliesInInputOrder gives each of several slots many splits.
func TestMapOnlyRepliesInInputOrder(t *testing.T) {
	var b bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&b, "line %d %s\n", i, strings.Repeat("x", i%50))
	}
	files := write(t, text{"z", b.String()}, text{"a", "one\ntwo"}, text{"m", b.String()})
	c := newCluster(t, 2)
	job := fanfold.Job{Program: "grep", Params: everyLine.params, Inputs: names(files),
		SplitSize: 1 << 10}
	reply, _ := c.submit(job, nil)
	equal(t, "grep", reply, everyLine.want(t, files...))
}
