package command

import (
	"github.com/fanfold/fanfold"
)

// mapper runs a command over the lines of a split. The command starts with the first block, because
// its environment names the input.
type mapper struct {
	spec  *spec
	task  *fanfold.Task
	take  taker
	child *child // nil: not started
	line  []byte // of Map
}

// Map is for those who have single records.
func (m *mapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	m.line = append(append(m.line[:0], rec.Value...), '\n')
	return m.MapBlock(m.line, rec.Offset, emit)
}

// MapBlock gives the block to the command, and takes what the command has written by then. The last
// line of an input gets the LF that it lacks: another input may follow.
func (m *mapper) MapBlock(block []byte, offset int64, emit *fanfold.Emitter) error {
	if err := m.start(offset); err != nil {
		return err
	}
	if err := m.child.write(block, emit); err != nil {
		return err
	}
	if n := len(block); n > 0 && block[n-1] != '\n' {
		return m.child.write(lf, emit)
	}
	return nil
}

// Close waits for the end of the command, which runs for an empty split, too.
func (m *mapper) Close(emit *fanfold.Emitter) error {
	if emit == nil {
		if m.child != nil {
			m.child.abandon()
		}
		return nil
	}
	if err := m.start(0); err != nil {
		return err
	}
	return m.child.finish(emit)
}

func (m *mapper) start(offset int64) (err error) {
	if m.child == nil {
		m.child, err = start(m.spec, m.task, m.take, offset)
	}
	return err
}

// lineMapper is the mapper of a job without a mapper command: the lines are what it would write.
type lineMapper struct {
	take taker
}

// Map takes a line.
func (m lineMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	return m.take(rec.Value, emit)
}
