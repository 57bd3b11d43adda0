package shuffle

import (
	"encoding/binary"

	"github.com/fanfold/fanfold"
)

// bypass gives a buffer that goes on in the place of a table which, when its memory was full, had
// fewer than three records for two groups: to sort such records and fold them while they are
// written takes less than to look for the group of each. The buffer has the runs then, after an
// error too.
func (t *table) bypass() (*buffer, error) {
	b := newBuffer(t.c, t.runs.meter)
	b.runs, b.folds = t.runs, true
	err := copyRows(b, t.sorted()) // what has come since
	t.free()
	return b, err
}

// foldValue is the value of entry i as it stands in rows of a program that folds.
func (b *buffer) foldValue(batch *fanfold.Batch, i int) (value []byte, err error) {
	fold := b.c.Program.Fold
	switch {
	case b.c.Aggregator != nil:
		value, b.text = batchValue(batch, i, b.text)
		b.state, err = b.c.Aggregator.Add(b.state[:0], value)
		return b.state, stateError(batch.Key(i), b.state, err)
	case fold == fanfold.Distinct:
		return nil, nil
	case fold == fanfold.First:
		value, b.text = batchValue(batch, i, b.text)
		return value, nil
	}
	n := int64(1)
	if fold != fanfold.Count {
		n = batch.N[i]
		if batch.ValLen[i] != fanfold.Number {
			return nil, noNumber(batch.Key(i))
		}
	}
	b.state = binary.AppendVarint(b.state[:0], n)
	return b.state, nil
}
