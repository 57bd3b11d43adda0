// Package jobs holds the programs that come with Fanfold, each in a file of its own and each meant
// to be read as an example: they use the SDK that every program has, and nothing of the system
// behind it. cmd/fanfold registers them; so may any other binary. The one idea: a program is a
// mapper that emits keys, and one of a fold, a reducer or nothing that says what becomes of the
// values of a key; or, for open jobs, a handler that answers tasks.
package jobs

import "github.com/fanfold/fanfold"

// All is the built-in programs in the order of their names. It is for cli.Main, and read only.
var All = []fanfold.Program{
	Count(), Distinct(), Echo(), Grep(), Index(), Rank(), Sort(), Steps(), Sum(), WordCount(),
}
