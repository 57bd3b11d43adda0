package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/worker/command"
)

// jobFlags are the flags that describe a job, the same for run and submit.
type jobFlags struct {
	params    []string
	output    string
	overwrite bool
	reducers  int
	splitSize size
	memory    size
	sort      order
	top       int
	json      bool
	reading   fanfold.Reading

	maxAttempts     int
	progressTimeout time.Duration
	taskTimeout     time.Duration
	deadline        time.Duration
	priority        int
	backups         bool
	labels          []string
	name            string
	filesFrom       string
	inline          bool

	mapper, combiner, reducer string
	aggregate                 choice
	separator                 string
	keyFields                 int
	sortKeys                  []string
	env                       []string
}

func (f *jobFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVarP(&f.params, "param", "p", nil, "`key=value` for the job, repeatable")
	fs.StringVarP(&f.output, "output", "o", "", "`folder` for the output instead of standard output")
	fs.BoolVar(&f.overwrite, "overwrite", false, "replace the output folder if it exists")
	fs.IntVar(&f.reducers, "reducers", 0, "`number` of reduce tasks (default: one per slot)")
	fs.Var(&f.splitSize, "split-size", "most input that one map task reads (default: by the input)")
	fs.Var(&f.memory, "memory", "memory for the buffers of one task (default: by the machine)")
	fs.Var(&f.sort, "sort", "order of the output; value: as numbers, greatest first")
	fs.IntVar(&f.top, "top", 0, "keep the first `N` records of the output")
	fs.BoolVar(&f.json, "json", false, "print records as JSON, one object a line")
	fs.StringVar(&f.name, "name", "", "`name` of the job for people (default: the program's)")
	fs.IntVar(&f.priority, "priority", fanfold.DefaultPriority, "0 (first) to 7")
	fs.StringVar(&f.filesFrom, "files-from", "", "read input names from `file`, one a line; -: stdin")
	fs.BoolVar(&f.inline, "inline", false, "send the inputs' bytes instead of their names")
	registerFormat(fs, &f.reading)
	fs.IntVar(&f.reading.SkipBad, "skip-bad", 0, "skip up to `N` bad records (default: none)")
	fs.StringVar(&f.reading.Skipped, "skipped", "", "`folder` for copies of the records skipped")
	fs.BoolVar(&f.reading.Header, "header", false, "the first record of each input names its columns")
	f.registerLimits(fs)
	f.registerCommand(fs)
}

func registerFormat(fs *pflag.FlagSet, r *fanfold.Reading) {
	fs.StringVar(&r.Format, "format", "",
		"`format` of the inputs: "+format.Usage+" (default: lines)")
	fs.StringVar(&r.Codec, "codec", "",
		"`codec` of the inputs: plain, gzip, zstd or bzip2 (default: by their first bytes)")
	fs.IntVar(&r.ExpandMax, "expand-max", storage.DefaultExpandMax,
		"times its size that a compressed input may become, above 64MiB")
}

func (f *jobFlags) registerLimits(fs *pflag.FlagSet) {
	fs.IntVar(&f.maxAttempts, "max-attempts", fanfold.DefaultMaxAttempts, "failures that end a task")
	fs.DurationVar(&f.progressTimeout, "progress-timeout", fanfold.DefaultProgressTimeout,
		"an attempt without progress for so long is ended and repeated")
	fs.DurationVar(&f.taskTimeout, "task-timeout", 0, "wall-clock limit of an attempt (default: none)")
	fs.BoolVar(&f.backups, "backups", true, "run slow tasks at the end of a stage twice at a time")
	fs.StringSliceVar(&f.labels, "labels", nil, "`key=value,…` that a worker must have to run the job")
	fs.DurationVar(&f.deadline, "deadline", 0, "wall-clock limit of the job (default: none)")
}

func (f *jobFlags) registerCommand(fs *pflag.FlagSet) {
	f.aggregate.words = strings.Split(strings.Join(fanfold.Aggregates, " ")+":N", " ")
	fs.StringVar(&f.mapper, "mapper", "", "`command` that maps lines to key<TAB>value lines")
	fs.StringVar(&f.combiner, "combiner", "", "`command` that reduces beside the mapper")
	fs.StringVar(&f.reducer, "reducer", "", "`command` that reduces sorted lines")
	fs.Var(&f.aggregate, "aggregate", "built-in reducer")
	fs.StringVar(&f.separator, "separator", "\t", "between key and value of a command's lines")
	fs.IntVar(&f.keyFields, "key-fields", 1, "`number` of fields that make the key")
	fs.StringArrayVarP(&f.sortKeys, "sort-key", "k", nil, "`key` as of sort -k, repeatable: of the "+
		"job sort; of a reducer command, the order of the lines of a key")
	fs.StringArrayVar(&f.env, "env", nil, "`name=value` for the commands, repeatable")
}

