package coordinator

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// fakeProcess speaks as a task process does. It runs "words" and "lines" in memory.
type fakeProcess struct {
	agent   *fakeAgent
	slot    int
	pid     uint32
	image   []byte
	ended   chan struct{} // closed when its connection has ended
	conn    *protocol.Conn
	briefs  map[uint64]*protocol.Brief
	given   map[uint64]*fakeAttempt // guarded by agent.mu
	order   []string                // kinds of messages that came, for tests of order
	told    []string                // verdicts; guarded by agent.mu
	deaf    bool                    // it does not stop; guarded by agent.mu
	retired bool                    // it has said good-bye; guarded by agent.mu

	calls    map[uint64]*fakeCall // not answered; guarded by agent.mu
	restored []*protocol.Snapshot // that it was given
}

// fakeAttempt is what a process knows of an attempt.
type fakeAttempt struct {
	assign  protocol.Assign
	brief   *protocol.Brief
	sources []protocol.Source
	input   []byte
	split   fanfold.Split
}

func (a *fakeAttempt) id() fanfold.AttemptID {
	return fanfold.AttemptID{
		Job: fanfold.JobID(a.brief.ID), Stage: fanfold.Stage(a.assign.Stage),
		Task: fanfold.TaskID(a.assign.Task), Attempt: a.assign.Number,
	}
}

func newFakeProcess(a *fakeAgent, slot int, pid uint32, image []byte) *fakeProcess {
	return &fakeProcess{
		agent: a, slot: slot, pid: pid, image: image, conn: a.c.attach("agent"),
		ended:  make(chan struct{}),
		briefs: map[uint64]*protocol.Brief{}, given: map[uint64]*fakeAttempt{},
		calls: map[uint64]*fakeCall{},
	}
}

// gone reports whether its connection has ended.
func (p *fakeProcess) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a signal would. One in use is replaced.
func (p *fakeProcess) kill() {
	p.conn.Close()
	a := p.agent
	a.mu.Lock()
	report := a.onExited
	a.mu.Unlock()
	if report != nil {
		if m := report(p.slot); m != nil {
			a.control.Send(m)
			a.control.Flush()
		}
	}
	a.set(func(a *fakeAgent) {
		if a.slots[p.slot] == p { // it is still wanted
			a.start(p.slot, p.image)
		}
	})
}

func (p *fakeProcess) run() {
	defer close(p.ended)
	defer p.conn.Close()
	hello := protocol.Hello{
		Role: uint8(protocol.RoleProcess), Name: p.agent.name, Slots: []uint32{uint32(p.slot)},
		PID: p.pid, Image: p.image,
	}
	if _, _, err := protocol.Connect(p.agent.c.t.Context(), p.conn, hello, nil); err != nil {
		return
	}
	var b protocol.Batch
	for p.conn.Read(&b) == nil {
		for m := range b.All() {
			p.take(m)
		}
		p.conn.Flush()
	}
}

func (p *fakeProcess) take(m protocol.Message) {
	c := p.agent.c
	p.order = append(p.order, m.Kind.String())
	p.takeCall(m)
	switch m.Kind {
	case protocol.KindBrief:
		b := decoded[protocol.Brief](c, m)
		p.briefs[b.Job] = b
	case protocol.KindSource:
		s := decoded[protocol.Source](c, m)
		s.Inline = bytes.Clone(s.Inline)
		p.of(s.Attempt).sources = append(p.of(s.Attempt).sources, *s)
	case protocol.KindInput:
		in := decoded[protocol.Input](c, m)
		p.of(in.Stream).input = append(p.of(in.Stream).input, in.Data...)
	case protocol.KindAssign:
		a := decoded[protocol.Assign](c, m)
		p.assigned(a)
	case protocol.KindStop:
		s := decoded[protocol.Stop](c, m)
		if p.has(s.Attempt) {
			p.done(&protocol.Done{Attempt: s.Attempt, Status: protocol.StatusStopped})
		}
	case protocol.KindVerdict:
		word := "discard"
		if decoded[protocol.Verdict](c, m).Committed {
			word = "commit"
		}
		p.agent.mu.Lock()
		p.told = append(p.told, word)
		p.agent.mu.Unlock()
	case protocol.KindForget:
		delete(p.briefs, decoded[protocol.Forget](c, m).Job)
	}
}

