//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fanfold/fanfold/client"
)

const (
	pingEvery = 5 * time.Millisecond
	pingMax   = 2 * time.Second // p99, whatever else this machine does
)

// bystander is a client that has nothing to do with the fault: it asks small things all the time,
// and has a small job run over and over.
type bystander struct {
	client *client.Client
	cancel context.CancelFunc
	all    sync.WaitGroup

	pings []time.Duration // of the goroutine that pings, until stop
	err   error           // of ping
}

// lookOn starts a bystander.
func (c *cluster) lookOn(ctx context.Context) (*bystander, error) {
	conn, err := c.dial(ctx, c.at)
	if err != nil {
		return nil, err
	}
	b := &bystander{client: conn}
	ctx, b.cancel = context.WithCancel(ctx)
	b.all.Go(func() { b.err = b.ping(ctx) })
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

// stop gives what 99 of 100 pings took at most.
func (b *bystander) stop() (p99 time.Duration, err error) {
	b.cancel()
	b.all.Wait()
	err = errors.Join(b.err, b.client.Close())
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
