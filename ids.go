package fanfold

import (
	"errors"
	"fmt"
	"strings"
)

type (
	// TaskID is the index of a task within its stage, counted from zero.
	TaskID uint32
	// WorkerID numbers the workers of one coordinator, counted from one; zero names none.
	WorkerID uint32
	// Slot is the index of a slot within its worker.
	Slot uint32
	// Partition is the index of a part of the key space; one reduce task each.
	Partition uint32
	// Epoch counts the coordinator's starts on the same state; it fences attempts of earlier ones.
	Epoch uint32
	// Instant is nanoseconds on the coordinator's monotonic clock, from an origin of its own.
	Instant int64
)

// JobID names a job for ever: the 128 bits of a ULID.
type JobID [16]byte

// jobPrefix marks the text form of a JobID.
const jobPrefix = "job_"

// crockford is the alphabet of the ULID specification's base 32.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// String gives the text form: "job_" and 26 characters of Crockford's base 32, as ULID has them.
func (id JobID) String() string {
	var text [26]byte
	var hi, lo uint64
	for i := range 8 {
		hi, lo = hi<<8|uint64(id[i]), lo<<8|uint64(id[8+i])
	}
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = crockford[lo&31]
		lo, hi = lo>>5|hi<<59, hi>>5
	}
	return jobPrefix + string(text[:])
}

// ErrJobID is returned for a text that is not a JobID.
var ErrJobID = errors.New("not a job id: want job_ and 26 letters or digits")

// ParseJobID reads the text form of a JobID, in either case.
func ParseJobID(text string) (JobID, error) {
	rest, ok := strings.CutPrefix(text, jobPrefix)
	if !ok || len(rest) != 26 || rest[0] > '7' {
		return JobID{}, ErrJobID
	}
	var hi, lo uint64
	for _, c := range []byte(strings.ToUpper(rest)) {
		v := strings.IndexByte(crockford, c)
		if v < 0 {
			return JobID{}, ErrJobID
		}
		hi, lo = hi<<5|lo>>59, lo<<5|uint64(v)
	}
	var id JobID
	for i := range 8 {
		id[7-i], id[15-i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	return id, nil
}

// Stage is a step of a closed job; its tasks start when those of the stage before are committed.
type Stage uint8

// The stages in their order.
const (
	StageMap Stage = iota + 1
	StageReduce
	StageGather // merges the reduce outputs into one reply where that is asked for
)

var stageNames = [...]string{"none", "map", "reduce", "gather"}

// String is the stage's name, or its number where it has none.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return fmt.Sprintf("stage-%d", uint8(s))
}

// AttemptID is the key of one execution of a task; a value without pointers.
type AttemptID struct {
	Job     JobID
	Stage   Stage
	Task    TaskID
	Attempt uint16 // counted from one within the task
	Epoch   Epoch
}

// String gives "job_…/map-3/1", and the epoch behind it when it is not the first.
func (a AttemptID) String() string {
	text := fmt.Sprintf("%s/%s-%d/%d", a.Job, a.Stage, a.Task, a.Attempt)
	if a.Epoch > 0 {
		text += fmt.Sprintf(".%d", a.Epoch)
	}
	return text
}

// Dir is the attempt's path below a worker's directory: unique, and safe as a file name.
func (a AttemptID) Dir() string {
	return fmt.Sprintf("%s/%s-%d-%d.%d", a.Job, a.Stage, a.Task, a.Attempt, a.Epoch)
}