// verdicts are those that the process was told, once nothing is under way.
func (p *fakeProcess) verdicts() string {
	synctest.Wait()
	p.agent.mu.Lock()
	defer p.agent.mu.Unlock()
	return strings.Join(p.told, " ")
}

// has reports whether an attempt is to be answered.
func (p *fakeProcess) has(attempt uint64) bool {
	p.agent.mu.Lock()
	defer p.agent.mu.Unlock()
	return p.given[attempt] != nil && !p.deaf
}

func (p *fakeProcess) of(attempt uint64) *fakeAttempt {
	p.agent.mu.Lock()
	defer p.agent.mu.Unlock()
	if p.given[attempt] == nil {
		p.given[attempt] = &fakeAttempt{}
	}
	return p.given[attempt]
}

func (p *fakeProcess) assigned(m *protocol.Assign) {
	a := p.of(m.Attempt)
	a.assign, a.brief = *m, p.briefs[m.Job]
	if a.brief == nil || len(a.sources) != int(m.Sources) {
		p.agent.c.t.Errorf("attempt %d: brief %v, %d sources of %d", m.Attempt, a.brief,
			len(a.sources), m.Sources)
		return
	}
	var err error
	if a.split, err = protocol.ParseSplit(m.Split); m.Stage == 1 && err != nil {
		p.agent.c.t.Errorf("parse split: %v", err)
	}
	p.agent.mu.Lock()
	behave := p.agent.behave
	p.agent.mu.Unlock()
	if behave == nil {
		behave = inline
	}
	if d := behave(p, a); d != nil {
		p.done(d)
	}
}

// done answers an attempt.
func (p *fakeProcess) done(d *protocol.Done) {
	p.agent.mu.Lock()
	delete(p.given, d.Attempt)
	p.agent.mu.Unlock()
	d.Slot = uint32(p.slot)
	p.conn.Send(d)
	p.conn.Flush()
}

// retire answers an attempt, returns what has not started, and makes way for another process.
func (p *fakeProcess) retire(d *protocol.Done) {
	p.done(d)
	p.agent.mu.Lock()
	first := !p.retired
	p.retired = true
	p.agent.mu.Unlock()
	if !first {
		return
	}
	p.conn.Send(&protocol.Bye{Reason: "tired"})
	p.conn.Shutdown(p.agent.c.t.Context())
	p.agent.c.all.Go(func() { p.agent.startProcess(p.slot, p.image) })
}

// inline runs an attempt and leaves its output inline; inFile leaves it in a file of the agent's.
func inline(p *fakeProcess, a *fakeAttempt) *protocol.Done {
	parts, in := p.work(a)
	if len(bytes.Join(parts, nil)) > fanfold.InlineAttemptMax {
		return inFile(p, a)
	}
	d := a.succeeded(parts, in)
	d.Inline, d.CRC = parts, crc32.Checksum(parts[0], castagnoli)
	return d
}

func inFile(p *fakeProcess, a *fakeAttempt) *protocol.Done {
	parts, in := p.work(a)
	d := a.succeeded(parts, in)
	d.File, d.Bytes = a.id().Dir()+"/out", int64(len(parts[0]))
	d.CRC = crc32.Checksum(parts[0], castagnoli)
	p.agent.mu.Lock()
	defer p.agent.mu.Unlock()
	p.agent.files[d.File] = parts
	p.agent.c.served.Store(p.agent.name+":"+d.File, parts)
	return d
}

// inFolder leaves the output of the last stage in the job's output folder.
func inFolder(p *fakeProcess, a *fakeAttempt) *protocol.Done {
	if uint32(a.assign.Stage) != a.brief.Stages {
		return inline(p, a)
	}
	parts, in := p.work(a)
	d := a.succeeded(parts, in)
	d.File, d.Bytes = attemptFile(a.id()), int64(len(parts[0]))
	d.CRC = crc32.Checksum(parts[0], castagnoli)
	p.agent.c.store.Put(join(a.brief.Spec.Output, d.File), parts[0])
	return d
}

