package protocol

import "time"

// write is the goroutine that writes what Send has queued and Flush did not write itself, from
// NewConn until Close.
func (c *Conn) write() {
	defer close(c.done)
	stall := time.AfterFunc(time.Hour, func() { c.abort(ErrStalled) })
	stall.Stop()
	for {
		select {
		case <-c.out.wake:
		case <-c.closing:
			return
		}
		if err := c.writeQueued(stall); err != nil {
			c.out.fail(err) // reading goes on: the peer may have said why
		}
	}
}

// writeQueued writes until nothing is queued. Between any two frames, what is urgent goes first.
func (c *Conn) writeQueued(stall *time.Timer) error {
	for {
		first, then := c.out.take()
		if len(first)+len(then) == 0 {
			return nil
		}
		for {
			if err := c.put(first, stall); err != nil {
				return err
			}
			if len(then) == 0 {
				break
			}
			n := wholeFrames(then, writeMax)
			if err := c.put(then[:n], stall); err != nil {
				return err
			}
			then, first = then[n:], c.out.takeUrgent()
		}
	}
}

// put writes b, in one call unless it is very long.
func (c *Conn) put(b []byte, stall *time.Timer) error {
	for len(b) > 0 {
		if limit := c.out.limit.Load(); limit > 0 {
			stall.Reset(time.Duration(limit))
		}
		n, err := c.rw.Write(b[:min(len(b), writeMax)])
		stall.Stop()
		c.out.wrote(n)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
