package command

import "github.com/fanfold/fanfold"

// batchSize is when lines for a reducer are handed over.
const batchSize = 64 << 10 // bytes

// reducer runs a command over the records of a partition, or a combiner over a part of a mapper's
// output.
type reducer struct {
	spec   *spec
	task   *fanfold.Task
	fields *fields
	take   taker
	lines  bool   // values are whole lines: see ordered
	child  *child // nil: not started
	batch  []byte // lines that wait
}

// Reduce gives the command a line for each value.
func (r *reducer) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	for value := range values.All() {
		if r.lines {
			r.batch = append(append(r.batch, value...), '\n')
		} else {
			r.batch = r.fields.appendLine(r.batch, key, value)
		}
		if len(r.batch) < batchSize {
			continue
		}
		if err := r.flush(emit); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the end of the command, which runs for an empty partition, too.
func (r *reducer) Close(emit *fanfold.Emitter) error {
	if emit == nil {
		if r.child != nil {
			r.child.abandon()
		}
		return nil
	}
	if err := r.flush(emit); err != nil {
		return err
	}
	return r.child.finish(emit)
}

func (r *reducer) flush(emit *fanfold.Emitter) (err error) {
	if r.child == nil {
		if r.child, err = start(r.spec, r.task, r.take, 0); err != nil {
			return err
		}
	}
	if len(r.batch) > 0 {
		err = r.child.write(r.batch, emit)
	}
	r.batch = r.batch[:0]
	return err
}
