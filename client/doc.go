// Package client talks to a coordinator: it submits jobs, streams their inputs, reads their
// replies, and asks how things are.
//
// The command line is its first user, programs that embed Fanfold are the others. The one idea
// needed to read it: a Client is one connection on which any number of requests are under way, told
// apart by their number. One goroutine reads the connection and never waits for a consumer, because
// what a request may receive is bounded by the credit it has granted.
package client
