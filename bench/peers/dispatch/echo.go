package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
)

// The physical floor: a worker at the other end of a TCP connection, and nothing between.

func echoWork(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go echoServe(c)
	}
}

func echoServe(c net.Conn) {
	defer c.Close()
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriterSize(c, 64<<10)
	var head [4]byte
	var task []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if cap(task) < n {
			task = make([]byte, n)
		}
		task = task[:n]
		if _, err := io.ReadFull(r, task); err != nil {
			return
		}
		w.Write(task[:answerBytes])
		if r.Buffered() == 0 {
			w.Flush()
		}
	}
}

func echoSend(address string, l load) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	places, failed := newWindow(l.depth), make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(c, 64<<10)
		head := binary.BigEndian.AppendUint32(nil, uint32(len(l.payload)))
		for range l.tasks {
			select {
			case places <- struct{}{}:
			default:
				w.Flush()
				places.take()
			}
			w.Write(head)
			w.Write(l.payload)
		}
		failed <- w.Flush()
	}()
	r := bufio.NewReaderSize(c, 64<<10)
	var answer [answerBytes]byte
	for range l.tasks {
		if _, err := io.ReadFull(r, answer[:]); err != nil {
			return err
		}
		l.answered()
		places.give()
	}
	return <-failed
}
