// Package fanfold is the vocabulary of the system and the SDK for those who write programs for it.
//
// A program is a mapper and, optionally, a combiner and a reducer, registered under a name. A job
// is one run of a program over inputs. The coordinator cuts the inputs into splits, sends one map
// task per split to a task process, has the outputs reduced, and replies to the connection that
// submitted the job. The one idea needed to read this package: user code meets the system in two
// types, Record on the way in and *Emitter on the way out; all else names the parts of a job.
//
// This package imports the standard library only, so that a program costs what it uses.
package fanfold
