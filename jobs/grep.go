package jobs

import (
	"regexp"

	"github.com/fanfold/fanfold"
)

// Grep gives the lines that match a regular expression, in input order. It has no reducer: the
// output of its mappers is the job's.
func Grep() fanfold.Program {
	return fanfold.Program{
		Name: "grep",
		Doc:  "lines that match a regular expression, in input order",
		Params: []fanfold.Param{
			{Name: "pattern", Doc: "the regular expression (RE2); required"},
			{Name: "invert", Default: "false", Doc: "lines that do not match instead"},
			{Name: "ignore-case", Default: "false", Doc: "upper and lower case are the same"},
		},
		Map:     newGrepper,
		Records: true,
	}
}

// grepper is a Mapper that lets lines through.
type grepper struct {
	pattern *regexp.Regexp
	invert  bool
}

func newGrepper(t *fanfold.Task) (fanfold.Mapper, error) {
	invert, err := t.Flag("invert")
	if err != nil {
		return nil, err
	}
	ignoreCase, err := t.Flag("ignore-case")
	if err != nil {
		return nil, err
	}
	text, set := t.Params["pattern"]
	if !set {
		return nil, fanfold.Errorf(fanfold.KindUsage, "parameter pattern",
			"missing: give a regular expression with -p pattern=RE")
	}
	pattern, err := regexp.Compile(text)
	if err == nil && ignoreCase {
		pattern, err = regexp.Compile("(?i:" + text + ")")
	}
	if err != nil { // it names the expression
		return nil, fanfold.Errorf(fanfold.KindUsage, "parameter pattern", "%w", err)
	}
	return grepper{pattern, invert}, nil
}

// Map emits the line if it is wanted.
func (g grepper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if g.pattern.Match(rec.Value) != g.invert {
		emit.Emit(rec.Value, nil)
	}
	return nil
}
