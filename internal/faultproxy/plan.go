package faultproxy

import (
	"cmp"
	"slices"
	"time"
)

// Action is what a fault does to one direction of a connection.
type Action uint8

// The actions. The first five leave the connection as it is; Drop, Cut and Reset are its end.
const (
	Flip     Action = iota // one bit of the next byte is inverted
	Repeat                 // the next bytes are passed, and then passed once more
	Delay                  // from here on each byte arrives later
	Throttle               // from here on so many bytes pass in a second
	Stall                  // nothing passes until there is another plan; nothing is lost
	Drop                   // everything is swallowed from here on, the connection's end included
	Cut                    // the connection is closed, in both directions
	Reset                  // the connection is aborted, in both directions
	actions
)

var actionNames = [actions]string{
	"flip", "repeat", "delay", "throttle", "stall", "drop", "cut", "reset",
}

// String is the action's name.
func (a Action) String() string { return actionNames[a] }

// Fault is one action at one place of a stream of bytes.
type Fault struct {
	Action Action
	At     int64         // how many bytes pass before it, counted from when the plan was made
	Bit    uint          // of Flip: 0 to 7
	Length int           // of Repeat: how many bytes
	Delay  time.Duration // of Delay: how much later
	Rate   int           // of Throttle: bytes in a second
}

// Plan is the faults of a connection. The zero value passes everything.
type Plan struct {
	ToServer, ToClient []Fault
}

// Both is a plan in which the same befalls both directions.
func Both(faults ...Fault) Plan { return Plan{faults, faults} }

// inOrder gives faults by their places.
func inOrder(faults []Fault) []Fault {
	return slices.SortedStableFunc(slices.Values(faults), func(a, b Fault) int {
		return cmp.Compare(a.At, b.At)
	})
}
