package coordinator

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/internal/closest"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
)

// The limits of a job description.
const (
	reducersMax    = protocol.ReducersMax
	prioritiesMax  = 8
	attemptsMax    = 100
	idBytesMax     = 256
	secondsMax     = 10 * 365 * 24 * 3600 // of any time-out: ten years
	millisPerSec   = 1000
	outputBytesMax = 4096
	specBytesMax   = 512 << 10 // of all texts: a Brief has them again
)

// nameForm is what names of programs and jobs look like.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// stages says which stages a job has.
type stages struct {
	reduces uint32 // partitions, and tasks of StageReduce; 0: no such stage
	ranges  bool   // partitions are ranges of keys
	gathers bool
}

// last is the stage whose outputs are the job's.
func (s stages) last() fanfold.Stage {
	switch {
	case s.gathers:
		return fanfold.StageGather
	case s.reduces > 0:
		return fanfold.StageReduce
	}
	return fanfold.StageMap
}

// before is the stage whose outputs a stage reads.
func (s stages) before(stage fanfold.Stage) fanfold.Stage {
	if stage == fanfold.StageGather && s.reduces > 0 {
		return fanfold.StageReduce
	}
	return fanfold.StageMap
}

func usagef(format string, args ...any) error {
	return fanfold.Errorf(fanfold.KindUsage, "check job", format, args...)
}

// checkSpec refuses a job description that makes no sense. It gives the format of the inputs.
func checkSpec(s *protocol.JobSpec) (*format.Format, error) {
	if err := checkFields(s); err != nil {
		return nil, err
	}
	return checkReading(s)
}

func checkFields(s *protocol.JobSpec) error {
	switch {
	case !nameForm.MatchString(s.Program):
		return usagef("%q is no name of a program: want letters, digits, '.', '_' and '-'", s.Program)
	case s.Name != "" && !nameForm.MatchString(s.Name):
		return usagef("%q is no name of a job: want 1 to 64 letters, digits, '.', '_' and '-'", s.Name)
	case s.Reducers > reducersMax:
		return usagef("%d reducers: the most is %d", s.Reducers, reducersMax)
	case s.SplitSize < 0 || s.Memory < 0:
		return usagef("negative split size or memory")
	case s.Sort > uint32(fanfold.SortNone):
		return usagef("no order of output has the number %d", s.Sort)
	case s.Format > uint32(fanfold.FormatJSON):
		return usagef("no format has the number %d", s.Format)
	case s.MaxAttempts > attemptsMax:
		return usagef("%d attempts: the most is %d", s.MaxAttempts, attemptsMax)
	case s.Priority >= prioritiesMax:
		return usagef("priority %d: want 0 to %d", s.Priority, prioritiesMax-1)
	case len(s.ID) > idBytesMax:
		return usagef("an id of %d bytes: the most is %d", len(s.ID), idBytesMax)
	case len(s.Output) > outputBytesMax:
		return usagef("an output name of %d bytes: the most is %d", len(s.Output), outputBytesMax)
	}
	if n := specBytes(s); n > specBytesMax {
		return usagef("a description of %d bytes: the most is %d", n, specBytesMax)
	}
	for _, label := range s.Labels {
		if strings.Index(label, "=") < 1 {
			return usagef("%q is no label: want key=value", label)
		}
	}
	for _, millis := range []int64{s.ProgressTimeout, s.TaskTimeout, s.Deadline} {
		if millis < 0 || millis > secondsMax*millisPerSec {
			return usagef("a time-out of %d ms: want 0 to ten years", millis)
		}
	}
	return checkCommand(s)
}

// checkReading checks how inputs become records.
func checkReading(s *protocol.JobSpec) (*format.Format, error) {
	how, err := format.Of(s.Reading())
	if err == nil {
		_, _, err = storage.ParseCodec(s.Codec)
	}
	return how, err
}

// specBytes is the length of what may be long in a job description.
func specBytes(s *protocol.JobSpec) (n int) {
	for _, p := range s.Params {
		n += len(p.Key) + len(p.Value)
	}
	for _, list := range [][]string{s.Mapper, s.Combiner, s.Reducer, s.Env, s.Labels,
		s.SortKeys} {
		for _, text := range list {
			n += len(text)
		}
	}
	return n
}