// hasCommand reports whether the job is made of commands: then every argument is an input.
func (f *jobFlags) hasCommand() bool {
	return f.mapper != "" || f.reducer != "" || f.aggregate.value != "" || f.combiner != ""
}

// validate checks what a flag's type does not.
func (f *jobFlags) validate() error {
	for _, n := range []struct {
		flag  string
		value int64
	}{
		{"reducers", int64(f.reducers)}, {"top", int64(f.top)}, {"priority", int64(f.priority)},
		{"max-attempts", int64(f.maxAttempts)}, {"progress-timeout", int64(f.progressTimeout)},
		{"skip-bad", int64(f.reading.SkipBad)}, {"expand-max", int64(f.reading.ExpandMax)},
		{"task-timeout", int64(f.taskTimeout)}, {"deadline", int64(f.deadline)},
	} {
		if n.value < 0 {
			return usagef("read flags", "--%s is below zero", n.flag)
		}
	}
	if _, err := format.Of(f.reading); err != nil {
		return err
	}
	_, _, err := storage.ParseCodec(f.reading.Codec)
	return err
}

// job turns flags and arguments into a job, without its inputs, and gives the input arguments.
func (f *jobFlags) job(args []string) (fanfold.Job, []string, error) {
	if err := f.validate(); err != nil {
		return fanfold.Job{}, nil, err
	}
	job := fanfold.Job{
		Name: f.name, Output: f.output, Overwrite: f.overwrite, Reducers: f.reducers,
		SplitSize: int64(f.splitSize), Memory: int64(f.memory), Sort: fanfold.Order(f.sort),
		Reading: f.reading, Top: f.top, MaxAttempts: f.maxAttempts, ProgressTimeout: f.progressTimeout,
		TaskTimeout: f.taskTimeout, Deadline: f.deadline, Priority: f.priority,
		NoBackups: !f.backups, Labels: f.labels,
	}
	if f.json {
		job.Format = fanfold.FormatJSON
	}
	var err error
	if job.Params, err = parseParams(f.params); err != nil {
		return job, nil, err
	}
	for _, folder := range []*string{&job.Output, &job.Reading.Skipped} {
		if *folder == "" {
			continue
		}
		if *folder, err = filepath.Abs(*folder); err != nil {
			return job, nil, err
		}
	}
	if f.hasCommand() {
		cmd, err := f.command()
		job.Program, job.Command = fanfold.CommandProgram, cmd
		return job, args, err
	}
	if len(args) == 0 {
		return job, nil, usagef("read flags", "no job named: give a job or --mapper")
	}
	job.Program = args[0]
	if len(f.sortKeys) > 0 {
		if job.Program != sortProgram {
			return job, nil, usagef("read flags", "-k is for the job sort and for a reducer command")
		}
		job.Params["k"] = strings.Join(f.sortKeys, " ")
	}
	return job, args[1:], nil
}

func (f *jobFlags) command() (*fanfold.Command, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	cmd := &fanfold.Command{Aggregate: f.aggregate.value, Separator: f.separator,
		KeyFields: f.keyFields, SortKeys: f.sortKeys, Env: f.env, Dir: dir}
	for _, part := range []struct {
		flag, text string
		argv       *[]string
	}{
		{"mapper", f.mapper, &cmd.Mapper},
		{"combiner", f.combiner, &cmd.Combiner},
		{"reducer", f.reducer, &cmd.Reducer},
	} {
		if part.text == "" {
			continue
		}
		if *part.argv, err = command.Split(part.text); err != nil {
			return nil, usagef("read flags", "--%s: %w", part.flag, err)
		}
	}
	return cmd, nil
}

// usagef makes the error of a command line that makes no sense: exit code 2.
func usagef(op, format string, args ...any) error {
	return fanfold.Errorf(fanfold.KindUsage, op, format, args...)
}