func (a *fakeAttempt) succeeded(parts [][]byte, in int64) *protocol.Done {
	return &protocol.Done{
		Attempt: a.assign.Attempt, Status: protocol.StatusSucceeded, Nanos: 1000, In: in,
		Records:  int64(bytes.Count(bytes.Join(parts, nil), []byte("\n"))),
		BytesIn:  int64(len(a.input)),
		Counters: []protocol.Counter{{Group: "test", Name: "runs", N: 1}},
	}
}

// failed is the end of an attempt whose user code returned an error.
func (a *fakeAttempt) failed(text string) *protocol.Done {
	f := protocol.FromError(fanfold.Errorf(fanfold.KindUser, "run mapper", "%s", text))
	return &protocol.Done{
		Attempt: a.assign.Attempt, Status: protocol.StatusFailed, Failure: []protocol.Failure{f},
	}
}

// work runs an attempt: parts of the output, and the number of records read.
func (p *fakeProcess) work(a *fakeAttempt) (parts [][]byte, in int64) {
	if fanfold.Stage(a.assign.Stage) == fanfold.StageMap {
		text := a.input
		for _, r := range a.split.Ranges {
			text = append(text, p.readRange(r)...)
		}
		return mapText(a.brief, text)
	}
	var text []byte
	for _, s := range a.sources {
		text = append(text, p.readSource(s)...)
	}
	out := text
	if a.brief.Spec.Program != "lines" {
		out = sumLines(text)
	}
	return [][]byte{out}, int64(bytes.Count(text, []byte("\n")))
}

func (p *fakeProcess) readRange(r fanfold.Range) []byte {
	f, _, err := p.agent.c.store.Open(p.agent.c.t.Context(), r.Name, 0)
	if err != nil {
		p.agent.c.t.Error(err)
		return nil
	}
	defer f.Close()
	data, _ := io.ReadAll(f)
	from, to := lineStart(data, r.Offset), lineStart(data, r.Offset+r.Length)
	return data[from:to]
}

// lineStart is where the first line starts at or behind an offset.
func lineStart(data []byte, offset int64) int64 {
	if offset == 0 || offset >= int64(len(data)) {
		return min(offset, int64(len(data)))
	}
	i := bytes.IndexByte(data[offset-1:], '\n')
	if i < 0 {
		return int64(len(data))
	}
	return offset + int64(i)
}

func (p *fakeProcess) readSource(s protocol.Source) []byte {
	if s.Path == "" {
		return s.Inline
	}
	p.agent.mu.Lock()
	defer p.agent.mu.Unlock()
	return p.agent.files[s.Path][s.Part]
}

// mapText maps a text: "lines" leaves its lines, everything else "word TAB count" lines.
func mapText(b *protocol.Brief, text []byte) (parts [][]byte, in int64) {
	in = int64(bytes.Count(text, []byte("\n")))
	if b.Spec.Program == "lines" {
		return [][]byte{text}, in
	}
	parts = make([][]byte, max(1, b.Partitions))
	for word := range bytes.FieldsSeq(text) {
		h := fnv.New32a()
		h.Write(word)
		i := h.Sum32() % uint32(len(parts))
		parts[i] = fmt.Appendf(parts[i], "%s\t1\n", word)
	}
	return parts, in
}

// sumLines adds up "word TAB count" lines, sorted.
func sumLines(text []byte) []byte {
	sums := map[string]int{}
	for line := range strings.Lines(string(text)) {
		word, n, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		count, _ := strconv.Atoi(n)
		sums[word] += count
	}
	var out []byte
	for _, word := range slices.Sorted(maps.Keys(sums)) {
		out = fmt.Appendf(out, "%s\t%d\n", word, sums[word])
	}
	return out
}

// counted is what a word count of a text prints.
func counted(text string) string {
	parts, _ := mapText(&protocol.Brief{Partitions: 1}, []byte(text))
	return string(sumLines(parts[0]))
}
