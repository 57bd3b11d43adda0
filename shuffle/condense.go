package shuffle

import (
	"fmt"

	"github.com/fanfold/fanfold"
)

// condense copies streams and, on the way, pre-reduces their groups by the program's fold or
// combiner, where it has one.
//
// A combiner that is a Closer may hold records back, as one that runs a command must: what it emits
// comes late and in any order, so it is sorted again, in the memory that is set aside for merges.
type condense struct {
	c     Config
	acc   accumulator
	meter *meter
	lent  int64 // bytes for sorting what a combiner emits
	lags  bool  // the combiner is known to be a Closer
}

// copy moves all rows of src to dst.
func (d *condense) copy(dst appender, src rows) error {
	switch {
	case d.c.folds():
		return d.foldTo(dst, newGroups(src, nil))
	case d.c.Program.Combine != nil:
		return d.combineTo(dst, newGroups(src, nil))
	}
	return copyRows(dst, src)
}

func copyRows(dst appender, src rows) error {
	var r row
	for {
		more, err := src.next(&r)
		if err != nil || !more {
			return err
		}
		if err := dst.append(r.part, r.key, r.value); err != nil {
			return err
		}
	}
}

// fold leaves the fold of the group that g stands at in d.acc.
func (d *condense) fold(g *Groups) error {
	d.acc.reset()
	for value, ok := g.value(); ok; value, ok = g.value() {
		if err := d.acc.take(g.key, value); err != nil {
			return err
		}
	}
	return g.err
}

func (d *condense) foldTo(dst appender, g *Groups) error {
	for g.Next() {
		if err := d.fold(g); err != nil {
			return err
		}
		if err := dst.append(g.part, g.key, d.acc.row()); err != nil {
			return err
		}
	}
	return g.err
}

// combineTo runs a combiner made for this stream.
func (d *condense) combineTo(dst appender, g *Groups) error {
	combiner, err := d.c.Program.Combine(d.c.Task)
	if err != nil {
		return userError("start combiner", nil, err)
	}
	closer, ok := combiner.(fanfold.Closer)
	if !ok {
		emit := fanfold.NewEmitter(&combined{dst: dst, partitions: d.c.Partitions})
		return combine(combiner, g, emit)
	}
	d.lags = true
	defer func() {
		if closer != nil {
			_ = closer.Close(nil)
		}
	}()
	sorter := newBuffer(d.plain(), d.meter)
	defer sorter.close()
	sorter.memory = min(sorter.memory, d.lent)
	emit := fanfold.NewEmitter(sorter)
	if err := combine(combiner, g, emit); err != nil {
		return err
	}
	c := closer
	closer = nil
	if err := c.Close(emit); err != nil {
		return userError("close combiner", nil, err)
	}
	if emit.Flush(); emit.Err() != nil {
		return emit.Err()
	}
	src, _, err := sorter.stream()
	if err != nil {
		return err
	}
	return copyRows(dst, src)
}

// plain is the configuration without anything that pre-reduces.
func (d *condense) plain() Config {
	c := d.c
	c.Program, c.Aggregator = &fanfold.Program{}, nil
	return c
}

// combine hands all groups to a combiner.
func combine(combiner fanfold.Reducer, g *Groups, emit *fanfold.Emitter) error {
	for g.Next() {
		if err := combiner.Reduce(g.key, g.values, emit); err != nil {
			return userError("run combiner", g.key, err)
		}
		if err := emit.Err(); err != nil {
			return err
		}
	}
	emit.Flush()
	if g.err != nil {
		return g.err
	}
	return emit.Err()
}

// combined is the Sink of a combiner that holds nothing back.
type combined struct {
	dst        appender
	partitions int
	last       row
	key        []byte // of last
	started    bool
	text       []byte // scratch
}

// Flush appends a batch, provided that it goes on in order.
func (s *combined) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		key := b.Key(i)
		r := row{part: uint32(Partition(key, s.partitions)), prefix: prefixOf(key), key: key}
		if s.started && r.compare(&s.last) < 0 {
			return fanfold.Errorf(fanfold.KindUser, "run combiner",
				"it emitted %s behind %s: it must emit only the keys it is given, in their order",
				quote(key), quote(s.key))
		}
		r.value, s.text = batchValue(b, i, s.text)
		if err := s.dst.append(r.part, key, r.value); err != nil {
			return err
		}
		s.key = append(s.key[:0], key...)
		s.last, s.started = r, true
		s.last.key = s.key
	}
	return nil
}

// userError is an error that user code returned. It keeps the kind of one that has one.
func userError(op string, key []byte, err error) error {
	if key != nil {
		err = fmt.Errorf("key %s: %w", quote(key), err)
	}
	return fanfold.UserError(op, err)
}
