package main

import (
	"context"
	"flag"
	"slices"
	"strings"
)

// row is a row of the table of what Fanfold must reach; each has a file of its own.
type row struct {
	name, doc string
	runs      int // rounds unless told otherwise

	// flags registers what the row lets the user choose, and gives what is called after parsing.
	flags func(fs *flag.FlagSet) preparer
}

// preparer makes contests: programs are built and inputs made here, outside the measured time.
type preparer func(ctx context.Context, b *workshop) ([]contest, error)

// contest is a row made ready.
type contest struct {
	title       string
	reference   string // the name of the contestant that the others are compared with
	contestants []contestant
	columns     []column // of its table; nil: those of processColumns
	rounds      int      // most that are measured; 0: any number
}

// contestant is a program in a contest.
type contestant struct {
	name    string
	args    []string // the program and its arguments
	version []string // what to run for a line that names the program's version; nil: nothing
	missing string   // why it does not compete; "": it does
	bytes   int64    // of input; 0: the contest is not about bytes

	// want is a file with the right output; "": it is not looked at. convert, if set, makes the
	// program's output comparable with it.
	want    string
	convert func(line []byte) ([]byte, error)

	// measured, if set, reads from the output what the program has measured itself.
	measured func(output []byte, s *sample) error
}

func rows() []row {
	return []row{
		wordCountRow(), mapperRow(), streamRow(), sortRow(), distinctRow(), startupRow(),
		dispatchRow(),
	}
}

func findRow(name string) *row {
	for _, r := range rows() {
		if r.name == name {
			return &r
		}
	}
	return nil
}

// one makes a preparer of one contest.
func one(prepare func(context.Context, *workshop) (contest, error)) preparer {
	return func(ctx context.Context, b *workshop) ([]contest, error) {
		c, err := prepare(ctx, b)
		return []contest{c}, err
	}
}

// only leaves out the contestants whose names contain none of the words between commas; "" leaves
// out none.
func (p preparer) only(words string) preparer {
	return func(ctx context.Context, b *workshop) ([]contest, error) {
		contests, err := p(ctx, b)
		for _, c := range contests {
			for i := range c.contestants {
				wanted := func(word string) bool {
					return strings.Contains(c.contestants[i].name, word)
				}
				if !slices.ContainsFunc(strings.Split(words, ","), wanted) {
					c.contestants[i].missing = "left out of this run"
				}
			}
		}
		return contests, err
	}
}
