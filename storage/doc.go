// Package storage names inputs and outputs and says what a store of them must do.
//
// The coordinator lists and probes inputs and promotes outputs through it, task processes read
// splits and write final outputs through it. The one idea needed to read it: a name is a path or a
// URL, its scheme picks a Driver, and a file that is being written is invisible until its Writer
// commits. Drivers live in folders named after their technology and pass storagetest.
package storage
