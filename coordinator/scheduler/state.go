package scheduler

// State is all that the scheduler knows: use New. It has one owner.
type State struct {
	cfg      Config
	tasks    slab[task]
	attempts slab[attempt]
	jobs     slab[*job]
	slots    slab[*slot]
	shares   []*share // by ShareID; nil: never heard of
	line     line     // of the shares with a task that may go
	room     list     // of the slots that may get one more attempt, idle ones first
	stocked  int      // slots with more than one attempt
	draining int      // slots that drain and have not told that they are empty
	parked   list     // of the jobs that no slot may take now
	dying    list     // of the jobs that have ended
	wheel    wheel
	backups  Backups
	strikes  strikes // against workers, by all jobs
	accused  int     // of them, that are enough to exclude one from all
	pardon   uint32  // timer: when the next of them, or of a job's, ends
	seq      uint64  // of the last journalled event
}

// New gives a State without jobs and slots.
func New(cfg Config) *State { return &State{cfg: cfg.withDefaults(), wheel: newWheel()} }

// Next is when a Tick is due: 0 for never, a time in the past for at once. It may be earlier than
// needed; a Tick then does no harm.
func (s *State) Next() Time {
	const now = 1 // is in the past
	if s.dying.n > 0 {
		return now
	}
	next := s.wheel.next()
	if s.stocked > 0 && s.idle() && s.first() == nil {
		for i := range s.slots.all() {
			at := s.sharable(*s.slots.get(i))
			if at != 0 && (next == 0 || at < next) {
				next = at
			}
		}
	}
	return next
}

func (s *State) job(id JobID) *job {
	if j := s.jobs.find(uint64(id)); j != nil {
		return *j
	}
	return nil
}

func (s *State) slot(id SlotID) *slot {
	if sl := s.slots.find(uint64(id)); sl != nil {
		return *sl
	}
	return nil
}
