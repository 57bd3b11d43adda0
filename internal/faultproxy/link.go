package faultproxy

import (
	"net"
	"sync"
)

// link is one connection that passes through: two ways, from client to server and back.
type link struct {
	client, server     net.Conn
	toServer, toClient *way
	closed             chan struct{} // closed by reset and cut
	close              sync.Once
}

func newLink(p *Proxy, client, server net.Conn) *link {
	l := &link{client: client, server: server, closed: make(chan struct{})}
	l.toServer = newWay(p, l, client, server)
	l.toClient = newWay(p, l, server, client)
	l.toServer.back, l.toClient.back = l.toClient, l.toServer
	return l
}

// set makes a plan for what passes from now on. The caller sees to it that nobody else does.
func (l *link) set(plan Plan) {
	if l.toServer.lossy.Load() || l.toClient.lossy.Load() {
		l.reset()
		return
	}
	l.toServer.set(plan.ToServer)
	l.toClient.set(plan.ToClient)
}

// run passes bytes in both directions until both have ended.
func (l *link) run() {
	var both sync.WaitGroup
	for _, w := range []*way{l.toServer, l.toClient} {
		both.Go(w.read)
		both.Go(w.write)
	}
	both.Wait()
	l.cut()
}

// cut closes both connections in order.
func (l *link) cut() {
	l.close.Do(func() {
		close(l.closed)
		l.client.Close()
		l.server.Close()
	})
}

// reset aborts both connections.
func (l *link) reset() {
	l.close.Do(func() {
		close(l.closed)
		abort(l.client)
		abort(l.server)
	})
}

// abort closes a connection so that the other side sees an error and not an end.
func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed
	}
	c.Close()
}

// finish says that no more bytes come, and keeps the other direction.
func finish(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side may have gone
		return
	}
	c.Close()
}
