package protocol

import (
	"maps"
	"math"
	"slices"

	"github.com/fanfold/fanfold"
)

// FromJob puts a job on the wire, without its Inputs, which travel by themselves. Numbers that make
// no sense become the nearest ones that do.
func FromJob(j fanfold.Job) JobSpec {
	s := JobSpec{
		Program:         j.Program,
		Name:            j.Name,
		Output:          j.Output,
		Overwrite:       j.Overwrite,
		Reducers:        unsigned(j.Reducers),
		SplitSize:       j.SplitSize,
		Memory:          j.Memory,
		Sort:            uint32(j.Sort),
		Top:             unsigned(j.Top),
		Format:          uint32(j.Format),
		MaxAttempts:     unsigned(j.MaxAttempts),
		ProgressTimeout: millis(j.ProgressTimeout),
		TaskTimeout:     millis(j.TaskTimeout),
		Deadline:        millis(j.Deadline),
		Priority:        unsigned(j.Priority),
		ID:              j.ID,
		Detach:          j.Detach,
		NoBackups:       j.NoBackups,
		Labels:          j.Labels,
		Reads:           j.Reading.Format,
		Codec:           j.Reading.Codec,
		Header:          j.Reading.Header,
		ExpandMax:       unsigned(j.Reading.ExpandMax),
		SkipBad:         unsigned(j.Reading.SkipBad),
		Skipped:         j.Reading.Skipped,
	}
	for _, key := range slices.Sorted(maps.Keys(j.Params)) {
		s.Params = append(s.Params, Param{key, j.Params[key]})
	}
	if c := j.Command; c != nil {
		s.Mapper, s.Combiner, s.Reducer = c.Mapper, c.Combiner, c.Reducer
		s.Aggregate, s.Separator, s.KeyFields = c.Aggregate, c.Separator, unsigned(c.KeyFields)
		s.Env, s.Dir, s.Feed = c.Env, c.Dir, uint32(c.Feed)
		s.SortKeys = c.SortKeys
	}
	return s
}

func unsigned(n int) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// Job is the job that FromJob was given, without its Inputs. It has a Command if its Program is
// fanfold.CommandProgram.
func (s *JobSpec) Job() fanfold.Job {
	j := fanfold.Job{
		Program:         s.Program,
		Name:            s.Name,
		Output:          s.Output,
		Overwrite:       s.Overwrite,
		Reducers:        int(s.Reducers),
		SplitSize:       s.SplitSize,
		Memory:          s.Memory,
		Sort:            fanfold.Order(s.Sort),
		Top:             int(s.Top),
		Format:          fanfold.Format(s.Format),
		MaxAttempts:     int(s.MaxAttempts),
		ProgressTimeout: duration(s.ProgressTimeout),
		TaskTimeout:     duration(s.TaskTimeout),
		Deadline:        duration(s.Deadline),
		Priority:        int(s.Priority),
		ID:              s.ID,
		Detach:          s.Detach,
		NoBackups:       s.NoBackups,
		Labels:          s.Labels,
		Reading:         s.Reading(),
	}
	if len(s.Params) > 0 {
		j.Params = make(map[string]string, len(s.Params))
	}
	for _, p := range s.Params {
		j.Params[p.Key] = p.Value
	}
	if s.Program == fanfold.CommandProgram {
		j.Command = &fanfold.Command{
			Mapper:    s.Mapper,
			Combiner:  s.Combiner,
			Reducer:   s.Reducer,
			Aggregate: s.Aggregate,
			Separator: s.Separator,
			KeyFields: int(s.KeyFields),
			SortKeys:  s.SortKeys,
			Env:       s.Env,
			Dir:       s.Dir,
			Feed:      fanfold.Feed(s.Feed),
		}
	}
	return j
}

// Reading is how the inputs of the job become records.
func (s *JobSpec) Reading() fanfold.Reading {
	return fanfold.Reading{
		Format: s.Reads, Codec: s.Codec, Header: s.Header, ExpandMax: int(s.ExpandMax),
		SkipBad: int(s.SkipBad), Skipped: s.Skipped,
	}
}
