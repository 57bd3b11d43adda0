//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// The sizes of an open job.
const (
	callersMax   = 32 // tasks without an answer
	callsMin     = 50 // of each caller, at least
	callBytesMax = 8 << 10
	callPause    = 2 * time.Millisecond // between two calls of a caller
)

// openJob is a stream of tasks, each of which is to come back as it is. It goes on until it is
// awaited.
type openJob struct {
	spec   fanfold.Job
	seed   uint64
	dial   dialer
	stream *client.Stream
	calls  sync.WaitGroup
	quit   chan struct{} // closed by await: each caller does what it must, and no more
	once   sync.Once     // of quit

	longest atomic.Int64          // nanoseconds that an answer took
	wrong   atomic.Pointer[error] // the first answer that was wrong
	redials atomic.Int64

	ended chan struct{} // closed when err is valid
	err   error         // of the stream
}

func newOpenJob(spec fanfold.Job, seed uint64) *openJob {
	return &openJob{spec: spec, seed: seed, quit: make(chan struct{}), ended: make(chan struct{})}
}

func (j *openJob) start(ctx context.Context, dial dialer) error {
	j.dial = dial
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	j.stream, err = conn.Open(ctx, client.StreamSpec{Job: j.spec,
		Open: protocol.OpenSpec{Keep: true}})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	for caller := range callersMax {
		j.calls.Go(func() { j.call(ctx, caller) })
	}
	go func() {
		defer close(j.ended)
		j.err = j.follow(ctx, conn)
	}()
	go func() {
		j.calls.Wait()
		for j.stream.CloseSend() != nil && ctx.Err() == nil && !j.over() {
			_ = rest(ctx, tick) // until it is resumed
		}
	}()
	return nil
}

func (j *openJob) id() fanfold.JobID      { return j.stream.Job() }
func (j *openJob) done() <-chan struct{}  { return j.ended }
func (j *openJob) slowest() time.Duration { return time.Duration(j.longest.Load()) }
func (j *openJob) again() int             { return int(j.redials.Load()) }

// over reports whether the stream has ended.
func (j *openJob) over() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

// call sends one task after the other, and looks at each answer.
func (j *openJob) call(ctx context.Context, caller int) {
	rng := rand.New(rand.NewPCG(j.seed, uint64(caller)))
	for n := 0; ctx.Err() == nil && !j.over(); n++ {
		select {
		case <-j.quit:
			if n >= callsMin {
				return
			}
		default:
		}
		begin := time.Now()
		task := client.Task{ID: fmt.Sprintf("%d-%d", caller, n), Data: noise(rng)}
		if err := j.ask(ctx, task); err != nil {
			j.wrong.CompareAndSwap(nil, &err)
			return
		}
		took := int64(time.Since(begin))
		for before := j.longest.Load(); took > before; before = j.longest.Load() {
			if j.longest.CompareAndSwap(before, took) {
				break
			}
		}
		_ = rest(ctx, callPause)
	}
}

// ask sends a task until it is answered.
func (j *openJob) ask(ctx context.Context, task client.Task) error {
	for {
		result, err := j.stream.Call(ctx, task)
		switch {
		case ctx.Err() != nil || err != nil && j.over():
			return fmt.Errorf("I3: task %s has no answer: %w", task.ID, err)
		case touchLost(err) || touchLost(asError(result.Err)):
			_ = rest(ctx, tick) // until it is resumed
		case err != nil:
			return fmt.Errorf("task %s: %w", task.ID, err)
		case result.State != fanfold.Succeeded:
			return fmt.Errorf("task %s is %s: %w", task.ID, result.State, result.Err)
		case !bytes.Equal(result.Data, task.Data):
			return fmt.Errorf("I1: task %s of %d bytes is answered with %d others",
				task.ID, len(task.Data), len(result.Data))
		default:
			return nil
		}
	}
}

func asError(e *fanfold.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// noise is some bytes.
func noise(rng *rand.Rand) []byte {
	b := make([]byte, rng.IntN(callBytesMax))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// follow goes on with the stream over as many connections as it takes.
func (j *openJob) follow(ctx context.Context, conn *client.Client) error {
	for {
		_, err := j.stream.Recv(ctx)
		if err == nil {
			continue
		}
		if !touchLost(err) || j.redials.Load() == redialsMax {
			_ = conn.Close() // it may be broken
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for {
			_ = conn.Close() // it is broken
			j.redials.Add(1)
			_ = rest(ctx, redialPause)
			if conn, err = j.dial(ctx); err != nil {
				return fmt.Errorf("dial again: %w", err)
			}
			if err = j.stream.Resume(ctx, conn); !touchLost(err) || j.redials.Load() == redialsMax {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("resume: %w", errors.Join(err, conn.Close()))
		}
	}
}

func (j *openJob) await(ctx context.Context) error {
	j.once.Do(func() { close(j.quit) })
	select {
	case <-j.ended:
	case <-ctx.Done():
		return fmt.Errorf("I8: the stream does not end: %w", context.Cause(ctx))
	}
	j.calls.Wait()
	if wrong := j.wrong.Load(); wrong != nil {
		return *wrong
	}
	return j.err
}
