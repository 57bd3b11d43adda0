package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/process"
)

const submitHelp = `Submit a job to a coordinator, wait for it, and print its reply.

The flags are those of %[1]s run. Inputs are named as the workers see them, or sent with --inline.
The job ends with this command unless --detach or --id is given; then %[1]s attach gets the reply.

`

func (a *app) submitCommand() *cobra.Command {
	var (
		job    jobFlags
		follow followFlags
		detach bool
		id     string
	)
	cmd := &cobra.Command{
		Use:   "submit [flags] JOB [INPUT...]",
		Short: "Submit a job to a coordinator",
		Long:  fmt.Sprintf(submitHelp, a.name) + a.listPrograms(),
		Example: "  " + a.name + " submit " + a.exampleJob() + " /data/2026/*.gz\n" +
			"  " + a.name + " submit --detach -o /data/out " + a.exampleJob() + " /data/2026",
		ValidArgsFunction: a.completeJob,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.submit(cmd.Context(), &job, follow, args, detach, id)
		},
	}
	job.register(cmd.Flags())
	follow.register(cmd.Flags())
	cmd.Flags().BoolVar(&detach, "detach", false, "print the job's id and leave it running")
	cmd.Flags().StringVar(&id, "id", "", "`key` of this submission: again with it is the same job")
	return cmd
}

func (a *app) submit(
	ctx context.Context, f *jobFlags, follow followFlags, args []string, detach bool, id string,
) error {
	job, args, err := f.job(args)
	if err != nil {
		return err
	}
	job.Detach, job.ID = detach, id
	program, err := a.programOf(job)
	if err != nil {
		return err
	}
	in, err := a.sources(ctx, f, args, true)
	if err != nil {
		return err
	}
	defer in.close()
	job.Inputs = in.names
	path, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	hash, err := process.SelfHash()
	if err != nil {
		return err
	}
	s := client.Submission{Job: job, Info: protocol.InfoOf(&program), Image: hash[:], Path: path,
		Stdin: in.own}
	return a.withClient(ctx, func(c *client.Client) error {
		if detach && in.own == nil {
			reply, err := c.Submit(ctx, s)
			if err == nil {
				fmt.Fprintln(a.stdout, reply.Job())
			}
			return err
		}
		return a.submitAndFollow(ctx, c, s, follow)
	})
}
