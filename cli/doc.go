// Package cli is the command line: one file per subcommand, so that a user's own binary has the
// same commands as fanfold itself by calling Main with its programs.
//
// It wires the parts together and holds no logic of theirs. The one idea needed to read it: `run`
// is `submit` to a coordinator that lives in the same process, so both share every flag and every
// line of output, and differ only in how they get a client.
//
// Data goes to standard output, talk to standard error. The exit code of a command is that of its
// error's kind (fanfold.Kind.ExitCode), or 128 and the number of the signal that ended it.
package cli
