package protocol

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

// parrot plays a coordinator whose open jobs answer each task with its own bytes, the last one
// first. A task "fail" fails, one "say" says something ahead of its result.
type parrot struct {
	c       *Conn
	tasks   []Task
	granted int // for Tasks
	credit  int // for Replies
	owed    int // what the Replies so far have cost, that no Credit has acknowledged
	ended   bool
}

// next handles what the client sends.
func (p *parrot) next(m Message) error {
	switch m.Kind {
	case KindSubmit:
		var s Submit
		if err := Decode(m, &s); err != nil {
			return err
		}
		if len(s.Open) != 1 || s.Open[0] != (OpenSpec{}) || s.Job.Program != "echo" {
			return fmt.Errorf("got %+v", s)
		}
		p.credit, p.granted = int(s.Credit), InputWindow
		return p.c.transmit(&Accepted{Request: s.Request, Job: make([]byte, 16)})
	case KindTask:
		var task Task
		if err := Decode(m, &task); err != nil {
			return err
		}
		if p.granted <= 0 || task.Tag != uint64(len(p.tasks)+1) {
			return fmt.Errorf("task %d came, with %d bytes of credit", task.Tag, p.granted)
		}
		cost := len(task.Data) + TaskCost
		if p.granted -= cost; p.granted <= 0 {
			more := InputWindow - p.granted
			p.granted = InputWindow
			if err := p.c.transmit(&Credit{Stream: 1, Bytes: int64(more)}); err != nil {
				return err
			}
		}
		task.Data = slices.Clone(task.Data)
		p.tasks = append(p.tasks, task)
	case KindInputEnd:
		p.ended = true
	case KindCredit:
		var credit Credit
		if err := Decode(m, &credit); err != nil {
			return err
		}
		p.credit += int(credit.Bytes)
		p.owed -= int(credit.Bytes)
	}
	return nil
}

// until reads until done.
func (p *parrot) until(done func() bool) error {
	var b Batch
	for !done() {
		if err := p.c.Read(&b); err != nil {
			return err
		}
		for m := range b.All() {
			if err := p.next(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// say sends a Reply or a Partial with so much data, under credit.
func (p *parrot) say(v Body, data []byte) error {
	if err := p.until(func() bool { return p.credit > 0 }); err != nil {
		return err
	}
	p.credit -= len(data) + TaskCost
	p.owed += len(data) + TaskCost
	return p.c.transmit(v)
}

func (p *parrot) answer(task Task) error {
	r := Reply{Request: 1, Tag: task.Tag, State: uint8(fanfold.Succeeded), Data: task.Data,
		Attempts: 1, Worker: "local"}
	switch string(task.Data) {
	case "say":
		err := p.say(&Partial{Stream: 1, Tag: task.Tag, Number: 1, Status: "step 1 of 2"}, nil)
		if err != nil {
			return err
		}
	case "fail":
		r.State, r.Data = uint8(fanfold.Failed), nil
		r.Failure = []Failure{{Kind: uint32(fanfold.KindUser), Op: "run handler", Message: "no"}}
	}
	return p.say(&r, r.Data)
}

func (p *parrot) serve() error {
	if err := p.until(func() bool { return p.ended }); err != nil {
		return err
	}
	end := Ended{Request: 1, State: uint32(fanfold.Succeeded), Records: int64(len(p.tasks))}
	for _, task := range slices.Backward(p.tasks) {
		if err := p.answer(task); err != nil {
			return err
		}
		if string(task.Data) == "fail" {
			end.State, end.Failure = uint32(fanfold.Failed), []Failure{{Kind: 2, Message: "1 task"}}
		}
	}
	if err := p.until(func() bool { return p.owed == 0 }); err != nil {
		return err // every Reply was acknowledged
	}
	if err := p.c.Send(&end); err != nil {
		return err
	}
	return p.c.Shutdown(context.Background())
}

// TestPythonStream checks that a client written from the specification alone can run an open job.
func TestPythonStream(t *testing.T) {
	for name, input := range map[string]string{
		"empty": "", "one": "to be\n", "no last newline": "to be\nor not", "empty line": "a\n\nb\n",
		"many": strings.Repeat("0123456789\n", 20_000), "long": strings.Repeat("x", 3<<20) + "\ny\n",
	} {
		out, errs, exit := stranger(t, testToken, []byte(input), func(c *Conn) error {
			return (&parrot{c: c}).serve()
		}, "stream", "echo")
		lines := strings.Split(strings.TrimSuffix(input, "\n"), "\n")
		slices.Reverse(lines)
		want := strings.Join(lines, "\n") + "\n"
		if input == "" {
			want = ""
		}
		if exit != 0 || out != want || errs != "" {
			t.Errorf("%s: got %d bytes, exit code %d and %q, want %d bytes",
				name, len(out), exit, errs, len(want))
		}
	}
}

// TestPythonStreamTells checks that it tells of failures and of what comes ahead of a result.
func TestPythonStreamTells(t *testing.T) {
	input := []byte("say\nfail\nb\n")
	out, errs, exit := stranger(t, testToken, input, func(c *Conn) error {
		return (&parrot{c: c}).serve()
	}, "stream", "echo")
	want := "client.py: task 2: run handler: no\nclient.py: task 1: step 1 of 2\nclient.py: 1 task\n"
	if exit != 1 || out != "b\nsay\n" || errs != want {
		t.Errorf("got %q, %q and exit code %d, want %q", out, errs, exit, want)
	}
	_, errs, exit = stranger(t, testToken, bytes.Repeat(input, 1000), func(c *Conn) error {
		p := &parrot{c: c}
		if err := p.until(func() bool { return len(p.tasks) > 0 }); err != nil {
			return err
		}
		return c.Fail(context.Background(), fanfold.Errorf(fanfold.KindBusy, "submit", "later"))
	}, "stream", "echo")
	if exit != fanfold.ExitBusy || !strings.Contains(errs, "submit: later") {
		t.Errorf("refused: got %q and exit code %d", errs, exit)
	}
}
