package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := a.jobCommand("status", "Show one job in full",
		func(cmd *cobra.Command, c *client.Client, id fanfold.JobID) error {
			info, err := c.Job(cmd.Context(), id)
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(a.stdout, jobLineOf(info))
			}
			return a.printJob(info)
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printJob(info protocol.JobInfo) error {
	j := jobLineOf(info)
	rows := [][]string{
		{"job", j.Job}, {"name", j.Name}, {"program", j.Program}, {"owner", j.Owner},
		{"state", j.State}, {"took", formatMillis(j.TookMS)},
	}
	if j.Tasks != nil {
		rows = append(rows, []string{"tasks", j.Tasks.String()})
		j.Stages = nil // they say less of the same
	}
	for _, s := range j.Stages {
		rows = append(rows, []string{s.Stage, fmt.Sprintf("%d of %d, %d running, %d failed attempts",
			s.Succeeded, s.Total, s.Running, s.Failures)})
	}
	if j.BytesAll > 0 {
		rows = append(rows, []string{"input", formatBytes(j.Bytes) + " of " + formatBytes(j.BytesAll)})
	}
	if j.Reply > 0 {
		rows = append(rows, []string{"reply", formatBytes(j.Reply)})
	}
	for _, c := range j.Counters {
		rows = append(rows, []string{"counter", fmt.Sprintf("%s %s %d", c.Group, c.Name, c.N)})
	}
	if err := writeTable(a.stdout, "FIELD VALUE", rows); err != nil {
		return err
	}
	for _, f := range info.Failure {
		a.report(a.stdout, f.Err())
	}
	return nil
}
