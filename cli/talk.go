package cli

import (
	"fmt"
	"io"
	"sync"
)

const (
	prompt      = "> "
	eraseLine   = "\r\x1b[K" // as every terminal of today understands it
	talkWelcome = "%s: each line is a task; Ctrl-D ends\n"
)

// talk is a terminal on which somebody types tasks while results come: a result is printed in the
// place of the prompt, which then follows.
type talk struct {
	w io.Writer

	mu      sync.Mutex // guards what follows, and what is printed
	isShown bool       // the prompt is in the last line
	isOver  bool       // there is nothing to be typed any more
}

// prompt shows the prompt.
func (t *talk) prompt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.show()
}

// show shows the prompt unless it is there. t.mu is held.
func (t *talk) show() {
	if !t.isShown && !t.isOver {
		t.isShown = true
		fmt.Fprint(t.w, prompt)
	}
}

// hide removes the prompt. t.mu is held.
func (t *talk) hide() {
	if t.isShown {
		t.isShown = false
		fmt.Fprint(t.w, eraseLine)
	}
}

// entered says that a line was typed behind the prompt, with its end.
func (t *talk) entered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.isShown = false
}

// aside prints what is no answer to the prompt.
func (t *talk) aside(print func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hide()
	print()
	t.show()
}

// end removes the prompt for good.
func (t *talk) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hide()
	t.isOver = true
}
