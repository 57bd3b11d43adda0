package protocol

import (
	"bytes"
	"slices"

	"github.com/fanfold/fanfold"
)

// samples has at least one message of each kind, as they are in practice.
func samples() []Body {
	return slices.Concat(handshakeSamples(), clientSamples(), processSamples(), workerSamples(),
		streamSamples(), callSamples(), transferSamples())
}

func sampleID(n byte) []byte   { return bytes.Repeat([]byte{n}, 16) }
func sampleHash(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func sampleFailure() Failure {
	return Failure{
		Kind: 2, Op: "run mapper", Message: "exited with status 3", Job: sampleID(1), Stage: 1,
		Task: 4, Attempt: 2, Worker: "local", Input: "/data/a.txt", Offset: 4096,
		Log: "Traceback\n",
	}
}

func sampleCounters() []Counter { return []Counter{{"wordcount", "lines", 1 << 33}, {"", "n", -1}} }

func sampleSpec() JobSpec {
	return JobSpec{
		Program: "command", Name: "words", Params: []Param{{"k", "v"}, {"flag", ""}}, Output: "/out",
		Overwrite: true, Reducers: 4, SplitSize: 64 << 20, Memory: 1 << 30, Sort: 2, Top: 10,
		Format: 1, MaxAttempts: 4, ProgressTimeout: 600_000, TaskTimeout: 1000, Deadline: 5000,
		Priority: 4, ID: "once", Detach: true, Mapper: []string{"tr", " ", "\n"},
		Reducer: []string{"uniq", "-c"}, Separator: "\t", KeyFields: 1, Env: []string{"LC_ALL=C"},
		Dir: "/home/u", Feed: 1, Reads: "csv:2", Codec: "gzip", Header: true, ExpandMax: 99, SkipBad: 3,
		Skipped:   "/bad",
		NoBackups: true, Labels: []string{"rack=7"},
		SortKeys: []string{"2,2n", "1"},
	}
}

func sampleInfo() ProgramInfo {
	return ProgramInfo{2, true, true, 1, 1, true, true, true, true, 1000, 512, true}
}

func sampleOpen() OpenSpec { return OpenSpec{true, true, 3_600_000, 30_000, 600_000, 64, 100_000} }

func handshakeSamples() []Body {
	return []Body{
		&Hello{Magic: "fanfold", ProtoMin: 1, ProtoMax: 1, Role: 2, Product: "fanfold 0.1.0",
			Name: "host7", Slots: []uint32{0, 1}, Nonce: sampleHash(9), Dir: "/var/tmp/w",
			Image: sampleHash(8), Host: "host7.example", PID: 4711,
			Offer: Offer{4, "a1b2", "host7.example:9502", []string{"disk=ssd", "zone=b"}}},
		&Proof{MAC: sampleHash(7)},
		&Welcome{Proto: 1, Connection: 7, Worker: 1, BeatMillis: 2000, FrameMax: BulkMax,
			LeaseMillis: 10_000, SegmentToken: sampleHash(2), SegmentKey: sampleHash(3)},
		&Failure{Request: 1, Kind: 17, Message: "256 jobs are queued", Offset: -1, Retry: 500},
		&Bye{Reason: "recycled after 1000 tasks"},
	}
}

func clientSamples() []Body {
	stages := []StageInfo{{1, 300, 2, 298, 1}, {Stage: 2, Total: 1}}
	return []Body{
		&Submit{Request: 1, Job: JobSpec{Program: "wordcount"}, Credit: 1 << 20},
		&Submit{Request: 2, Job: sampleSpec(), Info: sampleInfo(),
			Image: sampleHash(6), Path: "/home/u/job"},
		&Inputs{Request: 1, Paths: []string{"/data/a.txt", "/data/*.gz"}},
		&Input{Stream: 1, Data: []byte("to be or not\n")},
		&Input{Stream: 1, Offset: 13, More: true, Data: bytes.Repeat([]byte{'x'}, 300)},
		&InputEnd{Request: 1},
		&Accepted{Request: 1, Job: sampleID(1)},
		&Progress{Request: 1, Stages: stages, Bytes: 1 << 20, BytesAll: 1 << 30, Status: "reading",
			Failure: []Failure{sampleFailure()}, MapsKnown: true},
		&Result{Stream: 1, Data: []byte("be\t1\n")},
		&Result{Stream: 1, Offset: 5, Last: true},
		&Result{Stream: 1 << 40, Last: true, Error: "open: no such file"},
		&Ended{Request: 1, State: 3, Counters: sampleCounters(), Bytes: 5, Records: 1, CRC: 0xdeadbeef,
			Millis: 12},
		&Ended{Request: 1, State: 4, Failure: []Failure{sampleFailure()}, Files: []string{"part-00000"}},
		&Credit{Stream: 1, Bytes: 1 << 20, Number: 3},
		&Cancel{Request: 1},
		&Cancel{Request: 3, Job: sampleID(1)},
		&Attach{Request: 4, Job: sampleID(1), Credit: 1 << 20, Wait: true},
		&Query{Request: 5, What: QueryJob, Job: sampleID(1)},
		&Answer{Request: 5, Jobs: []JobInfo{{Job: sampleID(1), Name: "words", Program: "wordcount",
			State: 4, Owner: "uid 1000", Age: 5000, Took: 4000, Stages: stages, Bytes: 1, BytesAll: 2,
			Failure: []Failure{sampleFailure()}, Counters: sampleCounters(), Reply: 3,
			Tasks: []TaskCounts{{1, 2, 3, 1 << 33, 5, 6, 7, 8, 9, 10}}}}, More: true},
		&Answer{Request: 6, Workers: []WorkerInfo{{1, "local", "host7", 4711, "ready", 2, 1,
			[]uint32{4712, 0}, 77, 1, 60_000, 30_000, 2, "fanfold 0.1.0", []string{"disk=ssd"}, 900}}},
		&Answer{Request: 7, Stats: []Stat{{"fanfold_jobs_total", 9}},
			Logs: []LogPart{{"job_00000000000000000000000000/map-3/1", "local", []byte("hi\n"), 5, true}}},
	}
}

func processSamples() []Body {
	split := AppendSplit(nil, &fanfold.Split{
		Ranges: []fanfold.Range{{Name: "/data/a.txt", Offset: 65536, Length: 65536, Size: 1 << 30,
			ModTime: 1_700_000_000_000_000_000, Tag: "2049:77"}},
	})
	return []Body{
		&Brief{Job: 5, ID: sampleID(1), Spec: sampleSpec(), Partitions: 4, Stages: 3},
		&Brief{Job: 6, ID: sampleID(2), Spec: sampleSpec(), Stages: 1, Open: []OpenSpec{sampleOpen()},
			Info: sampleInfo()},
		&Source{Attempt: 1 << 40, Stage: 1, Task: 2, Worker: 1, Path: "j/map-2-1.0/out", Part: 3,
			Records: 1000},
		&Source{Attempt: 1 << 40, Stage: 1, Task: 3, Worker: 2, Path: "j/map-3-1.0/out", Part: 3,
			Records: 1000, Dir: "/var/tmp/w2"},
		&Source{Attempt: 1 << 40, Stage: 1, Task: 4, Worker: 3, Path: "j/map-from-3/map-4-1.0.reduce-3",
			Part: 3, Records: 1000, Extract: true},
		&Source{Attempt: 1 << 40, Stage: 1, Task: 3, Worker: 1, Inline: []byte{1, 'a', 2, '7'},
			Records: 1},
		&Assign{Slot: 1, Attempt: 1 << 40, Job: 5, Stage: 1, Task: 70_000, Number: 1, Split: split,
			Millis: 1000, Epoch: 2, NoInline: true},
		&Assign{Attempt: 1<<64 - 1, Job: 5, Stage: 2, Task: 0, Number: 300, Sources: 2},
		&Assign{Attempt: 1 << 40, Job: 5, Stage: 2, Task: 1, Number: 1, Sources: 2,
			From: []byte("m"), Below: []byte("n")},
		&Stop{Attempt: 1 << 40},
		&Revoke{Attempt: 1 << 40},
		&Verdict{Attempt: 1 << 40, Committed: true},
		&Forget{Job: 5, ID: sampleID(1), Before: 2},
		&Done{Attempt: 1 << 40, Status: StatusSucceeded, Nanos: 1_500_000, Slot: 1,
			File: "j/map-2-1.0/out", Bytes: 1 << 20, CRC: 1, Records: 10, In: 20, BytesIn: 30,
			Counters: sampleCounters()},
		&Done{Attempt: 1 << 40, Status: StatusFailed, Inline: [][]byte{{1}, nil, {}},
			Failure: []Failure{sampleFailure()}, Lost: 2},
		&Beat{Attempt: 1 << 40, Bytes: 1 << 20, Status: "reading"},
		&Sample{Attempt: 1 << 40, Keys: [][]byte{{'a'}, {'b', 0}}},
	}
}

func workerSamples() []Body {
	return []Body{
		&Start{Slot: 1, Image: sampleHash(6), Path: "/home/u/job"},
		&Kill{Slot: 1, GraceMillis: 1000, PID: 4712},
		&Exited{Slot: 1, PID: 4712, Signal: 9, Words: "killed (signal 9)", Log: "bye\n"},
		&Exited{Slot: 1, Failed: "open program: not found", Image: sampleHash(6)},
		&Read{Stream: 1 << 40, Path: "j/gather-0-1.0/out", Offset: 1, Length: 2, Credit: 3},
		&LogQuery{Stream: 8, Job: sampleID(1), Attempt: "", Tail: 4096},
		&Log{Stream: 8, Parts: []LogPart{{Attempt: "a", Worker: "local"}}, Last: true},
		&Heartbeat{Running: 1, PIDs: []uint32{4712, 0}, Sent: 86_400_000_000_000},
	}
}

// transferSamples are the messages by which segments move between workers.
func transferSamples() []Body {
	return []Body{
		&Pull{Attempt: 1 << 40, Task: 3, Address: "host8.example:9502", Worker: "host8",
			Path: "j/map-3-1.0/out", Part: 2, Ticket: sampleHash(4),
			To: "j/map-from-2/map-3-1.0.reduce-2", Last: true,
			Keys: []Range{{[]byte("a"), []byte("b")}}},
		&Pulled{Attempt: 1 << 40},
		&Pulled{Attempt: 1 << 40, Failure: []Failure{sampleFailure()}, Lost: 3},
		&Fetch{Stream: 1, Path: "j/map-3-1.0/out", Part: 2, Offset: 1 << 20, Credit: 1 << 20,
			Ticket: sampleHash(4), Codec: CodecS2},
		&Piece{Stream: 1, Offset: 1 << 20, Data: []byte{1, 'a', 2, '7'}, Codec: CodecS2, Bytes: 1 << 21,
			Records: 1000, Last: true},
		&Piece{Stream: 2, Last: true, Kind: 6, Error: "no such file"},
	}
}

// streamSamples are the messages of an open job's client.
func streamSamples() []Body {
	return []Body{
		&Submit{Request: 1, Job: JobSpec{Program: "echo"}, Credit: 1 << 20, Open: []OpenSpec{{}}},
		&Submit{Request: 2, Job: sampleSpec(), Info: sampleInfo(), Open: []OpenSpec{sampleOpen()}},
		&Task{Request: 1, Tag: 1, Data: []byte("to be or not")},
		&Task{Request: 1, Tag: 2},
		&Task{Request: 1, Tag: 3, Data: bytes.Repeat([]byte{'x'}, 300), Key: []byte("group-7")},
		&Task{Request: 1, Tag: 1 << 40, Key: []byte{0}, Millis: 500, Priority: 8, ID: "order-4711",
			Flags: TaskAll | TaskOneWay},
		&Reply{Request: 1, Tag: 1, State: 3, Data: []byte("to be or not"), Attempts: 1, Worker: "local"},
		&Reply{Request: 1, Tag: 1 << 40, State: 4, Attempts: 4, Worker: "host7",
			Failure: []Failure{sampleFailure()}},
		&Reply{Request: 1, Tag: 3, State: 3, Data: []byte{7}, Attempts: 2, Worker: "host7", Epoch: 3,
			Again: true},
		&Reply{Request: 1, Tag: 4, State: 6},
		&Partial{Stream: 1, Tag: 3, Number: 1, Status: "step 2 of 3"},
		&Partial{Stream: 1, Tag: 3, Number: 300, Data: []byte("half of it")},
		&CancelTask{Request: 1, Tag: 3},
		&ShardMoved{Request: 1, Shard: 64, Epoch: 2, Lost: true, Restored: true, Behind: 17},
	}
}

// callSamples are the messages between the coordinator and the processes of open jobs.
func callSamples() []Body {
	list := AppendValue(AppendValue(nil, []byte("17")), bytes.Repeat([]byte{'x'}, 200))
	return []Body{
		&Call{Attempt: 1 << 40, Job: 5, Data: []byte("to be or not"), Task: 70_000, Number: 1},
		&Call{Attempt: 1 << 40, Job: 5, Task: 1},
		&Call{Attempt: 1 << 40, Job: 5, Data: []byte{0}, Task: 3, Number: 2, Millis: 400, Shard: 4096,
			Key: []byte("group-7")},
		&Call{Attempt: 1<<40 + 1, Job: 5, Data: list, Op: OpReduce, More: true},
		&Return{Attempt: 1 << 40, Status: StatusSucceeded, Data: []byte("to be or not"), Nanos: 700},
		&Return{Attempt: 1 << 40, Status: StatusReturned},
		&Return{Attempt: 1 << 40, Status: StatusFailed, Nanos: 1_500_000, Counters: sampleCounters(),
			Failure: []Failure{sampleFailure()}},
		&Partial{Stream: 1 << 40, Status: "step 2 of 3"},
		&Retire{Reason: "to be replaced"},
		&Ask{Attempt: 1 << 40, Tag: 1, Program: "echo", Data: []byte("hi"), More: true},
		&Told{Attempt: 1 << 40, Tag: 1, State: 3, Data: []byte("hi")},
		&Told{Attempt: 1 << 40, Tag: 2, State: 4, Failure: []Failure{sampleFailure()}},
		&Snapshot{Job: 5, Shard: 1, Tasks: 2000, Data: []byte("state")},
	}
}
