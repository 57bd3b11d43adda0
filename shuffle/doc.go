// Package shuffle is intermediate data: what maps emit, sorted and cut into partitions, on its way
// to the reduces, and the records of the last stage on their way into an output. The mapper and the
// reducer use it. It knows files and memory, but no network and no protocol.
//
// The one idea needed to read it: everything is a stream of rows, ordered by (partition, key,
// arrival). A Collector turns emitted records into such a stream, runs on disk are pieces of it, a
// merge makes one of several, and a segment is the stream written down. So the values of a key
// reach a reducer in the order of the inputs, however often they were spilled and merged.
//
// # Format
//
// Integers are little-endian. CRCs are CRC-32C (Castagnoli). A row is
//
//	uvarint  length of the key, in bytes
//	bytes    key
//	uvarint  0: the record has no value; n+1: a value of n bytes follows
//	bytes    value
//
// where a uvarint is that of encoding/binary (seven bits a byte, the least significant first). The
// value of a program with a Fold is private to this package: see fold.go.
//
// A block holds one or more whole rows of one partition. Written blocks have up to 256 KiB of rows;
// a larger row is a block of its own. Its header has 24 bytes:
//
//	 0  u8   codec: 0 the rows as they are (1 is reserved for s2)
//	 1  3 B  zero
//	 4  u32  partition
//	 8  u32  number of rows
//	12  u32  bytes of the rows
//	16  u32  bytes that follow the header: the rows, encoded as the codec says
//	20  u32  CRC of the header's first 20 bytes and of all that follows it
//
// A segment file holds the blocks of partition 0, those of partition 1, and so on; rows of a
// partition are sorted by key (bytes.Compare) in segments that a merge reads. Then comes the index,
// 24 bytes for each partition, and a trailer of 24 bytes, the last of the file:
//
//	 0  u64  offset of the partition's first block: where those of the one before end
//	 8  u64  bytes of its blocks
//	16  u64  its number of rows
//
//	 0  u32  number of partitions
//	 4  u32  zero
//	 8  u32  CRC of the index, the trailer's first 8 bytes and its last 12
//	12  u32  version of this format: 1
//	16  8 B  "fanfold\n"
//
// An output that is read by ranges of keys has one partition of rows, and behind it, in a file, one
// of marks: rows whose key is the first bytes (256 at most) of a key of the rows, and whose value
// is the offset of its block as a u64. They are at about even distances, 1,024 at most.
//
// A part that travels inline is the blocks of its partition and nothing else. A run, which never
// leaves its attempt, is a segment without index and trailer. An extract, the copy of one partition
// on another host, is a segment of one partition whose blocks keep their number.
//
// A reader takes no byte on trust: lengths are checked against what is there before anything is
// allocated, and CRCs, partitions, numbers of rows and their order against what was promised.
//
// # Memory
//
// Config.Memory holds the records being collected or sorted and, set aside from it, the blocks of
// the runs being merged (budget.go). On top of it come, whatever its size: one block that is being
// written, the index of a segment (24 bytes for each partition), a megabyte of an output that may
// yet travel inline, and the largest record, a few times over. What the garbage collector has not
// taken back yet is for the process's memory limit to hold down.
package shuffle
