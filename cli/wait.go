package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

func (a *app) waitCommand() *cobra.Command {
	return a.jobCommand("wait", "Wait for a job's end and exit as the job did",
		func(cmd *cobra.Command, c *client.Client, id fanfold.JobID) error {
			summary, err := c.Wait(cmd.Context(), id)
			if err == nil && !a.quiet {
				fmt.Fprintln(a.stdout, summary.State)
			}
			return err
		})
}

func (a *app) attachCommand() *cobra.Command {
	var follow followFlags
	cmd := a.jobCommand("attach", "Get the reply of a job that was detached",
		func(cmd *cobra.Command, c *client.Client, id fanfold.JobID) error {
			reply, err := c.Attach(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.follow(cmd.Context(), c, reply, follow)
		})
	follow.register(cmd.Flags())
	return cmd
}
