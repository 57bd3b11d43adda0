package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/aggregate"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/internal/sortkey"
)

// Program makes the program of a job's commands. Errors are of KindUsage: what it returns without
// one can be run, as far as the description tells.
func Program(c fanfold.Command) (fanfold.Program, error) {
	c.Mapper, c.Combiner, c.Reducer = slices.Clone(c.Mapper), slices.Clone(c.Combiner),
		slices.Clone(c.Reducer)
	if err := validate(&c); err != nil {
		return fanfold.Program{}, fanfold.Errorf(fanfold.KindUsage, "read commands", "%w", err)
	}
	j := job{command: &c, fields: fields{separator: []byte(c.Separator), key: c.KeyFields}}
	if len(c.SortKeys) > 0 {
		var err error
		d := sortkey.Defaults{Separator: j.fields.separator}
		if j.order, err = sortkey.ParseDefs(c.SortKeys, d); err != nil {
			return fanfold.Program{}, fanfold.Errorf(fanfold.KindUsage, "read sort keys", "%w", err)
		}
	}
	p := fanfold.Program{
		Name: fanfold.CommandProgram,
		Doc:  "runs other programs as mapper, combiner and reducer",
		Map:  j.mapper,
	}
	if len(c.Mapper) > 0 {
		p.Handle = j.handler
		if c.Feed == fanfold.FeedPipelined {
			p.Batch = fanfold.BatchMax
		}
	}
	switch {
	case len(c.Reducer) > 0:
		p.Reduce = j.reducer("reducer", c.Reducer, takeRecord)
		p.Reducers, p.Sort = 1, fanfold.SortNone
		if len(j.order) > 0 {
			p.Group = fanfold.KeyTextLen
		}
		if len(c.Combiner) > 0 {
			p.Combine = j.reducer("combiner", c.Combiner, j.takeOutput)
		}
	case fold(c.Aggregate) != fanfold.NoFold:
		p.Fold = fold(c.Aggregate)
	case c.Aggregate != "":
		p.Aggregate = numeric(c.Aggregate)
	}
	return p, nil
}

// validate checks a description and fills in its defaults.
func validate(c *fanfold.Command) error {
	if c.Separator == "" {
		c.Separator = "\t"
	}
	if c.KeyFields == 0 {
		c.KeyFields = 1
	}
	known := fold(c.Aggregate) != fanfold.NoFold || numeric(c.Aggregate) != nil
	switch {
	case len(c.Mapper) == 0 && len(c.Reducer) == 0 && c.Aggregate == "":
		return errors.New("neither a mapper nor a reducer nor an aggregate")
	case len(c.Reducer) > 0 && c.Aggregate != "":
		return errors.New("a reducer and an aggregate: one of them is too many")
	case len(c.SortKeys) > 0 && (len(c.Reducer) == 0 || len(c.Combiner) > 0):
		return errors.New("sort keys without a reducer, or with a combiner")
	case len(c.Combiner) > 0 && len(c.Reducer) == 0:
		return errors.New("a combiner without a reducer")
	case c.Aggregate != "" && !known:
		return fmt.Errorf("unknown aggregate %q: want one of %s:N, N up to %d", c.Aggregate,
			strings.Join(fanfold.Aggregates, ", "), aggregate.TopKMax)
	case strings.Contains(c.Separator, "\n"):
		return errors.New("a separator with a line feed in it")
	case c.KeyFields < 0:
		return fmt.Errorf("%d key fields: want 1 or more", c.KeyFields)
	}
	for _, argv := range [][]string{c.Mapper, c.Combiner, c.Reducer} {
		for i, word := range argv {
			if strings.Contains(word, "\x00") || (i == 0 && word == "") {
				return fmt.Errorf("command %s: no name, or a NUL in it", shorten(Quote(argv)))
			}
		}
	}
	return nil
}

// job is what the mappers and reducers of one job have in common. It is not changed.
type job struct {
	command *fanfold.Command
	fields  fields
	order   sortkey.Keys // of the lines of a key; none: that of the inputs
}

func (j *job) spec(role string, argv []string) *spec {
	return &spec{role: role, argv: argv, command: j.command, tick: tick}
}

// handler makes the handler of a job.
func (j *job) handler(t *fanfold.Task) (fanfold.Handler, error) {
	s := j.spec("mapper", j.command.Mapper)
	switch j.command.Feed {
	case fanfold.FeedPipelined:
		return &pipelined{kept: *newKept(s, t)}, nil
	case fanfold.FeedPerTask:
		return perTask{s, t}, nil
	}
	return newKept(s, t), nil
}

// mapper makes the mapper of an attempt.
func (j *job) mapper(t *fanfold.Task) (fanfold.Mapper, error) {
	take, put := j.takeOutput, putRecord
	switch j.command.Aggregate {
	case "":
		if len(j.command.Reducer) == 0 {
			take = takeRecord
		} else if len(j.order) > 0 {
			o := &ordered{fields: &j.fields, order: j.order}
			take, put = o.take, o.put
		}
	case "count":
		take, put = j.takeCount, putCount
	case "first", "distinct":
	default:
		take, put = j.takeNumber, j.putNumber
	}
	how, err := format.Of(t.Reading)
	if err != nil {
		return nil, err
	}
	if len(j.command.Mapper) == 0 {
		return lineMapper{take, put}, nil
	}
	return &mapper{
		spec: j.spec("mapper", j.command.Mapper), task: t, take: take,
		separator: j.fields.separator, terminator: how.Terminator, each: how.Cut == format.CutNever,
	}, nil
}

// reducer makes what makes the reducer of an attempt, or a combiner.
func (j *job) reducer(
	role string, argv []string, take taker,
) func(*fanfold.Task) (fanfold.Reducer, error) {
	s := j.spec(role, argv)
	return func(t *fanfold.Task) (fanfold.Reducer, error) {
		r := &reducer{spec: s, task: t, fields: &j.fields, take: take, lines: len(j.order) > 0}
		return r, nil
	}
}

// text are the fields of the text format, in which output is printed.
var text = fields{separator: []byte("\t"), key: 1}

// takeRecord takes a line of the job's output.
func takeRecord(line []byte, emit *fanfold.Emitter) error {
	emit.Emit(text.cut(line))
	return nil
}

// takeOutput takes a line of a mapper or combiner.
func (j *job) takeOutput(line []byte, emit *fanfold.Emitter) error {
	emit.Emit(j.fields.cut(line))
	return nil
}

// takeCount takes a line that counts once for its key.
func (j *job) takeCount(line []byte, emit *fanfold.Emitter) error {
	key, _ := j.fields.cut(line)
	emit.Add(key, 1)
	return nil
}

// takeNumber takes a line whose value is to be a number; which one is looked at by the reducer.
func (j *job) takeNumber(line []byte, emit *fanfold.Emitter) error {
	key, value := j.fields.cut(line)
	return j.putNumber(key, value, emit)
}

// putter is what is done with a key and a value of an input whose format has them.
type putter func(key, value []byte, emit *fanfold.Emitter) error

func putRecord(key, value []byte, emit *fanfold.Emitter) error {
	emit.Emit(key, value)
	return nil
}

func putCount(key, _ []byte, emit *fanfold.Emitter) error {
	emit.Add(key, 1)
	return nil
}

func (j *job) putNumber(key, value []byte, emit *fanfold.Emitter) error {
	if value == nil {
		return fmt.Errorf("%s of a line without a value: %s", j.command.Aggregate,
			shorten(string(key)))
	}
	emit.Emit(key, value)
	return nil
}
