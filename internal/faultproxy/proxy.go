// Package faultproxy stands between two programs that speak TCP, and does to their bytes what bad
// networks do: it delays, throttles, corrupts, repeats, swallows and holds them, and cuts
// connections. Tests and the chaos driver use it.
//
// The one idea: a plan says what happens at which byte. Nothing is left to chance here, so what a
// seed has chosen happens again.
package faultproxy

import (
	"context"
	"net"
	"sync"
)

// Dial connects to the server, for a client that has connected to the proxy.
type Dial func(ctx context.Context) (net.Conn, error)

// Proxy passes connections on. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	dial     Dial
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	all      sync.WaitGroup

	mu    sync.Mutex // guards what follows
	plan  Plan       // of the connections to come
	next  []Plan     // of the next ones, in its place
	links map[*link]bool
	done  [actions]int
}

// Start accepts connections until Close. The proxy owns the listener.
func Start(l net.Listener, dial Dial) *Proxy {
	p := &Proxy{listener: l, dial: dial, links: map[*link]bool{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.all.Go(p.accept)
	return p
}

// To dials an address.
func To(address string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// Addr is where clients connect.
func (p *Proxy) Addr() net.Addr { return p.listener.Addr() }

// Set makes a plan for all connections, those that are open included; their bytes are counted from
// here. Those that have lost bytes are reset: there is no going on after a gap.
func (p *Proxy) Set(plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.next = plan, nil
	for l := range p.links {
		l.set(plan)
	}
}

// Next makes plans for the connections that come next, one each.
func (p *Proxy) Next(plans ...Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = append(p.next, plans...)
}

// Done is how often an action has happened. Delay and Throttle count once for each piece of data
// that they held up.
func (p *Proxy) Done(a Action) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[a]
}

func (p *Proxy) happened(a Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done[a]++
}

// Close resets all connections and waits for all goroutines.
func (p *Proxy) Close() {
	p.stop()
	p.listener.Close()
	p.mu.Lock()
	for l := range p.links {
		l.reset()
	}
	p.mu.Unlock()
	p.all.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.all.Go(func() { p.serve(client) })
	}
}

// serve passes one connection on, to its end.
func (p *Proxy) serve(client net.Conn) {
	server, err := p.dial(p.ctx)
	if err != nil {
		abort(client)
		return
	}
	l := newLink(p, client, server)
	if !p.add(l) {
		l.reset()
	}
	l.run()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// add gives a new connection its plan; false: the proxy is closed.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := p.plan
	if len(p.next) > 0 {
		plan, p.next = p.next[0], p.next[1:]
	}
	l.set(plan)
	p.links[l] = true
	return p.ctx.Err() == nil
}
