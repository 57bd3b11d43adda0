package cli_test

import (
	"bytes"
	"fmt"
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
