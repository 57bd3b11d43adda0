package fanfold

// SkippedCounter is the counter, of the group "fanfold", of the bad records that a job has skipped.
const SkippedCounter = "map_records_skipped"

// Reading says how the inputs of a job become records. The zero value: lines of text, compressed or
// not. docs/inputs.md has the whole story.
type Reading struct {
	// Format is "lines" (also ""), "csv", "tsv", "json", "fixed:BYTES", "nul" or "whole". Behind csv,
	// tsv and json may stand a key, and a value, as in "csv:2", "json:user.id,amount".
	Format string
	// Codec is "auto" (also ""): each input's first bytes say how it is compressed; or "plain",
	// "gzip", "zstd" or "bzip2" for all inputs.
	Codec string
	// Header says that the first record of each csv or tsv input has the names of its columns. It
	// is no record then, and keys and values may be chosen by these names.
	Header bool
	// ExpandMax is how many times its size a compressed input may become, above 64 MiB; 0: 1000.
	ExpandMax int
	// SkipBad is how many bad records the job may skip: such as are none of their format, and such
	// as the mapper fails at. 0: the first one ends the attempt.
	SkipBad int
	// Skipped is a folder that gets a copy of each record that was skipped, in a file for each map
	// task that has skipped any; "": there are none.
	Skipped string
}
