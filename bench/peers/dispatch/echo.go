package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
)

// The physical floor: a worker at the other end of a TCP connection, or of two pipes, and nothing
// between. It answers with 8 bytes whatever the task has.

const pipe = "pipe"

// pipeWork is a worker on the standard streams.
func pipeWork(string) error {
	echo(os.Stdin, os.Stdout)
	return nil
}

// pipeSend starts a worker and sends it the tasks.
func pipeSend(address string, l load) error {
	c := exec.Command("/proc/self/exe", "-system", pipe, "-worker", address)
	w, err := c.StdinPipe()
	if err != nil {
		return err
	}
	r, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	err = exchange(r, w, l)
	return errors.Join(err, w.Close(), c.Wait())
}

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
		go func() {
			defer c.Close()
			echo(c, c)
		}()
	}
}

// echo answers until it can read no more.
func echo(in io.Reader, out io.Writer) {
	r, w := bufio.NewReaderSize(in, 64<<10), bufio.NewWriterSize(out, 64<<10)
	var head [4]byte
	task := make([]byte, answerBytes)
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if len(task) < n {
			task = make([]byte, n)
		}
		if _, err := io.ReadFull(r, task[:n]); err != nil {
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
	return exchange(c, c, l)
}

// exchange sends the tasks and takes the answers.
func exchange(in io.Reader, out io.Writer, l load) error {
	places, failed := newWindow(l.depth), make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(out, 64<<10)
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
	r := bufio.NewReaderSize(in, 64<<10)
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
