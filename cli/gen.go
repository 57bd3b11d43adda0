package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/corpus"
)

func (a *app) genCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gen",
		Short: "Write benchmark data to standard output",
		Long:  "Write benchmark data to standard output. The same flags give the same bytes everywhere.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			err := fanfold.Errorf(fanfold.KindUsage, "", "no kind of data named")
			err.Hint = a.name + " gen --help lists the kinds"
			return err
		},
	}
	var words corpus.WordsConfig
	var records corpus.RecordsConfig
	bytes := size(64 << 20)
	text := a.genKind("words", "Lines of words, as frequent as in natural language",
		func(w io.Writer) error {
			words.Bytes = int64(bytes)
			return corpus.Words(w, words)
		})
	text.Flags().Var(&bytes, "bytes", "size of the text")
	text.Flags().IntVar(&words.Vocabulary, "vocabulary", corpus.DefaultVocabulary,
		"`number` of different words")
	text.Flags().Uint64Var(&words.Seed, "seed", 1, "another `number`, another text")
	rows := a.genKind("records", "Records of 100 bytes with keys of 10, for sorting",
		func(w io.Writer) error { return corpus.Records(w, records) })
	rows.Flags().Int64Var(&records.Count, "count", 1000, "`number` of records")
	rows.Flags().Float64Var(&records.Skew, "skew", 0, "`share` of the records with one key")
	rows.Flags().Uint64Var(&records.Seed, "seed", 1, "another `number`, other records")
	cmd.AddCommand(text, rows)
	return cmd
}

// genKind makes the command of one kind of data. A signal ends it also while nobody reads what it
// writes.
func (a *app) genKind(use, short string, write func(io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			written := make(chan error, 1)
			go func() { written <- write(outputWriter{a.stdout}) }()
			select {
			case err := <-written:
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		},
	}
}
