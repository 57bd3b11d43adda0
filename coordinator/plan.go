package coordinator

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/storage"
)

// The limits of a plan.
const (
	splitBytesMin  = 1 << 20   // below it a split is not worth a task, unless the job says so
	tasksPerSlot   = 4         // so many map tasks per slot are aimed at, to even out their lengths
	wideBytesMax   = 256 << 20 // of a split that is wide: what an attempt that fails has to repeat
	fileCost       = 16 << 10  // opening a file costs as much as reading so many bytes
	rangesMax      = 1024      // of a split
	rangeNamesMax  = 256 << 10 // bytes of all names in a split: it travels in one control frame
	wholeNamesMax  = 3         // names of inputs that cannot be split, in a status text
	wholeBytesNote = 16 << 20  // bytes from which on such an input is worth a note
)

// split is what one map task reads: ranges of files, or pieces of the client's own bytes.
type split struct {
	ranges []fanfold.Range
	inline *stretch // nil: ranges
	bytes  int64
	hosts  []string // that have the first range near; a hint
}

// plan is what became of a list of inputs. Its splits are in the order of the inputs, which is the
// order of map tasks and so of values and of the lines of a map-only reply.
type plan struct {
	splits []split
	order  []uint32 // in which splits are queued: those that cannot be cut first, the largest first
	bytes  int64
	whole  []string // large inputs that one task reads alone, because of their codec
}

// planner turns inputs by path into splits. It lists, stats and probes, so it runs in a goroutine.
type planner struct {
	store     storage.Driver
	format    *format.Format
	codec     string // that the job names; see storage.ParseCodec
	splitSize int64  // bytes; 0: by the size of the inputs
	wide      bool   // the first splits are larger, see cutter.target
	slots     int
	tasksMax  int
}

// plan expands the patterns, in order. The error is that of the first that cannot be used.
func (p planner) plan(ctx context.Context, patterns []string) (plan, error) {
	var found []input
	var cost int64
	for _, pattern := range patterns {
		for info, err := range p.store.List(ctx, pattern) {
			if err != nil {
				return plan{}, notListed(pattern, err)
			}
			codec, err := p.probe(ctx, info.Name)
			if err != nil {
				return plan{}, inputError(info.Name, err)
			}
			if len(found) == p.tasksMax*rangesMax {
				return plan{}, fanfold.Errorf(fanfold.KindTooLarge, "list inputs",
					"more than %d files", len(found))
			}
			found = append(found, input{Info: info, codec: codec})
			cost += found[len(found)-1].cost() + fileCost
		}
	}
	size := p.size(cost)
	// Cuts for more than tasksMax splits would not be used: cut refuses so many.
	least := max(size, (cost-int64(len(found))*fileCost)/int64(max(1, p.tasksMax)))
	for i := range found {
		in := &found[i]
		if in.cost() <= size {
			continue
		}
		if err := p.findCuts(ctx, in, least); err != nil {
			return plan{}, inputError(in.Name, err)
		}
	}
	return p.cut(found, size)
}

// size is how much a split is to have of inputs that are so much work.
func (p *planner) size(cost int64) int64 {
	if p.splitSize > 0 {
		return p.splitSize
	}
	each := cost / int64(max(1, p.slots)*tasksPerSlot)
	return min(fanfold.DefaultSplitSize, max(splitBytesMin, each))
}

// notListed is inputError for a pattern that may mean something where the client is.
func notListed(pattern string, err error) error {
	e := inputError(pattern, err)
	if e.Kind == fanfold.KindNotFound && e.Hint == "" {
		e.Hint = "names are looked up where the workers run; - reads standard input instead"
	}
	return e
}

// inputError names the input that an error is about.
func inputError(name string, err error) *fanfold.Error {
	e := fanfoldError(err, fanfold.KindInput, "list inputs")
	e.Input = cmp.Or(e.Input, name)
	return e
}

// cut makes splits: an input larger than the split size is cut into ranges, equal ones unless they
// are wide, as far as its format and its codec allow; smaller ones share a split with their
// neighbours.
func (p planner) cut(found []input, size int64) (plan, error) {
	c := cutter{size: size, format: p.format, names: rangeNamesMax}
	if p.wide && p.splitSize == 0 {
		c.slots = int64(max(1, p.slots))
		for _, in := range found {
			c.left += in.Size
		}
	}
	for _, in := range found {
		if n := in.pieces(c.format, size); len(c.splits)+int(n) > p.tasksMax {
			err := fanfold.Errorf(fanfold.KindTooLarge, "plan map tasks", "more than %d", p.tasksMax)
			err.Hint = "choose a larger split size"
			return plan{}, err
		}
		c.add(in)
	}
	c.flush()
	return c.finish(), nil
}

