package jobs

import "github.com/fanfold/fanfold"

// Count counts identical lines, as `sort | uniq -c` does; the count stands behind the line.
func Count() fanfold.Program {
	return fanfold.Program{
		Name: "count",
		Doc:  "count identical lines",
		Map: fanfold.MapLines(func(line []byte, emit *fanfold.Emitter) error {
			emit.Add(line, 1)
			return nil
		}),
		Fold: fanfold.Count,
	}
}
