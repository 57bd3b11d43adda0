package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what came out of a contest.
type report struct {
	Title     string   `json:"title"`
	Command   string   `json:"command"`
	Machine   machine  `json:"machine"`
	Versions  []string `json:"versions"`
	Runs      int      `json:"runs"`
	Reference string   `json:"reference"`
	Results   []result `json:"results"`

	columns []column
	own     bool // the programs have measured themselves
}

// result is what came out for one contestant; without samples it did not compete.
type result struct {
	Name    string   `json:"name"`
	Missing string   `json:"missing,omitempty"`
	Bytes   int64    `json:"input_bytes,omitempty"`
	Wall    spread   `json:"wall_ns"`
	CPU     spread   `json:"cpu_ns"`
	Peak    spread   `json:"peak_rss_bytes"`
	Samples []sample `json:"samples"`

	// Ratios are what it took, divided by what the reference took: its time and its CPU time, per
	// byte if Bytes is set, its memory, and its latency of one task at a time.
	Ratio     float64 `json:"ratio"`
	CPURatio  float64 `json:"cpu_ratio,omitempty"`
	PeakRatio float64 `json:"peak_ratio,omitempty"`
	P50Ratio  float64 `json:"p50_ratio,omitempty"`
}

func newReport(c contest, runs int, samples [][]sample, m machine, versions []string) report {
	r := report{
		Title: c.title, Machine: m, Versions: versions, Runs: runs, Reference: c.reference,
		columns: c.columns,
	}
	if r.columns == nil {
		r.columns = processColumns
	}
	var reference result
	for i, one := range c.contestants {
		r.own = r.own || one.measured != nil
		res := result{Name: one.name, Missing: one.missing, Bytes: one.bytes, Samples: samples[i]}
		if len(samples[i]) > 0 {
			res.Wall = spreadBy(samples[i], func(s sample) int64 { return int64(s.Wall) })
			res.CPU = spreadBy(samples[i], func(s sample) int64 { return int64(s.CPU) })
			res.Peak = spreadBy(samples[i], func(s sample) int64 { return s.Peak })
		}
		if one.name == c.reference {
			reference = res
		}
		r.Results = append(r.Results, res)
	}
	for i := range r.Results {
		res := &r.Results[i]
		res.Ratio = ratio(res.each(res.Wall), reference.each(reference.Wall))
		res.CPURatio = ratio(res.each(res.CPU), reference.each(reference.CPU))
		res.PeakRatio = ratio(float64(res.Peak.Median), float64(reference.Peak.Median))
		res.P50Ratio = ratio(res.p50(), reference.p50())
	}
	return r
}

// ratio is 0 where there is nothing to compare with.
func ratio(it, reference float64) float64 {
	if reference <= 0 {
		return 0
	}
	return it / reference
}

// each is a median per byte, where contestants may have inputs of several sizes.
func (r result) each(s spread) float64 { return float64(s.Median) / float64(max(r.Bytes, 1)) }

// p50 is the median of the median latencies; 0: there are none.
func (r result) p50() float64 {
	if len(r.Samples) == 0 {
		return 0
	}
	return float64(spreadBy(r.Samples, func(s sample) int64 { return int64(s.P50) }).Median)
}

// column is a column of a table.
type column struct {
	name string
	cell func(r result) string
}

// processColumns tell how programs fared that were run from exec to exit.
var processColumns = []column{
	{"input", func(r result) string {
		if r.Bytes == 0 {
			return ""
		}
		return sizeText(r.Bytes)
	}},
	{"wall: median (min–max)", func(r result) string {
		return fmt.Sprintf("%s (%s–%s)", timeText(r.Wall.Median), timeText(r.Wall.Min),
			timeText(r.Wall.Max))
	}},
	{"rate", func(r result) string {
		if r.Bytes == 0 {
			return ""
		}
		return fmt.Sprintf("%.0f MB/s",
			float64(r.Bytes)/1e6/time.Duration(r.Wall.Median).Seconds())
	}},
	{"CPU", func(r result) string { return timeText(r.CPU.Median) }},
	{"memory", func(r result) string { return fmt.Sprintf("%d MiB", (r.Peak.Max+1<<19)>>20) }},
	ratioColumn,
	{"CPU ×", func(r result) string { return ratioText(r.CPURatio) }},
	{"memory ×", func(r result) string { return ratioText(r.PeakRatio) }},
}

var ratioColumn = column{"time ×", func(r result) string { return ratioText(r.Ratio) }}

// ratioText is empty where there is no ratio.
func ratioText(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

// header names the columns of the table.
func (r report) header() []string {
	names := []string{"program"}
	for _, c := range r.columns {
		names = append(names, c.name)
	}
	return names
}

// cells are the columns of one result.
func (r report) cells(res result) []string {
	cells := []string{res.Name}
	if len(res.Samples) == 0 {
		cells = append(cells, res.Missing)
		return append(cells, make([]string, len(r.columns)-1)...)
	}
	for _, c := range r.columns {
		cells = append(cells, c.cell(res))
	}
	return cells
}

// timeText has three digits or more.
func timeText(ns int64) string {
	switch d := time.Duration(ns); {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

// notes are the lines below a table.
func (r report) notes() []string {
	first := fmt.Sprintf("Medians of %d runs in turns, after one to warm up.", r.Runs)
	if !r.own {
		first += " CPU is that of all processes. Memory is the most that all of them together had in " +
			"RAM, looked at every 50 ms; what they share is counted for each."
	}
	notes := []string{first, "Machine: " + r.Machine.String() + "."}
	if len(r.Versions) > 0 {
		notes = append(notes, "Versions: "+strings.Join(r.Versions, "; ")+".")
	}
	return append(notes, "Made by: "+r.Command)
}

func writeText(w io.Writer, r report) error {
	fmt.Fprintln(w, r.Title)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(r.header(), "\t"))
	for _, res := range r.Results {
		fmt.Fprintln(table, strings.TrimRight(strings.Join(r.cells(res), "\t"), "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, strings.Join(r.notes(), "\n"))
	return err
}

func writeMarkdown(w io.Writer, r report) error {
	columns := r.header()
	fmt.Fprintf(w, "### %s\n\n| %s |\n", r.Title, strings.Join(columns, " | "))
	fmt.Fprintf(w, "|---|---|%s\n", strings.Repeat("---:|", len(columns)-2))
	for _, res := range r.Results {
		cells := r.cells(res)
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	notes := r.notes()
	notes[len(notes)-1] = "Made by: `" + r.Command + "`"
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "  \n"))
	return err
}

func writeJSON(w io.Writer, r report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// commandLine is what a user types for the same contest.
func commandLine(args []string) string {
	return "go run ./bench " + strings.Join(args, " ")
}
