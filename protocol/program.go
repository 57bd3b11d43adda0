package protocol

import "github.com/fanfold/fanfold"

// foldOther is ProgramInfo.Fold of a program with an Aggregator.
const foldOther = uint32(fanfold.Distinct) + 1

// InfoOf is what a coordinator must know of a program.
func InfoOf(p *fanfold.Program) ProgramInfo {
	fold := uint32(p.Fold)
	if p.Aggregate != nil {
		fold = foldOther
	}
	return ProgramInfo{
		Fold:     fold,
		Combines: p.Combine != nil,
		Reduces:  p.Reduce != nil || fold != 0,
		Reducers: unsigned(p.Reducers),
		Sort:     uint32(p.Sort),

		Maps:        p.Map != nil,
		Handles:     p.Handle != nil,
		Stateful:    p.Stateful,
		Associative: p.Associative,
		Snapshots:   unsigned(p.SnapshotEvery),
		Batch:       unsigned(p.Batch),
		Ranges:      p.Ranges,
	}
}
