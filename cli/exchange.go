package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// exchange is a stream between standard input and standard output: one goroutine sends the lines,
// another prints the results.
type exchange struct {
	app    *app
	stream *client.Stream
	flags  *streamFlags
	route  func([]byte) ([]byte, bool)
	isTalk bool // somebody types the tasks and reads the results

	mu  sync.Mutex        // guards what follows
	ids map[uint64][]byte // JSON: the ids of tasks that are not answered, by tag
	all int               // tasks sent

	failed int // tasks
}

// run sends and prints until the stream has ended.
func (x *exchange) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	sent := make(chan error, 1)
	go func() {
		err := x.sendLines(ctx)
		if err != nil {
			stop(err) // what has no result yet will have none
		}
		_ = x.stream.CloseSend() // or the stream has ended, which printAll sees
		sent <- err
	}()
	out := bufio.NewWriterSize(outputWriter{x.app.stdout}, 64<<10)
	err := x.printAll(ctx, out)
	err = errors.Join(err, out.Flush())
	if err != nil {
		stop(err)
		_ = x.stream.Close() // cancels the job, or leaves one that is kept
	}
	sendErr := <-sent
	switch {
	case errors.Is(err, errClosedPipe):
		return err
	case sendErr != nil && context.Cause(ctx) == sendErr:
		return sendErr
	case err != nil:
		return err
	}
	return x.end(out)
}

// end prints the reduced result, and says how the stream ended.
func (x *exchange) end(out *bufio.Writer) error {
	reduced, sum, err := x.stream.Wait()
	if _, werr := out.Write(reduced); werr != nil {
		return werr
	}
	if n := len(reduced); n > 0 && reduced[n-1] != '\n' {
		_ = out.WriteByte('\n') // the error is that of Flush
	}
	if werr := out.Flush(); werr != nil {
		return werr
	}
	if x.failed > 0 && sum.State == fanfold.Failed {
		return errTasksFailed(x.failed, x.all)
	}
	return err
}

// sendLines sends what standard input has, to its end.
func (x *exchange) sendLines(ctx context.Context) error {
	in := x.app.input(ctx)
	defer in.Close()
	lines := bufio.NewReaderSize(in, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		x.prompt()
		var err error
		line, err = readLine(lines, line[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = x.sendLine(ctx, line)
		}
		if err != nil {
			e := *fanfold.UserError("send task", err)
			e.Input, e.Offset = fmt.Sprintf("line %d of standard input", n), -1
			return &e
		}
	}
}

// readLine reads a line without its LF; the last one may lack it.
func readLine(r *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
		if len(line) > 2*fanfold.PayloadMax {
			return line, fanfold.Errorf(fanfold.KindTooLarge, "read task",
				"a line of over %d bytes: the most is %d", len(line), fanfold.PayloadMax)
		}
	}
}

func (x *exchange) prompt() {
	if x.isTalk {
		fmt.Fprint(x.app.stderr, "> ")
	}
}

// taskObject is a task as JSON.
type taskObject struct {
	ID       json.RawMessage `json:"id"`
	Key      string          `json:"key"`
	Payload  *string         `json:"payload"`
	Bytes    []byte          `json:"payload_b64"`
	Deadline float64         `json:"deadline"` // seconds
	Priority *int            `json:"priority"`
	All      bool            `json:"all"`
	OneWay   bool            `json:"one_way"`
	Once     string          `json:"idempotency_key"`
}

