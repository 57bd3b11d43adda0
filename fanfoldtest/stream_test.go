package fanfoldtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/fanfoldtest"
	"github.com/fanfold/fanfold/protocol"
)

// parrot does what its tasks say: a word, and what that is about.
var parrot = fanfold.Program{
	Name:   "parrot",
	Handle: func(*fanfold.Task) (fanfold.Handler, error) { return parrotHandler{}, nil },
	Fold:   fanfold.Sum,
}

// gate holds up tasks that say so, in this process.
var gate = make(chan struct{})

type parrotHandler struct{}

func (parrotHandler) Handle(ctx context.Context, in []byte, reply *fanfold.Reply) error {
	word, rest, _ := bytes.Cut(in, []byte(" "))
	switch string(word) {
	case "echo":
	case "fail":
		return errors.New("told to fail")
	case "wait": // for its end
		if err := reply.Progress("waiting"); err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	case "gate":
		<-gate
	case "die": // the first time
		if reply.ID.Attempt == 1 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			<-ctx.Done()
		}
	case "say":
		if err := errors.Join(reply.Progress("about to"), reply.Partial(rest)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("what is %q", word)
	}
	_, err := reply.Write(rest)
	return err
}

// openParrot opens a stream of tasks for parrot.
func openParrot(t *testing.T, c *client.Client, spec client.StreamSpec) *client.Stream {
	t.Helper()
	spec.Job.Program, spec.Info = parrot.Name, protocol.InfoOf(&parrot)
	s, err := c.Open(context.Background(), spec) // t.Context ends before what Cleanup does
	if err != nil {
		t.Fatal(fanfoldtest.Describe(err))
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func startParrot(t *testing.T) *fanfoldtest.Cluster {
	t.Helper()
	return fanfoldtest.Start(t, fanfoldtest.Config{Programs: programs})
}

func say(word string, rest any) client.Task {
	return client.Task{Data: fmt.Appendf(nil, "%s %v", word, rest)}
}

// receive gives the next result.
func receive(t *testing.T, s *client.Stream) *client.Result {
	t.Helper()
	r, err := s.Recv(t.Context())
	if err != nil {
		t.Fatal(fanfoldtest.Describe(err))
	}
	return r
}

// post sends a task.
func post(t *testing.T, s *client.Stream, task client.Task) uint64 {
	t.Helper()
	tag, err := s.Send(t.Context(), task)
	if err != nil {
		t.Fatal(fanfoldtest.Describe(err))
	}
	return tag
}

func TestB1ResultsOfAStream(t *testing.T) {
	for _, processes := range []bool{false, true} {
		for _, ordered := range []bool{false, true} {
			t.Run(fmt.Sprintf("processes %t ordered %t", processes, ordered), func(t *testing.T) {
				c := fanfoldtest.Start(t, fanfoldtest.Config{Programs: programs, Processes: processes})
				exchangeAll(t, openParrot(t, c.Client(), client.StreamSpec{
					Ordered: ordered, Window: 16 << 10,
				}), ordered)
			})
		}
	}
}

// exchangeAll sends, calls and receives at once.
func exchangeAll(t *testing.T, s *client.Stream, ordered bool) {
	const n = 2000
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range n / 20 {
				r, err := s.Call(t.Context(), say("echo", i))
				if err != nil || string(r.Data) != strconv.Itoa(i) {
					t.Errorf("got %+v, %v, want %d", r, err, i)
				}
			}
		})
	}
	all.Go(func() {
		tasks := make([]client.Task, n)
		for i := range tasks {
			tasks[i] = say("echo", i)
		}
		results, err := s.CallAll(t.Context(), tasks)
		if err != nil {
			t.Error(err)
		}
		for i, r := range results {
			if string(r.Data) != strconv.Itoa(i) || r.Attempts < 1 || r.Worker != "test" {
				t.Errorf("got %+v, want %d", r, i)
			}
		}
	})
	all.Go(func() {
		for i := range n {
			if _, err := s.Send(t.Context(), say("echo", i)); err != nil {
				t.Error(err)
			}
		}
	})
	got := map[string]bool{}
	for i := range n {
		r := receive(t, s)
		if got[string(r.Data)] = true; ordered && string(r.Data) != strconv.Itoa(i) {
			t.Errorf("got %+v, want %d", r, i)
		}
	}
	all.Wait()
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
	if r, err := s.Recv(t.Context()); err != io.EOF || len(got) != n {
		t.Errorf("got %+v, %v, and %d results before it", r, err, len(got))
	}
	if _, sum, err := s.Wait(); err != nil || sum.State != fanfold.Succeeded ||
		sum.Records != 2*n+n/5 {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestB2OneWayTasks(t *testing.T) {
	s := openParrot(t, startParrot(t).Client(), client.StreamSpec{
		Job: fanfold.Job{MaxAttempts: 1},
	})
	quiet, bad := say("echo", 1), say("fail", "")
	quiet.OneWay, bad.OneWay = true, true
	post(t, s, quiet)
	tag := post(t, s, bad)
	if r := receive(t, s); r.Tag != tag || r.State != fanfold.Failed ||
		!strings.Contains(r.Err.Error(), "told to fail") {
		t.Errorf("got %+v", r)
	}
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
	if r, err := s.Recv(t.Context()); err != io.EOF {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, sum, err := s.Wait(); sum.State != fanfold.Failed || sum.Records != 1 ||
		fanfold.KindOf(err) != fanfold.KindUser {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestB3LargePayloads(t *testing.T) {
	s := openParrot(t, startParrot(t).Client(), client.StreamSpec{})
	tasks := make([]client.Task, 8)
	for i := range tasks {
		b := append(make([]byte, 0, fanfold.PayloadMax), "echo "...)
		random := rand.NewChaCha8([32]byte{byte(i)})
		b = b[:cap(b)-i]
		_, _ = random.Read(b[len("echo "):]) // it has no error
		tasks[i].Data = b
	}
	results, err := s.CallAll(t.Context(), tasks)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if !bytes.Equal(r.Data, tasks[i].Data[len("echo "):]) {
			t.Errorf("task %d: %s, %d bytes, %v", i, r.State, len(r.Data), r.Err)
		}
	}
}

func TestB4TasksOfAKeyRunInOrder(t *testing.T) {
	s := openParrot(t, startParrot(t).Client(), client.StreamSpec{})
	const n = 2048
	first := say("gate", "")
	first.Key = []byte("k")
	post(t, s, first)
	for i := range n {
		task := say("echo", i)
		task.Key = first.Key
		post(t, s, task)
	}
	// The worker is stuck with this key, but not with another.
	other := say("echo", "other")
	for i := 0; ; i++ {
		other.Key = fmt.Append(nil, "other ", i)
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		r, err := s.Call(ctx, other)
		stop()
		if err == nil && r.State == fanfold.Succeeded {
			break
		}
	}
	if s.Pending() > 0 {
		t.Error("something has run that was to wait")
	}
	gate <- struct{}{}
	receive(t, s)
	for i := range n {
		if r := receive(t, s); string(r.Data) != strconv.Itoa(i) {
			t.Fatalf("got %+v, want %d", r, i)
		}
	}
}

func TestB7StalledReceiver(t *testing.T) {
	c := startParrot(t)
	lazy := openParrot(t, c.Client(), client.StreamSpec{Window: 1 << 10})
	const n = 3000
	for i := range n {
		post(t, lazy, say("echo", i))
	}
	brisk := openParrot(t, c.Client(), client.StreamSpec{})
	another := c.Connect()
	defer another.Close()
	for _, s := range []*client.Stream{brisk, openParrot(t, another, client.StreamSpec{})} {
		tasks := make([]client.Task, n)
		for i := range tasks {
			tasks[i] = say("echo", i)
		}
		results, err := s.CallAll(t.Context(), tasks)
		if err != nil || string(results[n-1].Data) != strconv.Itoa(n-1) {
			t.Errorf("got %+v, %v", results[n-1], err)
		}
	}
	got := map[string]bool{}
	for range n {
		got[string(receive(t, lazy).Data)] = true
	}
	if len(got) != n {
		t.Errorf("got %d results, want %d", len(got), n)
	}
}

func TestB6KilledTaskOfAStream(t *testing.T) {
	c := startProcesses(t, 2)
	s := openParrot(t, c.Client(), client.StreamSpec{})
	post(t, s, say("die", "again"))
	if r := receive(t, s); string(r.Data) != "again" || r.Attempts < 2 {
		t.Errorf("got %+v, want a second attempt's result", r)
	}
}

func TestB6KillsUnderLoad(t *testing.T) {
	c := startProcesses(t, 2)
	s := openParrot(t, c.Client(), client.StreamSpec{})
	const n, killEvery = 5000, 500
	go func() {
		for i := range n {
			if _, err := s.Send(t.Context(), say("echo", i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	got, kills := map[string]bool{}, 0
	for i := range n {
		if i%killEvery == killEvery/2 && killAny(c, kills) {
			kills++
		}
		r := receive(t, s)
		if r.State != fanfold.Succeeded || got[string(r.Data)] {
			t.Errorf("got %+v", r)
		}
		got[string(r.Data)] = true
	}
	if kills == 0 || s.Unanswered() > 0 {
		t.Errorf("%d kills, and %d tasks have no result", kills, s.Unanswered())
	}
}

// killAny kills a task process of two slots, preferably that of the n-th. It reports whether there
// was one.
func killAny(c *fanfoldtest.Cluster, n int) bool {
	for i := range 2 {
		if c.Kill(fanfold.Slot((n+i)%2), syscall.SIGKILL) == nil {
			return true
		}
	}
	return false
}

func TestB14DeadlineOfCallAll(t *testing.T) {
	c := fanfoldtest.Start(t, fanfoldtest.Config{Programs: programs, Slots: 2})
	s := openParrot(t, c.Client(), client.StreamSpec{})
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	results, err := s.CallAll(ctx, []client.Task{say("echo", 1), say("wait", ""), say("echo", 3)})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1", "", "3"} {
		state := fanfold.Succeeded
		if want == "" {
			state = fanfold.TimedOut
		}
		if r := results[i]; string(r.Data) != want || r.State != state {
			t.Errorf("got %+v, want %s %q", r, state, want)
		}
	}
	// The slot of the one that was late is free again.
	results, err = s.CallAll(t.Context(), []client.Task{say("echo", 4), say("echo", 5)})
	if err != nil || string(results[0].Data)+string(results[1].Data) != "45" {
		t.Errorf("got %+v, %v", results, err)
	}
}

func TestCancelOfATask(t *testing.T) {
	s := openParrot(t, startParrot(t).Client(), client.StreamSpec{})
	tag := post(t, s, say("wait", ""))
	if r := receive(t, s); !r.Partial || r.Status != "waiting" || r.Tag != tag {
		t.Errorf("got %+v", r)
	}
	if err := s.Cancel(tag); err != nil {
		t.Error(err)
	}
	if r := receive(t, s); r.Tag != tag || r.State != fanfold.Cancelled ||
		r.Err.Kind != fanfold.KindCancelled {
		t.Errorf("got %+v", r)
	}
	post(t, s, say("wait", ""))
	receive(t, s)
	if err := s.Cancel(0); err != nil {
		t.Error(err)
	}
	if r := receive(t, s); r.State != fanfold.Cancelled {
		t.Errorf("got %+v", r)
	}
	if r, err := s.Recv(t.Context()); fanfold.KindOf(err) != fanfold.KindCancelled {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestPartialResultsOfACall(t *testing.T) {
	s := openParrot(t, startParrot(t).Client(), client.StreamSpec{})
	var said []string
	task := say("say", "hello")
	task.OnPartial = func(r client.Result) { said = append(said, r.Status+string(r.Data)) }
	r, err := s.Call(t.Context(), task)
	if err != nil || string(r.Data) != "hello" || strings.Join(said, ",") != "about to,hello" {
		t.Errorf("got %+v, %v, and heard %q", r, err, said)
	}
}

func TestReduceOfAStream(t *testing.T) {
	s := openParrot(t, startParrot(t).Client(), client.StreamSpec{
		Open: protocol.OpenSpec{Reduce: true},
	})
	for i := range 100 {
		post(t, s, say("echo", i))
	}
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
	reduced, _, err := s.Wait()
	if err != nil || strings.TrimSpace(string(reduced)) != "4950" {
		t.Errorf("got %q, %v", reduced, err)
	}
}

func TestKeptStreamGoesOn(t *testing.T) {
	c := startParrot(t)
	first := c.Connect()
	s := openParrot(t, first, client.StreamSpec{Open: protocol.OpenSpec{Keep: true}})
	const n = 100
	tags := map[uint64]string{}
	for i := range n {
		task := say("echo", i)
		task.ID = strconv.Itoa(i)
		tags[post(t, s, task)] = task.ID
	}
	for range n / 2 {
		r := receive(t, s)
		if string(r.Data) != tags[r.Tag] {
			t.Errorf("got %+v, want %s", r, tags[r.Tag])
		}
		delete(tags, r.Tag)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	second := c.Connect()
	defer second.Close()
	if err := s.Resume(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	for range n / 2 {
		r := receive(t, s)
		if string(r.Data) != tags[r.Tag] || r.State != fanfold.Succeeded {
			t.Errorf("got %+v, want %q", r, tags[r.Tag])
		}
		delete(tags, r.Tag)
	}
	if err := s.CloseSend(); err != nil {
		t.Error(err)
	}
	if r, err := s.Recv(t.Context()); err != io.EOF {
		t.Errorf("got %+v, %v, want each result once", r, err)
	}
	if _, sum, err := s.Wait(); err != nil || sum.Records < n {
		t.Errorf("got %+v, %v", sum, err)
	}
}

func TestKeptStreamOfSomebodyWhoIsGone(t *testing.T) {
	c := startParrot(t)
	first := c.Connect()
	s := openParrot(t, first, client.StreamSpec{Open: protocol.OpenSpec{Keep: true}})
	job := s.Job()
	tag := post(t, s, say("say", "kept"))
	if r := receive(t, s); !r.Partial {
		t.Errorf("got %+v", r)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	again, err := c.Client().Resume(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for r := receive(t, again); ; r = receive(t, again) {
		if r.Partial {
			continue
		}
		if r.Tag != tag || string(r.Data) != "kept" {
			t.Errorf("got %+v", r)
		}
		break
	}
	if r, err := again.Call(t.Context(), say("echo", "more")); err != nil || string(r.Data) != "more" {
		t.Errorf("got %+v, %v", r, err)
	}
}
