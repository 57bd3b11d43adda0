package fanfoldtest_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/fanfoldtest"
)

// TestMain is also the main of the task processes.
func TestMain(m *testing.M) {
	code := fanfoldtest.Main(m, programs...)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// programs are those of all task processes.
var programs = []fanfold.Program{words, lines, parrot, upper, fussy}

// words counts words. With the parameter "map", or "reduce", each such attempt meets the director
// there before its first record.
var words = fanfold.Program{
	Name: "words",
	Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		return &wordMapper{actor{t, t.Param("map", "")}}, nil
	},
	Reduce: func(t *fanfold.Task) (fanfold.Reducer, error) {
		return &adder{actor{t, t.Param("reduce", "")}}, nil
	},
}

// lines is map-only: each line as it is, with the parameter "map" as words has it.
var lines = fanfold.Program{
	Name: "lines",
	Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
		return &lineMapper{actor{t, t.Param("map", "")}}, nil
	},
}

type wordMapper struct{ actor }

func (m *wordMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if err := m.act(); err != nil {
		return err
	}
	for word := range bytes.FieldsSeq(rec.Value) {
		emit.Emit(word, []byte("1"))
	}
	return nil
}

type adder struct{ actor }

func (r *adder) Reduce(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	if err := r.act(); err != nil {
		return err
	}
	sum := 0
	for value := range values.All() {
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return err
		}
		sum += n
	}
	emit.Emit(key, strconv.AppendInt(nil, int64(sum), 10))
	return nil
}

type lineMapper struct{ actor }

func (m *lineMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if err := m.act(); err != nil {
		return err
	}
	emit.Emit(rec.Value, nil)
	return nil
}

// actor does what the director says, once.
type actor struct {
	task   *fanfold.Task
	socket string // "": there is no director
}

func (a *actor) act() error {
	if a.socket == "" {
		return nil
	}
	what, err := meet(a.socket, a.task)
	if err != nil {
		return err
	}
	socket := a.socket
	a.socket = ""
	verb, rest, _ := strings.Cut(what, " ")
	switch verb {
	case "go":
	case "fail":
		return fmt.Errorf("told to fail: %s", rest)
	case "panic":
		panic(rest)
	case "exit":
		fmt.Println("last words")
		os.Exit(number(rest))
	case "signal":
		_ = syscall.Kill(os.Getpid(), syscall.Signal(number(rest)))
		select {}
	case "hang":
		select {}
	case "print":
		fmt.Print(strings.Repeat("\x93\x00\xff{\n", number(rest)/5))
	case "inject": // into the protocol, behind the back of what serves it
		if err := inject(unhex(rest)); err != nil {
			return err
		}
		select {}
	case "linger": // go on, and meet the director once more beside that
		task := a.task
		go func() {
			if what, err := meet(socket, task); err == nil {
				os.Exit(number(what))
			}
		}()
	default:
		return fmt.Errorf("do not know how to %s", verb)
	}
	return nil
}

// inject writes to the one pipe that this process has for writing besides its log.
func inject(raw string) error {
	for fd := 3; fd < 64; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil && flags&unix.O_ACCMODE == unix.O_WRONLY {
			_, err = unix.Write(fd, []byte(raw))
			return err
		}
	}
	return errors.New("found no protocol to write to")
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func unhex(text string) (raw string) {
	if _, err := fmt.Sscanf(text, "%x", &raw); err != nil {
		panic(err)
	}
	return raw
}
