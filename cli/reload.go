package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/coordinator"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Replace the task processes, one slot after the other, while jobs go on",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				return c.Reload(cmd.Context())
			})
		},
	}
}

// reloadOnHangup has SIGHUP replace the task processes of a coordinator, but for one whose terminal
// it says is gone.
func (a *app) reloadOnHangup(ctx context.Context, server *coordinator.Server) (undo func()) {
	if isTerminal(a.stdin) {
		return func() {}
	}
	return a.hangup.set(func() {
		go func() {
			if err := server.Reload(ctx, 0); err != nil && ctx.Err() == nil {
				a.logger().Warn("reload", "error", err)
			}
		}()
	})
}
