package fanfold

import "fmt"

// State says how far a task or a job has come. Magnitude is progress; from Succeeded on a state is
// terminal, and everything above Succeeded did not work out. The order travels: append only.
type State uint8

// The states.
const (
	Waiting   State = iota // for the stage before, or for a retry
	Queued                 // for a slot
	Running                // on a slot
	Succeeded              // terminal from here on
	Failed                 // the task's or the job's own fault
	TimedOut
	Cancelled
	Lost // the machine's fault, too often
)

var stateNames = [...]string{
	"waiting", "queued", "running", "succeeded", "failed", "timed-out", "cancelled", "lost",
}

// String is the state's name on the wire of humans: in tables, JSON and messages.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// Terminal reports whether the state is final.
func (s State) Terminal() bool { return s >= Succeeded }
