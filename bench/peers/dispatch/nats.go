package main

import (
	"os/exec"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

const natsSubject = "first"

func natsServer(address, dir string) *exec.Cmd {
	return exec.Command("nats-server", "--addr", "127.0.0.1", "--port", port(address),
		"--log", dir+"/log")
}

func dialNATS(address string) (*nats.Conn, error) {
	return nats.Connect("nats://"+address, nats.NoReconnect())
}

func natsWork(address string) error {
	c, err := dialNATS(address)
	if err != nil {
		return err
	}
	gone := make(chan struct{})
	c.SetClosedHandler(func(*nats.Conn) { close(gone) })
	if _, err := c.QueueSubscribe(natsSubject, "workers", func(m *nats.Msg) {
		_ = m.Respond(answer(m.Data))
	}); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	<-gone
	return nil
}

// natsSend uses one inbox for all answers, as the client's own Request does.
func natsSend(address string, l load) error {
	c, err := dialNATS(address)
	if err != nil {
		return err
	}
	defer c.Close()
	places, all := newWindow(l.depth), make(chan struct{})
	inbox := nats.NewInbox()
	var done atomic.Int64
	sub, err := c.Subscribe(inbox, func(*nats.Msg) {
		l.answered()
		places.give()
		if done.Add(1) == int64(l.tasks) {
			close(all)
		}
	})
	if err != nil {
		return err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	for range l.tasks {
		places.take()
		if err := c.PublishRequest(natsSubject, inbox, l.payload); err != nil {
			return err
		}
	}
	<-all
	return nil
}