// checkCommand checks what only the program "command" uses.
func checkCommand(s *protocol.JobSpec) error {
	name, _, _ := strings.Cut(s.Aggregate, ":")
	switch {
	case s.Aggregate != "" && !slices.Contains(fanfold.Aggregates, name):
		err := fanfold.Errorf(fanfold.KindUsage, "check job", "no aggregate is named %q", s.Aggregate)
		if near := closest.Name(s.Aggregate, fanfold.Aggregates); near != "" {
			err.Hint = "did you mean " + near + "?"
		}
		return err
	case s.Aggregate != "" && len(s.Reducer) > 0:
		return usagef("a reducer command and an aggregate: want one of them")
	case s.Program != fanfold.CommandProgram:
		return nil
	case len(s.SortKeys) > 0 && (len(s.Reducer) == 0 || len(s.Combiner) > 0):
		return usagef("sort keys are for a reducer command without a combiner")
	case len(s.Mapper) == 0 && len(s.Reducer) == 0 && s.Aggregate == "":
		return usagef("neither a mapper nor a reducer command nor an aggregate")
	}
	return nil
}

// infoOf says what the program of a job does. Programs of another image than the workers' own are
// described by the binary that has them; of the workers' own, known tells, and a name that it does
// not have is KindUnknown.
func infoOf(
	m *protocol.Submit, known map[string]protocol.ProgramInfo,
) (protocol.ProgramInfo, error) {
	s := &m.Job
	if s.Program == fanfold.CommandProgram {
		return commandInfo(s), nil
	}
	if len(m.Image) > 0 || known == nil {
		return m.Info, nil
	}
	if info, ok := known[s.Program]; ok {
		return info, nil
	}
	names := slices.Sorted(maps.Keys(known))
	err := fanfold.Errorf(fanfold.KindUnknown, "find program", "no program is named %q", s.Program)
	if near := closest.Name(s.Program, names); near != "" {
		err.Hint = "did you mean " + near + "?"
	}
	return protocol.ProgramInfo{}, err
}

// commandInfo is what the program "command" makes of a job.
func commandInfo(s *protocol.JobSpec) protocol.ProgramInfo {
	info := protocol.ProgramInfo{
		Maps: true, Handles: len(s.Mapper) > 0,
		Combines: len(s.Combiner) > 0 || s.Aggregate != "",
		Reduces:  len(s.Reducer) > 0 || s.Aggregate != "",
	}
	if s.Feed == uint32(fanfold.FeedPipelined) {
		info.Batch = fanfold.BatchMax
	}
	if len(s.Reducer) > 0 {
		info.Reducers, info.Sort = 1, uint32(fanfold.SortNone)
	}
	return info
}

// resolve fills in every default of a job and gives its stages. An identity reduce sorts the output
// of a map-only program when that is asked for.
func resolve(s *protocol.JobSpec, info protocol.ProgramInfo, slots int) stages {
	reduces, ranges := info.Reduces, info.Ranges
	reducers := cmp.Or(info.Reducers, uint32(max(1, slots)))
	s.Sort = cmp.Or(s.Sort, info.Sort)
	switch {
	case s.Sort == 0 && reduces:
		s.Sort = uint32(fanfold.SortKey)
	case s.Sort == 0:
		s.Sort = uint32(fanfold.SortNone)
	case s.Sort == uint32(fanfold.SortKey) && !reduces:
		reduces, ranges = true, true
	}
	var plan stages
	if reduces {
		plan.reduces = min(reducersMax, cmp.Or(s.Reducers, reducers))
	}
	s.Reducers = plan.reduces
	merged := plan.reduces > 1 && s.Sort == uint32(fanfold.SortKey) && s.Output == ""
	plan.ranges = ranges && plan.reduces > 1
	plan.gathers = s.Top > 0 || s.Sort == uint32(fanfold.SortValue) || merged && !inOrder(plan, info)

	s.Name = cmp.Or(s.Name, s.Program)
	s.MaxAttempts = cmp.Or(s.MaxAttempts, fanfold.DefaultMaxAttempts)
	s.ProgressTimeout = cmp.Or(s.ProgressTimeout, fanfold.DefaultProgressTimeout.Milliseconds())
	s.Separator = cmp.Or(s.Separator, "\t")
	s.KeyFields = cmp.Or(s.KeyFields, 1)
	return plan
}

// inOrder reports whether the outputs of the reduces, one behind the other, are in the order of the
// keys: a reducer may emit others than it is given.
func inOrder(plan stages, info protocol.ProgramInfo) bool {
	return plan.ranges && (info.Fold != 0 || !info.Reduces)
}
