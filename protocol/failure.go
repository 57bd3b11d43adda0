package protocol

import (
	"errors"
	"time"

	"github.com/fanfold/fanfold"
)

// FromError puts an error on the wire: a *fanfold.Error with its fields, any other with its text
// and the kind that fanfold.KindOf gives it. Texts are cut to TextMax, those of logs at their
// start.
func FromError(err error) Failure {
	var e *fanfold.Error
	if !errors.As(err, &e) {
		e = &fanfold.Error{Kind: fanfold.KindOf(err), Offset: -1}
	}
	f := Failure{
		Kind:    uint32(e.Kind),
		Stage:   uint32(e.Attempt.Stage),
		Task:    uint32(e.Attempt.Task),
		Attempt: uint32(e.Attempt.Attempt),
		Worker:  start(e.Worker, labelMax),
		Input:   start(e.Input, PathMax),
		Offset:  e.Offset,
		Log:     end(e.Log, TextMax),
		Hint:    start(e.Hint, TextMax),
	}
	if e.Attempt.Job != (fanfold.JobID{}) {
		f.Job = e.Attempt.Job[:]
	}
	switch {
	case err == error(e): //nolint:errorlint // e itself, not one around it
		f.Op = start(e.Op, PathMax)
		if e.Err != nil {
			f.Message = start(e.Err.Error(), TextMax)
		}
	case err != nil:
		f.Message = start(err.Error(), TextMax)
	}
	return f
}

func start(s string, n int) string { return s[:min(n, len(s))] }
func end(s string, n int) string   { return s[max(0, len(s)-n):] }

// Err is the error that FromError was given, as far as it travels. It is never nil.
func (f *Failure) Err() *fanfold.Error {
	e := &fanfold.Error{
		Op:   f.Op,
		Kind: fanfold.Kind(f.Kind),
		Attempt: fanfold.AttemptID{
			Job:     jobID(f.Job),
			Stage:   fanfold.Stage(f.Stage),
			Task:    fanfold.TaskID(f.Task),
			Attempt: uint16(f.Attempt),
		},
		Worker: f.Worker,
		Input:  f.Input,
		Offset: f.Offset,
		Log:    f.Log,
		Hint:   f.Hint,
	}
	if f.Message != "" {
		e.Err = errors.New(f.Message)
	}
	if e.Hint == "" && f.Retry > 0 {
		e.Hint = "try again in " + duration(int64(f.Retry)).String()
	}
	return e
}

// jobID is the id in a field that Validate has passed; without one it is zero.
func jobID(b []byte) (id fanfold.JobID) {
	copy(id[:], b)
	return id
}

// millis rounds up, so that what is not zero stays so.
func millis(d time.Duration) int64 {
	return int64((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}

// duration is the opposite; what is too long for a duration becomes the longest.
func duration(ms int64) time.Duration {
	const longest = 1<<63 - 1
	if ms > longest/int64(time.Millisecond) {
		return longest
	}
	return time.Duration(ms) * time.Millisecond
}
