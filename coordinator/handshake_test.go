package coordinator

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestHandshakesOfOneHostAreLimited checks that one host cannot keep others out.
func TestHandshakesOfOneHostAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{Limits: Limits{HandshakesMax: 8, HandshakesPerHost: 2}}, 1)
		var all []*shaking
		for _, host := range []string{"h1", "", "h1", "h2", "", "", "h1"} {
			all = append(all, c.server.enter(t.Context(), host))
		}
		for i, h := range all {
			if evicted := errors.Is(context.Cause(h.ctx), errEvicted); evicted != (i == 0) {
				t.Errorf("handshake %d of %q: evicted is %v", i, h.host, evicted)
			}
		}
		pass(5 * time.Second)
		synctest.Wait()
		for i, h := range all {
			if h.ctx.Err() == nil {
				t.Errorf("handshake %d of %q goes on after its time", i, h.host)
			}
			h.leave()
		}
		if n := c.server.handshakes.under.Len(); n != 0 {
			t.Errorf("%d handshakes are left", n)
		}
	})
}

func TestHostOf(t *testing.T) {
	for _, tt := range []struct {
		address net.Addr
		want    string
	}{
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 1}, "10.0.0.7"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::7"), Port: 2}, "fe80::7"},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 3}, ""},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 4}, ""},
		{&net.UnixAddr{Name: "/s", Net: "unix"}, ""},
	} {
		if got := hostOf(tt.address); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.address, got, tt.want)
		}
	}
}
