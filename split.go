package fanfold

// Codec is how an input is compressed, found by its first bytes.
type Codec uint8

// The codecs.
const (
	Plain Codec = iota
	Gzip
	Zstd
	Bzip2
)

// Range is a piece of one input. A plain range [Offset, Offset+Length) owns every record whose
// first byte lies in it; where a format is not cut anywhere, it has whole records. A compressed
// range has whole parts that can be decoded by themselves: of what comes out, it owns every record
// that starts behind its first byte, or at it in the first range, and not behind the first byte of
// the next one.
type Range struct {
	Name   string // as the job named it, or found it
	Offset int64  // bytes
	Length int64  // bytes
	Codec  Codec
	// Decoded is the offset of its first byte in what the input decodes to: see storage.Cut.
	Decoded int64

	// Size, ModTime and Tag are the input's identity when the job was submitted: an input that
	// differs from it, at open or at the end of the read, fails the job.
	Size    int64  // bytes
	ModTime int64  // nanoseconds since 1970
	Tag     string // device and inode, or an entity tag
}

// Split is what one map task reads: ranges in order, or else the client's own bytes (Inline).
type Split struct {
	Ranges []Range
	Inline []byte // whole lines; Name of the input is "-"
	Offset int64  // of Inline in the client's stream
	First  bool   // Inline: whether it is the stream's first
}

// Output is what one attempt leaves behind: the manifest that a commit makes visible.
//
// An intermediate output has one part for each partition, a final one exactly one part. Parts are
// either all in File, below the attempt's directory (or, for jobs with an output folder, below
// that), or all inline.
type Output struct {
	File    string   // relative path; "": inline, or nothing at all
	Bytes   int64    // size of File
	CRC     uint32   // Castagnoli, of a final output's bytes
	Inline  [][]byte // one part per partition; an empty part holds nothing
	Records int64    // records in all parts
	Sample  [][]byte // some of its keys, at even distances, where Program.Ranges needs them
}

// The limits of what travels inline; above them an output goes to a file.
const (
	InlinePartMax    = 64 << 10 // bytes of one part
	InlineAttemptMax = 1 << 20  // bytes of all parts of an attempt
	InlineJobMax     = 8 << 20  // bytes of all parts of a job

	SampleMax    = 32  // keys in a sample
	SampleKeyMax = 256 // bytes of a key in a sample: of a longer one the first
)
