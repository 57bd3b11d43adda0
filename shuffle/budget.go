package shuffle

import "math/bits"

// MemoryMin is the smallest budget that anything works with.
const MemoryMin = 1 << 20

const (
	blockBytes  = 256 << 10 // rows in a block of a segment
	runBlockMin = 4 << 10   // rows in a block of a run, when the budget is the smallest
	runsMax     = 64        // runs that one merge reads
	sourcesMax  = 512       // sources that one merge reads

	chunkBytesMax = 1 << 20 // an arena grows by so much
	chunkBytesMin = 16 << 10
)

// budget is how Config.Memory is divided: blocks of runsMax runs, which are a quarter of a small
// budget and never more than 16 MiB, and the rest for records. Runs are merged while the records'
// memory is still held, so neither can be lent to the other.
type budget struct {
	runBlock   int   // bytes of rows in a block of a run
	records    int64 // bytes for records: arenas, tables and what sorts them
	chunkShift uint  // an arena's chunks have 1 << chunkShift bytes
}

func newBudget(memory int64) budget {
	memory = max(memory, MemoryMin)
	b := budget{runBlock: int(min(max(memory/(4*runsMax), runBlockMin), blockBytes))}
	b.records = memory - b.merge()
	chunk := min(max(memory/32, chunkBytesMin), chunkBytesMax)
	b.chunkShift = uint(bits.Len64(uint64(chunk)) - 1)
	return b
}

// merge is how many bytes of blocks a merge of runs may hold.
func (b budget) merge() int64 { return int64(runsMax * b.runBlock) }

// sources is how many bytes of blocks of sources may be held: all of the memory that runs may not
// need as well.
func (b budget) sources() int64 { return b.records }