// sendLine sends one task.
func (x *exchange) sendLine(ctx context.Context, line []byte) error {
	t, id := client.Task{Data: line}, []byte(nil)
	if x.flags.json {
		var o taskObject
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			return usagef("read task", "it is no task as JSON: %w", err)
		}
		if o.Payload != nil {
			o.Bytes = []byte(*o.Payload)
		}
		t = client.Task{
			Data: o.Bytes, Key: []byte(o.Key), All: o.All, OneWay: o.OneWay, ID: o.Once,
			Deadline: time.Duration(o.Deadline * float64(time.Second)),
		}
		if o.Priority != nil {
			if t.Priority = *o.Priority + 1; t.Priority < 1 || t.Priority > 8 {
				return usagef("read task", "priority %d: want 0 to 7", *o.Priority)
			}
		}
		id = o.ID
	}
	if n := x.flags.keyField; n > 0 && len(t.Key) == 0 {
		words := bytes.Fields(t.Data)
		if len(words) < n {
			return usagef("read task", "it has %d words, and the key is word %d", len(words), n)
		}
		t.Key = words[n-1]
	} else if x.route != nil && len(t.Key) == 0 && !t.All {
		t.Key, t.All = x.route(t.Data)
	}
	x.mu.Lock()
	defer x.mu.Unlock() // the result must not come before its id is known
	tag, err := x.stream.Send(ctx, t)
	if err != nil {
		return err
	}
	x.all++
	if x.flags.json && !t.OneWay {
		x.ids[tag] = id
	}
	return nil
}

// printAll prints the results.
func (x *exchange) printAll(ctx context.Context, out *bufio.Writer) error {
	for {
		if x.stream.Pending() == 0 || x.isTalk {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		r, err := x.stream.Recv(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case r.Moved != nil:
			x.tellMoved(r)
			continue
		case !r.Partial && r.State != fanfold.Succeeded:
			x.failed++
		}
		if x.flags.json {
			err = x.printObject(out, r)
		} else {
			err = x.printText(out, r)
		}
		if err != nil {
			return err
		}
	}
}

func (x *exchange) tellMoved(r *client.Result) {
	if m := r.Moved; m.Lost && !x.app.quiet {
		fmt.Fprintf(x.app.stderr, "%s: shard %d was lost; restored: %t; %d tasks behind\n",
			x.app.name, m.Shard, m.Restored, m.Behind)
	}
}

// printText prints a result as a line. What is no result goes to standard error.
func (x *exchange) printText(out *bufio.Writer, r *client.Result) error {
	switch {
	case r.Partial && r.Status != "":
		if !x.app.quiet {
			fmt.Fprintf(x.app.stderr, "task %d: %s\n", r.Tag, printable(r.Status))
		}
		return nil
	case !r.Partial && r.State != fanfold.Succeeded:
		fmt.Fprintf(x.app.stderr, "%s: task %d %s after %d attempts\n", x.app.name, r.Tag, r.State,
			r.Attempts)
		if r.Err != nil {
			x.app.report(x.app.stderr, r.Err)
		}
		return nil
	}
	if _, err := out.Write(r.Data); err != nil {
		return err
	}
	if n := len(r.Data); x.route != nil && n > 0 && r.Data[n-1] == '\n' {
		return nil // an answer of several lines
	}
	return out.WriteByte('\n')
}

// resultObject is a result as JSON. The schema is documented and stable: fields are only added.
type resultObject struct {
	ID       json.RawMessage `json:"id,omitempty"`
	State    string          `json:"state"`
	Result   *string         `json:"result,omitempty"`
	Bytes    []byte          `json:"result_b64,omitempty"`
	Status   string          `json:"status,omitempty"`
	Error    string          `json:"error,omitempty"`
	Attempts int             `json:"attempts"`
	Worker   string          `json:"worker,omitempty"`
	Again    bool            `json:"again,omitempty"`
}

func (x *exchange) printObject(out *bufio.Writer, r *client.Result) error {
	o := resultObject{
		ID: x.idOf(r), State: r.State.String(), Status: r.Status, Attempts: r.Attempts,
		Worker: r.Worker, Again: r.Again,
	}
	if r.Partial {
		o.State = "partial"
	}
	switch text := string(r.Data); {
	case r.Err != nil:
		o.Error = r.Err.Error()
	case r.Status != "":
	case utf8.ValidString(text):
		o.Result = &text
	default:
		o.Bytes = r.Data
	}
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}

// idOf is the id that a task was given, or else its number.
func (x *exchange) idOf(r *client.Result) json.RawMessage {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := x.ids[r.Tag]
	if !r.Partial {
		delete(x.ids, r.Tag)
	}
	if len(id) == 0 {
		id = strconv.AppendUint(nil, r.Tag, 10)
	}
	return id
}
