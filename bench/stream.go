package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// streamRow runs commands over lines.
func streamRow() row {
	return row{
		name: "stream", doc: "commands as mappers, against pipelines and GNU parallel", runs: 5,
		flags: func(fs *flag.FlagSet) preparer {
			s := &streamContests{size: 64 << 20, bulk: 256 << 20}
			fs.Var(&s.size, "size", "`size` of the text whose words are counted")
			fs.Var(&s.bulk, "bulk", "`size` of the text that goes through one command alone")
			fs.IntVar(&s.slots, "slots", 2, "`number` of processes at a time")
			return s.prepare
		},
	}
}

// streamContests is what the user chooses.
type streamContests struct {
	size, bulk size
	slots      int
}

// splitWords prints each word in a line of its own; counted, the lines are a word count.
const splitWords = `tr -s ' ' '\n'`

// alone are commands that go through a text by themselves: one that hardly works, one that does.
var alone = []struct{ name, command, tool string }{
	{"upper", "tr a-z A-Z", "tr"},
	{"fields", "mawk '{n=0; for(i=1;i<=NF;i++)n+=length($i); print NF, n}'", "mawk"},
}

func (s *streamContests) prepare(ctx context.Context, b *workshop) ([]contest, error) {
	fanfold, err := b.build(ctx, "cmd/fanfold")
	if err != nil {
		return nil, err
	}
	counted, err := newText(b, int64(s.size))
	if err != nil {
		return nil, err
	}
	contests := []contest{s.count(fanfold, counted)}
	bulk, err := newText(b, int64(s.bulk))
	if err != nil {
		return nil, err
	}
	for _, a := range alone {
		if _, err := exec.LookPath(a.tool); err != nil {
			fmt.Fprintf(b.log, "no contest of %s: %s is not installed\n", a.command, a.tool)
			continue
		}
		bulk.want, err = b.cached(fmt.Sprintf("%s-%d-%d", a.name, wordCountSeed, bulk.bytes),
			func(w io.Writer) error { return pipe(ctx, w, a.command, bulk.file) })
		if err != nil {
			return nil, err
		}
		contests = append(contests, s.alone(fanfold, bulk, a.command, a.tool))
	}
	return contests, nil
}

// pipe writes what a command makes of a file.
func pipe(ctx context.Context, w io.Writer, command, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	cmd := exec.CommandContext(ctx, "sh", "-c", "LC_ALL=C; export LC_ALL; "+command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, w, os.Stderr
	return cmd.Run()
}

// count has the words of a text counted, with a command to find them.
func (s *streamContests) count(fanfold string, t text) contest {
	slots := strconv.Itoa(s.slots)
	plain := t.shell("tr | sort | uniq -c", splitWords+` <"$1" | sort | uniq -c`,
		"tr", "sort", "uniq")
	plain.version = []string{"sort", "--version"}
	wide := t.shell("GNU parallel: tr | sort, then sort -m | uniq -c",
		`files=$(parallel --will-cite --pipe-part -a "$1" --block -1 -j `+slots+
			` --files "`+splitWords+` | sort") && sort -m $files | uniq -c && rm $files`,
		"parallel", "tr", "sort", "uniq")
	wide.version = []string{"parallel", "--version"}
	plain.convert, wide.convert = convertUniq, convertUniq
	return contest{
		title: fmt.Sprintf("Commands: the lines of %s counted, %s of text",
			splitWords, sizeText(t.bytes)),
		reference: plain.name,
		contestants: []contestant{
			plain, wide, s.fanfold(fanfold, t, splitWords, "--aggregate", "count"),
		},
	}
}

// alone has a command read a text and prints what it says, in order.
func (s *streamContests) alone(fanfold string, t text, command, tool string) contest {
	slots := strconv.Itoa(s.slots)
	wide := t.shell("GNU parallel", `parallel --will-cite --pipe-part -a "$1" --block -1 -k -j `+
		slots+` "$2"`, "parallel", tool)
	wide.args = append(wide.args, command)
	wide.version = []string{"parallel", "--version"}
	return contest{
		title:     fmt.Sprintf("Commands: %s over %s of text", command, sizeText(t.bytes)),
		reference: wide.name,
		contestants: []contestant{
			wide, t.shell("the command alone", command+` <"$1"`, tool),
			s.fanfold(fanfold, t, command),
		},
	}
}

// fanfold is a contestant that has a command as its mapper.
func (s *streamContests) fanfold(program string, t text, mapper string, more ...string) contestant {
	args := []string{"env", "LC_ALL=C", program, "run", "--slots", strconv.Itoa(s.slots),
		"--progress", "none", "--mapper", mapper}
	c := t.contestant("fanfold run --mapper", append(append(args, more...), t.file)...)
	c.version = []string{program, "version"}
	return c
}
