package protocol

import "github.com/fanfold/fanfold"

// InfoOf is what a coordinator must know of a program.
func InfoOf(p *fanfold.Program) ProgramInfo {
	return ProgramInfo{
		Fold:     uint32(p.Fold),
		Combines: p.Combine != nil,
		Reduces:  p.Reduce != nil || p.Fold != fanfold.NoFold,
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
