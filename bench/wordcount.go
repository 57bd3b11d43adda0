package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"strconv"

	"github.com/fanfold/fanfold/internal/corpus"
)

// wordCountRow counts the words of a text, the reply sorted.
func wordCountRow() row {
	return row{
		name: "wordcount", doc: "count words, against hand-written Go and the usual tools", runs: 5,
		flags: func(fs *flag.FlagSet) preparer {
			w := &wordCount{size: 512 << 20}
			fs.Var(&w.size, "size", "`size` of the text")
			fs.IntVar(&w.slots, "slots", 2, "`number` of processes or threads, where one can say")
			fs.BoolVar(&w.source, "source", true, "count the words of Go's own source tree too")
			return w.prepare
		},
	}
}

// The text that all figures are about.
const (
	wordCountSeed       = 20240601
	wordCountVocabulary = corpus.DefaultVocabulary
)

// sortShare is the part of the text that the pipeline with sort gets: it would take minutes.
const sortShare = 16

type wordCount struct {
	size   size
	slots  int
	source bool
}

// wordCounters are the programs that are built, each by its package.
type wordCounters map[string]string

func (w *wordCount) prepare(ctx context.Context, b *workshop) ([]contest, error) {
	programs := wordCounters{}
	for _, pkg := range []string{"cmd/fanfold", "bench/peers/wordcount", "bench/peers/idiomatic"} {
		var err error
		if programs[pkg], err = b.build(ctx, pkg); err != nil {
			return nil, err
		}
	}
	c, err := w.generated(b, programs)
	if err != nil || !w.source {
		return []contest{c}, err
	}
	source, err := w.goSource(ctx, b, programs)
	return []contest{c, source}, err
}

// generated is the contest about a text that is made for it.
func (w *wordCount) generated(b *workshop, programs wordCounters) (contest, error) {
	c := contest{
		title: fmt.Sprintf("Word count: %s of text, %d different words at most",
			sizeText(int64(w.size)), wordCountVocabulary),
		reference: "hand-written Go",
	}
	all, err := newText(b, int64(w.size))
	if err != nil {
		return c, err
	}
	share, err := newText(b, max(int64(w.size)/sortShare, 1))
	if err != nil {
		return c, err
	}
	slots := strconv.Itoa(w.slots)
	c.contestants = append(w.common(programs, all),
		mawk(all), parallelMawk(all, slots), duckDB(all, slots), sortUniq(share, slots))
	return c, nil
}

// common are the contestants of each text.
func (w *wordCount) common(programs wordCounters, t text) []contestant {
	hand := t.contestant("hand-written Go", "env", fmt.Sprintf("GOMAXPROCS=%d", w.slots),
		programs["bench/peers/wordcount"], t.file)
	ours := w.fanfold(programs, t, "fanfold run wordcount", t.file)
	ours.version = []string{programs["cmd/fanfold"], "version"}
	return []contestant{
		hand, ours, t.contestant("idiomatic Go", programs["bench/peers/idiomatic"], t.file),
	}
}

func (w *wordCount) fanfold(programs wordCounters, t text, name string, in ...string) contestant {
	return t.contestant(name, append([]string{programs["cmd/fanfold"], "run",
		"--slots", strconv.Itoa(w.slots), "--progress", "none", "wordcount"}, in...)...)
}

// text is an input and the output that belongs to it.
type text struct {
	file, want string
	bytes      int64
}

func newText(b *workshop, bytes int64) (text, error) {
	name := fmt.Sprintf("words-%d-%d-%d", wordCountSeed, wordCountVocabulary, bytes)
	file, err := b.cached(name+".txt", func(w io.Writer) error {
		return corpus.Words(w, corpus.WordsConfig{
			Seed: wordCountSeed, Bytes: bytes, Vocabulary: wordCountVocabulary,
		})
	})
	if err != nil {
		return text{}, err
	}
	want, err := b.cached(name+".wordcount", func(w io.Writer) error { return oracleOf(w, file) })
	return text{file: file, want: want, bytes: bytes}, err
}

func (t text) contestant(name string, args ...string) contestant {
	return contestant{name: name, args: args, bytes: t.bytes, want: t.want}
}

// shell is a contestant that is a pipeline over the text, which the script knows as "$1". It
// competes where all the tools are installed.
func (t text) shell(name, script string, tools ...string) contestant {
	c := t.contestant(name, "sh", "-c", "LC_ALL=C; export LC_ALL; "+script, "sh", t.file)
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			c.missing = tool + " is not installed"
		}
	}
	return c
}

// countWords is an awk program; its words end at blanks, TABs and LFs, the only white space in the
// text.
const countWords = `'{for(i=1;i<=NF;i++)n[$i]++}END{for(w in n)print w"\t"n[w]}'`

func mawk(t text) contestant {
	c := t.shell("mawk | sort", `mawk `+countWords+` "$1" | sort`, "mawk", "sort")
	c.version = []string{"mawk", "-W", "version"}
	return c
}

func parallelMawk(t text, slots string) contestant {
	c := t.shell("GNU parallel mawk | mawk | sort", `parallel --will-cite --pipe-part -a "$1" `+
		`--block -4 -j `+slots+` -q mawk `+countWords+
		` | mawk -F '\t' '{n[$1]+=$2}END{for(w in n)print w"\t"n[w]}' | sort`,
		"parallel", "mawk", "sort")
	c.version = []string{"parallel", "--version"}
	return c
}

func duckDB(t text, slots string) contestant {
	c := t.shell("DuckDB", `duckdb -c "SET threads=`+slots+`; `+
		`COPY (SELECT w, count(*) FROM (SELECT unnest(string_split(line, ' ')) AS w `+
		`FROM read_csv('$1', columns={'line': 'VARCHAR'}, header=false, delim='\0', `+
		`quote='', escape='', auto_detect=false)) WHERE w <> '' GROUP BY w ORDER BY w) `+
		`TO '/dev/stdout' (FORMAT csv, DELIMITER E'\t', HEADER false, QUOTE '')"`, "duckdb")
	c.version = []string{"duckdb", "-version"}
	return c
}

func sortUniq(t text, slots string) contestant {
	c := t.shell("tr | sort | uniq -c", `tr -s ' \t\n\v\f\r' '\n' <"$1" | `+
		`sort --parallel=`+slots+` | uniq -c`, "tr", "sort", "uniq")
	c.convert = convertUniq
	c.version = []string{"sort", "--version"}
	return c
}

// convertUniq makes "word\tcount\n" of a line of uniq -c.
func convertUniq(line []byte) ([]byte, error) {
	count, word, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	if !ok {
		return nil, fmt.Errorf("%q is no line of uniq -c", line)
	}
	return fmt.Appendf(nil, "%s\t%s\n", word, count), nil
}
