//go:build linux

package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fanfold/fanfold/internal/corpus"
)

// onHost starts a worker that does not see the files of others, as one on a host of its own, with
// one slot.
func (h *home) onHost(n int, args ...string) *process {
	h.t.Helper()
	p := h.start(append([]string{"worker", "--name", fmt.Sprintf("host%d", n), "--log-level", "debug",
		"--work-dir", h.path(fmt.Sprintf("work%d", n)),
		"--data-listen", fmt.Sprintf("127.0.0.%d:0", n)}, args...)...)
	p.await(&p.stderr, " joined ", 1)
	return p
}

// text writes so many bytes of words into the file in, so that map outputs are files.
func (h *home) text(size int64) string {
	h.t.Helper()
	var b bytes.Buffer
	if err := corpus.Words(&b, corpus.WordsConfig{Bytes: size, Vocabulary: 100_000}); err != nil {
		h.t.Fatal(err)
	}
	h.file("in", b.String())
	return b.String()
}

// countedWords is what the job wordcount makes of a text.
func countedWords(text string) string {
	counts := map[string]int{}
	for word := range strings.FieldsSeq(text) {
		counts[word]++
	}
	var lines []string
	for word, n := range counts {
		lines = append(lines, fmt.Sprintf("%s\t%d\n", word, n))
	}
	slices.SortFunc(lines, byWord)
	return strings.Join(lines, "")
}

func byWord(a, b string) int {
	a, _, _ = strings.Cut(a, "\t")
	b, _, _ = strings.Cut(b, "\t")
	return strings.Compare(a, b)
}

// wantOutput checks what a job has printed, without printing all of it, and said.
func (p *process) wantOutput(want string, words ...string) {
	p.t.Helper()
	p.want(0, words...)
	if got := p.stdout.String(); got != want {
		p.t.Errorf("%q: got %d bytes, want %d, or others", p.cmd.Args[1:], len(got), len(want))
	}
}

// fetched checks that one of the workers has fetched segments.
func fetched(t *testing.T, workers ...*process) {
	t.Helper()
	for _, w := range workers {
		if strings.Contains(w.stderr.String(), "fetched segments") {
			return
		}
	}
	t.Error("no worker has fetched anything")
}

// TestTwoHosts checks that jobs on two workers that do not see each other's files have the output
// that they have on one, whether segments are compressed on their way or not.
func TestTwoHosts(t *testing.T) {
	for _, flags := range [][]string{nil, {"--compress-segments"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			h := newHome(t)
			text := h.text(3 << 20)
			co := h.coordinator("--slots", "0")
			a, b := h.onHost(2, flags...), h.onHost(3, flags...)
			common := []string{"--split-size", "512KiB", "--reducers", "3", "in"}
			h.run(append([]string{"submit", "wordcount"}, common...)...).wantOutput(countedWords(text))
			fetched(t, a, b)
			h.run(append([]string{"submit", "sort"}, common...)...).wantOutput(sortedLines(text))
			h.run(append([]string{"submit", "wordcount", "--top", "2", "--sort", "value"}, common...)...).
				want(0)
			for _, w := range []*process{a, b} {
				w.leave()
			}
			co.end()
			h.checkNothingLeft()
			h.checkFolder("work2")
			h.checkFolder("work3")
		})
	}
}

// held is a job whose mappers and reducers say that they are up, and wait to be let go. On workers
// with one slot each, none gets another task before all have one.
type held struct {
	*process
	up, gate *fifo
	want     string // what the same job makes on one host, without waiting
}

// hold submits such a job with eight map tasks.
func (h *home) hold(reducers string, flags ...string) held {
	h.t.Helper()
	h.text(4 << 20)
	h.file("map.sh", "echo >>maps; echo up >up; read go <gate; exec cat\n")
	h.file("reduce.sh", "echo up >up; read go <gate; exec cat\n")
	job := func(mapper, reducer string) []string {
		return []string{"--mapper", mapper, "--reducer", reducer, "--reducers", reducers,
			"--split-size", "512KiB", "in"}
	}
	one := h.run(append([]string{"run"}, job("cat", "cat")...)...)
	one.want(0)
	j := held{up: h.fifo("up"), gate: h.fifo("gate"), want: one.stdout.String()}
	j.process = h.start(slices.Concat([]string{"submit"}, flags, job("sh map.sh", "sh reduce.sh"))...)
	return j
}

// await waits until so many are up that were not before.
func (j held) await(n int) {
	j.t.Helper()
	for range n {
		j.up.line()
	}
}

// release lets so many go.
func (j held) release(n int) {
	j.t.Helper()
	if _, err := j.gate.file.WriteString(strings.Repeat("\n", n)); err != nil {
		j.t.Fatal(err)
	}
}

// TestR43SegmentsOverTLS checks that a worker and the one in the coordinator's process fetch from
// each other by their certificates.
func TestR43SegmentsOverTLS(t *testing.T) {
	h := newHome(t)
	h.cluster("a", "coordinator", "worker", "client")
	co := h.secured("--slots", "1", "--listen", "127.0.0.2:0", "--log-level", "debug")
	w := h.workerAt(co.tcp, "a-worker", "--work-dir", h.path("work3"), "--log-level", "debug",
		"--data-listen", "127.0.0.3:0", "--allow-exec", "any")
	w.await(&w.stderr, " joined ", 1)
	j := h.hold("2", "--coordinator", co.tcp, "--tls-dir", "a-client")
	j.await(2)
	j.release(8)
	j.await(6 + 2)
	j.release(2)
	j.wantOutput(j.want)
	fetched(t, co.process)
	fetched(t, w)
	w.leave()
	co.end()
	h.checkNothingLeft()
	h.checkFolder("work3")
}

// TestB29DataPortNeedsTLS checks that no port for segments is open to other hosts without
// certificates.
func TestB29DataPortNeedsTLS(t *testing.T) {
	h := newHome(t)
	co := h.coordinator("--slots", "0")
	h.run("worker", "--data-listen", "0.0.0.0:0").want(2, "reachable from other hosts")
	h.run("worker", "--data-listen", "nowhere").want(2, "want HOST:PORT")
	co.end()
	h.checkNothingLeft()
}

// TestR14KilledHost checks that a worker that is killed while others still need what its map tasks
// have left costs these tasks, and not the job.
func TestR14KilledHost(t *testing.T) {
	h := newHome(t)
	co := h.coordinator("--slots", "0", "--log-level", "info")
	a, b := h.onHost(2), h.onHost(3)
	j := h.hold("4")
	j.await(2)
	j.release(8)
	j.await(6 + 2) // both reducers have fetched what they need, and two more reduce tasks wait
	b.signal(syscall.SIGKILL)
	<-b.ended
	co.await(&co.stderr, "worker lost", 1)
	j.release(8 + 4)
	j.wantOutput(j.want, "first failure of an attempt")
	maps, err := os.ReadFile(h.path("maps"))
	if err != nil {
		t.Fatal(err)
	}
	if again := len(maps) - 8; again < 1 || again > 7 {
		t.Errorf("%d map tasks ran again of 8, want some and not all", again)
	}
	fetched(t, a)
	a.leave()
	co.end()
	h.checkNothingLeft()
}
