package worker

import (
	"bytes"
	"io"
	"sync"
)

// logTailMax is how much of an attempt's log a failure carries.
const logTailMax = 4 << 10 // bytes

// logTail passes on what an attempt writes to its log and keeps the end of it. It is safe for
// concurrent use: user code may hand Task.Log to a command or to goroutines.
type logTail struct {
	w io.Writer

	mu   sync.Mutex // guards kept, and keeps the writes to w apart
	kept []byte     // at most twice logTailMax
}

// Write is io.Writer.
func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p[max(0, len(p)-logTailMax):]...)
	if cut := len(l.kept) - logTailMax; cut > logTailMax {
		l.kept = append(l.kept[:0], l.kept[cut:]...)
	}
	return l.w.Write(p)
}

// reset forgets what was written by the task before.
func (l *logTail) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = l.kept[:0]
}

// String gives the last lines, whole ones where it can.
func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(lastLines(l.kept, logTailMax))
}

// lastLines cuts text to its last whole lines of at most so many bytes together.
func lastLines(text []byte, bytesMax int) []byte {
	if len(text) <= bytesMax {
		return text
	}
	text = text[len(text)-bytesMax:]
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok && len(rest) > 0 {
		return rest
	}
	return text
}
