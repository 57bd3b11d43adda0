package fanfold

// Program is named code that a job runs. The functions make one value per attempt, so that values
// may hold state without locks: an attempt runs on one goroutine. A Program with neither Reduce nor
// Fold is map-only: its output comes in input order.
type Program struct {
	Name   string // as given on the command line: letters, digits, '-', '_' and '.'
	Doc    string // one line for `fanfold help`
	Params []Param

	Map func(*Task) (Mapper, error)

	// Fold is a ready-made aggregation that serves as combiner and reducer. With it, the mapper
	// calls Emitter.Add (Sum, Count, Min, Max) or Emitter.Emit (First, Distinct), and Reduce
	// stays nil.
	Fold Fold

	// Aggregate is an aggregation that is no Fold, applied likewise; see package aggregate. The
	// values are those of Emitter.Emit, or numbers of Emitter.Add as decimal text.
	Aggregate func(*Task) (Aggregator, error)

	// Combine, if set, pre-reduces at the map side. It runs zero or more times on any subset of a
	// key's values, must emit only the key it was given, and must not change the result. Unlike the
	// others, it makes a value for each of these times; one that holds records back has Close.
	Combine func(*Task) (Reducer, error)
	Reduce  func(*Task) (Reducer, error)

	// Group, if set, says how many bytes of an emitted key are the key that Reduce sees: records are
	// partitioned and grouped by those, while the rest of the key orders the values of the group (a
	// secondary sort). No group may begin with another: end it with a separator, or with
	// AppendKeyText. It has no use with Fold or Combine.
	Group func(key []byte) int

	// Handle, if set, makes the program one for open jobs: see Handler. Map may be set too. Reduce
	// then sees, under an empty key, the results of all tasks in the order of the tasks, and the
	// values that it emits, one behind the other, are the result of the stream; likewise those of a
	// task that went to all shards.
	Handle func(*Task) (Handler, error)
	// Batch is how many tasks a process is sent ahead, however long they take, for a BatchHandler to
	// take together; at most BatchMax. 0: only tasks that are measured to be short are sent ahead.
	Batch int
	// Associative says that Reduce may be applied to some of the results as they arrive, and to
	// what came of that: reduce(a, b, c) = reduce(reduce(a, b), c), in any order.
	Associative bool
	// Stateful says that a Handler's value is the state of a shard; see Snapshotter. Its snapshot
	// is taken after every SnapshotEvery tasks (0: 1,000), and when the shard is to move.
	Stateful      bool
	SnapshotEvery int
	// Route, if set, gives the key of a task whose client names none, and whether it goes to all
	// shards. Clients call it, as `fanfold stream` does.
	Route func(payload []byte) (key []byte, all bool)

	// Ranges makes partitions ranges of the keys, cut where a sample of all keys says, instead of by
	// hash: so the outputs of the reduces, one behind the other, are in the order of the keys.
	Ranges bool

	// Records says that the keys of the output are records of the input: in a text, they are followed
	// by what ends a record there, nothing if those are of a fixed size.
	Records bool
	// Show, if set, gives what the output shows of a record of the last stage, be it a part of its
	// key: a program without Reduce may order records by keys of which that is not to be seen. It is
	// called by one goroutine of an attempt, and what it gives may point into its arguments.
	Show func(key, value []byte) (k, v []byte)

	// Reducers is the number of partitions when the job does not say; 0: one per slot.
	Reducers int
	// Sort is the order of the output when the job does not say.
	Sort Order
}

// Param documents one parameter (`-p name=value`) of a program.
type Param struct {
	Name, Default, Doc string
}

// Record is what a mapper reads: one line without its LF. Key is empty unless the input format has
// keys. Both are valid only during the call.
type Record struct {
	Key, Value []byte
	Offset     int64 // of the record's first byte in the input named by Task.Input
}

// Mapper turns records into keys and values. An error fails the attempt.
type Mapper interface {
	Map(rec Record, emit *Emitter) error
}

// BlockMapper is a Mapper that prefers whole blocks: one call per block of complete lines, each
// ending in LF but perhaps the last of the input. When a Mapper has it, Map is not called. Offset
// is that of the block's first byte. The block is valid, and may be overwritten, during the call.
type BlockMapper interface {
	MapBlock(block []byte, offset int64, emit *Emitter) error
}

// Closer is for mappers and reducers that hold something back: Close runs once after the last
// record of an attempt, and what it emits counts. It also runs, with a nil Emitter, when the
// attempt ends early, so that resources are released.
type Closer interface {
	Close(emit *Emitter) error
}

// Reducer sees each key of its partition once, in bytes.Compare order of the keys, with all its
// values in the order of the inputs. An error fails the attempt.
type Reducer interface {
	Reduce(key []byte, values *Values, emit *Emitter) error
}

// Order is how output records are ordered.
type Order uint8

// The orders of output.
const (
	SortDefault Order = iota // the program's; SortKey when it does not say
	SortKey                  // by the bytes of the key
	SortValue                // by the value as a number, greatest first, ties by key
	SortNone                 // as emitted, partition by partition
)

var orderNames = [...]string{"default", "key", "value", "none"}

// String is the order's name in flags.
func (o Order) String() string { return orderNames[min(int(o), len(orderNames)-1)] }

// Fold is a ready-made aggregation of the values of one key, applied inside the tables of the
// shuffle, at the map side and at the reduce side.
type Fold uint8

// The folds. Sum, Count, Min and Max work on the int64 given to Emitter.Add; a sum that overflows
// is an error. First keeps the value that comes first in input order. Distinct keeps the key alone.
const (
	NoFold Fold = iota
	Sum
	Count // counts calls; the number given to Add is not looked at
	Min
	Max
	First
	Distinct
)
