package worker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/reducer"
)

// What the counters of an attempt may come to.
const (
	countersMax     = 1024
	counterBytesMax = 256 << 10 // of their names
)

// systemGroup is the group of the counters that are not the program's.
const systemGroup = "fanfold"

// result is what a mapper or a reducer leaves behind.
type result struct {
	output      fanfold.Output
	in, bytesIn int64
	lost        uint32 // with reducer.ErrSource: task of the source
	spills      int    // times that its buffers were written to disk
	skipped     int64  // bad records that were skipped
	sample      error  // what was wrong with the first of them
}

// done gives the Done of a success, without File and Counters.
func (r *result) done() *protocol.Done {
	return &protocol.Done{
		Status: protocol.StatusSucceeded, File: r.output.File, Bytes: r.output.Bytes,
		CRC: r.output.CRC, Records: r.output.Records, Inline: r.output.Inline,
		In: r.in, BytesIn: r.bytesIn, Failure: r.wireSample(),
	}
}

// count makes counters of the job of the spills of a success, and of the records that it has
// skipped: none where there were none.
func (r *result) count(t *fanfold.Task) {
	if r.spills > 0 {
		t.Count(systemGroup, t.ID.Stage.String()+"_spills", int64(r.spills))
	}
	if r.skipped > 0 {
		t.Count(systemGroup, fanfold.SkippedCounter, r.skipped)
	}
}

// failed gives the Done of an attempt that ended with err.
func (x *executor) failed(a *attempt, t *fanfold.Task, r result, err error) *protocol.Done {
	d := &protocol.Done{Status: protocol.StatusFailed, In: r.in, BytesIn: r.bytesIn}
	switch cause := context.Cause(t.Context()); {
	case errors.Is(cause, errTimeout):
		d.Status = protocol.StatusTimeout
		err = fanfold.Errorf(fanfold.KindTimeout, runOp(a), "it took more than %v", a.limit)
	case cause != nil:
		d.Status = protocol.StatusStopped
		return d
	case errors.Is(err, reducer.ErrSource):
		d.Status, d.Lost = protocol.StatusNoSource, r.lost
	}
	log, _ := t.Log.(*logTail)
	d.Failure = []protocol.Failure{x.failure(runOp(a), a.id, t.Input(), log, err)}
	return d
}

// failure puts on the wire why an attempt failed. log may be nil.
func (x *executor) failure(
	op string, id fanfold.AttemptID, input string, log *logTail, err error,
) protocol.Failure {
	e := fanfold.Error{Op: op, Kind: fanfold.KindUser, Offset: -1, Err: err}
	if known := (*fanfold.Error)(nil); errors.As(err, &known) {
		e = *known
		if err != error(known) { // it is wrapped: its fields count, and the whole text
			e.Op, e.Err = "", err
		}
	}
	e.Attempt, e.Worker = id, x.cfg.Name
	e.Input = cmp.Or(e.Input, input)
	if log != nil && e.Log == "" {
		e.Log = log.String()
	}
	return protocol.FromError(&e)
}

// runOp is the operation that errors name which do not name one.
func runOp(a *attempt) string { return "run " + a.id.Stage.String() }

// counters puts the counters of an attempt on the wire, ordered by group and name.
func counters(t *fanfold.Task) ([]protocol.Counter, error) {
	counts := t.Counters()
	if len(counts) == 0 {
		return nil, nil
	}
	list := make([]protocol.Counter, 0, len(counts))
	bytes := 0
	for key, n := range counts {
		group, name, _ := strings.Cut(key, "\x00")
		list = append(list, protocol.Counter{Group: group, Name: name, N: n})
		bytes += len(key)
	}
	if len(list) > countersMax || bytes > counterBytesMax {
		return nil, fanfold.Errorf(fanfold.KindTooLarge, "count",
			"%d counters with %d bytes of names: at most %d and %d", len(list), bytes,
			countersMax, counterBytesMax)
	}
	slices.SortFunc(list, func(a, b protocol.Counter) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Name, b.Name))
	})
	return list, nil
}
