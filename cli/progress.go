package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

const (
	// silentFor is how long the plain view says nothing, so that a short job is as quiet as any
	// filter.
	silentFor = 2 * time.Second
	// plainEvery is how often the plain view repeats itself while a phase lasts.
	plainEvery = 10 * time.Second
)

// progressView shows how far a job is. Its methods are for one goroutine.
type progressView interface {
	update(client.Progress)
	print(func(io.Writer)) // something else, on the same output
	close()
}

// newProgressView makes the view of a mode: bars on a terminal, lines elsewhere, unless told.
func (a *app) newProgressView(mode string, id fanfold.JobID) progressView {
	if mode == "auto" {
		mode = "plain"
		if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			mode = "tty"
		}
	}
	switch {
	case a.quiet || mode == "none":
		return &plainView{out: a.stderr, mute: true}
	case mode == "tty":
		return newBarView(a.stderr)
	case mode == "json":
		return &jsonView{out: a.stderr, id: id}
	}
	return &plainView{name: a.name, out: a.stderr, start: time.Now()}
}

// plainView writes a line when the phase changes and now and then in between.
type plainView struct {
	name        string // of the command
	out         io.Writer
	mute        bool
	start, last time.Time
	phase       fanfold.Stage
}

func (v *plainView) update(p client.Progress) {
	now := time.Now()
	phase := phaseOf(p)
	due := phase != v.phase || now.Sub(v.last) >= plainEvery
	if v.mute || !due || now.Sub(v.start) < silentFor {
		return
	}
	v.phase, v.last = phase, now
	fmt.Fprintf(v.out, "%s: %s\n", v.name, describe(p))
}

func (v *plainView) print(f func(io.Writer)) { f(v.out) }
func (v *plainView) close()                  {}

// phaseOf is the last stage that has tasks.
func phaseOf(p client.Progress) fanfold.Stage {
	phase := fanfold.StageMap
	for _, s := range p.Stages {
		if s.Total > 0 {
			phase = fanfold.Stage(s.Stage)
		}
	}
	return phase
}

// describe writes progress in words: "map 3 of 12, 4 running; 1.2GiB of 5GiB read".
func describe(p client.Progress) string {
	var parts []string
	for _, s := range p.Stages {
		if s.Total == 0 {
			continue
		}
		part := fmt.Sprintf("%s %d of %d", fanfold.Stage(s.Stage), s.Succeeded, s.Total)
		if s.Running > 0 {
			part += fmt.Sprintf(", %d running", s.Running)
		}
		if s.Failures > 0 {
			part += fmt.Sprintf(", %d failed attempts", s.Failures)
		}
		parts = append(parts, part)
	}
	if p.BytesAll > 0 {
		parts = append(parts, formatBytes(p.Bytes)+" of "+formatBytes(p.BytesAll)+" read")
	}
	if p.Status != "" {
		parts = append(parts, printable(p.Status))
	}
	return strings.Join(parts, "; ")
}

// jsonView writes each update as one JSON object a line.
type jsonView struct {
	out io.Writer
	id  fanfold.JobID
}

// progressLine is the stable form of one update.
type progressLine struct {
	Job      string      `json:"job"`
	Stages   []stageLine `json:"stages"`
	Bytes    int64       `json:"bytes"`
	BytesAll int64       `json:"bytes_all"`
	Status   string      `json:"status,omitempty"`
}

type stageLine struct {
	Stage     string `json:"stage"`
	Total     uint32 `json:"total"`
	Running   uint32 `json:"running"`
	Succeeded uint32 `json:"succeeded"`
	Failures  uint32 `json:"failures"`
}

func (v *jsonView) update(p client.Progress) {
	line := progressLine{Job: v.id.String(), Stages: stageLines(p.Stages), Bytes: p.Bytes,
		BytesAll: p.BytesAll, Status: p.Status}
	_ = json.NewEncoder(v.out).Encode(line)
}

func (v *jsonView) print(f func(io.Writer)) { f(v.out) }
func (v *jsonView) close()                  {}
