package scheduler

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
)

var update = flag.Bool("update", false, "rewrite testdata")

// TestTranscripts plays testdata/*.txt: blocks of commands, "----", and everything that happened,
// events first and the effects behind each command indented. Things have the names j1, t2, a3,
// s1, in the order in which they came to be. A line is a command's kind, the id it is about, a
// status, and key=value pairs; "after D" lets time pass and ticks; "next", "view j1" and "outputs
// j1 map" look.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d transcripts, error %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newTranscript(t).play(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

type transcript struct {
	t     *testing.T
	s     *State
	now   Time
	names map[uint64]string // by kind and id
	ids   map[string]uint64
	count map[byte]int
	log   []Event
	text  strings.Builder
}

func newTranscript(t *testing.T) *transcript {
	return &transcript{
		t: t, s: New(DefaultConfig),
		names: map[uint64]string{}, ids: map[string]uint64{}, count: map[byte]int{},
	}
}

func (p *transcript) play(script string) string {
	for block := range strings.SplitSeq(strings.TrimSpace(script), "\n\n") {
		in, _, _ := strings.Cut(block+"\n", "----\n")
		p.text.WriteString(in + "----\n")
		for line := range strings.Lines(in) {
			if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
				p.line(f)
			}
		}
		p.text.WriteString("\n")
	}
	replayed := New(p.s.cfg)
	for i := range p.log {
		replayed.Apply(&p.log[i], &Out{})
	}
	if !same(replayed, p.s) {
		p.t.Error("applying the events to a new State gives another one")
	}
	return strings.TrimSuffix(p.text.String(), "\n")
}

func (p *transcript) line(f []string) {
	switch f[0] {
	case "next":
		fmt.Fprintf(&p.text, "next %s\n", time.Duration(p.s.Next()))
		return
	case "view":
		p.view(f[1])
		return
	case "outputs":
		k := map[string]fanfold.Stage{"map": fanfold.StageMap, "reduce": fanfold.StageReduce}[f[2]]
		for o := range p.s.Committed(JobID(p.ids[f[1]]), k) {
			fmt.Fprintf(&p.text, "output%s tag=%d result=%d worker=%d\n",
				p.name('t', uint64(o.Task)), o.Tag, o.Result, o.Worker)
		}
		return
	}
	c := p.command(f)
	out := Out{Record: true}
	p.s.Step(p.now, &c, &out)
	p.log = append(p.log, out.Events...)
	for i := range out.Events {
		p.event(&out.Events[i])
	}
	for i := range out.Effects {
		p.effect(&out.Effects[i])
	}
	if err := p.s.sound(); err != nil {
		p.t.Fatalf("after %v: %v", f, err)
	}
}

func (p *transcript) view(name string) {
	v, ok := p.s.Job(JobID(p.ids[name]))
	if !ok {
		fmt.Fprintf(&p.text, "view %s: none\n", name)
		return
	}
	fmt.Fprintf(&p.text, "view %s %s closed=%t\n", name, v.State, v.Closed)
	for k, st := range v.Stages {
		if st.Total > 0 {
			fmt.Fprintf(&p.text, "  %s total=%d waiting=%d queued=%d running=%d",
				fanfold.Stage(k), st.Total, st.Waiting, st.Queued, st.Running)
			fmt.Fprintf(&p.text, " succeeded=%d failures=%d\n", st.Succeeded, st.Failures)
		}
	}
}

// command reads "kind [id] [status] [key=value …]".
func (p *transcript) command(f []string) Command {
	if f[0] == "after" {
		p.now += p.duration(f[1])
		return Command{Kind: Tick}
	}
	c := Command{}
	for k, name := range commandNames {
		if name == f[0] {
			c.Kind = CommandKind(k)
		}
	}
	if c.Kind == 0 {
		p.t.Fatalf("unknown command %q", f[0])
	}
	options := map[string]string{}
	for _, w := range f[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			options[k] = v
		} else if id, ok := p.ids[w]; ok {
			switch w[0] {
			case 'j':
				c.Job = JobID(id)
			case 't':
				c.Task = TaskID(id)
			case 'a':
				c.Attempt = AttemptID(id)
			default:
				c.Slot = SlotID(id)
			}
		} else {
			c.Status = p.status(w)
		}
	}
	if v, ok := options["source"]; ok {
		c.Task = TaskID(p.ids[v])
	}
	c.Nanos = int64(p.duration(options["took"]))
	c.Tag, c.Ref = p.number(options["tag"]), Ref(p.number(options["ref"]))
	c.Worker = fanfold.WorkerID(p.number(options["worker"]))
	c.Image = uint32(p.number(options["image"]))
	c.Shard, c.Priority = uint32(p.number(options["shard"])), uint8(p.number(options["priority"]))
	if c.Kind == OpenSlot {
		c.Spec = &Spec{Labels: p.labels(options)}
	}
	c.Key, c.Percent = p.number(options["key"]), uint8(p.number(options["percent"]))
	if d := p.duration(options["deadline"]); d > 0 && c.Kind == Submit {
		c.Until = p.now + d
	}
	if c.Kind == OpenJob {
		c.Spec = p.spec(options)
	}
	return c
}

