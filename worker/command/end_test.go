//go:build linux

package command

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fanfold/fanfold"
)

func TestStandardError(t *testing.T) {
	const script = `cat >/dev/null; cat >&2 <<'END'
plain
reporter:counter:words,long, strange,3
reporter:counter:words,seen,2
reporter:counter:words,seen,-1
reporter:status:half way
{"counter":{"group":"json","name":"n","n":7}}
{"status":"done"}
reporter:counter:words,1
reporter:counter:words,seen,x
{"counter":{"group":"json","name":"n","n":7},"status":"both"}
{"status":"ok","level":"info"}
 reporter:status:indented
END
printf 'no LF' >&2; exit 1`
	r := runMapper(t.Context(), fanfold.Command{Mapper: sh(script)}, "x\n")
	const text = `plain
reporter:counter:words,1
reporter:counter:words,seen,x
{"counter":{"group":"json","name":"n","n":7},"status":"both"}
{"status":"ok","level":"info"}
 reporter:status:indented
no LF`
	if diff := cmp.Diff(text, r.log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	e, ok := r.err.(*fanfold.Error)
	if !ok || e.Log != text {
		t.Errorf("got %v, want the log in the failure", r.err)
	}
	counters := map[string]int64{
		"words\x00long, strange": 3, "words\x00seen": 1, "json\x00n": 7,
	}
	if diff := cmp.Diff(counters, r.task.Counters()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"half way", "done"}, r.status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// TestFloodOfStandardError has more of it than pipes hold, before any input is read.
func TestFloodOfStandardError(t *testing.T) {
	const script = `yes 'a line of the flood' | head -c 10000000 >&2; echo last >&2; cat; exit 1`
	r := runMapper(t.Context(), fanfold.Command{Mapper: sh(script)}, strings.Repeat("x\n", 200_000))
	if got, want := r.log.Len(), 10_000_000+len("last\n"); got != want {
		t.Errorf("log: got %d bytes, want %d", got, want)
	}
	e, ok := r.err.(*fanfold.Error)
	if !ok || len(e.Log) > tailMax || !strings.HasPrefix(e.Log, "a line") ||
		!strings.HasSuffix(e.Log, "last\n") {
		t.Errorf("got %v, want the last lines", r.err)
	}
	long := strings.Repeat("y", 3*stderrChunk) // a line without end
	r = runMapper(t.Context(), fanfold.Command{Mapper: sh("cat >&2")}, long+"\n")
	if r.log.String() != long+"\n" {
		t.Errorf("got a log of %d bytes, want %d", r.log.Len(), len(long)+1)
	}
}

func TestCannotStart(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"plain": 0o600, "text": 0o700} {
		if err := os.WriteFile(dir+"/"+name, []byte("\x00\x01"), mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		argv []string
		want string // a part of the message and its hint
	}{
		{[]string{"no-such-command"}, "mapper `no-such-command`: no such command in PATH"},
		{[]string{"./missing"}, "no such file"},
		{[]string{"./plain"}, "python3 ./plain"},
		{[]string{"./text"}, "no #! line"},
	}
	for _, test := range tests {
		r := runMapper(t.Context(), fanfold.Command{Mapper: test.argv, Dir: dir}, "x\n")
		e, ok := r.err.(*fanfold.Error)
		if !ok || e.Kind != fanfold.KindUser || !strings.Contains(e.Error()+e.Hint, test.want) {
			t.Errorf("%s: got %v, want %s", test.argv, r.err, test.want)
		}
	}
	wantNoChild(t)
}

func TestCancel(t *testing.T) {
	stop := errors.New("stop")
	tests := []struct{ name, script string }{
		{"reads nothing", `echo up; sleep 1000`},
		{"ignores SIGTERM", `trap '' TERM; echo up; while :; do sleep 1000; done`},
		{"writes for ever", `echo up; exec yes`},
		{"closed its output", `echo up; exec >&-; sleep 1000`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			r := newRun(ctx, fanfold.StageMap)
			s := testSpec("mapper", sh(test.script)...)
			take := func([]byte, *fanfold.Emitter) error { cancel(stop); return nil }
			m := &mapper{spec: s, task: r.task, take: take}
			emit := fanfold.NewEmitter(r)
			r.err = m.MapBlock([]byte(strings.Repeat("x\n", 1<<20)), 0, emit)
			r.end(m, emit)
			if !errors.Is(r.err, stop) {
				t.Errorf("got %v, want %v", r.err, stop)
			}
			wantNoChild(t)
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	r := newRun(ctx, fanfold.StageReduce)
	s := testSpec("reducer", sh("cat; echo up; sleep 1000")...)
	take := func([]byte, *fanfold.Emitter) error { cancel(stop); return nil }
	reduce := &reducer{spec: s, task: r.task, fields: &text, take: take}
	r.end(reduce, fanfold.NewEmitter(r))
	if !errors.Is(r.err, stop) {
		t.Errorf("at the end: got %v, want %v", r.err, stop)
	}
}

func TestEndsEarly(t *testing.T) {
	p := program(t, fanfold.Command{Mapper: sh("cat; sleep 1000"), Reducer: sh("sleep 1000")})
	r := newRun(t.Context(), fanfold.StageMap)
	m, err := p.Map(r.task)
	if err != nil {
		t.Fatal(err)
	}
	r.err = errors.New("something else failed")
	if err := mapBlock(m, []byte("x\n"), 0, fanfold.NewEmitter(r)); err != nil {
		t.Fatal(err)
	}
	r.end(m, nil)
	idle, err := p.Map(newRun(t.Context(), fanfold.StageMap).task)
	if err != nil {
		t.Fatal(err)
	}
	if err := idle.(fanfold.Closer).Close(nil); err != nil {
		t.Error(err)
	}
	wantNoChild(t)
}

func TestR10WhatACommandLeaves(t *testing.T) {
	// The shell that ends leaves one that writes when it sees that.
	const afterwards = `(while kill -0 $$ 2>&-; do :; done; exec `
	tests := []struct {
		name, script string // that writes the number of the process it leaves
		want         string // besides that
		failure      string
	}{
		{"silent", `sleep 1000 >/dev/null 2>&1 & echo $!`, "", ""},
		{"holds the log", `sleep 1000 >/dev/null & echo $!`, "", ""},
		{"holds the output", `sleep 1000 & echo $!`, "", "left processes"},
		{"holds the output of a failure", `sleep 1000 & echo $!; exit 1`, "", "status 1"},
		{"writes on after a failure", afterwards + `yes "") & echo $!; exit 1`, "*", "status 1"},
		{"writes after the end", afterwards + `echo late) & echo $!`, "late", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(t.Context(), fanfold.StageMap)
			s := testSpec("mapper", sh(test.script)...)
			m := &mapper{spec: s, task: r.task, take: takeRecord}
			emit := fanfold.NewEmitter(r)
			r.err = m.MapBlock([]byte("x\n"), 0, emit)
			r.end(m, emit)
			pid, rest, _ := strings.Cut(strings.TrimLeft(r.text(), "\n"), "\n")
			if pid == "" || (rest != test.want && test.want != "*") {
				t.Errorf("got %q, want a number and %q", r.text(), test.want)
			}
			if (r.err == nil) != (test.failure == "") ||
				(r.err != nil && !strings.Contains(r.err.Error(), test.failure)) {
				t.Errorf("got %v, want %q", r.err, test.failure)
			}
			wantDead(t, pid)
		})
	}
}
