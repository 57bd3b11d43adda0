// Package client talks to a coordinator: it submits jobs, streams their inputs, reads their
// replies, sends the tasks of open jobs, and asks how things are.
//
// The command line is its first user, programs that embed Fanfold are the others. The one idea
// needed to read it: a Client is one connection on which any number of requests are under way, told
// apart by their number. One goroutine reads the connection and never waits for a consumer, because
// what a request may receive is bounded by the credit it has granted.
//
// A Reply is the answer to a job that has inputs. A Stream is an open job: tasks by Send and
// results by Recv, or both by Call. Each task has one result in the end, also when its process, the
// coordinator or the connection is lost.
package client
