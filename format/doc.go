// Package format knows how the bytes of an input become records: lines, CSV, JSON lines, records of
// a fixed size, whole files. Map tasks read by it, the coordinator cuts inputs by it, and commands
// are fed by it.
//
// The one idea needed to read it: a Format is a row of a table, of small values and functions.
// Reader, and whoever else handles records, looks at the values and never at the name.
package format
