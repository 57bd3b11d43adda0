//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

const (
	pingEvery = 5 * time.Millisecond
	workEvery = 20 * time.Millisecond
	pingMax   = 2 * time.Second // p99, whatever else this machine does
)

// bystander is a client that has nothing to do with the fault: it asks small things all the time,
// and has a job of its own, with a small task every now and then.
type bystander struct {
	client *client.Client
	cancel context.CancelFunc
	all    sync.WaitGroup

	pings []time.Duration // of the goroutine that pings, until stop
	tasks int             // answered, of the other goroutine
	errs  [2]error        // of ping and work
}

// lookOn starts a bystander.
func (c *cluster) lookOn(ctx context.Context) (*bystander, error) {
	conn, err := c.dial(ctx, c.at)
	if err != nil {
		return nil, err
	}
	b := &bystander{client: conn}
	ctx, b.cancel = context.WithCancel(ctx)
	b.all.Go(func() { b.errs[0] = b.ping(ctx) })
	b.all.Go(func() { b.errs[1] = b.work(ctx) })
	return b, nil
}

// ping asks until ctx ends, and notes how long the answers take.
func (b *bystander) ping(ctx context.Context) error {
	every := time.NewTicker(pingEvery)
	defer every.Stop()
	for {
		begin := time.Now()
		if _, err := b.client.Stats(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("I10: ping: %w", err)
		}
		b.pings = append(b.pings, time.Since(begin))
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// work has a job of its own, all tasks of which must be answered rightly.
func (b *bystander) work(ctx context.Context) (err error) {
	spec := client.StreamSpec{Job: fanfold.Job{Program: "echo", Name: "bystander"}}
	s, err := b.client.Open(context.WithoutCancel(ctx), spec)
	if err != nil {
		return fmt.Errorf("I10: open job: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for ; ctx.Err() == nil; b.tasks++ {
		text := fmt.Sprint("task ", b.tasks)
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		result, err := s.Call(call, client.Task{Data: []byte(text)})
		cancel()
		if err != nil || string(result.Data) != text {
			return fmt.Errorf("I10: %s is %s, %q: %w", text, result.State, result.Data, err)
		}
		_ = rest(ctx, workEvery)
	}
	return nil
}

// stop gives what 99 of 100 pings took at most.
func (b *bystander) stop() (p99 time.Duration, err error) {
	b.cancel()
	b.all.Wait()
	err = errors.Join(b.errs[0], b.errs[1], b.client.Close())
	if len(b.pings) == 0 {
		return 0, err
	}
	slices.Sort(b.pings)
	p99 = b.pings[len(b.pings)*99/100]
	if p99 > pingMax {
		err = errors.Join(err, fmt.Errorf("I10: the p99 of a ping is %s", p99))
	}
	return p99, err
}
