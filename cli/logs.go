package cli

import (
	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

func (a *app) logsCommand() *cobra.Command {
	return a.jobCommand("logs", "Print what the tasks of a job printed",
		func(cmd *cobra.Command, c *client.Client, id fanfold.JobID) error {
			return c.Logs(cmd.Context(), id, func(part protocol.LogPart) error {
				return writeLog(a.stdout, part)
			})
		})
}

func (a *app) cancelCommand() *cobra.Command {
	return a.jobCommand("cancel", "End a job",
		func(cmd *cobra.Command, c *client.Client, id fanfold.JobID) error {
			return c.Cancel(cmd.Context(), id)
		})
}
