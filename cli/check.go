package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
)

func (a *app) checkCommand() *cobra.Command {
	var params []string
	var reading fanfold.Reading
	var sumOnly bool
	cmd := &cobra.Command{
		Use:   "check [flags] FILE…",
		Short: "Prove that lines are in order, and sum them up",
		Long: "Prove that the lines of the files, one file after the other, are in the order of " +
			"their bytes,\nor with -p in that of the job sort with these parameters; - is standard " +
			"input. Print how many\nrecords there are, how many equal the one before them, and a " +
			"checksum that does not depend on\ntheir order: it is the same for the input and the " +
			"output of a sort. The first record that is\nout of order ends the command with exit code 1.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if reading.ExpandMax < 0 {
				return usagef("read flags", "--expand-max is below zero")
			}
			c := &check{unordered: sumOnly, reading: reading}
			if how, err := format.Of(reading); err != nil {
				return err
			} else if len(params) > 0 || how.Keyed && !sumOnly {
				if err := a.checkKeys(cmd.Context(), c, params); err != nil {
					return err
				}
			}
			return a.check(cmd.Context(), c, names)
		},
	}
	cmd.Flags().StringArrayVarP(&params, "param", "p", nil,
		"`key=value` as for the job sort, repeatable")
	registerFormat(cmd.Flags(), &reading)
	cmd.Flags().BoolVar(&sumOnly, "sum", false, "only count and sum: the records are in no order")
	return cmd
}

// sortProgram is the job whose parameters check takes.
const sortProgram = "sort"

// checkKeys makes c compare the keys that the job sort gives to its lines.
func (a *app) checkKeys(ctx context.Context, c *check, params []string) error {
	p, err := a.program(sortProgram)
	if err != nil {
		return err
	}
	job, err := parseParams(params)
	if err != nil {
		return err
	}
	for name := range job {
		if !slices.ContainsFunc(p.Params, func(q fanfold.Param) bool { return q.Name == name }) {
			return usagef("read flags", "the job sort has no parameter %q", name)
		}
	}
	c.mapper, err = p.Map(fanfold.NewTask(ctx, fanfold.Task{Params: job, Reducers: 1}))
	c.emit = fanfold.NewEmitter(c)
	return err
}

// check reads all files and prints what there is to say of them.
func (a *app) check(ctx context.Context, c *check, names []string) error {
	for _, name := range names {
		err := a.eachInput(ctx, name, func(file string, text io.ReadCloser) error {
			return c.file(ctx, file, text)
		})
		if err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	text := fmt.Sprintf("records: %d\n", c.read)
	if !c.unordered {
		text += fmt.Sprintf("duplicates: %d\n", c.duplicates)
	}
	text += fmt.Sprintf("checksum: %016x%016x\n", c.high, c.low)
	_, err := io.WriteString(outputWriter{a.stdout}, text)
	return err
}

// check is what is known of the lines so far. It is the sink of the emitter that it has for keys.
type check struct {
	reading   fanfold.Reading
	pick      format.Picker // of the file being read
	unordered bool
	mapper    fanfold.Mapper // nil: records are their own keys
	emit      *fanfold.Emitter

	files      []checkedFile
	read       int64 // records
	compared   int64 // records or their keys
	last       []byte
	duplicates int64
	high, low  uint64 // the sum of the XXH64 of all records
}

// checkedFile is a file and how many records were read before it.
type checkedFile struct {
	name  string
	first int64
}

// file reads the records of a file and closes it.
func (c *check) file(ctx context.Context, name string, file io.ReadCloser) (err error) {
	text, err := decoded(c.reading, file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	how, err := format.Of(c.reading)
	if err != nil {
		return err
	}
	if c.pick, err = how.Picker(nil); err != nil {
		return err
	}
	c.files = append(c.files, checkedFile{name, c.read})
	r := format.Reader{Format: how, Limits: format.DefaultLimits}
	r.Reset(text, 0, format.NoEnd, -1)
	for {
		block, _, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, format.ErrLong):
			return fanfold.Errorf(fanfold.KindTooLarge, "check", "%s has more than %d bytes",
				c.position(c.read), fanfold.RecordMax)
		case err != nil:
			return err
		}
		if err := c.block(how, block); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// block takes whole records.
func (c *check) block(how *format.Format, block []byte) (err error) {
	for more := true; more && err == nil; more = len(block) > 0 {
		var record []byte
		if record, block = how.Next(block); len(record) > 0 || !how.SkipEmpty {
			err = c.record(record)
		}
	}
	return err
}

func (c *check) record(record []byte) error {
	var carry uint64
	c.low, carry = bits.Add64(c.low, xxhash.Sum64(record), 0)
	c.high += carry
	c.read++
	rec := fanfold.Record{Value: record}
	if c.pick != nil {
		var err error
		if rec.Key, rec.Value, err = c.pick(record); err != nil {
			return fanfold.Errorf(fanfold.KindUser, "check", "%s: %w", c.position(c.read-1), err)
		}
	}
	switch {
	case c.unordered:
		return nil
	case c.mapper == nil:
		return c.compare(record)
	}
	if err := c.mapper.Map(rec, c.emit); err != nil {
		return err
	}
	return c.emit.Err()
}

func (c *check) flush() error {
	if c.emit == nil {
		return nil
	}
	c.emit.Flush()
	return c.emit.Err()
}

// Flush takes the keys of lines.
func (c *check) Flush(b *fanfold.Batch) error {
	for i := range b.Len {
		if err := c.compare(b.Key(i)); err != nil {
			return err
		}
	}
	return nil
}

// compare takes the next record or its key.
func (c *check) compare(key []byte) error {
	if c.compared > 0 {
		switch order := bytes.Compare(c.last, key); {
		case order > 0:
			return fanfold.Errorf(fanfold.KindUser, "check", "%s is out of order: it belongs before %s",
				c.position(c.compared), c.position(c.compared-1))
		case order == 0:
			c.duplicates++
		}
	}
	c.compared++
	c.last = append(c.last[:0], key...)
	return nil
}

// position names the record with so many before it.
func (c *check) position(before int64) string {
	i := len(c.files) - 1
	for c.files[i].first > before {
		i--
	}
	return fmt.Sprintf("%s line %d", c.files[i].name, before-c.files[i].first+1)
}

// parseParams reads what -p was given.
func parseParams(list []string) (map[string]string, error) {
	params := make(map[string]string, len(list))
	for _, p := range list {
		key, value, _ := strings.Cut(p, "=")
		if key == "" {
			return nil, usagef("read flags", "-p wants key=value, not %q", p)
		}
		params[key] = value
	}
	return params, nil
}
