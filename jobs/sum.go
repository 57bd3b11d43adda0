package jobs

import (
	"bytes"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/aggregate"
	"github.com/fanfold/fanfold/internal/decimal"
)

// Sum adds the numbers of each key. A line is a key, a separator and a decimal number; where the
// separator occurs more than once, the number stands behind the last. The sums are exact.
func Sum() fanfold.Program {
	return fanfold.Program{
		Name: "sum",
		Doc:  "add the numbers of each key",
		Params: []fanfold.Param{
			{Name: "separator", Default: `\t`, Doc: `between key and number; \t is a TAB`},
		},
		Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
			separator, err := separatorOf(t, `\t`)
			return summand{t, separator}, err
		},
		Aggregate: aggregate.Sum(),
	}
}

// summand is the mapper: it cuts a line into key and number.
type summand struct {
	task      *fanfold.Task
	separator []byte
}

// Map emits the key with the number's text. It looks at the number although it only hands it on,
// because here an error can still say where the number stands.
func (m summand) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	at := bytes.LastIndex(rec.Value, m.separator)
	if at < 0 {
		return m.refuse(rec, "%.64q has no separator %q", rec.Value, m.separator)
	}
	number := rec.Value[at+len(m.separator):]
	if err := decimal.Check(number); err != nil {
		return m.refuse(rec, "%w", err)
	}
	emit.Emit(rec.Value[:at], number)
	return nil
}

func (m summand) refuse(rec fanfold.Record, format string, args ...any) error {
	err := fanfold.Errorf(fanfold.KindUser, "read line", format, args...)
	err.Input, err.Offset = m.task.Input(), rec.Offset
	return err
}

// separatorOf gives the parameter separator, in which \t may be written for a TAB.
func separatorOf(t *fanfold.Task, otherwise string) ([]byte, error) {
	text := t.Param("separator", otherwise)
	if text == "" {
		return nil, fanfold.Errorf(fanfold.KindUsage, "parameter separator", "it is empty")
	}
	return bytes.ReplaceAll([]byte(text), []byte(`\t`), []byte("\t")), nil
}
