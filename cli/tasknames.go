package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/fanfold/fanfold/client"
)

const (
	// oneWayTag is set in the tags of tasks that are one-way.
	oneWayTag = 1 << 63
	// oneWayNamesMax is how many one-way tasks are known by name: those that succeed have no result
	// with which they could be forgotten.
	oneWayNamesMax = 1 << 16
)

// taskNames are what the user calls the tasks that have no result yet: by the ids that they were
// given, and otherwise by their numbers.
type taskNames struct {
	isJSON bool   // they may have ids
	since  uint64 // tags below are those of the command that has opened the stream

	mu      sync.Mutex // guards what follows
	settled sync.Cond  // signalled when isBusy becomes false; L is &mu
	isBusy  bool       // a task is being sent, and may have a result before its name is known
	all     uint64     // tasks sent
	first   uint64     // tag of the first of them that is not one-way
	last    uint64     // tag of the last of them that is not one-way
	ids     map[uint64]json.RawMessage
}

// newTaskNames makes the names of a stream whose tags begin with since.
func newTaskNames(isJSON bool, since uint64) *taskNames {
	n := &taskNames{isJSON: isJSON, since: since, ids: map[uint64]json.RawMessage{}}
	n.settled.L = &n.mu
	return n
}

// begin says that a task is being sent.
func (n *taskNames) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isBusy = true
}

// sent says what became of it. The id may be nil.
func (n *taskNames) sent(tag uint64, id json.RawMessage, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isBusy = false
	n.settled.Broadcast()
	if err != nil {
		return
	}
	n.all++
	isOneWay := tag&oneWayTag != 0
	if !isOneWay {
		n.last = tag
		if n.first == 0 {
			n.first = tag
		}
	}
	if len(id) == 0 && (isOneWay || tag-n.first+1 != n.all) {
		id = strconv.AppendUint(nil, n.all, 10)
	}
	if n.isJSON && len(id) > 0 {
		n.ids[tag] = id
	}
	if isOneWay {
		delete(n.ids, tag-oneWayNamesMax)
	}
}

// count is how many tasks were sent.
func (n *taskNames) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return int(n.all)
}

// number is the number of a task among those of this command, or else of the one before. It waits
// for a moment if the task is just being sent. n.mu is held.
func (n *taskNames) number(tag uint64) (number uint64, isOwn bool) {
	if tag < n.since {
		return tag, false
	}
	for n.isBusy && (tag > n.last || tag&oneWayTag != 0 && n.ids[tag] == nil) {
		n.settled.Wait()
	}
	return tag - n.first + 1, true
}

// name is what a task is called in a message.
func (n *taskNames) name(tag uint64) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if number, isOwn := n.number(tag); isOwn {
		return fmt.Sprintf("task %d", number)
	}
	return fmt.Sprintf("earlier task %d", tag)
}

// id is the id of a task as JSON. After its result it is forgotten.
func (n *taskNames) id(r *client.Result) json.RawMessage {
	n.mu.Lock()
	defer n.mu.Unlock()
	number, _ := n.number(r.Tag)
	id := n.ids[r.Tag]
	if !r.Partial {
		delete(n.ids, r.Tag)
	}
	if len(id) == 0 {
		id = strconv.AppendUint(nil, number, 10)
	}
	return id
}
