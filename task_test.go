package fanfold_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/fanfold/fanfold"
)

func TestTask(t *testing.T) {
	cause := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	var told []string
	task := fanfold.NewTask(ctx, fanfold.Task{
		Program: "p", Params: map[string]string{"set": "x", "empty": ""}, Reducers: 3,
		Notify: func(status string) { told = append(told, status) },
	})
	if task.Program != "p" || task.Reducers != 3 {
		t.Errorf("got %+v, want the fields that were given", task)
	}
	if got := task.Input(); got != "" {
		t.Errorf("input before the first record: got %q, want none", got)
	}
	if task.SetInput("a.txt"); task.Input() != "a.txt" {
		t.Errorf("input: got %q, want a.txt", task.Input())
	}
	if task.SetStatus("half"); task.Status() != "half" || len(told) != 1 || told[0] != "half" {
		t.Errorf("status: got %q, told %q, want half", task.Status(), told)
	}
	if task.Context().Err() != nil {
		t.Error("the context ended too early")
	}
	cancel(cause)
	if context.Cause(task.Context()) != cause {
		t.Error("the context does not end with the attempt's")
	}
}

func TestTaskCounters(t *testing.T) {
	task := fanfold.NewTask(t.Context(), fanfold.Task{})
	task.Count("grep", "skipped", 2)
	task.Count("grep", "skipped", -1)
	task.Count("gr\x00ep", "skipped", 1) // NUL separates: it is taken out of the group
	task.Count("", "", 5)
	want := map[string]int64{"grep\x00skipped": 2, "\x00": 5}
	if got := task.Counters(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTaskParams(t *testing.T) {
	task := fanfold.NewTask(t.Context(), fanfold.Task{Params: map[string]string{
		"text": "x", "empty": "", "yes": "true", "no": "0", "number": "-7", "big": "99999999999999999999",
	}})
	for name, want := range map[string]string{"text": "x", "empty": "", "unset": "otherwise"} {
		if got := task.Param(name, "otherwise"); got != want {
			t.Errorf("Param(%s): got %q, want %q", name, got, want)
		}
	}
	flags := []struct {
		name string
		want bool
		bad  bool
	}{
		{"yes", true, false}, {"no", false, false}, {"empty", true, false}, {"unset", false, false},
		{"text", false, true},
	}
	for _, tt := range flags {
		got, err := task.Flag(tt.name)
		if got != tt.want || tt.bad != (fanfold.KindOf(err) == fanfold.KindUsage) {
			t.Errorf("Flag(%s): got %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	ints := []struct {
		name string
		want int
		bad  bool
	}{
		{"number", -7, false}, {"no", 0, false}, {"unset", 42, false},
		{"text", 0, true}, {"empty", 0, true}, {"big", 0, true},
	}
	for _, tt := range ints {
		got, err := task.Int(tt.name, 42)
		if got != tt.want || tt.bad != (fanfold.KindOf(err) == fanfold.KindUsage) {
			t.Errorf("Int(%s): got %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}
