package shuffle

import (
	"github.com/fanfold/fanfold"
)

// A table of a program with an Aggregator keeps states: slot.n has the length of one and the room
// that it has behind its key in the arena.

const (
	stateRoomMin  = 16 // bytes of room for a state
	stateRoomBits = 32 // of slot.n are its length, the others its room
)

// oversized is a state that has outgrown its room while there is no memory for a larger one.
type oversized struct {
	slot  *slot // nil: there is none
	state []byte
}

// flushStates folds in a batch.
func (t *table) flushStates(b *fanfold.Batch) error {
	for i := range b.Len {
		var value []byte
		value, t.text = batchValue(b, i, t.text)
		s := t.lookup(b, i)
		state := t.scratch[:0]
		if s != nil {
			state = t.stateOf(s)
		}
		state, err := t.c.Aggregator.Add(state, value)
		if err = stateError(b.Key(i), state, err); err != nil {
			return err
		}
		if s == nil {
			t.scratch = state
			err = t.insertState(b, i, state)
		} else if !t.setState(s, state) {
			err = t.growState(s, state)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stateError is what is wrong with what an Aggregator has made of a key.
func stateError(key, state []byte, err error) error {
	switch {
	case err != nil:
		return userError("aggregate", key, err)
	case len(state) > fanfold.RecordMax:
		return fanfold.Errorf(fanfold.KindTooLarge, "aggregate", "the state of %s has %d bytes; "+
			"the limit is %d", quote(key), len(state), fanfold.RecordMax)
	}
	return nil
}

// stateOf is the state of a slot, with the capacity of its room.
func (t *table) stateOf(s *slot) []byte {
	if s == t.oversized.slot {
		return t.oversized.state
	}
	n, room := int(uint32(s.n)), int(s.n>>stateRoomBits)
	at := t.arena.at(uint64(s.ref))
	if size := s.keyLen(); size > inlineKey {
		at = at[size:]
	}
	return at[:n:room]
}

// setState writes a state into its room, if it fits.
func (t *table) setState(s *slot, state []byte) bool {
	room := int(s.n >> stateRoomBits)
	if len(state) > room {
		return false
	}
	copy(t.stateOf(s)[:room], state)
	s.n = int64(room)<<stateRoomBits | int64(len(state))
	return true
}

// insertState starts a group with a state.
func (t *table) insertState(b *fanfold.Batch, i int, state []byte) error {
	var long []byte
	if b.KeyLen[i] > inlineKey {
		long = b.Key(i)
	}
	room := max(len(state), stateRoomMin)
	if err := t.makeRoom(len(long) + room); err != nil {
		return err
	}
	s := t.freeSlot(b.Hash[i])
	k0, k1 := b.HeadWords(i)
	*s = slot{k0: k0, k1: k1, size: b.KeyLen[i] + 1}
	t.used++
	t.place(s, long, room)
	t.setState(s, state)
	return nil
}

// growState moves a state to twice the room. Without memory for that the table is spilled with it.
func (t *table) growState(s *slot, state []byte) error {
	var long []byte
	if s.keyLen() > inlineKey {
		long = t.longKey(s)
	}
	room := 2 * len(state)
	if !t.arenaFits(len(long) + room) {
		t.oversized = oversized{s, state}
		err := t.spill()
		t.oversized = oversized{}
		return err
	}
	t.peak = max(t.peak, t.held()+t.arena.grows(len(long)+room))
	t.place(s, long, room)
	t.setState(s, state)
	return nil
}

// place gives a slot a place in the arena, for its key if that is long and for a state.
func (t *table) place(s *slot, long []byte, room int) {
	ref, at := t.arena.alloc(len(long) + room)
	copy(at, long)
	s.ref, s.n = uint32(ref), int64(room)<<stateRoomBits
}
