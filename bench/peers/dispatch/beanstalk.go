package main

import (
	"errors"
	"os/exec"
	"time"

	"github.com/beanstalkd/go-beanstalk"
)

// beanstalkd has no answers: a worker puts them into a tube of their own.
const (
	taskTube   = "tasks"
	answerTube = "answers"
	longest    = time.Minute
)

func beanstalkServer(address, _ string) *exec.Cmd {
	return exec.Command("beanstalkd", "-l", "127.0.0.1", "-p", port(address))
}

// beanstalkWork takes jobs of one tube, and puts answers into another, until the server is gone.
func beanstalkWork(address string) error {
	c, err := beanstalk.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	in, out := beanstalk.NewTubeSet(c, taskTube), beanstalk.NewTube(c, answerTube)
	for {
		id, task, err := in.Reserve(longest)
		if errors.Is(err, beanstalk.ErrTimeout) {
			continue
		} else if err != nil {
			return nil
		}
		if _, err := out.Put(answer(task), 1, 0, longest); err != nil {
			return nil
		}
		if err := c.Delete(id); err != nil {
			return nil
		}
	}
}

func beanstalkSend(address string, l load) error {
	puts, err := beanstalk.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer puts.Close()
	takes, err := beanstalk.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer takes.Close()
	places, failed := newWindow(l.depth), make(chan error, 1)
	go func() {
		tube := beanstalk.NewTube(puts, taskTube)
		for range l.tasks {
			places.take()
			if _, err := tube.Put(l.payload, 1, 0, longest); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	answers := beanstalk.NewTubeSet(takes, answerTube)
	for range l.tasks {
		id, _, err := answers.Reserve(longest)
		if err != nil {
			return err
		}
		if err := takes.Delete(id); err != nil {
			return err
		}
		l.answered()
		places.give()
	}
	return <-failed
}
