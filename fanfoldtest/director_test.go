package fanfoldtest_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/fanfoldtest"
)

// director decides what attempts do: each one that is told to meet it waits for its word. So tests
// know that a fault happens, and when, without looking at a clock.
type director struct {
	t       *testing.T
	socket  string
	arrived chan *visit
	left    chan struct{} // closed at the end of the test

	mu    sync.Mutex // guards what follows
	conns []net.Conn
}

// visit is an attempt that waits for what to do.
type visit struct {
	conn   net.Conn
	stage  fanfold.Stage
	task   int
	number int // of the attempt
	pid    int
}

// newDirector listens until the end of the test.
func newDirector(t *testing.T) *director {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // t.TempDir is too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	d := &director{
		t: t, socket: filepath.Join(dir, "s"), arrived: make(chan *visit),
		left: make(chan struct{}),
	}
	l, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	var goroutines sync.WaitGroup
	goroutines.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, conn)
			d.mu.Unlock()
			goroutines.Go(func() { d.welcome(conn) })
		}
	})
	t.Cleanup(func() {
		close(d.left)
		_ = l.Close()
		d.mu.Lock()
		for _, conn := range d.conns {
			_ = conn.Close()
		}
		d.mu.Unlock()
		goroutines.Wait()
		_ = os.RemoveAll(dir)
	})
	return d
}

// welcome reads who comes.
func (d *director) welcome(conn net.Conn) {
	v := &visit{conn: conn}
	if _, err := fmt.Fscan(conn, &v.stage, &v.task, &v.number, &v.pid); err != nil {
		return // it died, or the test is over
	}
	select {
	case d.arrived <- v:
	case <-d.left:
	}
}

// next waits for the next attempt of a job; the job must not end before.
func (d *director) next(j *fanfoldtest.Job) *visit {
	d.t.Helper()
	select {
	case v := <-d.arrived:
		return v
	case <-j.Ended():
		_, err := j.Wait()
		d.t.Fatalf("the job has ended: %v", err)
	}
	return nil
}

// say tells the attempt what to do; see meet.
func (v *visit) say(what string) {
	_, _ = fmt.Fprintln(v.conn, what) // it may be dead by now
}

// meet asks the director on a socket what to do. It is the program's side.
func meet(socket string, t *fanfold.Task) (string, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	id := t.ID
	if _, err := fmt.Fprintln(conn, uint8(id.Stage), id.Task, id.Attempt, os.Getpid()); err != nil {
		return "", err
	}
	what, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	return what[:len(what)-1], nil
}

// submit starts a job.
func submit(t *testing.T, c *fanfoldtest.Cluster, job fanfold.Job, input string) *fanfoldtest.Job {
	t.Helper()
	j, err := c.Submit(job, input)
	if err != nil {
		t.Fatal(fanfoldtest.Describe(err))
	}
	return j
}

// wait waits for the end of a job, which must succeed.
func wait(t *testing.T, j *fanfoldtest.Job) fanfoldtest.Result {
	t.Helper()
	r, err := j.Wait()
	if err != nil {
		t.Fatal(fanfoldtest.Describe(err))
	}
	return r
}
