package mapper

import (
	"math"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/shuffle"
)

// nowhere drops what is emitted.
type nowhere struct{}

func (nowhere) Flush(*fanfold.Batch) error { return nil }

// Scout looks for records that the mapper fails at, from a record of the split on, and tells of
// each. At is told of each record before the mapper is: where this process dies, it was the last
// one; it is told of -1 behind the last. An error says why it cannot go on, and is no record's.
func Scout(t *fanfold.Task, s Spec, from int64, at func(int64), found func(Bad)) error {
	how, err := format.Of(t.Reading)
	if err != nil {
		return err
	}
	c := &careful{from: from, to: math.MaxInt64, bad: map[int64]string{}, at: at, found: found}
	return scout(t, &s, how, c)
}

// scout finds records that are bad and not in c.bad yet, puts them there and tells c.found.
func scout(t *fanfold.Task, s *Spec, how *format.Format, c *careful) error {
	defer clear(t.Counters())
	if t.Command != nil {
		return bisectAll(t, s, how, c)
	}
	err := caught(t, func() error { return pass(t, s, how, c) })
	if fanfold.KindOf(err) == fanfold.KindUser {
		return nil // it is the end of the mapper that fails: no record's fault
	}
	return err
}

// pass goes over the split once, and keeps nothing.
func pass(t *fanfold.Task, s *Spec, how *format.Format, c *careful) error {
	var r Result
	f := feeder{
		task: t, spec: s, result: &r, emit: fanfold.NewEmitter(nowhere{}), format: how, careful: c,
		records: format.Reader{Format: how, Limits: format.DefaultLimits},
	}
	return f.run()
}

// bisectAll looks for the records that a command fails at. A command fails when it likes, not at
// the record that it was given last: so it runs over halves of the records, and of those that it
// fails at over halves again.
func bisectAll(t *fanfold.Task, s *Spec, how *format.Format, c *careful) error {
	nothing := *s
	nothing.Program = &fanfold.Program{Map: func(*fanfold.Task) (fanfold.Mapper, error) {
		return fanfold.MapperFunc(func(fanfold.Record, *fanfold.Emitter) error { return nil }), nil
	}}
	count := &careful{to: math.MaxInt64, bad: c.bad, probing: true}
	if err := pass(t, &nothing, how, count); err != nil {
		return err
	}
	b := bisection{
		left: t.Reading.SkipBad,
		ctx:  func() error { return shuffle.Stopped(t.Context()) },
		fails: func(from, to int64) error {
			return pass(t, s, how, &careful{from: from, to: to, bad: c.bad, probing: true})
		},
		found: func(b Bad) {
			c.bad[b.Record] = b.Reason
			c.found(b)
		},
	}
	return b.search(0, count.next)
}

// bisection finds the records at which something fails.
type bisection struct {
	fails func(from, to int64) error // runs it over a range of records
	ctx   func() error               // why the search is to end; nil: it is not
	found func(Bad)
	left  int // records that may still be found before the search ends
}

func (b *bisection) search(from, to int64) error {
	if from >= to || b.left < 0 {
		return nil
	}
	err := b.fails(from, to)
	if stopped := b.ctx(); stopped != nil {
		return stopped
	}
	switch {
	case err == nil:
		return nil
	case fanfold.KindOf(err) != fanfold.KindUser:
		return err
	case to-from == 1:
		b.left--
		b.found(Bad{Record: from, Reason: err.Error()})
		return nil
	}
	middle := from + (to-from)/2
	if err := b.search(from, middle); err != nil {
		return err
	}
	return b.search(middle, to)
}
