package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

func (a *app) jobsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List the jobs of a coordinator",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				jobs, err := c.Jobs(cmd.Context())
				if err != nil {
					return err
				}
				lines := make([]jobLine, 0, len(jobs))
				for _, j := range jobs {
					lines = append(lines, jobLineOf(j))
				}
				if asJSON {
					return writeJSON(a.stdout, lines)
				}
				return a.printJobs(lines)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printJobs(jobs []jobLine) error {
	rows := make([][]string, 0, len(jobs))
	for _, j := range jobs {
		done, total := uint64(0), uint64(0)
		for _, s := range j.Stages {
			done, total = done+uint64(s.Succeeded), total+uint64(s.Total)
		}
		if j.Tasks != nil {
			done, total = j.Tasks.ended(), j.Tasks.total()
		}
		tasks := fmt.Sprintf("%d/%d", done, total)
		rows = append(rows, []string{j.Job, j.Name, j.State, tasks, formatMillis(j.TookMS), j.Owner})
	}
	return writeTable(a.stdout, "JOB NAME STATE TASKS TOOK OWNER", rows)
}

// jobCommand makes a command about one job.
func (a *app) jobCommand(
	use, short string, do func(*cobra.Command, *client.Client, fanfold.JobID) error,
) *cobra.Command {
	return &cobra.Command{
		Use:   use + " JOB",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := fanfold.ParseJobID(args[0])
			if err != nil {
				e := fanfold.Errorf(fanfold.KindNotFound, "", "%q: %w", args[0], err)
				e.Hint = a.name + " jobs lists the jobs"
				return e
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				return do(cmd, c, id)
			})
		},
	}
}
