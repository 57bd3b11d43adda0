package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

// workerLine is the stable JSON form of a worker.
type workerLine struct {
	Name      string   `json:"name"`
	Host      string   `json:"host"`
	PID       uint32   `json:"pid"`
	State     string   `json:"state"`
	Slots     uint32   `json:"slots"`
	Busy      uint32   `json:"busy"`
	Processes []uint32 `json:"processes"`
	Done      uint64   `json:"attempts_succeeded"`
	Failures  uint64   `json:"attempts_failed"`
	AgeMS     int64    `json:"age_ms"`
	Excluded  int64    `json:"excluded_ms,omitempty"`
	Avoided   uint32   `json:"avoided_by_jobs,omitempty"`
	Product   string   `json:"product"`
	Labels    []string `json:"labels"`
	SilentMS  int64    `json:"silent_ms"`
}

func workerLineOf(w protocol.WorkerInfo) workerLine {
	return workerLine{w.Name, w.Host, w.PID, w.State, w.Slots, w.Busy, w.Processes, w.Done,
		w.Failures, w.Age, w.Excluded, w.Avoided, w.Product, w.Labels, w.Silent}
}

// stateText is the state for people: for how long a worker is excluded, and by how many jobs.
func (w *workerLine) stateText() string {
	switch {
	case w.Excluded > 0:
		return w.State + " " + formatMillis(w.Excluded)
	case w.Avoided > 0:
		return fmt.Sprintf("%s, not for %d jobs", w.State, w.Avoided)
	}
	return w.State
}

func (a *app) workersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "workers",
		Short: "List the workers of a coordinator",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				workers, err := c.Workers(cmd.Context())
				if err != nil {
					return err
				}
				lines := make([]workerLine, 0, len(workers))
				for _, w := range workers {
					lines = append(lines, workerLineOf(w))
				}
				if asJSON {
					return writeJSON(a.stdout, lines)
				}
				return a.printWorkers(lines)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printWorkers(workers []workerLine) error {
	rows := make([][]string, 0, len(workers))
	for _, w := range workers {
		rows = append(rows, []string{w.Name, w.Host, w.stateText(), fmt.Sprintf("%d/%d", w.Busy, w.Slots),
			strconv.FormatUint(w.Done, 10), strconv.FormatUint(w.Failures, 10),
			formatMillis(w.AgeMS), formatMillis(w.SilentMS), cmp.Or(w.Product, "-"),
			cmp.Or(strings.Join(w.Labels, ","), "-")})
	}
	return writeTable(a.stdout, "NAME HOST STATE BUSY DONE FAILED AGE SILENT VERSION LABELS", rows)
}
