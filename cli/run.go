package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/protocol"
)

const runHelp = `Run a job on this machine, with all that it needs in this process and its children.

The result goes to standard output, one record a line: key, TAB, value, in the order of the keys.
Without an input named, standard input is read. With --mapper, --reducer or --aggregate every
argument is an input.

`

func (a *app) runCommand() *cobra.Command {
	var (
		job    jobFlags
		local  = localFlags{slots: defaultSlots()}
		follow followFlags
	)
	cmd := &cobra.Command{
		Use:   "run [flags] JOB [INPUT...]",
		Short: "Run a job on this machine",
		Long:  runHelp + a.listPrograms(),
		Example: "  " + a.name + " run " + a.exampleJob() + " book.txt\n" +
			"  zcat logs.gz | " + a.name + " run --mapper 'cut -f 3' --aggregate count --top 10",
		ValidArgsFunction: a.completeJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), &job, local, follow, args)
		},
	}
	job.register(cmd.Flags())
	local.register(cmd.Flags())
	follow.register(cmd.Flags())
	return cmd
}

func (a *app) run(
	ctx context.Context, f *jobFlags, local localFlags, follow followFlags, args []string,
) (err error) {
	if err := local.validate(); err != nil {
		return err
	}
	if local.slots == 0 {
		return usagef("", "--slots 0: a job needs at least one")
	}
	job, args, err := f.job(args)
	if err != nil {
		return err
	}
	program, err := a.programOf(job)
	if err != nil {
		return err
	}
	in, err := a.sources(ctx, f, args, false)
	if err != nil {
		return err
	}
	defer in.close()
	job.Inputs = in.names
	n, err := a.startNode(coordinator.Config{}, local)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	c, err := n.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	s := client.Submission{Job: job, Info: protocol.InfoOf(&program), Stdin: in.own}
	return a.submitAndFollow(ctx, c, s, follow)
}
