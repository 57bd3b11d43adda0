package jobs

import (
	"encoding/binary"

	"github.com/fanfold/fanfold"
)

// Sort gives all lines in order: of their bytes, or of sort keys cut from them. Lines that are
// equal by all sort keys come in the order of their bytes, so that the output does not depend on
// how the input was cut. See docs/programs.md for the syntax of the parameter key.
//
// The shuffle knows one order, bytes.Compare of keys. So the mapper encodes what is asked for into
// the key and puts the line behind it, and the reducer cuts the encoding off again.
func Sort() fanfold.Program {
	return fanfold.Program{
		Name: "sort",
		Doc:  "all lines in order",
		Params: []fanfold.Param{
			{Name: "key", Doc: "what to sort by: 2 (a field), 2-4, 2-, 0:10 (bytes), several " +
				"with commas, each with n (numeric) or r (reverse) behind it; default: the line"},
			{Name: "separator", Doc: `between fields; \t is a TAB; default: white space`},
			{Name: "numeric", Default: "false", Doc: "keys without letters of their own are numbers"},
			{Name: "reverse", Default: "false", Doc: "keys without letters of their own descend"},
		},
		Map:      newSortMapper,
		Reduce:   newSortReducer,
		Reducers: 1,
		Sort:     fanfold.SortNone, // as the reducer emits: the keys are in order already
	}
}

// sortMapper puts the encoded sort keys of a line before it.
type sortMapper struct {
	keys   []sortKey
	key    []byte
	prefix []byte // uvarint length of the encoding
}

func newSortMapper(t *fanfold.Task) (fanfold.Mapper, error) {
	if err := oneReducer(t); err != nil {
		return nil, err
	}
	keys, err := sortKeys(t)
	return &sortMapper{keys: keys}, err
}

// Map emits one line.
func (m *sortMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	if len(m.keys) == 0 {
		emit.Emit(rec.Value, nil)
		return nil
	}
	m.key = m.key[:0]
	for _, k := range m.keys {
		m.key = k.append(m.key, rec.Value)
	}
	m.prefix = binary.AppendUvarint(m.prefix[:0], uint64(len(m.key)))
	m.key = append(m.key, rec.Value...)
	emit.Emit(m.key, m.prefix)
	return nil
}

func newSortReducer(t *fanfold.Task) (fanfold.Reducer, error) {
	return fanfold.ReducerFunc(emitLines), oneReducer(t)
}

// emitLines emits the line in a key as often as it occurred.
func emitLines(key []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	for value := range values.All() {
		prefix, _ := binary.Uvarint(value) // 0 where there is no value: the key is the line
		emit.Emit(key[prefix:], nil)
	}
	return nil
}

// oneReducer refuses several reducers: each would order its part, and the parts would not follow
// each other.
func oneReducer(t *fanfold.Task) error {
	if t.Reducers > 1 {
		return fanfold.Errorf(fanfold.KindUsage, "sort",
			"%d reducers: one orders all lines", t.Reducers)
	}
	return nil
}
