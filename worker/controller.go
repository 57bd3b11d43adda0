package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

const (
	streamsMax       = 256       // files and logs being sent at a time, and jobs being removed
	streamQueueMax   = 512 << 10 // bytes in the outbound queue, above which streams wait
	forgottenJobsMax = 128       // jobs whose logs outlive their Forget
)

// controller is the goroutine of an agent that takes what the coordinator says on the control
// connection. It never waits for a disk, a process or a slow reader.
type controller struct {
	agent     *Agent
	forgotten []string       // ids of the last jobs that were forgotten
	streams   sync.WaitGroup // goroutines that run started
	pulls     *pulls

	mu    sync.Mutex          // guards what follows
	files map[uint64]*sending // by stream
	busy  int                 // goroutines in streams
}

func newController(a *Agent) *controller {
	return &controller{
		agent: a, files: map[uint64]*sending{},
		pulls: &pulls{agent: a, open: map[uint64]*pull{}},
	}
}

// run reads until the connection ends: nil when the coordinator closed it. It returns when its
// streams have ended too; ctx ends these.
func (c *controller) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer c.streams.Wait()
	defer cancel()
	var b protocol.Batch
	for {
		if err := c.agent.control.Read(&b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for m := range b.All() {
			if err := c.take(ctx, m); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fanfold.Errorf(fanfold.KindProtocol, "serve coordinator", "%w", err)
			}
		}
		c.agent.control.Flush()
	}
}

// take handles one message. An error breaks the connection.
func (c *controller) take(ctx context.Context, m protocol.Message) error {
	switch m.Kind {
	case protocol.KindStart:
		return with(m, func(s *protocol.Start) error {
			return c.onSlot(s.Slot, func(slot *slot) { slot.want(s) })
		})
	case protocol.KindKill:
		return with(m, func(k *protocol.Kill) error {
			grace := time.Duration(k.GraceMillis) * time.Millisecond
			return c.onSlot(k.Slot, func(slot *slot) { slot.kill(int(k.PID), grace) })
		})
	case protocol.KindRead:
		return with(m, func(r *protocol.Read) error { return c.read(ctx, r) })
	case protocol.KindPull:
		return with(m, func(p *protocol.Pull) error {
			one, err := c.pulls.take(p)
			if one != nil {
				c.pulls.start(ctx, &c.streams, one)
			}
			return err
		})
	case protocol.KindStop:
		return with(m, func(s *protocol.Stop) error {
			c.pulls.stop(s.Attempt)
			return nil
		})
	case protocol.KindCredit:
		return with(m, func(credit *protocol.Credit) error {
			c.credit(credit)
			return nil
		})
	case protocol.KindLogQuery:
		return with(m, func(q *protocol.LogQuery) error { return c.log(ctx, q) })
	case protocol.KindForget:
		return with(m, c.forget)
	case protocol.KindHeartbeat:
		return with(m, func(h *protocol.Heartbeat) error {
			c.agent.renew(time.Duration(h.Sent))
			return nil
		})
	case protocol.KindError:
		return with(m, func(f *protocol.Failure) error { return f.Err() })
	case protocol.KindBye: // else the end of the connection follows
		return with(m, func(b *protocol.Bye) error {
			if b.Last {
				c.agent.dismissed.Store(true)
				return io.EOF
			}
			return nil
		})
	}
	return fmt.Errorf("message of kind %d to a worker", m.Kind)
}

func (c *controller) onSlot(index uint32, f func(*slot)) error {
	if int(index) >= len(c.agent.slots) {
		return fmt.Errorf("no slot %d", index)
	}
	f(c.agent.slots[index])
	return nil
}

// forget removes what a job has made, and the logs of the job that was forgotten long ago.
func (c *controller) forget(m *protocol.Forget) error {
	var id fanfold.JobID
	if copy(id[:], m.ID) != len(id) {
		return fmt.Errorf("forget: job id of %d bytes", len(m.ID))
	}
	job := id.String()
	if m.Before > 0 {
		return c.removeBefore(job, fanfold.Stage(m.Before))
	}
	if c.forgotten = append(c.forgotten, job); len(c.forgotten) > forgottenJobsMax {
		c.agent.logs.Forget(c.forgotten[0])
		c.forgotten = c.forgotten[1:]
	}
	removeJob := func() {
		if err := c.agent.files.RemoveAll(job); err != nil {
			c.agent.log.Warn("remove files of job", "job", job, "error", err)
		}
	}
	if !c.start(removeJob) {
		removeJob()
	}
	return nil
}

// removeBefore removes what the stages of a job before a stage have made.
func (c *controller) removeBefore(job string, stage fanfold.Stage) error {
	remove := func() {
		if err := removeStages(c.agent.files, job, stage); err != nil {
			c.agent.log.Warn("remove earlier files of job", "job", job, "error", err)
		}
	}
	if !c.start(remove) {
		remove()
	}
	return nil
}

// removeStages removes the attempts of the stages of a job before a stage.
func removeStages(root *os.Root, job string, before fanfold.Stage) error {
	attempts, err := fs.ReadDir(root.FS(), job)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has made nothing here
	}
	for _, a := range attempts {
		for stage := fanfold.StageMap; stage < before; stage++ {
			if strings.HasPrefix(a.Name(), stage.String()+"-") {
				err = errors.Join(err, root.RemoveAll(job+"/"+a.Name()))
			}
		}
	}
	return err
}

// start runs f on a goroutine, unless there are too many already: then it returns false.
func (c *controller) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == streamsMax {
		return false
	}
	c.busy++
	c.streams.Go(func() {
		f()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
	})
	return true
}
