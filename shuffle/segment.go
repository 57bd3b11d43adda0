package shuffle

import "github.com/fanfold/fanfold"

// segment writes rows, which come in the order of their partitions, as one output: inline while it
// is small enough, else a segment file.
type segment struct {
	blocks blockWriter
	out    outFile
	index  []indexEntry // of the partitions so far
	parts  int
	inline bool   // it may still stay in memory
	before int64  // records in the partitions before the last of index
	marks  *marks // nil: there is one only where it is read by ranges of keys
}

func newSegment(c Config) *segment {
	s := &segment{
		out:    outFile{dir: c.Dir},
		parts:  c.Partitions,
		inline: !c.NoInline,
		index:  make([]indexEntry, 1, c.Partitions),
	}
	s.blocks = blockWriter{w: s, target: blockBytes}
	if c.Ranges {
		s.parts, s.marks = marksPartition+1, &marks{stride: markStrideMin}
	}
	return s
}

// append adds a row.
func (s *segment) append(part uint32, key, value []byte) error {
	if int(part) != len(s.index)-1 {
		if err := s.turn(int(part)); err != nil {
			return err
		}
	}
	err := s.blocks.append(part, key, value)
	if s.marks != nil && part < marksPartition {
		s.marks.note(key, len(key)+len(value), s.blocks.written)
	}
	return err
}

func (s *segment) total() int64 { return s.blocks.total() }

// turn ends the partitions before part.
func (s *segment) turn(part int) error {
	if err := s.blocks.flush(); err != nil {
		return err
	}
	s.end()
	for len(s.index) <= part {
		s.index = append(s.index, indexEntry{offset: s.blocks.written})
		s.before = s.blocks.records
	}
	return nil
}

// end completes the entry of the last partition of index.
func (s *segment) end() {
	e := &s.index[len(s.index)-1]
	e.length = s.blocks.written - e.offset
	e.records = s.blocks.records - s.before
}

// Write takes a block from blocks, and moves the output to its file when it becomes too large.
func (s *segment) Write(block []byte) (int, error) {
	if s.inline {
		total := s.blocks.written + int64(len(block))
		part := total - s.index[len(s.index)-1].offset
		s.inline = total <= fanfold.InlineAttemptMax && part <= fanfold.InlinePartMax
	}
	if !s.inline {
		if err := s.out.toFile(); err != nil {
			return 0, err
		}
	}
	return s.out.Write(block)
}

// finish ends the segment. Output.File is relative to the attempt's directory.
func (s *segment) finish() (fanfold.Output, error) {
	o, err := s.complete()
	switch {
	case err != nil:
		return fanfold.Output{}, err
	case o.Records == 0:
		return o, nil
	case s.inline:
		for _, e := range s.index {
			end := e.offset + e.length
			o.Inline = append(o.Inline, s.out.mem[e.offset:end:end])
		}
		return o, nil
	}
	if _, err := s.out.Write(appendIndex(nil, s.index)); err != nil {
		return fanfold.Output{}, err
	}
	o.File, o.Bytes = outputName, s.out.bytes
	return o, s.out.finish()
}

// complete writes what comes before the index. Of an output with marks that stays inline they are
// only the sample.
func (s *segment) complete() (o fanfold.Output, err error) {
	if s.marks == nil {
		err = s.turn(s.parts - 1)
		s.end()
		o.Records = s.blocks.records
		return o, err
	}
	if err := s.blocks.flush(); err != nil {
		return o, err
	}
	o.Records, o.Sample = s.blocks.records, s.marks.sample()
	if !s.inline {
		err = s.writeMarks()
	}
	s.end()
	return o, err
}

// discard removes what an unfinished segment wrote.
func (s *segment) discard() { s.out.discard() }
