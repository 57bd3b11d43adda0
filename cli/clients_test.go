package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// TestX9ManyClients has twenty commands submit different jobs at once: each gets its own answer.
func TestX9ManyClients(t *testing.T) {
	c := newCluster(t, 2)
	var texts []text
	for i := range 20 {
		texts = append(texts, text{fmt.Sprint(i), sums(t, uint64(100+i), int64(500+400*i))})
	}
	files := write(t, texts...)
	var all sync.WaitGroup
	for i, file := range files {
		b := builtIns[i%len(builtIns)]
		want := b.want(t, file)
		all.Go(func() {
			args := []string{"submit", "-q", "--state-dir", c.state, "--split-size", "1KiB", b.name}
			for name, value := range b.params {
				args = append(args, "-p", name+"="+value)
			}
			var stdout bytes.Buffer
			o := c.fanfoldTo(&stdout, nil, append(args, file.name)...)
			if o.code != 0 {
				t.Errorf("client %d: exit code %d, want 0; stderr:\n%s", i, o.code, o.stderr)
			}
			equal(t, fmt.Sprintf("client %d, %s", i, b.name), stdout.Bytes(), want)
		})
	}
	all.Wait()
}

// TestManyJobsOnOneConnection submits jobs at once through one client: with inputs by name and of
// its own, one whose reply nobody reads until all others are there, and one that is cancelled.
func TestManyJobsOnOneConnection(t *testing.T) {
	c := newCluster(t, 2)
	large := strings.Repeat(words(t, 200, 64<<10), 40) // more than a client holds
	job := fanfold.Job{Program: "grep", Params: everyLine.params}
	unread, err := c.client.Submit(t.Context(),
		client.Submission{Job: job, Stdin: strings.NewReader(large)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blocked, inputs := io.Pipe()
	defer inputs.Close()
	cancelled, err := c.client.Submit(ctx, client.Submission{Job: job, Stdin: blocked})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 30 {
		own := text{"-", sums(t, uint64(300+i), int64(300+300*i))}
		file := write(t, text{"file", own.content})[0]
		b := builtIns[i%len(builtIns)]
		job := fanfold.Job{Program: b.name, Params: b.params, SplitSize: 1 << 10}
		want := b.want(t, own)
		stdin := io.Reader(strings.NewReader(own.content))
		if i%2 == 0 {
			job.Inputs, stdin, want = []string{file.name}, nil, b.want(t, file)
		}
		all.Go(func() {
			reply, _, err := submitTo(t.Context(), c.client, job, stdin)
			if err != nil {
				t.Errorf("job %d: %v", i, err)
			}
			equal(t, fmt.Sprintf("job %d, %s", i, b.name), reply, want)
		})
	}
	all.Wait()
	cancel()
	var e *fanfold.Error
	if _, err := cancelled.Wait(); !errors.As(err, &e) || e.Kind != fanfold.KindCancelled {
		t.Errorf("cancelled job: got %v, want an error of that kind", err)
	}
	reply, err := io.ReadAll(unread)
	if err != nil {
		t.Error(err)
	}
	equal(t, "late reader", reply, []byte(large))
}

// TestX9SmallJobPassesBigOne submits a small job while a big one has every slot, and 200 tasks
// waiting: it waits for tasks, not for the job.
func TestX9SmallJobPassesBigOne(t *testing.T) {
	const tasks, slots = 200, 2
	c := newCluster(t, slots)
	waits, starts := newGate(t), newGate(t)
	files := write(t, text{"big", strings.Repeat("one line of it\n", tasks)},
		text{"small", "a b a"})
	big := fanfold.Job{Program: fanfold.CommandProgram, Inputs: names(files[:1]), SplitSize: 15}
	script := fmt.Sprintf("echo > %q; read go < %q; cat", starts.Name(), waits.Name())
	big.Command = &fanfold.Command{Mapper: []string{"sh", "-c", script}}
	reply, err := c.client.Submit(t.Context(), client.Submission{Job: big})
	if err != nil {
		t.Fatal(err)
	}
	started := bufio.NewReader(starts)
	for range slots {
		if _, err := started.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	var waiting sync.WaitGroup
	small := make(chan int, 1) // how many tasks of the big job had started when the small one ended
	count := make(chan int, 1) // the same, of now; taken and put back by who needs it
	count <- slots
	waiting.Go(func() {
		job := fanfold.Job{Program: "wordcount", Inputs: names(files[1:])}
		reply, _, err := submitTo(t.Context(), c.client, job, nil)
		if err != nil {
			t.Error(err)
		}
		equal(t, "small job", reply, wordCount.want(t, files[1]))
		n := <-count
		count <- n
		small <- n
	})
	waiting.Go(func() { // lets a task of the big job end whenever another has started
		for range tasks - slots {
			if _, err := waits.WriteString("\n"); err != nil {
				t.Error(err)
			}
			if _, err := started.ReadString('\n'); err != nil {
				t.Error(err)
				return
			}
			count <- 1 + <-count
		}
		if err := waits.open(slots); err != nil {
			t.Error(err)
		}
	})
	got, err := io.ReadAll(reply)
	if err != nil {
		t.Error(err)
	}
	waiting.Wait()
	equal(t, "big job", got, []byte(files[0].content))
	// It has three stages, and each may wait for a task on each slot, and for those that a slot has
	// been given ahead.
	if n := <-small; n > 10*slots {
		t.Errorf("the small job ended behind %d of %d tasks of the big one", n, tasks)
	}
}
