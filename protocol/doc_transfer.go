// # Messages that move segments between workers
//
// A worker that is told to Pull connects to the worker that has the output, at the address that
// this one has told the coordinator. There, the one that has the output is the server of the
// handshake, with the role worker, and the other is a worker too; they prove themselves by their
// certificates, or else by the SegmentToken of Welcome. Then any number of streams share the
// connection.
//
//	coordinator  Pull    attempt 77: the output of task 3, partition 2, on 10.0.0.7:9502, ticket
//	coordinator  Pull    ..., the last
//	worker       Fetch   to 10.0.0.7: stream 1, partition 2, from offset 0, credit, ticket
//	its peer     Piece   stream 1, offset 0, blocks
//	worker       Credit  stream 1, what it has written down
//	its peer     Piece   ..., the last
//	worker       Pulled  to the coordinator: attempt 77 has all that it needs
//	coordinator  Source  to the process, with the path of the extract
//
// A ticket is HMAC-SHA256 of: "fanfold 1 segment ticket", 0x00, the path up to its first hyphen
// (which names the job and the stage), 0x00, and the partition (four bytes, big-endian). The key is
// the SegmentKey that Welcome has given to the worker that has the output. So a ticket is good for
// what one reduce task reads from one worker, and for nothing else; it ends with the files of the
// job.
//
// # Pull: 80, bulk, from coordinator
//
// Has a worker fetch an output that an attempt on one of its slots is to read. A Stop ends the
// Pulls of its attempt, and is not answered.
//
//	1 Attempt  u64   the attempt that reads it
//	2 Task     u32   that made it
//	3 Address  str   HOST:PORT of the worker that has it
//	4 Worker   str   its name, which its certificate must have
//	5 Path     str   of its file, below that worker's directory
//	6 Part     u32   the partition to fetch
//	7 Ticket   bin   32 bytes
//	8 To       str   below this worker's directory: where the extract is to be. One that is there
//	                 already, whole, is not fetched again
//	9 Last     bool  all Pulls of the attempt are here
//	10 Keys    [Range]  none, or the range that the attempt reads of an output with marks
//
// # Range
//
//	0 From   bin  the least key
//	1 Below  bin  greater than all keys; empty: there is no such bound
//
// # Pulled: 81, control, from worker
//
// Answers the Pulls of an attempt.
//
//	1 Attempt  u64
//	2 Failure  [Failure]  none: all is there; one: why one cannot be had
//	3 Lost     u32        with a Failure: the task whose output that is
//	4 Here     bool       the Failure is this worker's, of its disk perhaps: the attempt has failed
//
// # Fetch: 82, control, from worker
//
// Asks for the blocks of one partition of a segment.
//
//	1 Stream  u64  chosen by who asks
//	2 Path    str
//	3 Part    u32
//	4 Offset  i64  in the blocks of the partition: where to go on
//	5 Credit  i64  bytes of blocks to send before further Credit
//	6 Ticket  bin
//	7 Codec   u8   that Pieces may have: 0 none, 1 s2 too
//	8 Keys    [Range]  none, or one: of an output with marks, only the blocks that may have such
//	                   keys. They are what Offset, and Bytes of a Piece, count then
//
// # Piece: 83, bulk, from worker
//
// Blocks of the partition, cut anywhere, in order. Their own checksums are those of the segment.
// Credit counts the bytes as they are without a codec: at most 128 KiB in a Piece.
//
//	1 Stream   u64
//	2 Offset   i64   of Data in the blocks of the partition
//	3 Data     bin
//	4 Codec    u8    of Data
//	5 Bytes    i64   of the partition's blocks
//	6 Records  i64   in the partition; 0 where Keys were asked for
//	7 Last     bool  the stream ends, with the partition or with an error
//	8 Kind     u32   of the error; 0: none
//	9 Error    str
package protocol
