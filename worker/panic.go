package worker

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
)

// stackMax is the number of frames of a panic that are looked at.
const stackMax = 64

// enginePackages are those that call user code: what is above them on a stack belongs to the user.
var enginePackages = [...]string{
	"github.com/fanfold/fanfold/worker.",
	"github.com/fanfold/fanfold/mapper.",
	"github.com/fanfold/fanfold/reducer.",
	"github.com/fanfold/fanfold/shuffle.",
}

// panicError makes an error of a recovered value and prints the stack of the panic to log. It must
// be called by the deferred function that recovered. A panic of user code is the user's; one of the
// code around it is ours.
func panicError(op string, value any, log io.Writer) error {
	var pcs [stackMax]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	kind, stack := fanfold.KindUser, userFrames(frames)
	if stack == "" {
		kind, stack = fanfold.KindInternal, string(debug.Stack())
	}
	fmt.Fprintf(log, "panic: %v\n%s", value, stack)
	return fanfold.Errorf(kind, op, "panic: %v", value)
}

// userFrames prints the frames from the panic down to the code that called user code.
func userFrames(frames *runtime.Frames) string {
	var b strings.Builder
	panicked := false
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case !panicked || strings.HasPrefix(f.Function, "runtime."):
		case ofEngine(f.Function):
			return b.String()
		default:
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
	}
	return b.String()
}

func ofEngine(function string) bool {
	return slices.ContainsFunc(enginePackages[:], func(p string) bool {
		return strings.HasPrefix(function, p)
	})
}
