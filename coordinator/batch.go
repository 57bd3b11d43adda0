package coordinator

import (
	"fmt"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// hotMax is how many structs of one kind a batch keeps for the next time.
const hotMax = 1024

// batch is what one read of a connection gave, decoded by the reader. It goes to the owner and
// back. The structs of frequent messages are reused, and their byte slices point into raw: whoever
// keeps them copies them.
type batch struct {
	from    *peer
	raw     protocol.Batch
	order   []received
	dones   []protocol.Done
	beats   []protocol.Beat
	inputs  []protocol.Input
	results []protocol.Result
	credits []protocol.Credit
	tasks   []protocol.Task
	returns []protocol.Return

	partials []protocol.Partial
	rare     []protocol.Body
}

// received is one message: its kind, and its index in the slice for that kind.
type received struct {
	kind protocol.Kind
	at   int
}

// parse decodes the messages. After an error those before the bad one are there.
func (b *batch) parse(p *peer) error {
	b.reset(p)
	before := protocol.Kind(0)
	for m := range b.raw.All() {
		if m.Kind != before && !maySend(p.role, m.Kind) {
			return fanfold.Errorf(fanfold.KindDenied, "read message",
				"a %s may not send %s", p.role, m.Kind)
		}
		at, err := b.decode(m)
		if err != nil {
			return fmt.Errorf("read %s: %w", m.Kind, err)
		}
		b.order = append(b.order, received{m.Kind, at})
		before = m.Kind
	}
	return nil
}

func (b *batch) reset(p *peer) {
	b.from, b.order, b.rare = p, b.order[:0], b.rare[:0]
	b.dones, b.beats = empty(b.dones), empty(b.beats)
	b.inputs, b.results, b.credits = empty(b.inputs), empty(b.results), empty(b.credits)
	b.tasks, b.returns, b.partials = empty(b.tasks), empty(b.returns), empty(b.partials)
}

// empty keeps the memory of s unless it has grown out of the usual.
func empty[T any](s []T) []T {
	if cap(s) > hotMax {
		return nil
	}
	return s[:0]
}

// next lengthens s by one element, which may be an old one that is used again.
func next[T any](s *[]T) (*T, int) {
	n := len(*s)
	if n < cap(*s) {
		*s = (*s)[:n+1]
	} else {
		*s = append(*s, *new(T))
	}
	return &(*s)[n], n
}

func (b *batch) decode(m protocol.Message) (int, error) {
	switch m.Kind {
	case protocol.KindDone:
		v, at := next(&b.dones)
		return at, protocol.Decode(m, v)
	case protocol.KindBeat:
		v, at := next(&b.beats)
		return at, protocol.Decode(m, v)
	case protocol.KindInput:
		v, at := next(&b.inputs)
		return at, protocol.Decode(m, v)
	case protocol.KindResult:
		v, at := next(&b.results)
		return at, protocol.Decode(m, v)
	case protocol.KindCredit:
		v, at := next(&b.credits)
		return at, protocol.Decode(m, v)
	case protocol.KindTask:
		v, at := next(&b.tasks)
		return at, protocol.Decode(m, v)
	case protocol.KindReturn:
		v, at := next(&b.returns)
		return at, protocol.Decode(m, v)
	case protocol.KindPartial:
		v, at := next(&b.partials)
		return at, protocol.Decode(m, v)
	}
	return b.decodeRare(m)
}

func (b *batch) decodeRare(m protocol.Message) (int, error) {
	v := rareBody(m.Kind)
	err := protocol.Decode(m, v)
	if s, ok := v.(*protocol.Submit); ok && fanfold.KindOf(err) == fanfold.KindUsage {
		v, err = misfit{s, err}, nil
	}
	b.rare = append(b.rare, v)
	return len(b.rare) - 1, err
}

// misfit is a Submit of a job that makes no sense. It is refused, and the connection goes on.
type misfit struct {
	*protocol.Submit
	err error
}

// rareBody makes the struct for a message that need not be fast. maySend has let the kind pass.
func rareBody(k protocol.Kind) protocol.Body {
	switch k {
	case protocol.KindSubmit:
		return new(protocol.Submit)
	case protocol.KindInputs:
		return new(protocol.Inputs)
	case protocol.KindInputEnd:
		return new(protocol.InputEnd)
	case protocol.KindCancelTask:
		return new(protocol.CancelTask)
	case protocol.KindAsk:
		return new(protocol.Ask)
	case protocol.KindSnapshot:
		return new(protocol.Snapshot)
	case protocol.KindSample:
		return new(protocol.Sample)
	case protocol.KindCancel:
		return new(protocol.Cancel)
	case protocol.KindAttach:
		return new(protocol.Attach)
	case protocol.KindQuery:
		return new(protocol.Query)
	case protocol.KindExited:
		return new(protocol.Exited)
	case protocol.KindLog:
		return new(protocol.Log)
	case protocol.KindHeartbeat:
		return new(protocol.Heartbeat)
	case protocol.KindPulled:
		return new(protocol.Pulled)
	}
	return new(protocol.Bye)
}
