package cli_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// formats are inputs, and their records as `grep` prints them, each with what it ends with.
var formats = []struct {
	format, content, end string
	records              []string
}{
	{"lines", "a\r\n\nb c\nd", "\n", []string{"a\r", "", "b c", "d"}},
	{"csv", "a,\"b\n\"\"c\"\r\n\n\"\n\"\nd,e\"\nf", "\n",
		[]string{"a,\"b\n\"\"c\"", "\"\n\"", "d,e\"", "f"}},
	{"tsv", "a\tb\r\n\nc\t", "\n", []string{"a\tb", "", "c\t"}},
	{"json", "{\"a\": 1}\n\n[2]\r\n3", "\n", []string{"{\"a\": 1}", "[2]", "3"}},
	{"fixed:3", "abc\n\x00\xffd\ne", "", []string{"abc", "\n\x00\xff", "d\ne"}},
	{"nul", "a\nb\x00\x00c", "\x00", []string{"a\nb", "", "c"}},
	{"whole", "a\nb\n", "", []string{"a\nb\n"}},
	{"whole", "", "", []string{""}},
}

// TestR49FormatsInPieces reads inputs of all formats by name and as a stream, in pieces of every
// size.
func TestR49FormatsInPieces(t *testing.T) {
	c := newCluster(t, 2)
	for i, f := range formats {
		input := write(t, text{fmt.Sprint("f", i), f.content})[0]
		want := []byte(strings.Join(append(f.records, ""), f.end))
		for size := 1; size <= len(f.content)+1; size++ {
			job := fanfold.Job{
				Program: "grep", Params: everyLine.params, SplitSize: int64(size),
				Reading: fanfold.Reading{Format: f.format},
			}
			reply, _ := c.submit(job, strings.NewReader(f.content))
			equal(t, fmt.Sprintf("%s stream in pieces of %d", f.format, size), reply, want)
			job.Inputs = []string{input.name, input.name}
			reply, _ = c.submit(job, nil)
			equal(t, fmt.Sprintf("%s in pieces of %d", f.format, size), reply, bytes.Repeat(want, 2))
		}
	}
}
