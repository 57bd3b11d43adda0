package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os/exec"
)

// The packets of Gearman's binary protocol that are used here: http://gearman.org/protocol/.
const (
	canDo        = 1
	preSleep     = 4
	noop         = 6
	submitJob    = 7
	jobCreated   = 8
	grabJob      = 9
	noJob        = 10
	jobAssign    = 11
	workComplete = 13
)

const gearmanFunction = "first"

func gearmanServer(address, dir string) *exec.Cmd {
	return exec.Command("gearmand", "--listen", "127.0.0.1", "--port", port(address),
		"--log-file", dir+"/log", "--pid-file", dir+"/pid")
}

// gearman is one connection.
type gearman struct {
	net.Conn
	r   *bufio.Reader
	w   *bufio.Writer
	buf []byte
}

func dialGearman(address string) (*gearman, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &gearman{Conn: c, r: bufio.NewReaderSize(c, 64<<10), w: bufio.NewWriterSize(c, 64<<10)}, nil
}

func (g *gearman) put(kind uint32, args ...[]byte) {
	size := max(0, len(args)-1)
	for _, a := range args {
		size += len(a)
	}
	head := append(g.buf[:0], "\x00REQ"...)
	head = binary.BigEndian.AppendUint32(head, kind)
	head = binary.BigEndian.AppendUint32(head, uint32(size))
	g.w.Write(head)
	for i, a := range args {
		if i > 0 {
			g.w.WriteByte(0)
		}
		g.w.Write(a)
	}
	g.buf = head
}

func (g *gearman) get() (kind uint32, body []byte, err error) {
	var head [12]byte
	if _, err := io.ReadFull(g.r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[8:]))
	_, err = io.ReadFull(g.r, body)
	return binary.BigEndian.Uint32(head[4:]), body, err
}

func gearmanWork(address string) error {
	g, err := dialGearman(address)
	if err != nil {
		return err
	}
	defer g.Close()
	g.put(canDo, []byte(gearmanFunction))
	g.put(grabJob)
	g.w.Flush()
	for {
		kind, body, err := g.get()
		if err != nil {
			return nil // the server is gone
		}
		switch kind {
		case noJob:
			g.put(preSleep)
		case noop:
			g.put(grabJob)
		case jobAssign:
			handle, task := cutZero(body)
			_, task = cutZero(task)
			g.put(workComplete, handle, answer(task))
			g.put(grabJob)
		}
		g.w.Flush()
	}
}

// cutZero cuts at the first zero byte.
func cutZero(b []byte) (before, after []byte) {
	for i, c := range b {
		if c == 0 {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

func gearmanSend(address string, l load) error {
	g, err := dialGearman(address)
	if err != nil {
		return err
	}
	defer g.Close()
	places := newWindow(l.depth)
	go func() {
		for range l.tasks {
			select {
			case places <- struct{}{}:
			default:
				g.w.Flush()
				places.take()
			}
			g.put(submitJob, []byte(gearmanFunction), nil, l.payload)
		}
		g.w.Flush()
	}()
	for done := 0; done < l.tasks; {
		kind, _, err := g.get()
		switch {
		case err != nil:
			return err
		case kind == workComplete:
			done++
			l.answered()
			places.give()
		case kind != jobCreated:
			return fmt.Errorf("gearmand sent packet %d", kind)
		}
	}
	return nil
}
