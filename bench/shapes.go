package main

import "strconv"

// shape is a load that is measured.
type shape struct {
	name, title string

	kind                  string // of load, as bench/peers/stream knows it; "": tasks
	tasks, depth, payload int
	keys, clients         int
	mapper                string // command that answers, pipelined; "": the program echo
	none                  bool   // there is no task process

	slow      int      // divides the tasks of the slow peers
	against   []string // the peers that can do it; nil: there is none
	reference string   // "": gearmand
	columns   []column // nil: taskColumns
	rounds    int      // most, of what takes long; 0: any number
}

// beanstalkd takes no more than 64 KB, and is so slow that it is measured where that costs little.
var (
	most     = []string{"gearmand", "nats", "tcp-echo", "pipe"}
	allPeers = append(most[:4:4], "beanstalkd")
)

// unkeyed is the name of Fanfold with tasks without keys, where keys are measured.
const unkeyed = "fanfold, no keys"

// queuedTasks is what fits into one job; see coordinator.Limits.TasksMax.
const queuedTasks = 990_000

var shapes = []shape{
	{
		name: "depth", title: "4,096 in flight, 64 bytes",
		tasks: 1_000_000, depth: 4096, payload: 64, slow: 100, against: allPeers,
	},
	{
		name: "single", title: "one at a time, 64 bytes",
		tasks: 4_000, depth: 1, payload: 64, slow: 2, against: allPeers, columns: singleColumns,
	},
	{
		name: "0", title: "4,096 in flight, no bytes",
		tasks: 300_000, depth: 4096, slow: 50, against: most,
	},
	{
		name: "7k", title: "256 in flight, 7 KB",
		tasks: 20_000, depth: 256, payload: 7 << 10, slow: 10, against: most,
	},
	{
		name: "16k", title: "256 in flight, 16 KB",
		tasks: 10_000, depth: 256, payload: 16 << 10, slow: 10, against: most,
	},
	{
		name: "1m", title: "16 in flight, 1 MB",
		tasks: 300, depth: 16, payload: 1_000_000, slow: 5, against: most,
	},
	{
		name: "keyed", title: "4,096 in flight, 64 bytes, 1,000 keys",
		tasks: 500_000, depth: 4096, payload: 64, keys: 1000, reference: unkeyed,
	},
	{
		name: "command", title: "4,096 in flight, 64 bytes, answered by stdbuf -oL cut --pipelined",
		tasks: 300_000, depth: 4096, payload: 64, mapper: "stdbuf -oL cut -b-8",
		reference: "fanfold",
	},
	{
		name: "fanout", title: "1,000 tasks at once, and a reduce over the results (Fanfold only)",
		kind: "fanout", tasks: 20_000, depth: 1000, payload: 64, slow: 1,
		against: []string{"gearmand"}, columns: fanoutColumns,
	},
	{
		name: "queued", title: "990,000 tasks of 64 bytes that no process takes",
		kind: "queued", tasks: queuedTasks, depth: 1, payload: 64, none: true,
		columns: queuedColumns, rounds: 2,
	},
	{
		name: "recover", title: "256 in flight, 20 times one of two processes is killed",
		kind: "recover", tasks: 1, depth: 256, payload: 64, columns: recoverColumns, rounds: 3,
	},
	{
		name: "idle", title: "one at a time, beside 9,990 idle clients",
		kind: "idle", tasks: 5_000, depth: 1, payload: 64, clients: 9_990, columns: idleColumns,
		rounds: 3,
	},
}

// flags are those of all drivers. The rate of a slow peer is known after fewer tasks.
func (s shape) flags(slow int) []string {
	return []string{
		"-tasks", strconv.Itoa(s.tasks / max(slow, 1)), "-depth", strconv.Itoa(s.depth),
		"-payload", strconv.Itoa(s.payload),
	}
}

// special are the flags that only Fanfold's driver has.
func (s shape) special() (list []string) {
	if s.kind != "" {
		list = append(list, "-kind", s.kind)
	}
	if s.keys > 0 {
		list = append(list, "-keys", strconv.Itoa(s.keys))
	}
	if s.clients > 0 {
		list = append(list, "-clients", strconv.Itoa(s.clients))
	}
	if s.mapper != "" {
		list = append(list, "-mapper", s.mapper)
	}
	if s.none {
		list = append(list, "-slots", "0")
	}
	return list
}
