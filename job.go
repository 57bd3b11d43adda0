package fanfold

import "time"

// Job describes one computation. The zero value of each field means its default.
type Job struct {
	Program string // the name of a registered program
	Name    string // for people; [A-Za-z0-9._-]{1,64}; default: the program's name
	Params  map[string]string

	// Inputs are paths as workers see them: files, directories (walked; names starting with '.' or
	// '_' are skipped) and globs. "-" is the reader given to Submit.
	Inputs []string

	Reading Reading // how they become records

	Output    string // a folder for the output; "": the reply is the output
	Overwrite bool   // an existing Output is replaced when the job commits

	Reducers  int   // partitions; 0: the program's, or one per slot
	SplitSize int64 // bytes of a map task's input; 0: by the inputs
	Memory    int64 // bytes for an attempt's buffers; 0: the worker's default
	Sort      Order
	Top       int // keep the first Top records of the output; 0: all
	Format    Format

	MaxAttempts     int           // failures that end a task; 0: 4
	ProgressTimeout time.Duration // an attempt without input, output or status; 0: 10 min
	TaskTimeout     time.Duration // wall clock of an attempt; 0: none
	Deadline        time.Duration // from submission to the job's end; 0: none
	Priority        int           // 0 (first) to 7; default 4
	ID              string        // idempotency key: a second submission with it is the same job
	Detach          bool          // the job outlives the connection; its reply is kept for attach
	NoBackups       bool          // slow tasks at the end of a stage get no second attempt
	Labels          []string      // key=value: only workers that have all of them run its tasks

	Command *Command // for the program "command"
}

// Format is how output records are written.
type Format uint8

// The formats: key, TAB, value and LF (the key alone where there is no value); or one JSON object a
// line, {"key":…,"value":…}, with "key_b64" and "value_b64" for what is not valid UTF-8.
const (
	FormatText Format = iota
	FormatJSON
)

// CommandProgram is the name of the program that runs commands as mapper and reducer.
const CommandProgram = "command"

// Command says what CommandProgram runs: each of Mapper, Combiner and Reducer an argument vector,
// never a shell line. Mapper may be empty: lines are records. Either Reducer or Aggregate, or none.
type Command struct {
	Mapper, Combiner, Reducer []string
	Aggregate                 string // see Aggregates
	Separator                 string // between key and value, and between key fields; default TAB
	KeyFields                 int    // number of fields that make the key; default 1
	// SortKeys order the lines of a key for Reducer, each as option -k of sort(1) has it, with
	// Separator between fields; none: the lines come in the order of the inputs.
	SortKeys []string
	Env      []string // name=value added to the command's environment
	Feed     Feed     // of an open job: how Mapper is given its tasks
	// Dir is where the commands run, so that relative names in them mean what they mean to whoever
	// submits: the client's working directory. Where a worker does not have it, or it is "", the
	// attempt's scratch directory.
	Dir string
}

// Aggregates are the names for Command.Aggregate; top is followed by a colon and how many: top:10.
var Aggregates = []string{"count", "sum", "min", "max", "first", "distinct", "avg", "top"}

// Feed says how a command that is the handler of an open job is given its tasks, which are lines.
type Feed uint8

// The ways to feed a command.
const (
	FeedKept      Feed = iota // it is kept running, and answers each line with one, in turn
	FeedPipelined             // it gets many lines ahead, and answers each with one
	FeedPerTask               // it is started for each line, and its whole output is the answer
)

// The defaults of a job.
const (
	DefaultSplitSize       = 64 << 20 // bytes
	DefaultMaxAttempts     = 4
	DefaultProgressTimeout = 10 * time.Minute
	DefaultPriority        = 4
	LostMax                = 10      // attempts lost to machines that end a task
	KillsMax               = 3       // task processes that a task may take with it
	TasksMax               = 1000000 // tasks of a job
)
