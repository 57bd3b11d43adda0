package scheduler

// An id is its record's index (24 bits) and a serial number (40 bits), so that a stale id finds
// nothing. The zero id names nothing. Serial numbers of one kind come again only after a million a
// second for 12 days without a pause, when nobody can have kept one.
type (
	JobID     uint64
	TaskID    uint64
	AttemptID uint64
	SlotID    uint64
)

const (
	indexBits = 24
	indexMask = 1<<indexBits - 1
)

func makeID(index uint32, serial uint64) uint64 { return serial<<indexBits | uint64(index) }
func serialOf(id uint64) uint64                 { return id >> indexBits }

// older reports whether an id was given before another of its kind.
func older(id, than uint64) bool { return int64(id-than) < 0 }

func (id JobID) index() uint32     { return uint32(id & indexMask) }
func (id TaskID) index() uint32    { return uint32(id & indexMask) }
func (id AttemptID) index() uint32 { return uint32(id & indexMask) }

// Index is the slot's place in a table beside the scheduler's: small, dense, counted from one, and
// used again after the slot was lost.
func (id SlotID) Index() int { return int(id & indexMask) }
