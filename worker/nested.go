package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

const (
	// waitingMax is how many calls of a job may wait for others at a time. Further ones start later,
	// while those of other jobs, for which they may wait, go on.
	waitingMax = 64
	asksMax    = 1 << 16 // calls that a call may make at a time
)

var (
	_ fanfold.Link = (*hand)(nil)

	errNotRunning = errors.New("the task has ended, or waits for calls of another goroutine")
)

// asked is a call that a call has made.
type asked struct {
	hand  *hand
	index int // in its outcomes
}

// Partial is fanfold.Link.
func (h *hand) Partial(r *fanfold.Reply, data []byte, status string) error {
	if r.Handle == 0 {
		return errNotRunning
	}
	if len(data) > fanfold.PayloadMax {
		return fanfold.Errorf(fanfold.KindTooLarge, "send partial result",
			"%d bytes: the most is %d", len(data), fanfold.PayloadMax)
	}
	h.x.send(&protocol.Partial{
		Stream: r.Handle, Number: r.ID.Attempt, Data: data,
		Status: status[:min(len(status), statusMax)],
	})
	h.x.flush()
	return nil
}

// Call is fanfold.Link. While it waits, another hand has the baton.
func (h *hand) Call(
	ctx context.Context, r *fanfold.Reply, program string, in [][]byte,
) ([]fanfold.Outcome, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > asksMax {
		return nil, fanfold.Errorf(fanfold.KindUsage, "call tasks", "%d: the most is %d",
			len(in), asksMax)
	}
	for _, data := range in {
		if len(data) > fanfold.PayloadMax {
			return nil, fanfold.Errorf(fanfold.KindTooLarge, "call task",
				"%d bytes: the most is %d", len(data), fanfold.PayloadMax)
		}
	}
	x := h.x
	tag, err := x.in.ask(h, r, len(in))
	if err != nil {
		return nil, err
	}
	for i, data := range in {
		x.send(&protocol.Ask{
			Attempt: r.Handle, Tag: tag + uint64(i), Program: program, Data: data,
			More: i+1 < len(in),
		})
	}
	x.flush()
	h.spent += x.in.now() - h.last
	if x.in.yield() {
		x.start()
	}
	select {
	case <-h.told:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-h.ctx.Done():
		err = context.Cause(h.ctx)
	}
	if !x.in.resume(h) {
		<-h.turn
	}
	x.watch()
	x.active, h.last = h, x.in.now()
	outcomes := x.in.resumed(h)
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// ask notes that h waits for so many calls, and gives the tag of the first.
func (in *inbox) ask(h *hand, r *fanfold.Reply, n int) (tag uint64, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if h.inside || len(h.calls) == 0 || r.Handle == 0 {
		return 0, errNotRunning
	}
	h.inside, h.left, h.outcomes = true, n, make([]fanfold.Outcome, n)
	h.calls[0].plan.open.waiting++
	in.waiting++
	tag = in.tags + 1
	for i := range n {
		in.tags++
		in.asked[in.tags] = &asked{h, i}
	}
	return tag, nil
}

// told takes how a call ended that a call has made. One that nobody waits for any more is dropped.
func (in *inbox) told(m *protocol.Told) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	a := in.asked[m.Tag]
	if a == nil {
		if m.Tag == 0 || m.Tag > in.tags {
			return fmt.Errorf("told: nothing was asked with tag %d", m.Tag)
		}
		return nil
	}
	delete(in.asked, m.Tag)
	o := &a.hand.outcomes[a.index]
	*o = fanfold.Outcome{State: fanfold.State(m.State), Data: bytes.Clone(m.Data)}
	if len(m.Failure) > 0 {
		o.Err = m.Failure[0].Err()
	} else if o.State != fanfold.Succeeded {
		o.Err = fanfold.Errorf(fanfold.KindInternal, "call task", "it %s", o.State)
	}
	if a.hand.left--; a.hand.left == 0 {
		a.hand.told <- struct{}{}
	}
	return nil
}

// resumed notes that h has the baton again, and gives what its calls came to.
func (in *inbox) resumed(h *hand) []fanfold.Outcome {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting--
	h.calls[0].plan.open.waiting--
	if h.left > 0 { // it has given up
		for tag, a := range in.asked {
			if a.hand == h {
				delete(in.asked, tag)
			}
		}
		h.left = 0
	}
	select {
	case <-h.told:
	default: // it was looked at, or never came
	}
	outcomes := h.outcomes
	h.inside, h.outcomes = false, nil
	return outcomes
}
