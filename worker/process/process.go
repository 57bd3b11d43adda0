package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/proctree"
	"github.com/fanfold/fanfold/protocol"
)

// The limits of a process.
const (
	shimWait    = 2 * time.Second        // beyond the grace time, until a stuck shim is killed
	logWait     = 500 * time.Millisecond // for the end of the log after everything has ended
	logChunk    = 64 << 10               // bytes of a log that are read at once
	startLogMax = 4 << 10                // bytes of a log shown of what could not be started
	graceMax    = 24 * time.Hour
	startsMax   = 3 // of one task process, when signals end them
)

// Options describe a process to start.
type Options struct {
	Dir  string   // the agent's directory, absolute: the processes' TMPDIR, and the mark for Sweep
	Env  []string // name=value, added to the environment, which otherwise is a short list
	Logs *LogBook // takes what the process prints; nil: thrown away

	Isolation *Isolation // shared by all processes of an agent; nil: none
}

// Process is one running task process and what it has started. Its methods are safe for concurrent
// use.
type Process struct {
	conn   *protocol.Conn
	shim   *os.Process
	pid    int
	pipes  pipes
	mark   string // in the environment of all of the tree
	output *output

	started chan error    // receives nil or why it could not be started; never closed
	logged  chan struct{} // closed by readLog at its end
	done    chan struct{} // closed by supervise at its end
	exit    Exit          // set before done is closed

	mu     sync.Mutex  // guards what follows
	stuck  *time.Timer // kills a shim that does not obey; nil: no order was given
	obeyed time.Time   // when stuck fires
}

// Start runs a task process of an image and returns when it runs, or why it cannot. ctx is for the
// start only: when it ends first, nothing is left of the process.
//
// A start that a signal has ended is repeated, for the signal was not meant for it: until a new
// process has made its session, it is in the process group of the agent, to which a terminal sends
// SIGINT. What follows from that is for the agent to say.
func Start(ctx context.Context, image Image, o Options) (p *Process, err error) {
	for range startsMax {
		p, err = startOnce(ctx, image, o)
		switch {
		case o.Isolation.Active() && errors.Is(err, errRefused):
			o.Isolation.refused.Store(true)
		case !errors.Is(err, errSignal):
			return p, err
		}
	}
	return p, err
}

// refusals are what the kernel says when it does not permit namespaces.
var refusals = []error{
	syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC,
}

// errSignal says that a shim died, too young to ignore the signal.
var errSignal = errors.New("a signal ended the process that was to watch over it")

