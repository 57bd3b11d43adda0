package coordinator

import (
	"bytes"
	"context"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/journal"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/vmihailenco/msgpack/v5"
)

// ledger stands between the scheduler's events and the journal, and holds back the effects of
// events that are not durable yet. Only durable jobs have such events.
type ledger struct {
	durable uint64 // events up to here are in the journal
	pending []journal.Record
	writing bool
	gated   []scheduler.Effect // in order
}

// record passes events on to the journal, if there is one.
func (o *owner) record(events []scheduler.Event) {
	if o.cfg.Journal == nil {
		return
	}
	for i := range events {
		e := &events[i]
		if e.Seq == 0 {
			continue
		}
		o.ledger.pending = append(o.ledger.pending, journal.Record{Seq: e.Seq, Data: encodeEvent(e)})
	}
	o.write()
}

// encodeEvent is the form of an event in the journal: its fields in their order, as msgpack.
func encodeEvent(e *scheduler.Event) []byte {
	var b bytes.Buffer
	enc := msgpack.NewEncoder(&b)
	enc.UseArrayEncodedStructs(true)
	if err := enc.Encode(e); err != nil {
		panic("encode event: " + err.Error()) // a flat value cannot fail
	}
	return b.Bytes()
}

// decodeEvent reads what encodeEvent has written.
func decodeEvent(data []byte) (e scheduler.Event, err error) {
	err = msgpack.Unmarshal(data, &e)
	return e, err
}

// write appends what has come up, in one batch at a time.
func (o *owner) write() {
	if o.ledger.writing || len(o.ledger.pending) == 0 {
		return
	}
	records := o.ledger.pending
	o.ledger.pending, o.ledger.writing = nil, true
	async(o, context.WithoutCancel(o.ctx), func(ctx context.Context) (uint64, error) {
		return records[len(records)-1].Seq, o.cfg.Journal.Append(ctx, records)
	}, o.written)
}

// written performs the effects that have waited. A journal that cannot be written ends the Server:
// what it promised is unknown.
func (o *owner) written(seq uint64, err error) {
	o.ledger.writing = false
	if err != nil {
		o.fail(fanfoldError(err, fanfold.KindJournal, "append to journal"))
		return
	}
	o.ledger.durable = seq
	gated := o.ledger.gated
	o.ledger.gated = nil
	o.busy = true
	for i := range gated {
		o.perform(&gated[i]) // what must wait longer is gated again
	}
	o.busy = false
	o.settle()
	o.write()
}

func (o *owner) gate(e scheduler.Effect) { o.ledger.gated = append(o.ledger.gated, e) }
