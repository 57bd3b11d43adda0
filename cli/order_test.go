package cli_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// skewed is lines most of which begin alike, and half of which are one and the same.
func skewed(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "the same beginning of every line, then %07d\n", i*7919%n)
		b.WriteString("the same beginning of every line, then 0001000\n")
	}
	return b.String()
}

// inOrder is the lines of a text, sorted.
func inOrder(content string) []byte {
	lines := slices.Sorted(strings.Lines(content))
	return []byte(strings.Join(lines, ""))
}

// TestR50TotalOrder sorts into several partitions: the files of the folder, one behind the other,
// are in order, as check proves, and none but that of a heavy key has much more than its share.
func TestR50TotalOrder(t *testing.T) {
	inputs := map[string]string{
		"random": words(t, 3, 300_000), "skewed": skewed(4000), "empty": "", "one line": "x\n",
		"one key": strings.Repeat("again\n", 5000),
	}
	most := map[string]int{"random": 40, "skewed": 60, "one key": 100} // percent of one of 4 parts
	c := newCluster(t, 2)
	for name, content := range inputs {
		file := write(t, text{"in", content})[0]
		want := inOrder(content)
		for _, job := range []fanfold.Job{
			{Program: "sort"}, {Program: "grep", Params: everyLine.params, Sort: fanfold.SortKey},
		} {
			job.Inputs, job.SplitSize, job.Reducers = []string{file.name}, 64<<10, 4
			reply, _ := c.submit(job, nil)
			equal(t, name+" by "+job.Program, reply, want)
			job.Output = filepath.Join(t.TempDir(), "out")
			c.submit(job, nil)
			var all []byte
			for i := range job.Reducers {
				part, err := os.ReadFile(filepath.Join(job.Output, fmt.Sprintf("part-%05d", i)))
				if err != nil {
					t.Fatal(err)
				}
				if share := most[name]; share > 0 && len(part)*100 > len(content)*share {
					t.Errorf("%s: part %d has %d of %d bytes", name, i, len(part), len(content))
				}
				all = append(all, part...)
			}
			equal(t, "files of "+name+" by "+job.Program, all, want)
			o := c.fanfold(nil, "check", job.Output)
			lines := bytes.Count(want, []byte("\n"))
			if o.code != 0 || !strings.HasPrefix(o.stdout, fmt.Sprintf("records: %d\n", lines)) {
				t.Errorf("check of %s: exit code %d, %s%s", name, o.code, o.stdout, o.stderr)
			}
		}
	}
}

// TestSortFormats sorts records of other formats: what ends a record stands behind each one in the
// output, and check reads them too.
func TestSortFormats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const size, records = 10, 5000
	binary := make([]byte, size*records)
	for i := range binary {
		binary[i] = byte(r.Uint32() & 3 * 5) // 0, 5, 10 (LF) and 15: many are equal
	}
	fixed := slices.Collect(slices.Chunk(binary, size))
	byPiece := func(from, to int) []byte {
		list := slices.Clone(fixed)
		slices.SortFunc(list, func(a, b []byte) int {
			return cmp.Or(bytes.Compare(a[from:to], b[from:to]), bytes.Compare(a, b))
		})
		return bytes.Join(list, nil)
	}
	csv := "id,word\n3,\"c,\n\"\n10,a\n2,\"b\"\"\"\n"
	tests := []struct {
		name, input, format string
		args                []string
		want                string
	}{
		{"fixed", string(binary), "fixed:10", []string{"-p", "key=0:4"}, string(byPiece(0, 4))},
		{"fixed, a piece", string(binary), "fixed:10", []string{"-p", "key=6:9"}, string(byPiece(6, 9))},
		{"nul", "b\nc\x00a\x00\x00b", "nul", nil, "\x00a\x00b\x00b\nc\x00"},
		{"csv by number", csv[8:], "csv:1", []string{"-p", "numeric"},
			"2,\"b\"\"\"\n3,\"c,\n\"\n10,a\n"},
		{"json", `{"k":"a"}` + "\n\n" + `{"k":"b"}`, "json:k", []string{"-p", "reverse"},
			`{"k":"b"}` + "\n" + `{"k":"a"}` + "\n"},
	}
	c := newCluster(t, 2)
	for _, test := range tests {
		files := write(t, text{"in", test.input})
		args := append([]string{"--format", test.format}, test.args...)
		for _, more := range [][]string{{"--reducers", "3"}, {"--top", "100"}} {
			want := test.want
			if more[0] == "--top" && test.format == "fixed:10" {
				want = want[:100*size]
			}
			got := c.succeeds(nil, slices.Concat(args, more, []string{"sort", files[0].name})...)
			equal(t, test.name+" "+more[0], got, []byte(want))
		}
		sorted := write(t, text{"sorted", test.want})
		for _, file := range []text{files[0], sorted[0]} {
			o := c.fanfold(nil, slices.Concat([]string{"check"}, args, []string{file.name})...)
			if ok := o.code == 0; ok != (file.content == test.want) {
				t.Errorf("%s: check of %s: exit code %d\n%s", test.name, file.name, o.code, o.stderr)
			}
		}
	}
}