// cutter collects the splits of a plan; open is the one that small files still join.
type cutter struct {
	plan
	format *format.Format
	size   int64
	slots  int64 // 0: all splits have the same size
	left   int64 // bytes of inputs that are not in a split yet
	wide   int64 // size of the wide splits of this round
	turn   int64 // splits of this round so far
	open   split
	cost   int64 // of open
	names  int   // bytes left for the names in open
}

// target is the size of the split that is open. Where a map task folds, its output is about as much
// for a long split as for a short one, so in each round the slots share most of what is left. The
// last splits are short ones, which even out what the slots differ by.
func (c *cutter) target() int64 {
	if c.slots == 0 {
		return c.size
	}
	if c.turn == 0 {
		c.wide = max(c.size, min(wideBytesMax, c.left/c.slots*3/4))
	}
	return c.wide
}

func (c *cutter) add(in input) {
	size := c.target()
	n := in.pieces(c.format, size)
	if n == 1 && in.cost() <= size {
		c.pack(in, size)
		return
	}
	c.flush()
	from := storage.Cut{}
	for i := int64(1); from.Offset < in.Size; i++ {
		to := in.Size / n * i
		switch {
		case n == 1 || c.slots == 0 && i >= n:
			to = in.Size
		case c.slots > 0:
			to = from.Offset + c.target()/in.weight()
		}
		next := in.snap(c.format, max(to, from.Offset+1))
		c.join(in, from, next.Offset)
		c.flush()
		from = next
	}
	if n == 1 && in.Size >= wholeBytesNote && len(c.whole) < wholeNamesMax {
		c.whole = append(c.whole, in.Name)
	}
}

// pack has an input share a split with its neighbours.
func (c *cutter) pack(in input, size int64) {
	full := c.cost+in.cost() > size || len(c.open.ranges) == rangesMax || c.names < len(in.Name)
	if full {
		c.flush()
	}
	c.join(in, storage.Cut{}, in.Size)
}

// join adds the range of an input from a cut to an offset to the open split.
func (c *cutter) join(in input, from storage.Cut, to int64) {
	length := to - from.Offset
	c.open.ranges = append(c.open.ranges, fanfold.Range{
		Name: in.Name, Offset: from.Offset, Length: length, Codec: in.codec,
		Size: in.Size, ModTime: in.ModTime, Tag: in.Tag, Decoded: from.Decoded,
	})
	if c.open.bytes += length; len(c.open.ranges) == 1 {
		c.open.hosts = in.Hosts
	}
	c.cost += length*in.weight() + fileCost
	c.names -= len(in.Name)
}

func (c *cutter) flush() {
	if len(c.open.ranges) == 0 {
		return
	}
	c.open.ranges = slices.Clip(c.open.ranges)
	c.splits = append(c.splits, c.open)
	c.bytes += c.open.bytes
	if c.left -= c.open.bytes; c.slots > 0 {
		c.turn = (c.turn + 1) % c.slots
	}
	c.open, c.cost, c.names = split{}, 0, rangeNamesMax
}

// finish decides the order of queueing.
func (c *cutter) finish() plan {
	c.order = make([]uint32, len(c.splits))
	for i := range c.order {
		c.order[i] = uint32(i)
	}
	slices.SortStableFunc(c.order, func(a, b uint32) int {
		return cmp.Compare(c.splits[b].alone(), c.splits[a].alone())
	})
	return c.plan
}

// alone is the length of a compressed input that has a split of its own, and 0 for all others.
func (s *split) alone() int64 {
	if len(s.ranges) == 1 && s.ranges[0].Codec != fanfold.Plain {
		return s.bytes
	}
	return 0
}

// note tells people about inputs that one task reads alone; "": there are none.
func (p *plan) note() string {
	if len(p.whole) == 0 {
		return ""
	}
	return "cannot be cut, so read by one task each: " + strings.Join(p.whole, ", ")
}
