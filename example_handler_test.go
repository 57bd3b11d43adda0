package fanfold_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/fanfold/fanfold"
)

// shout is a Handler: it answers each task in capitals.
type shout struct{}

func (shout) Handle(_ context.Context, in []byte, reply *fanfold.Reply) error {
	if len(in) == 0 {
		return fanfold.Errorf(fanfold.KindUsage, "shout", "nothing to say")
	}
	reply.SetResult(append(reply.Buffer(), bytes.ToUpper(in)...))
	return nil
}

// A program for open jobs. With cli.Main it answers the lines that `fanfold stream shout` reads, in
// as many processes as there are slots.
func ExampleHandler() {
	program := fanfold.Program{
		Name:   "shout",
		Handle: func(*fanfold.Task) (fanfold.Handler, error) { return shout{}, nil },
	}
	ask(program, nil, "hello", "", "world")
	// Output:
	// HELLO
	// error: shout: nothing to say
	// WORLD
}

// votes is a Handler with a state: how often each candidate was named. All tasks that name the same
// one go to the same value, one after the other.
type votes struct{ count map[string]int }

func (v *votes) Handle(_ context.Context, in []byte, reply *fanfold.Reply) error {
	v.count[string(in)]++
	reply.SetResult(strconv.AppendInt(reply.Buffer(), int64(v.count[string(in)]), 10))
	return nil
}

// Snapshot writes what a value that takes over needs.
func (v *votes) Snapshot(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d\n", len(v.count))
	for name, n := range v.count {
		if _, err := fmt.Fprintf(w, "%q %d\n", name, n); err != nil {
			return err
		}
	}
	return err
}

// Restore reads what Snapshot has written.
func (v *votes) Restore(r io.Reader) error {
	var lines, n int
	var name string
	if _, err := fmt.Fscanln(r, &lines); err != nil {
		return err
	}
	for range lines {
		if _, err := fmt.Fscanf(r, "%q %d\n", &name, &n); err != nil {
			return err
		}
		v.count[name] = n
	}
	return nil
}

// A stateful program. Route makes the name that is voted for the key of the task. When the process
// of a shard dies, another one goes on from the last snapshot.
func ExampleSnapshotter() {
	program := fanfold.Program{
		Name:     "votes",
		Stateful: true,
		Route:    func(payload []byte) (key []byte, all bool) { return payload, false },
		Handle: func(*fanfold.Task) (fanfold.Handler, error) {
			return &votes{count: map[string]int{}}, nil
		},
	}
	var state bytes.Buffer
	first := ask(program, nil, "ann", "bob", "ann")
	if err := first.(fanfold.Snapshotter).Snapshot(&state); err != nil {
		fmt.Println("error:", err)
	}
	ask(program, &state, "ann", "bob")
	// Output:
	// 1
	// 1
	// 2
	// 3
	// 2
}

// ask makes a handler, gives it tasks, and prints the answers. The system does that in a task
// process, and restores the state of a shard that was in another one.
func ask(p fanfold.Program, state io.Reader, tasks ...string) fanfold.Handler {
	ctx := context.Background()
	h, err := p.Handle(fanfold.NewTask(ctx, fanfold.Task{Program: p.Name}))
	if err == nil && state != nil {
		err = h.(fanfold.Snapshotter).Restore(state)
	}
	if err != nil {
		fmt.Println("error:", err)
		return nil
	}
	for _, in := range tasks {
		reply := &fanfold.Reply{Input: []byte(in)}
		if err := h.Handle(ctx, reply.In(), reply); err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Printf("%s\n", reply.Buffer())
	}
	return h
}
