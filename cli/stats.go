package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
)

func (a *app) statsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Print the numbers of a coordinator",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				stats, err := c.Stats(cmd.Context())
				if err != nil {
					return err
				}
				return a.printStats(stats, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printStats(stats []protocol.Stat, asJSON bool) error {
	if asJSON {
		byName := make(map[string]int64, len(stats))
		for _, s := range stats {
			byName[s.Name] = s.Value
		}
		return writeJSON(a.stdout, byName)
	}
	rows := make([][]string, 0, len(stats))
	for _, s := range stats {
		rows = append(rows, []string{s.Name, strconv.FormatInt(s.Value, 10)})
	}
	return writeTable(a.stdout, "NAME VALUE", rows)
}

func (a *app) drainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "drain",
		Short: "Refuse new jobs and wait until the running ones have ended",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				return c.Drain(cmd.Context())
			})
		},
	}
}
