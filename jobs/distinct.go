package jobs

import "github.com/fanfold/fanfold"

// Distinct gives each different line once, as `sort -u` does.
func Distinct() fanfold.Program {
	return fanfold.Program{
		Name: "distinct",
		Doc:  "each different line once",
		Map: fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
			emit.Emit(line, nil)
			return nil
		}),
		Fold:    fanfold.Distinct,
		Records: true,
	}
}
