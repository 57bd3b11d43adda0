package command

import (
	"github.com/fanfold/fanfold"
)

// mapper runs a command over the records of a split. The command starts with the first of them,
// because its environment names the input.
type mapper struct {
	spec  *spec
	task  *fanfold.Task
	take  taker
	child *child // nil: not started

	separator  []byte // behind a key
	terminator string // behind a record
	each       bool   // the command runs anew for each record
	waiting    []byte // records that Map has taken
	offset     int64  // of the first of them
}

// waitingMax is how many bytes Map collects before the command gets them.
const waitingMax = 64 << 10

// Map is for records that are no lines, or have keys.
func (m *mapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if len(m.waiting) == 0 {
		m.offset = rec.Offset
	}
	if rec.Key != nil && !m.each {
		m.waiting = append(append(m.waiting, rec.Key...), m.separator...)
	}
	m.waiting = append(append(m.waiting, rec.Value...), m.terminator...)
	if len(m.waiting) < waitingMax && !m.each {
		return nil
	}
	if err := m.flush(emit); err != nil || !m.each {
		return err
	}
	err := m.child.finish(emit)
	m.child = nil
	return err
}

// flush gives the command what Map has collected.
func (m *mapper) flush(emit *fanfold.Emitter) error {
	if err := m.start(m.offset); err != nil {
		return err
	}
	err := m.child.write(m.waiting, emit)
	if m.waiting = m.waiting[:0]; cap(m.waiting) > restKept {
		m.waiting = nil
	}
	return err
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
	if m.each {
		return nil
	}
	if err := m.flush(emit); err != nil {
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

// lineMapper is the mapper of a job without a mapper command: the records are what it would write.
type lineMapper struct {
	take taker
	put  putter
}

// Map takes a record.
func (m lineMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if rec.Key != nil {
		return m.put(rec.Key, rec.Value, emit)
	}
	return m.take(rec.Value, emit)
}
