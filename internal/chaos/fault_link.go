//go:build linux

package main

import (
	"context"
	"net"
	"time"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/internal/faultproxy"
)

// A link that is slow.
const (
	slowDelay = 100 * time.Millisecond // each way
	slowRate  = 1 << 20                // bytes in a second
)

// lasts are the actions that go on; others happen once.
var lasts = map[faultproxy.Action]bool{
	faultproxy.Delay: true, faultproxy.Throttle: true, faultproxy.Stall: true, faultproxy.Drop: true,
}

// linkFaults befall the connection of the client, which is secured by TLS.
var linkFaults = []fault{
	linkFault("client-cut", "R37 R38", "the client's connection is closed", faultproxy.Cut),
	linkFault("client-reset", "R37 R38", "the client's connection is aborted", faultproxy.Reset),
	linkFault("client-flip", "R19", "a bit of the client's connection is flipped", faultproxy.Flip),
	linkFault("client-repeat", "R25", "bytes of the client's connection come twice",
		faultproxy.Repeat),
	linkFault("client-drop", "R23 R24", "one way of the client's connection swallows all",
		faultproxy.Drop),
	linkFault("client-stall", "R40", "one way of the client's connection stands still for a while",
		faultproxy.Stall),
	linkFault("client-slow", "R26", "200 ms round trip, 1 MiB/s", faultproxy.Delay,
		faultproxy.Throttle),
}

// linkFault does all of the actions at one place of the client's connection.
func linkFault(name, rows, what string, actions ...faultproxy.Action) fault {
	var proxy *faultproxy.Proxy // of the run; runs do not overlap
	return fault{
		name: name, rows: rows, what: what, severs: true,
		jobs: []string{"wordcount", "sort", "stream"},
		before: func(r *run) (func(), error) {
			var err error
			if proxy, err = startProxy(r.tcp); err != nil {
				return nil, err
			}
			r.reach = func(ctx context.Context) (*client.Client, error) {
				return r.dial(ctx, proxy.Addr().String())
			}
			return proxy.Close, nil
		},
		strike: func(ctx context.Context, r *run) error {
			return r.disturb(ctx, proxy, actions)
		},
	}
}

// startProxy starts a proxy of an address.
func startProxy(address string) (*faultproxy.Proxy, error) {
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		return nil, err
	}
	return faultproxy.Start(l, faultproxy.To(address)), nil
}

// disturb has the actions happen to what passes from now on, and stop after a while.
func (r *run) disturb(
	ctx context.Context, proxy *faultproxy.Proxy, actions []faultproxy.Action,
) error {
	var faults []faultproxy.Fault
	at := r.rng.Int64N(64 << 10)
	if len(r.workers) > 0 && !r.kind.open() {
		at >>= 6 // of such a job little but its outcome passes
	}
	for _, a := range actions {
		faults = append(faults, faultproxy.Fault{Action: a, At: at, Bit: uint(r.rng.IntN(8)),
			Length: 1 + r.rng.IntN(100), Delay: slowDelay, Rate: slowRate})
	}
	plan := faultproxy.Plan{ToClient: faults}
	if r.kind.open() && r.rng.IntN(2) == 0 {
		plan = faultproxy.Plan{ToServer: faults}
	}
	if len(actions) > 1 {
		plan = faultproxy.Both(faults...)
	}
	proxy.Set(plan)
	err := await(ctx, func() (bool, error) {
		happened := proxy.Done(actions[0]) > 0
		if happened {
			r.saw("%v at byte %d", actions, at)
		}
		return happened || r.over(), nil
	})
	if err != nil {
		return err
	}
	if lasts[actions[0]] {
		err = rest(ctx, time.Duration(r.rng.IntN(int(time.Second))))
	}
	proxy.Set(faultproxy.Plan{})
	return err
}
