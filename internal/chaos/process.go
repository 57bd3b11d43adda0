//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long anything may take that must happen.
const patience = 60 * time.Second

// process is a command of fanfold that serves.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   transcript
	ended chan struct{} // closed when it has ended
}

// start starts the command in a host's network.
func (s *site) start(h host, name string, args ...string) (*process, error) {
	argv := append(h.prefix(), append([]string{s.binary}, args...)...)
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + s.dir, "TMPDIR=" + s.dir,
		"FANFOLD_PROGRESS=none", "GORACE=atexit_sleep_ms=0", markVariable + "=" + s.dir,
	}
	p.cmd.Dir = s.dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// The driver's death is theirs. In a group of their own they get no signals of the terminal.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState has it
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(p.pid(), sig) }

// stop asks the process to end, and says what was wrong with how it did.
func (p *process) stop() error {
	select {
	case <-p.ended:
		if p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			return nil // we did it
		}
		return fmt.Errorf("I7: %s has ended by itself: %s\n%s", p.name, p.cmd.ProcessState, &p.log)
	default:
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT)
		<-p.ended
		return fmt.Errorf("I7: %s does not end:\n%s", p.name, &p.log)
	}
	text := p.log.String()
	if strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		return fmt.Errorf("I7: %s:\n%s", p.name, text)
	}
	return nil
}

// kill ends the process at once.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// await waits for a line with some text in it, and gives what stands behind the text.
func (p *process) await(text string) (string, error) {
	timeout := time.After(patience)
	for {
		changed, line := p.log.find(text)
		if line != "" {
			_, rest, _ := strings.Cut(line, text)
			return strings.TrimSpace(rest), nil
		}
		select {
		case <-changed:
		case <-p.ended:
			return "", fmt.Errorf("%s ended without %q:\n%s", p.name, text, &p.log)
		case <-timeout:
			return "", fmt.Errorf("%s does not print %q:\n%s", p.name, text, &p.log)
		}
	}
}

// transcriptMax is how much is kept of what a process prints.
const transcriptMax = 1 << 20

// transcript is what a process has printed first.
type transcript struct {
	mu      sync.Mutex // guards what follows
	text    bytes.Buffer
	changed chan struct{} // closed by the next Write; nil while nobody waits
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
	t.text.Write(b[:min(len(b), transcriptMax-t.text.Len())])
	return len(b), nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// find gives the first whole line with some text in it, or "" and a channel that is closed when
// there is more to look at.
func (t *transcript) find(text string) (changed <-chan struct{}, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	for line := range strings.Lines(t.text.String()) {
		if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
			return t.changed, line
		}
	}
	return t.changed, ""
}