func (p *transcript) spec(options map[string]string) *Spec {
	n := func(key string) uint32 { return uint32(p.number(options[key])) }
	d := func(key string) Time { return p.duration(options[key]) }
	return &Spec{
		Share: ShareID(n("share")), Weight: n("weight"), Priority: uint8(n("priority")),
		Image: n("image"), Client: n("client"), Durable: n("durable") > 0,
		Open: n("open") > 0, Reduces: n("reduces"), Gathers: n("gathers"), QueueMax: n("queue"),
		Backups: n("backups") > 0, MaxAttempts: uint8(n("attempts")),
		Progress: d("progress"), Timeout: d("timeout"),
		Grace: d("grace"), Deadline: d("deadline"),
		Labels: p.labels(options), Shards: n("shards"), Stateful: n("stateful") > 0, Batch: n("batch"),
	}
}

func (p *transcript) labels(options map[string]string) []Label {
	if options["label"] == "" {
		return nil
	}
	return []Label{Label(p.number(options["label"]))}
}

func (p *transcript) status(word string) Status {
	for k, name := range statusNames {
		if name == word {
			return Status(k)
		}
	}
	p.t.Errorf("neither an id nor a status: %q", word)
	return None
}

func (p *transcript) number(text string) uint64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *transcript) duration(text string) Time {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return Time(d)
}

func (p *transcript) name(kind byte, id uint64) string {
	if id == 0 {
		return ""
	}
	key := id ^ uint64(kind)<<56
	if p.names[key] == "" {
		p.count[kind]++
		p.names[key] = fmt.Sprintf("%c%d", kind, p.count[kind])
		p.ids[p.names[key]] = id
	}
	return " " + p.names[key]
}

func (p *transcript) event(e *Event) {
	b := &p.text
	fmt.Fprintf(b, "%s%s%s%s%s", e.Kind, p.name('j', uint64(e.Job)), p.name('t', uint64(e.Task)),
		p.name('a', uint64(e.Attempt)), p.name('s', uint64(e.Slot)))
	if e.Stage != 0 {
		fmt.Fprintf(b, " %s", e.Stage)
	}
	if e.Why != None {
		fmt.Fprintf(b, " %s", e.Why)
	}
	if e.Kind == StageOpened || e.Kind == TasksReaped {
		fmt.Fprintf(b, " n=%d", e.N)
	}
	if e.Until != 0 {
		fmt.Fprintf(b, " until=%s", time.Duration(e.Until))
	}
	if e.Seq != 0 {
		fmt.Fprintf(b, " seq=%d", e.Seq)
	}
	b.WriteString("\n")
}

func (p *transcript) effect(e *Effect) {
	b := &p.text
	fmt.Fprintf(b, "    %s%s%s%s%s", e.Kind,
		p.name('j', uint64(e.Job)), p.name('t', uint64(e.Task)),
		p.name('a', uint64(e.Attempt)), p.name('s', uint64(e.Slot)))
	if e.Stage != 0 {
		fmt.Fprintf(b, " %s", e.Stage)
	}
	if e.Status != None {
		fmt.Fprintf(b, " %s", e.Status)
	}
	for _, field := range []struct {
		name  string
		value uint64
	}{
		{"number", uint64(e.Number)}, {"worker", uint64(e.Worker)}, {"image", uint64(e.Image)},
		{"n", uint64(e.N)}, {"shard", uint64(e.Shard)}, {"tag", e.Tag}, {"ref", uint64(e.Ref)},
		{"result", uint64(e.Result)},
		{"seq", e.Seq},
	} {
		if field.value != 0 {
			fmt.Fprintf(b, " %s=%d", field.name, field.value)
		}
	}
	if e.Again {
		b.WriteString(" again")
	}
	b.WriteString("\n")
}
