package main

import (
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/cli"
)

func main() {
	sum := fanfold.Merge(fanfold.Ints(), func(a, b int64) int64 { return a + b })
	words := fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
		emit.AddAll(fanfold.Words(line), 1)
		return nil
	})
	cli.Main(fanfold.Program{Name: "words", Map: words, Combine: sum, Reduce: sum})
}
