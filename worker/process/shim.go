package process

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// ignored are the signals that do not end a shim.
var ignored = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// startShim is os.StartProcess with these signals blocked. The first call in a process tries out
// what the kernel can, and clones a process for that, which shares the memory of this one, its
// signal handlers, and its group: a signal to the group would be handled in both, and so twice in
// this one, where a second SIGINT may mean to end at once. The shim's runtime unblocks them.
func startShim(name string, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	runtime.LockOSThread() // which has the mask
	defer runtime.UnlockOSThread()
	restore := blockSignals(ignored)
	defer restore()
	return os.StartProcess(name, argv, attr)
}

// RunShim is the body of a shim: it runs the task process, kills what is left of its tree when it
// ends, when the agent says so or when the agent has died, reports, and returns the exit code.
func RunShim() int {
	// The kernel sends the parent-death signal when the thread that forked ends: it has to live as
	// long as the shim.
	runtime.LockOSThread()
	s := &shim{
		orders:  os.NewFile(fdOrders, "orders"),
		reports: os.NewFile(fdReports, "reports"),
	}
	seen, err := s.start()
	if err != nil {
		errno, what := syscall.EIO, byte(reportFailed)
		errors.As(err, &errno)
		if errors.Is(err, errRefused) {
			what = reportRefused
		}
		_ = writeRecord(s.reports, what, uint32(errno))
		return 1
	}
	// A signal to the group, as from a service manager that stops the agent, is no order: the
	// agent decides. Ignored only now, because the task process would inherit it.
	signal.Ignore(ignored...)
	_ = writeRecord(s.reports, reportStarted, uint32(seen))
	go s.obey()
	status := s.reap()
	_ = writeRecord(s.reports, reportExited, uint32(status))
	return 0
}

// shim is the state of a shim.
type shim struct {
	orders, reports *os.File
	task            int // process id, in the namespace of the shim

	mu      sync.Mutex // guards what follows
	ended   bool       // the task process was reaped
	ordered bool       // the agent said when to kill
	killing bool       // whoever is found in the tree is killed
}

// errRefused is for what the kernel does not permit.
var errRefused = errors.New("isolation is refused")

// start runs the task process, closes all that only it is to hold, and gives its id as the agent
// sees it.
func (s *shim) start() (seen int, err error) {
	keepFiles()
	exe, err := SelfPath()
	if os.Getenv(roleVariable) == roleShimImage {
		exe = imagePath
	}
	if err != nil {
		return 0, err
	}
	if err := harden(); err != nil {
		return 0, err
	}
	if isFirst() {
		return s.startApart(exe)
	}
	err = s.fork(exe, roleTask)
	return s.task, err
}

// startApart runs the task process in the shim's PID namespace. It waits until that is what it is
// to be, and is told its id outside.
func (s *shim) startApart(exe string) (seen int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	err = s.fork(exe, roleTaskApart, r.Fd())
	_ = r.Close()
	if err != nil {
		return 0, err
	}
	if seen, err = enclose(); err == nil {
		err = renounce()
	}
	if err != nil {
		return 0, errors.Join(errRefused, err) // the end of the shim is that of the task process
	}
	return seen, writeRecord(w, reportStarted, uint32(seen))
}

// fork starts the task process with a role, and files behind those that every one has.
func (s *shim) fork(exe, role string, more ...uintptr) (err error) {
	_ = os.Setenv(roleVariable, role) // cannot fail for a valid name
	s.task, err = syscall.ForkExec(exe, []string{"fanfold-task"}, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: append([]uintptr{0, 1, 2, fdRead, fdWrite}, more...),
		Sys:   taskAttr(),
	})
	_ = syscall.Close(fdRead)
	_ = syscall.Close(fdWrite)
	return err
}

// obey carries out the agent's orders, and kills all when the agent has gone.
func (s *shim) obey() {
	for {
		what, n, err := readRecord(s.orders)
		switch {
		case err != nil || (what == orderKill && n == 0):
			s.kill()
		case what == orderKill:
			s.mu.Lock()
			s.ordered = true
			s.mu.Unlock()
			signalTree(s.task, syscall.SIGTERM)
			time.AfterFunc(time.Duration(n)*time.Millisecond, s.kill)
		}
		if err != nil {
			return
		}
	}
}

// kill kills the tree and makes reap go on with it until nothing is left. It starts with the task
// process, most often all there is: then reap ends the shim while this looks for more.
func (s *shim) kill() {
	s.mu.Lock()
	s.killing = true
	ended := s.ended
	s.mu.Unlock()
	if !ended {
		_ = syscall.Kill(s.task, syscall.SIGKILL) // it may be ending
	}
	signalTree(s.task, syscall.SIGKILL)
}

// reap waits for the task process and everything below it, and returns the status of the task
// process. What that one leaves behind is killed, unless the agent gave the tree a time to end.
//
// It ends: while killing is set, a look at the tree follows each reaped child. So each child of the
// shim has been sent SIGKILL when the next wait starts, or was made one by the death of a process
// whose end that wait reports. Without children wait says ECHILD, and a process without children
// that gets all orphans below it has no descendants.
func (s *shim) reap() (status syscall.WaitStatus) {
	options := 0
	for {
		var st syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &st, options, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return status
		case pid == 0: // some are left, and none has ended by itself
			signalTree(s.task, syscall.SIGKILL)
			options = 0
			continue
		}
		s.mu.Lock()
		if pid == s.task {
			status = st
			s.ended = true
			s.killing = s.killing || !s.ordered
		}
		if s.killing {
			options = syscall.WNOHANG // first whether there is anything to look for
		}
		s.mu.Unlock()
	}
}
