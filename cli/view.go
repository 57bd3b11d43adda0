package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// jobLine is the stable JSON form of a job.
type jobLine struct {
	Job      string        `json:"job"`
	Name     string        `json:"name"`
	Program  string        `json:"program"`
	State    string        `json:"state"`
	Owner    string        `json:"owner"`
	AgeMS    int64         `json:"age_ms"`
	TookMS   int64         `json:"took_ms"`
	Stages   []stageLine   `json:"stages"`
	Bytes    int64         `json:"bytes"`
	BytesAll int64         `json:"bytes_all"`
	Reply    int64         `json:"reply_bytes"`
	Error    string        `json:"error,omitempty"`
	Counters []counterLine `json:"counters,omitempty"`
	Tasks    *taskLine     `json:"tasks,omitempty"` // of an open job
}

// taskLine are the tasks of an open job by state, what was repeated, and what came too late.
type taskLine struct {
	Waiting   uint64 `json:"waiting"`
	Queued    uint64 `json:"queued"`
	Running   uint64 `json:"running"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	TimedOut  uint64 `json:"timed_out"`
	Cancelled uint64 `json:"cancelled"`
	Lost      uint64 `json:"lost"`
	Retried   uint64 `json:"retried"`
	Late      uint64 `json:"late"`
}

// ended is how many tasks have a result.
func (t *taskLine) ended() uint64 {
	return t.Succeeded + t.Failed + t.TimedOut + t.Cancelled + t.Lost
}

// total is how many tasks there are.
func (t *taskLine) total() uint64 { return t.Waiting + t.Queued + t.Running + t.ended() }

// String has what every stream has, and of the rest what there is.
func (t *taskLine) String() string {
	text := fmt.Sprintf("%d of %d succeeded, %d running, %d queued", t.Succeeded, t.total(),
		t.Running, t.Queued)
	for _, more := range []struct {
		n    uint64
		name string
	}{
		{t.Waiting, "waiting for another attempt"}, {t.Failed, "failed"}, {t.TimedOut, "timed out"},
		{t.Cancelled, "cancelled"}, {t.Lost, "lost"}, {t.Retried, "retried"}, {t.Late, "late"},
	} {
		if more.n > 0 {
			text += fmt.Sprintf(", %d %s", more.n, more.name)
		}
	}
	return text
}

type counterLine struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	N     int64  `json:"n"`
}

func jobLineOf(j protocol.JobInfo) jobLine {
	line := jobLine{Job: jobID(j.Job), Name: j.Name, Program: j.Program,
		State: fanfold.State(j.State).String(), Owner: j.Owner, AgeMS: j.Age, TookMS: j.Took,
		Stages: stageLines(j.Stages), Bytes: j.Bytes, BytesAll: j.BytesAll, Reply: j.Reply}
	for _, f := range j.Failure {
		line.Error = f.Err().Error()
	}
	for _, c := range j.Counters {
		line.Counters = append(line.Counters, counterLine(c))
	}
	for _, t := range j.Tasks {
		line.Tasks = (*taskLine)(&t)
	}
	return line
}

func stageLines(stages []protocol.StageInfo) []stageLine {
	lines := make([]stageLine, 0, len(stages))
	for _, s := range stages {
		lines = append(lines, stageLine{fanfold.Stage(s.Stage).String(), s.Total, s.Running,
			s.Succeeded, s.Failures})
	}
	return lines
}

// jobID is a job's id as text; what is no id is shown as it is.
func jobID(id []byte) string {
	if len(id) != len(fanfold.JobID{}) {
		return fmt.Sprintf("%x", id)
	}
	return fanfold.JobID(id).String()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeTable writes rows under a heading, in columns, with control bytes made harmless.
func writeTable(w io.Writer, heading string, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.ReplaceAll(heading, " ", "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = strings.NewReplacer("\t", " ", "\n", " ").Replace(printable(row[i]))
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

func formatMillis(n int64) string {
	d := time.Duration(n) * time.Millisecond
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// writeLog writes what one attempt printed, under a line that names it.
func writeLog(w io.Writer, part protocol.LogPart) error {
	name := printable(part.Attempt + " on " + part.Worker)
	if part.Shared {
		name += " (other attempts ran too: it may be theirs)"
	}
	text := printable(string(part.Data))
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if part.Dropped > 0 {
		name += fmt.Sprintf(" (%s left out in the middle)", formatBytes(part.Dropped))
	}
	_, err := fmt.Fprintf(w, "==> %s\n%s", name, text)
	return err
}
