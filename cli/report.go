package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fanfold/fanfold"
)

// report prints an error the way a person needs it: what failed, where, what it printed, and what
// to do next. Nothing that a job printed reaches the terminal with its control bytes.
func (a *app) report(w io.Writer, err error) {
	fmt.Fprintf(w, "%s: %s\n", a.name, printable(err.Error()))
	var e *fanfold.Error
	if !errors.As(err, &e) {
		return
	}
	if e.Attempt.Attempt > 0 {
		line := "attempt: " + e.Attempt.String()
		if e.Worker != "" {
			line += " on " + e.Worker
		}
		fmt.Fprintln(w, printable(line))
	}
	if e.Input != "" {
		line := "input: " + e.Input
		if e.Offset >= 0 {
			line += fmt.Sprintf(" at byte %d", e.Offset)
		}
		fmt.Fprintln(w, printable(line))
	}
	if log := strings.TrimRight(e.Log, "\n"); log != "" {
		fmt.Fprintln(w, "it printed last:")
		for line := range strings.SplitSeq(log, "\n") {
			fmt.Fprintf(w, "  %s\n", printable(line))
		}
	}
	if e.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", printable(e.Hint))
	}
}

// printable keeps text from moving a terminal's cursor: control characters but TAB and LF, and what
// is no UTF-8, are written as Go would quote them.
func printable(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && text[i] != "\uFFFD"[0]:
			fmt.Fprintf(&b, "\\x%02x", text[i])
		case r < ' ' && r != '\t' && r != '\n', r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// asError gives err as an *fanfold.Error, made of it if it is none.
func asError(err error) *fanfold.Error {
	var e *fanfold.Error
	if !errors.As(err, &e) {
		e = fanfold.Errorf(fanfold.KindInternal, "", "%w", err)
	}
	return e
}
