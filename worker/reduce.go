package worker

import (
	"bytes"
	"math/big"
	"path/filepath"
	"strconv"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// reduce runs the program's reducer, or its fold, over the results of tasks. What it emits becomes
// the result in h's Reply. Without a result there is nothing to reduce.
func (h *hand) reduce(c *call, s *shard) (err error) {
	if len(c.data) == 0 {
		return nil
	}
	list := values{rest: c.data}
	p := c.plan.program
	reply := h.replies[0]
	switch {
	case p.Fold != fanfold.NoFold:
		err = list.fold(p.Fold, reply)
	case p.Aggregate != nil:
		err = h.reduceWith(aggregated(p.Aggregate), c, &list, reply)
	case p.Reduce != nil:
		err = h.reduceWith(p.Reduce, c, &list, reply)
	default:
		err = fanfold.Errorf(fanfold.KindUsage, opReduce, "%s has no reducer", p.Name)
	}
	if list.err != nil {
		return list.err
	}
	return err
}

// newReducer makes the reducer of an attempt.
type newReducer = func(*fanfold.Task) (fanfold.Reducer, error)

// aggregated makes reducers of aggregators.
func aggregated(make func(*fanfold.Task) (fanfold.Aggregator, error)) newReducer {
	return func(t *fanfold.Task) (fanfold.Reducer, error) {
		a, err := make(t)
		return fanfold.Aggregated(a), err
	}
}

// reduceWith runs a reducer of the user's.
func (h *hand) reduceWith(
	start newReducer, c *call, list *values, reply *fanfold.Reply,
) (err error) {
	log := &logTail{w: h.x.cfg.Log}
	defer func() {
		if v := recover(); v != nil {
			err = withLog(panicError(opReduce, v, log), log)
		}
	}()
	job := &c.plan.job
	dir := filepath.Join(h.x.cfg.Dir, c.id().Dir())
	t := fanfold.NewTask(h.ctx, fanfold.Task{
		ID: c.id(), Program: job.Program, Params: job.Params, Command: job.Command,
		Dir: dir, Log: log, Notify: h.x.status,
	})
	h.beat = beat{conn: h.x.conn, attempt: c.handle, last: h.beat.last}
	if err := makeDir(dir); err != nil {
		return fanfold.Errorf(fanfold.KindDisk, "make attempt directory", "%w", err)
	}
	defer remove(dir)
	reducer, err := start(t)
	if err != nil {
		return withLog(fanfold.UserError("start reducer", err), log)
	}
	closer, _ := reducer.(fanfold.Closer)
	defer func() {
		if closer != nil {
			_ = closer.Close(nil)
		}
	}()
	emit := fanfold.NewEmitter(valueSink{reply})
	if err := reducer.Reduce(nil, fanfold.NewValues(list.next), emit); err != nil {
		return withLog(fanfold.UserError(opReduce, err), log)
	}
	if last := closer; last != nil {
		closer = nil
		if err := last.Close(emit); err != nil {
			return withLog(fanfold.UserError("close reducer", err), log)
		}
	}
	emit.Flush()
	return emit.Err()
}

// withLog gives an error the last lines of what was printed.
func withLog(err error, log *logTail) error {
	if e, ok := err.(*fanfold.Error); ok && e.Log == "" { //nolint:errorlint // made by the caller
		e.Log = log.String()
	}
	return err
}

// valueSink writes the values that are emitted, one behind the other.
type valueSink struct{ reply *fanfold.Reply }

// Flush is fanfold.Sink.
func (s valueSink) Flush(b *fanfold.Batch) error {
	out := s.reply.Buffer()
	for i := range b.Len {
		if b.ValLen[i] == fanfold.Number {
			out = strconv.AppendInt(out, b.N[i], 10)
		} else {
			out = append(out, b.Value(i)...)
		}
	}
	s.reply.SetResult(out)
	if len(out) > fanfold.PayloadMax {
		return fanfold.Errorf(fanfold.KindTooLarge, opReduce,
			"a result of %d bytes: the most is %d", len(out), fanfold.PayloadMax)
	}
	return nil
}

// values are those in the Data of a Call.
type values struct {
	rest []byte
	err  error // that ended them early
}

// next gives the next one.
func (l *values) next() (v []byte, ok bool) {
	if len(l.rest) == 0 || l.err != nil {
		return nil, false
	}
	v, l.rest, l.err = protocol.NextValue(l.rest)
	return v, l.err == nil
}

// fold applies a ready-made aggregation: to decimal numbers, or, for Count and First, to any bytes.
// Distinct keeps keys, of which results have none.
func (l *values) fold(f fanfold.Fold, reply *fanfold.Reply) error {
	var total, n big.Int
	count := int64(0)
	for v, ok := l.next(); ok; v, ok = l.next() {
		count++
		if f == fanfold.First && count == 1 {
			reply.SetResult(append(reply.Buffer(), v...))
		}
		if f < fanfold.Sum || f > fanfold.Max || f == fanfold.Count {
			continue
		}
		number := len(v) <= numberMax
		if number {
			_, number = n.SetString(string(bytes.TrimSpace(v)), 10)
		}
		if !number {
			return fanfold.Errorf(fanfold.KindUser, "fold", "result %.64q is not a whole number", v)
		}
		first := count == 1
		switch {
		case first, f == fanfold.Min && n.Cmp(&total) < 0, f == fanfold.Max && n.Cmp(&total) > 0:
			total.Set(&n)
		case f == fanfold.Sum:
			total.Add(&total, &n)
		}
	}
	switch f {
	case fanfold.Count:
		total.SetInt64(count)
	case fanfold.Sum, fanfold.Min, fanfold.Max:
	default:
		return nil
	}
	if !total.IsInt64() {
		return fanfold.Errorf(fanfold.KindUser, "fold", "the sum does not fit into 64 bits")
	}
	reply.SetResult(total.Append(reply.Buffer(), 10))
	return nil
}

// numberMax is how many bytes the text of a number may have.
const numberMax = 64