func startOnce(ctx context.Context, image Image, o Options) (*Process, error) {
	exe, err := SelfPath()
	if err != nil {
		return nil, err
	}
	p := &Process{
		mark:    workVariable + "=" + o.Dir + ":" + randomHex(),
		started: make(chan error, 1),
		logged:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	if err := p.pipes.open(); err != nil {
		return nil, fanfold.Errorf(fanfold.KindInternal, "start task process", "%w", err)
	}
	role, files := roleShimOwn, p.pipes.theirs()
	if image.File != nil {
		role, files = roleShimImage, append(files, image.File)
	}
	nonce := randomHex()
	p.output = newOutput(o.Logs, nonce)
	attr := &syscall.SysProcAttr{Setsid: true}
	isolated := o.Isolation.Active()
	if isolated {
		apart(attr)
	}
	p.shim, err = startShim(exe, []string{"fanfold-shim"}, &os.ProcAttr{
		Files: files,
		Env:   environment(&o, role, p.mark, nonce),
		Sys:   attr,
	})
	p.pipes.closeTheirs()
	if err != nil {
		p.pipes.closeOurs()
		refused := func(why error) bool { return errors.Is(err, why) }
		if isolated && slices.ContainsFunc(refusals, refused) {
			return nil, errors.Join(errRefused, err)
		}
		return nil, fanfold.Errorf(fanfold.KindInternal, "start task process", "%w", err)
	}
	p.conn = protocol.Files(p.pipes.read, p.pipes.write)
	go p.readLog()
	go p.supervise()
	return p.await(ctx)
}

// await waits for the first report.
func (p *Process) await(ctx context.Context) (*Process, error) {
	var err error
	select {
	case err = <-p.started:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil {
		return p, nil
	}
	p.Kill(0)
	p.Wait()
	e := fanfold.Errorf(fanfold.KindInternal, "start task process", "%w", err)
	e.Log = string(p.Tail(startLogMax))
	return nil, errors.Join(e, p.conn.Close())
}

// Conn is the connection to the process. The caller closes it; Wait does not.
func (p *Process) Conn() *protocol.Conn { return p.conn }

// PID is the id of the task process.
func (p *Process) PID() int { return p.pid }

// Tree are the ids of the process and of all that it has started, as far as the system tells.
func (p *Process) Tree() []int { return proctree.Descendants(p.shim.Pid) }

// Kill ends the process and all that it started: SIGTERM, and SIGKILL after the grace time, at once
// when that is 0. It does not wait, and may be called again to shorten the grace time.
func (p *Process) Kill(grace time.Duration) {
	grace = min(max(grace, 0), graceMax)
	obeyed := time.Now().Add(grace + shimWait)
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return
	default:
	}
	if p.stuck != nil {
		if !obeyed.Before(p.obeyed) {
			return
		}
		p.stuck.Stop()
	}
	// A shim that has gone is not to be told.
	_ = writeRecord(p.pipes.orders, orderKill, uint32(grace.Milliseconds()))
	p.obeyed = obeyed
	p.stuck = time.AfterFunc(grace+shimWait, func() { _ = p.shim.Kill() })
}

// Done is closed when Wait would return at once.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait blocks until the process, all that it started and its log have ended. A process that left
// its tree and holds the log open is not waited for.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Tail is at most the last n bytes that the process printed: in the attempt in hand, or outside
// attempts where none was in hand. After Wait, in hand is what was when it ended.
func (p *Process) Tail(n int) []byte { return p.output.tail(n) }

// supervise reads the reports of the shim and waits for its end.
func (p *Process) supervise() {
	p.exit = abandoned
	known := false
	for {
		what, n, err := readRecord(p.pipes.reports)
		if err != nil {
			break
		}
		switch what {
		case reportStarted:
			p.pid = int(n)
			p.started <- nil
		case reportRefused:
			known = true
			p.started <- fmt.Errorf("%w: %w", errRefused, syscall.Errno(n))
		case reportFailed:
			known = true
			p.started <- fmt.Errorf("execute program: %w", syscall.Errno(n))
		case reportExited:
			known = true
			p.exit = exitOf(syscall.WaitStatus(n))
		}
	}
	state, _ := p.shim.Wait()
	if !known {
		_ = proctree.KillMarked(p.mark) // what cannot be killed is for the next Sweep
		select {
		case p.started <- deathOf(state):
		default: // it had started
		}
	}
	_ = p.pipes.log.SetReadDeadline(time.Now().Add(logWait))
	<-p.logged
	p.end()
}

// deathOf is the error for a shim that ended without a report.
func deathOf(shim *os.ProcessState) error {
	if shim != nil {
		status := shim.Sys().(syscall.WaitStatus)
		if status.Signaled() && slices.Contains(ignored, os.Signal(status.Signal())) {
			return errSignal
		}
	}
	return errors.New("the process that was to watch over it died")
}

// end releases what Process holds; the Conn is the caller's.
func (p *Process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck != nil {
		p.stuck.Stop()
	}
	// Nothing was written that a close could lose.
	_ = p.pipes.orders.Close()
	_ = p.pipes.reports.Close()
	_ = p.pipes.log.Close()
	close(p.done)
}

// readLog files what the process prints. It reads as fast as the process writes: what is too much
// to keep is dropped by the LogBook, never left in the pipe.
func (p *Process) readLog() {
	defer close(p.logged)
	buf := make([]byte, logChunk)
	for {
		n, err := p.pipes.log.Read(buf)
		p.output.write(buf[:n])
		if err != nil {
			break
		}
	}
	p.output.end()
}
