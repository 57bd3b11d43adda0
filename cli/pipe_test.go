//go:build linux

package cli_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// testPrograms are what the task processes of the tests run besides the built-in jobs.
var testPrograms = []fanfold.Program{hanging(), attacking()}

// hanging is a program whose mapper says that it is up and never comes back.
func hanging() fanfold.Program {
	return fanfold.Program{
		Name: "hang",
		Map: fanfold.MapLines(func([]byte, *fanfold.Emitter) error {
			if err := os.WriteFile("up", []byte("up\n"), 0); err != nil {
				return err
			}
			select {}
		}),
	}
}

// attacking is a program whose mapper writes to the pipe that its process has to the coordinator.
// It leaves then, with the parameter leave, or never comes back.
func attacking() fanfold.Program {
	return fanfold.Program{
		Name: "attack",
		Map: func(task *fanfold.Task) (fanfold.Mapper, error) {
			all := pipeAttacks()
			i := slices.IndexFunc(all, func(a hostile) bool { return a.name == task.Param("say", "") })
			if i < 0 {
				return nil, fmt.Errorf("nothing is named %q", task.Param("say", ""))
			}
			return fanfold.MapperFunc(func(fanfold.Record, *fanfold.Emitter) error {
				writePipe(all[i].bytes)
				if task.Param("leave", "") != "" {
					os.Exit(0)
				}
				select {}
			}), nil
		},
	}
}

// protocolPipe finds the descriptor on which this task process writes frames: the pipe to write
// that is not its log.
func protocolPipe() int {
	for fd := 3; fd < 256; fd++ {
		var st unix.Stat_t
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil && flags&unix.O_ACCMODE == unix.O_WRONLY && unix.Fstat(fd, &st) == nil &&
			st.Mode&unix.S_IFMT == unix.S_IFIFO {
			return fd
		}
	}
	panic("this process has no pipe to the coordinator")
}

// writePipe writes to the coordinator past the process's own connection.
func writePipe(b []byte) {
	fd := protocolPipe()
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EAGAIN, unix.EINTR:
			_, _ = unix.Poll(poll, -1) // the write says what is wrong
		default:
			return
		}
	}
}

// pipeAttacks are what attacking can say. Process and port have their frames checked by the same
// code, so that a few of each sort are enough here.
func pipeAttacks() []hostile {
	beat := func(v []byte) []byte {
		return message(protocol.KindBeat, []byte{1}, []byte{0}, []byte{0xa0}, v)
	}
	chosen := []string{"array of 4 G", "depth", "empty maps", "a map with nil as key",
		"length bomb", "noise", "an unknown kind", "a trailing byte"}
	all := slices.Concat(within(values(protocol.ControlMax-64), beat), bodies())
	all = slices.DeleteFunc(all, func(a hostile) bool { return !slices.Contains(chosen, a.name) })
	return append(all,
		hostile{"a client's message", query()},
		hostile{"a worker's message", message(protocol.KindHeartbeat, []byte{1})},
		hostile{"half a frame", []byte{0, 0x20, 0, 0, 0x95, byte(protocol.KindDone), 1}})
}

// TestR09HostileTaskProcess has user code write to its process's pipe. The attempt fails; the
// coordinator lives, its memory stays bounded, and other jobs go on.
func TestR09HostileTaskProcess(t *testing.T) {
	h := newHome(t)
	in := h.file("in", inputLines)
	a := h.attacked("--slots", "2")
	c := h.dial()
	defer c.Close()
	other := h.bystander()
	attack := func(limit time.Duration, params map[string]string) error {
		other.act()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		job := fanfold.Job{Program: "attack", Params: params, Inputs: []string{in}, MaxAttempts: 1,
			ProgressTimeout: limit}
		_, _, err := submitTo(ctx, c, job, nil)
		return err
	}
	before := a.peak()
	broken := []fanfold.Kind{fanfold.KindProtocol, fanfold.KindCrashed}
	all := pipeAttacks()
	for _, say := range all[:len(all)-1] {
		err := attack(0, map[string]string{"say": say.name})
		if !slices.Contains(broken, fanfold.KindOf(err)) {
			t.Errorf("%s: got %v, want kind protocol or crashed", say.name, err)
		}
	}
	half := all[len(all)-1].name
	err := attack(0, map[string]string{"say": half, "leave": "yes"})
	if !slices.Contains(broken, fanfold.KindOf(err)) {
		t.Errorf("%s, and leave: got %v, want kind protocol or crashed", half, err)
	}
	err = attack(time.Second, map[string]string{"say": half})
	if fanfold.KindOf(err) != fanfold.KindTimeout {
		t.Errorf("%s, and silence: got %v, want kind timeout", half, err)
	}
	other.check()
	if grown := a.peak() - before; grown > 128<<20 {
		t.Errorf("the coordinator's memory has grown by %d MiB", grown>>20)
	}
	a.end()
	h.checkNothingLeft()
}
