// Package protocol is the wire: everything that Fanfold's programs say to each other, and the Conn
// that carries it over a pipe, a socket or the memory of one process.
//
// The coordinator, the client, the workers and their task processes use it. The one idea needed to
// read it: a byte that comes from outside, a task process included, passes the limits of its frame
// and an iterative check before anything decodes it (Conn.Read), and then the types and ranges of
// the struct that it is decoded into (Decode).
//
// This comment is the specification. It is enough to write a client in any language;
// testdata/client.py is one, and testdata/protocol has test vectors.
//
// # Frames
//
// A connection is a stream of bytes both ways; any reliable one will do. It carries frames: a
// length of four bytes, big-endian, and behind it that many bytes, which are one or more messages
// and nothing else. A frame of length 0 has no message and is skipped. How messages are grouped
// into frames has no meaning.
//
// A message is a MessagePack array of 1 to 15 elements whose head is a fixarray (0x91 to 0x9f). Its
// first element is the kind of message, a positive fixint; the others are its fields. So the sixth
// byte of a frame is the kind of its first message, and fixes the frame's class: bulk if that is
// the kind of a bulk message, control otherwise. A control frame has only control messages, a bulk
// frame may have both.
//
// The receiver refuses a frame by its first four or six bytes, before it reads on:
//
//	before Welcome, any frame           4 KiB
//	control                             1 MiB
//	bulk                                4 MiB, or what Welcome.FrameMax says
//
// # Values
//
// Of MessagePack only nil, bool, integers, str, bin and arrays are used. Floats, maps, extension
// types and 0xc1 are errors, at any place. Arrays are nested at most 16 deep, the message itself
// counted; a frame has at most 65,536 values; a message must not need more memory than 8 times its
// length and 1 MiB, as this package lays it out.
//
// The fields of messages, and of the structs in them, have these types:
//
//	bool                true or false
//	u8 u16 u32 u64 i64  an integer in that range, in any encoding that MessagePack has for it
//	str                 a str; UTF-8 where people read it, bytes as they are for names of files
//	bin                 a bin; nil stands for an empty one
//	[T]                 an array of any number of T; nil stands for an empty one
//	Name                a struct of that name: an array of its fields
//
// An array that is a message or a struct may grow at its end: elements that a receiver does not
// know are skipped, elements that are not there are zero, false or empty. A value of another type
// or range breaks the protocol, and so does an unknown kind.
//
// A text that people read has at most 64 KiB, a path or an argument 4 KiB, any other name 256
// bytes.
//
// # Greeting and handshake
//
// The coordinator is the server: it speaks first, one line of text that ends in LF and has at most
// 256 bytes, then frames:
//
//	fanfold 0.1.0 protocol 1-1 connection 7
//
// A peer may send before it has read the line. If its first four bytes are text (0x20 to 0x7e, TAB,
// CR or LF) it is answered by a line of text and the connection is closed.
//
// The handshake is one message a frame, in this order, within 5 seconds:
//
//	peer    Hello    its role, and what it is
//	server  Hello    the same of the server
//	peer    Proof    only where a token is needed
//	server  Welcome  the peer is in; or Error, at any point, and the connection is closed
//
// On a Unix socket the kernel tells the server who the peer is. With TLS, which begins before the
// first line, both sides have certificates (docs/security.md), and there is no Proof. On plain
// TCP, which is for loopback, both sides prove that they have the same token of 32 bytes. The
// token's file has it as 64 hexadecimal digits and LF. It never travels: the peer's Hello has a
// nonce of 32 random bytes, the server's Hello another and the server's proof; the peer checks
// that proof, closes the connection if it is wrong, and only then sends its own. Proofs are
// compared in constant time. They are HMAC-SHA256, the token being the key, of these bytes:
//
//	the server's:  "fanfold 1 server proof", 0x00, role of the peer (1 byte),
//	               nonce of the peer (32 bytes), nonce of the server (32 bytes)
//	the peer's:    "fanfold 1 client proof", and the rest the same
//
// Both sides say which versions of the protocol they speak; the greatest that both do is used.
// Version 1 is the only one so far. A peer of another magic or version gets an Error that names
// both sides', and so does one whose role the server does not want.
//
// After Welcome each side may send the messages that its role has, as listed with each message.
// Whoever gets another one, or a frame that breaks a rule, sends Error with request 0 and closes.
// Everything else goes on: one connection never harms another.
//
//	1 client       submits jobs and asks about jobs
//	2 worker       offers the slots of a host
//	3 process      runs the attempts of one slot
//	4 coordinator  the server
//	5 admin        a client that may do more
//	6 viewer       a client that may only look: Query, Attach and Credit
//
// # Order
//
// Messages arrive in the order in which they were sent, with one exception: messages that are
// urgent may overtake all that are not. They keep their order among themselves. Urgent are those
// whose meaning does not depend on what they overtake: Error, Submit, Accepted, Progress, Credit,
// Cancel, Attach, Query, Answer, Beat, Read, LogQuery and Heartbeat. So a long queue of bulk never
// holds them up; an InputEnd stays behind the Input before it, an Ended behind the Result, and an
// Assign behind the Brief, the Source and the Input that belong to it, as do Stop and Revoke behind
// Assign. Of an open job, a CancelTask and an InputEnd stay behind the Task before them, an Ended
// behind the last Reply; a Call behind its Brief and the Snapshot of its shard, a Stop, a Revoke, a
// Forget and a Retire behind the Call, and a Snapshot between the Returns of its shard. A Cancel
// may overtake Tasks: those that come after the end of their request are dropped.
//
// # Credit
//
// Bulk flows only where its receiver has said how much it takes: so many bytes in the Data fields
// of Input and Result, counted apart for each request or stream. The first credit for a reply is in
// Submit and Attach, that for the file of a worker in Read; a client may send 256 KiB of Input of
// each request before the first Credit. Further credit comes as Credit, as the receiver has dealt
// with what came. A client that gives none is waiting; a peer that has given credit and takes
// nothing for 10 seconds has stalled, and is closed.
//
// The messages of open jobs are under the same credit, and each costs 64 bytes more than its bytes,
// so that empty ones have an end too: a Task the length of Data and Key and 64, from a client; a
// Reply and a Partial the length of Data and 64, to a client. A message may be sent while the
// credit is above 0, and takes it below 0 if need be. The Credit that a client gives for a request
// also says what it has dealt with: each byte of it acknowledges so much of the Replies and
// Partials, in the order in which they came; or all of it is for one that it names. Nothing else
// between the server and its processes has credit: the server has no more Calls on the way than it
// wants.
//
// # A submit, step by step
//
//	client  Submit    request 1, the job, credit for 1 MiB of the reply
//	client  Inputs    request 1, the paths that the workers will open: none, or several messages
//	client  Input     request 1, offset 0, bytes of its own: whole lines; as long as credit lasts
//	server  Accepted  request 1, the job's id; or Error with request 1, and that was it
//	server  Credit    stream 1, for further Input
//	client  Input     …
//	client  InputEnd  request 1: also without any input
//	server  Progress  request 1, every now and then
//	server  Result    stream 1, offset 0, bytes of the reply; as long as credit lasts
//	client  Credit    stream 1, what it has dealt with
//	server  Result    …
//	server  Ended     request 1, state succeeded (3), length and CRC of the reply
//
// A connection may have any number of requests under way. The client closes the connection when it
// has no more; jobs that are not detached are cancelled then. The client may send Cancel at any
// time, and Ended comes in any case once Accepted has.
//
// A job needs a program that the workers have: the name of a built-in one ("wordcount"), and the
// empty Image for the binary that the workers run themselves. ProgramInfo may be all zero for
// those.
//
// # An attempt, step by step
//
//	server   Brief    job 5: once on each process's connection
//	server   Source   for each output that a reduce or gather attempt reads
//	server   Input    for a map attempt on the client's own bytes: stream is the attempt
//	server   Assign   attempt 77 of job 5, on slot 0
//	process  Beat     attempt 77, now and then
//	process  Done     attempt 77, status succeeded, its output
//	server   Verdict  attempt 77, committed
//	server   Forget   job 5: the process removes what it kept for it
//
// Assigns may run ahead of Dones: a process runs them in their order, one at a time. What has not
// started when a process ends, or returns it, runs elsewhere.
//
// # An open job, step by step
//
// A Submit that has an Open makes an open job: a stream of tasks, each answered once.
//
//	client  Submit      request 1, the job, one Open, credit for 1 MiB of Replies
//	client  Task        request 1, tag 1, data; at once, as long as credit lasts
//	client  Task        request 1, tag 2, …
//	server  Accepted    request 1, the job's id; or Error with request 1, and that was it
//	server  Credit      stream 1, for further Tasks
//	server  Reply       request 1, tag 2, succeeded, the result: as they are ready, in any order
//	client  Credit      stream 1, what the Reply has cost: it will not be sent again
//	server  Partial     request 1, tag 1, what the task has to say before its result
//	client  CancelTask  request 1, tag 1
//	server  Reply       request 1, tag 1, cancelled
//	client  InputEnd    request 1: no more tasks; what was sent is still answered
//	server  Reply       …
//	server  Result      request 1: only with OpenSpec.Reduce, under the same credit
//	server  Ended       request 1, state succeeded, or failed if a task has failed
//
// A Task gets exactly one Reply, whatever becomes of it, but for one with the flag one-way, which
// gets one only if it does not succeed. Its attempts are repeated as those of other tasks are, so
// that it may run more than once, but the first result counts and others are dropped. A Tag names a
// Task until its Reply; then it may be used again. Every Task has its Reply before Ended. Records
// of an Ended is the number of tasks that have succeeded; its Failure is that of the first that has
// not.
//
// A program that the workers do not have by themselves needs its ProgramInfo: Handles above all. A
// command as Mapper does too, whose Feed says how it is given the tasks.
//
// When the connection ends the job is cancelled, unless the Open has Keep: then the tasks that have
// come go on, and within KeepMillis a client of the same identity may take the stream over:
//
//	client  Attach    request 4, the job, credit
//	server  Accepted  request 4, the job
//	server  Reply     request 4: every Reply and Partial that no Credit has acknowledged, in the
//	                  order of before, and then new ones
//
// It may send what the first client might have sent, Tasks and InputEnd too, with its own request.
// It does not know which of the last Tasks have arrived: those that need to run once have an ID. An
// Attach while another client still has the stream takes it away from that one, which gets Error
// with its request and kind busy.
//
// # A call, step by step
//
//	server   Brief     job 5, with its Open: once on each process's connection
//	server   Snapshot  job 5, shard 3: where the state of the shard has to be restored
//	server   Call      attempt 78 of job 5, data
//	server   Call      attempt 79 …
//	process  Partial   attempt 78: bytes or a status ahead of the result
//	process  Return    attempt 78, status succeeded, the result
//	process  Snapshot  job 5, shard 3: its state after so many tasks
//	process  Return    attempt 79 …
//	server   Forget    job 5
//
// Calls are like Assigns: a process runs both in one line, in their order, one at a time. Stop and
// Revoke name a Call's attempt as they do an Assign's, and the answer is its Return. There is no
// Verdict. A task that calls another sends Ask, and another Call may run until it is Told:
//
//	process  Ask   attempt 78, tag 1, program, data, more
//	process  Ask   attempt 78, tag 2, program, data
//	server   Call  attempt 90, on this process or another
//	server   Told  attempt 78, tag 2, succeeded, the result
//	server   Told  attempt 78, tag 1 …
//	process  Return  attempt 78 …
//
// A server that is to replace a process sends it Retire: the process returns what it has not
// started, sends the Snapshots of its shards, and Bye.
//
// # Errors
//
// Failure.Kind is one of these; the last number is the exit code of a command that fails with it.
// Kinds above are as good as failed: exit code 1.
//
//	 0 none             0  no error
//	 1 internal         1  a broken promise of our own
//	 2 user             1  user code returned an error, panicked or exited with a status
//	 3 crashed          1  the task process died under the task
//	 4 timeout          1  no progress, or more wall-clock time than allowed
//	 5 input            4  an input is unreadable, or changed while the job ran
//	 6 not-found        4  an input, a job or a worker does not exist
//	 7 usage            2  a job description makes no sense
//	 8 unknown-program  2  no program of that name
//	 9 exists           1  the output exists
//	10 output           1  the output cannot be written
//	11 disk             1  the work directory is full or broken
//	12 too-large        1  a record, a payload or a frame is over its limit
//	13 protocol         3  a peer broke the protocol
//	14 version          3  the peers have no protocol version in common
//	15 denied           3  not authenticated, or not allowed
//	16 unreachable      3  no coordinator, or the connection was lost
//	17 busy             75 over a limit now: try again after Failure.Retry milliseconds
//	18 cancelled        5  by a client or by the end of its connection
//	19 deadline         124 the job's deadline passed
//	20 lost             1  machines were lost too often
//	21 corrupt          1  a block's checksum or a record count does not match
//	22 changed          1  a repeated task gave other bytes than the first time
//	23 journal          74 the journal cannot be written; the coordinator ends
//	24 unsupported      1  understood, but not to be had here
//
// # States
//
//	0 waiting    3 succeeded    6 cancelled
//	1 queued     4 failed       7 lost
//	2 running    5 timed-out
package protocol
