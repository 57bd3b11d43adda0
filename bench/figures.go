package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// readFigures reads what a driver prints.
func readFigures(output []byte, s *sample) error {
	var f struct {
		Tasks   int     `json:"tasks"`
		Seconds float64 `json:"seconds"`
		P50     float64 `json:"p50_us"`
		P99     float64 `json:"p99_us"`
		Max     float64 `json:"max_us"`
		CPU     float64 `json:"server_cpu_us"`
		Each    float64 `json:"bytes_each"`
		Left    float64 `json:"bytes_left"`
	}
	if err := json.Unmarshal(output, &f); err != nil {
		return fmt.Errorf("read figures: %w", err)
	}
	if f.Tasks < 1 {
		return fmt.Errorf("read figures: %d tasks", f.Tasks)
	}
	micros := func(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }
	s.Tasks, s.P50, s.P99, s.CPU = int64(f.Tasks), micros(f.P50), micros(f.P99), micros(f.CPU)
	s.Longest, s.BytesEach, s.BytesLeft = micros(f.Max), int64(f.Each), int64(f.Left)
	s.Wall = time.Duration(f.Seconds * float64(time.Second) / float64(f.Tasks))
	return nil
}

// The columns of what dispatchers measure. Wall is the time per task, CPU the server's per task.
var (
	rateColumn = column{"tasks/s: median (min–max)", func(r result) string {
		return fmt.Sprintf("%s (%s–%s)", perSecond(r.Wall.Median), perSecond(r.Wall.Max),
			perSecond(r.Wall.Min))
	}}
	p50Column = latencyColumn("p50", func(s sample) int64 { return int64(s.P50) })
	p99Column = latencyColumn("p99", func(s sample) int64 { return int64(s.P99) })
	cpuColumn = column{"server CPU per task", func(r result) string {
		return microText(r.CPU.Median)
	}}
	timeColumn = column{"time × reference", ratioColumn.cell}

	taskColumns   = []column{rateColumn, cpuColumn, timeColumn}
	singleColumns = []column{p50Column, p99Column, cpuColumn, {"p50 × reference", p50Ratio}}
	fanoutColumns = []column{
		latencyColumn("whole fan-out: median", func(s sample) int64 { return int64(s.P50) }),
		rateColumn, timeColumn,
	}
	queuedColumns = []column{
		bytesColumn("memory per task", func(s sample) int64 { return s.BytesEach }),
		bytesColumn("after cancel", func(s sample) int64 { return s.BytesLeft }),
		cpuColumn,
	}
	recoverColumns = []column{
		latencyColumn("recovered after: median", func(s sample) int64 { return int64(s.P50) }),
		latencyColumn("longest of 20", func(s sample) int64 { return int64(s.Longest) }),
	}
	idleColumns = []column{
		p50Column, p99Column, cpuColumn,
		bytesColumn("memory per client", func(s sample) int64 { return s.BytesEach }),
	}
)

func p50Ratio(r result) string { return ratioText(r.P50Ratio) }

func latencyColumn(name string, of func(sample) int64) column {
	return column{name, func(r result) string { return latencyText(r.Samples, of) }}
}

func bytesColumn(name string, of func(sample) int64) column {
	return column{name, func(r result) string {
		return fmt.Sprintf("%d B", spreadBy(r.Samples, of).Median)
	}}
}

func perSecond(nanos int64) string {
	if nanos == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g k", 1e6/float64(nanos))
}

// latencyText is the median of a latency; without one it is empty.
func latencyText(samples []sample, of func(sample) int64) string {
	if median := spreadBy(samples, of).Median; median > 0 {
		return microText(median)
	}
	return ""
}

func microText(nanos int64) string { return fmt.Sprintf("%.2f µs", float64(nanos)/1e3) }
