package cli

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfold/fanfold/client"
)

func TestParseTask(t *testing.T) {
	task, id, err := parseTask([]byte(`{"id":[1],"payload":"a","key":"k","deadline":1.5,` +
		`"priority":0,"all":true,"one_way":true,"idempotency_key":"i"}`))
	if err != nil || string(id) != "[1]" || string(task.Data) != "a" || string(task.Key) != "k" ||
		task.Deadline != 1500*time.Millisecond || task.Priority != 1 || !task.All || !task.OneWay ||
		task.ID != "i" {
		t.Errorf("got %+v, %s and %v", task, id, err)
	}
	for _, tt := range []struct{ line, want string }{
		{``, "no task as JSON"},
		{`5`, "no task as JSON"},
		{`{"payload":`, "no task as JSON"},
		{`{"payload":5}`, "its payload is a number, not a string"},
		{`{"payloud":"a"}`, `unknown field "payloud"`},
		{`{"payload":"a"} {}`, "more than one JSON value"},
		{`{"payload_b64":"?"}`, "no task as JSON"},
		{`{"deadline":-1}`, "deadline -1"},
		{`{"deadline":1e300}`, "deadline 1e+300"},
		{`{"priority":8}`, "priority 8"},
		{`{"priority":-1}`, "priority -1"},
	} {
		_, _, err := parseTask([]byte(tt.line))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.line, err, tt.want)
		}
	}
}

// TestTaskNames checks what tasks are called, by the command that has sent them and by another one.
func TestTaskNames(t *testing.T) {
	n := newTaskNames(true, 1000)
	result := func(tag uint64) string { return string(n.id(&client.Result{Tag: tag})) }
	for _, sent := range []struct {
		tag uint64
		id  string
		err error
	}{
		{1001, "", nil}, {0, `"no"`, errors.New("not sent")}, {oneWayTag | 1, "", nil},
		{oneWayTag | 2, `"x"`, nil}, {1002, `"y"`, nil}, {1003, "", nil},
	} {
		n.begin()
		n.sent(sent.tag, []byte(sent.id), sent.err)
	}
	for _, want := range []struct {
		tag uint64
		id  string
	}{
		{7, "7"}, {1001, "1"}, {oneWayTag | 1, "2"}, {oneWayTag | 2, `"x"`}, {1002, `"y"`}, {1003, "5"},
	} {
		if got := result(want.tag); got != want.id {
			t.Errorf("task %d: got %s, want %s", want.tag, got, want.id)
		}
	}
	if own, earlier := n.name(1001), n.name(7); own != "task 1" || earlier != "earlier task 7" {
		t.Errorf("got %q and %q", own, earlier)
	}
	if len(n.ids) != 0 || n.count() != 5 {
		t.Errorf("%d tasks are known of %d", len(n.ids), n.count())
	}
	for i := range uint64(oneWayNamesMax + 100) {
		n.begin()
		n.sent(oneWayTag|(i+3), nil, nil)
	}
	if len(n.ids) > oneWayNamesMax {
		t.Errorf("%d one-way tasks are known", len(n.ids))
	}
}

// TestTaskNamesWait checks that a result that is there before Send has returned gets its id.
func TestTaskNamesWait(t *testing.T) {
	for i := range 100 {
		n := newTaskNames(true, 0)
		n.begin()
		var got string
		var done sync.WaitGroup
		done.Go(func() { got = string(n.id(&client.Result{Tag: 1})) })
		n.sent(1, fmt.Append(nil, i), nil)
		done.Wait()
		if got != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", got, i)
		}
	}
}
