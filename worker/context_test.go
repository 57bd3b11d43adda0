package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallContext(t *testing.T) {
	cause := errors.New("the process ends")
	base, end := context.WithCancelCause(t.Context())
	c := &callContext{base: base}
	if c.begin(time.Time{}) != c || c.begin(time.Time{}) != c {
		t.Error("a context that nobody has asked is not used again")
	}
	if _, ok := c.Deadline(); ok || c.Err() != nil || c.Done() == nil {
		t.Errorf("a context without deadline has one, or the error %v", c.Err())
	}
	child, cancel := context.WithCancel(c)
	defer cancel()
	next := c.begin(time.Time{})
	c.finish()
	<-child.Done()
	if next == c || next.Err() != nil {
		t.Error("a context that has a child is used again")
	}
	next.stop(errStopped)
	if !errors.Is(next.Err(), context.Canceled) || !errors.Is(context.Cause(next), errStopped) {
		t.Errorf("stopped with %v, cause %v", next.Err(), context.Cause(next))
	}
	next = next.begin(time.Time{})
	go next.stop(errStopped)
	<-next.Done()
	if !errors.Is(context.Cause(next), errStopped) {
		t.Errorf("cause %v", context.Cause(next))
	}
	next = next.begin(time.Time{})
	end(cause)
	if !errors.Is(next.Err(), context.Canceled) || !errors.Is(context.Cause(next), cause) {
		t.Errorf("ended with %v, cause %v", next.Err(), context.Cause(next))
	}
}

func TestCallContextRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Minute)
		polled, waited := &callContext{base: t.Context()}, &callContext{base: t.Context()}
		polled, waited = polled.begin(until), waited.begin(until)
		if got, ok := polled.Deadline(); !ok || !got.Equal(until) || polled.Err() != nil {
			t.Errorf("deadline %v, error %v", got, polled.Err())
		}
		<-waited.Done()
		if !time.Now().Equal(until) || !errors.Is(context.Cause(waited), errTimeout) {
			t.Errorf("at %v, cause %v", time.Now(), context.Cause(waited))
		}
		for _, c := range []*callContext{polled, waited} {
			if !errors.Is(c.Err(), context.DeadlineExceeded) {
				t.Errorf("error %v", c.Err())
			}
			c.finish()
		}
	})
}
