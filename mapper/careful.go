package mapper

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/shuffle"
)

// Bad is a record that is to be skipped.
type Bad struct {
	Record int64  // its number in the split, counted from 0
	Reason string // what is wrong with it
}

// noRecord is told where the mapper has none.
const noRecord = -1

// careful is how an attempt of a job that skips bad records goes over its split.
//
// A record that is none of its format is skipped as it comes. A record that the mapper fails at may
// have emitted, counted or changed the mapper by then: so the attempt looks for all such records
// first, with what is emitted thrown away, and then begins anew, without them.
type careful struct {
	from, to int64            // records of the split that the mapper gets
	next     int64            // number of the next record
	bad      map[int64]string // those to be skipped, and why

	found func(Bad)   // scouting: takes what the mapper fails at; nil: that ends the run
	at    func(int64) // scouting: is told of each record before the mapper is; may be nil

	probing bool  // what is skipped is of no interest
	max     int   // records that may be skipped
	skipped int64 // so many were
	sample  error // what was wrong with the first
	saved   saved
}

// errWindow says that the records that follow are not to be read. It is never wrapped.
var errWindow = errors.New("behind the records that are wanted")

// feed gives a record to the mapper, or skips it.
func (c *careful) feed(f *feeder, name string, value []byte, offset int64) error {
	i := c.next
	c.next++
	switch {
	case i < c.from:
		return nil
	case i >= c.to:
		return errWindow
	}
	if c.at != nil {
		c.at(i)
	}
	reason, bad := c.bad[i]
	if !bad {
		rec, err := f.record(name, value, offset)
		if err == nil {
			if bad, err = c.try(f, rec, name); err != nil {
				return err
			}
			if bad {
				return nil // found was told
			}
			f.result.In++
			return nil
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			reason = cause.Error() // the last: input and offset are told apart
		}
		c.bad[i] = reason
	}
	if c.probing || c.found != nil {
		return nil
	}
	return c.skip(f, reason, name, value, offset)
}

// try calls the mapper. A scout goes on with another one after a record that it fails at.
func (c *careful) try(f *feeder, rec fanfold.Record, name string) (bad bool, err error) {
	if c.found == nil {
		if err := f.mapper.Map(rec, f.emit); err != nil {
			return false, userError("run mapper", name, rec.Offset, err)
		}
		return false, nil
	}
	failure := caught(f.task, func() error { return f.mapper.Map(rec, f.emit) })
	if failure == nil {
		return false, nil
	}
	if stopped := shuffle.Stopped(f.task.Context()); stopped != nil {
		return false, stopped
	}
	i := c.next - 1
	c.bad[i] = failure.Error()
	c.found(Bad{Record: i, Reason: failure.Error()})
	if old := f.closer; old != nil {
		f.closer = nil
		_ = caught(f.task, func() error { return old.Close(nil) })
	}
	m, err := f.spec.Program.Map(f.task)
	if err != nil {
		return false, userError("start mapper", "", -1, err)
	}
	f.use(m)
	if len(c.bad) > f.task.Reading.SkipBad {
		return true, errWindow // the job fails anyhow
	}
	return true, nil
}

// skip passes over a record, and keeps a copy.
func (c *careful) skip(f *feeder, reason, name string, value []byte, offset int64) error {
	err := &fanfold.Error{
		Op: "skip record", Kind: fanfold.KindInput, Input: name, Offset: offset,
		Err: errors.New(reason),
	}
	if c.skipped++; c.skipped > int64(c.max) {
		return tooMany(c.max, err)
	}
	if c.sample == nil {
		c.sample = err
	}
	return c.saved.add(f, reason, name, value, offset)
}

// tooMany is the failure of a job that would have to skip more records than it may.
func tooMany(most int, last *fanfold.Error) error {
	e := *last
	e.Kind = fanfold.KindTooLarge
	e.Err = fmt.Errorf("more than %d are bad; here: %w", most, last.Err)
	return &e
}

// runCareful runs an attempt of a job that skips bad records. Where the attempt before may have
// been killed by one, another process looks for those first.
func runCareful(t *fanfold.Task, s *Spec, how *format.Format) (Result, error) {
	bad := map[int64]string{}
	add := func(b Bad) { bad[b.Record] = b.Reason }
	if s.Scout != nil && t.ID.Attempt > 1 && t.Command == nil {
		if err := s.Scout(0, add); err != nil {
			return Result{}, err
		}
	}
	for {
		c := &careful{to: math.MaxInt64, bad: bad, max: t.Reading.SkipBad}
		clear(t.Counters())
		r, err := runOnce(t, s, how, c)
		if err == nil || fanfold.KindOf(err) != fanfold.KindUser {
			return r, err
		}
		known := len(bad)
		c = &careful{to: math.MaxInt64, bad: bad, found: add}
		if err := scout(t, s, how, c); err != nil {
			return r, err
		}
		if len(bad) == known {
			return r, err // it is no record's fault
		}
	}
}

// runOnce is run, with what was skipped and a panic as an error.
func runOnce(t *fanfold.Task, s *Spec, how *format.Format, c *careful) (r Result, err error) {
	defer c.saved.discard()
	err = caught(t, func() (err error) {
		r, err = run(t, s, how, c)
		return err
	})
	r.Skipped, r.Sample = c.skipped, c.sample
	if err == nil {
		err = c.saved.commit()
	}
	return r, err
}

// caught calls user code, and makes an error of its panic.
func caught(t *fanfold.Task, call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if t.Log != nil {
				fmt.Fprintf(t.Log, "panic: %v\n%s", v, debug.Stack())
			}
			err = fanfold.Errorf(fanfold.KindUser, "run mapper", "panic: %v", v)
		}
	}()
	return call()
}
