// Command fanfold maps, shuffles and reduces files, on one machine or through a coordinator.
package main

import (
	"github.com/fanfold/fanfold/cli"
	"github.com/fanfold/fanfold/jobs"
)

func main() { cli.Main(jobs.All...) }
